//! One process's way to the card gateway: the real service's trait over the simulated [`Bank`].

use std::sync::Arc;

use gateway_sim::{Entry, Operation};
use payment_service::gateway::{ChargeOutcome, ChargeRequest, Gateway, GatewayError, Refund, RefundRequest};
use tokio::time::timeout;

use crate::{
    bank::{Answer, Bank, Draft, PATIENCE},
    body::Body,
    chance::Chance,
    sabotage::Guard,
};

/// The gateway as one process sees it.
pub(crate) struct Till {
    pub(crate) bank: Arc<Bank>,
    pub(crate) body: Arc<Body>,
    pub(crate) chance: Arc<Chance>,
    pub(crate) off: Option<Guard>,
}

impl Till {
    /// Sends a request and waits for what is heard of it.
    async fn call<T: Send + 'static>(
        &self,
        what: &'static str,
        order: &str,
        work: impl FnOnce(&Bank) -> T + Send + 'static,
    ) -> Result<T, GatewayError> {
        self.body.step("before a call of the gateway").await;
        let answer = timeout(PATIENCE, self.bank.send(work)).await;
        self.body.step("after a call of the gateway").await;
        let heard = match answer {
            Ok(Ok(Answer::Said(said))) => Ok(said),
            Ok(Ok(Answer::Failed(how))) => Err(GatewayError::Unknown(how.to_owned())),
            Ok(Ok(Answer::CutOff)) => Err(GatewayError::Unanswered("connection reset".to_owned())),
            Ok(Ok(Answer::Refused)) => Err(GatewayError::NotSent("connection refused".to_owned())),
            Ok(Err(_)) | Err(_) => Err(GatewayError::Unanswered("no answer in time".to_owned())),
        };
        self.body.trace.note(&self.body.name, what, 0, || match &heard {
            Ok(_) => format!("{order} -> answered"),
            Err(error) => format!("{order} -> {error}"),
        });
        heard
    }

    /// The idempotency key of a request.
    fn key(&self, stable: String) -> String {
        if self.off == Some(Guard::GatewayKey) { format!("{stable}:{}", self.chance.any()) } else { stable }
    }

    fn is_blind(&self) -> bool {
        self.off == Some(Guard::LookUp)
    }
}

fn outcome(entry: &Entry) -> ChargeOutcome {
    match &entry.operation {
        Operation::Decline { code, .. } => ChargeOutcome::Declined { code: code.as_str().to_owned() },
        Operation::Capture { .. } | Operation::Refund { .. } => {
            ChargeOutcome::Captured { charge_id: entry.id.clone() }
        }
    }
}

impl Gateway for Till {
    async fn charge(&self, request: &ChargeRequest) -> Result<ChargeOutcome, GatewayError> {
        let order = request.order_id.to_string();
        let draft = Draft {
            key: self.key(order.clone()),
            order: order.clone(),
            amount: request.amount,
            currency: request.currency.clone(),
            operation: Bank::operation(&request.payment_method),
        };
        self.call("charge", &order, move |bank| outcome(&bank.book_entry(draft))).await
    }

    async fn refund(&self, request: &RefundRequest) -> Result<Refund, GatewayError> {
        let order = request.order_id.to_string();
        let draft = Draft {
            key: self.key(format!("refund:{order}:{}", request.charge_id)),
            order: order.clone(),
            amount: request.amount,
            currency: request.currency.clone(),
            operation: Operation::Refund { charge: request.charge_id.clone() },
        };
        self.call("refund", &order, move |bank| Refund { refund_id: bank.book_entry(draft).id }).await
    }

    async fn find_charge(&self, request: &ChargeRequest) -> Result<Option<ChargeOutcome>, GatewayError> {
        if self.is_blind() {
            return Ok(None);
        }
        let order = request.order_id.to_string();
        let wanted = order.clone();
        let find = move |bank: &Bank| {
            let entries = bank.of_order(&wanted);
            let charge = |entry: &&Entry| !matches!(entry.operation, Operation::Refund { .. });
            entries.iter().find(charge).map(outcome)
        };
        let found = self.call("find charge", &order, find).await?;
        if found.is_some() {
            self.body.trace.sometimes("a charge is found that was made before");
        }
        Ok(found)
    }

    async fn find_refund(&self, request: &RefundRequest) -> Result<Option<Refund>, GatewayError> {
        if self.is_blind() {
            return Ok(None);
        }
        let order = request.order_id.to_string();
        let (wanted, charge) = (order.clone(), request.charge_id.clone());
        let find = move |bank: &Bank| {
            let entries = bank.of_order(&wanted);
            let refund = |entry: &&Entry| entry.operation == Operation::Refund { charge: charge.clone() };
            entries.iter().find(refund).map(|entry| Refund { refund_id: entry.id.clone() })
        };
        let found = self.call("find refund", &order, find).await?;
        if found.is_some() {
            self.body.trace.sometimes("a refund is found that was made before");
        }
        Ok(found)
    }
}
