//! From stored messages to evidence.

use events::{
    DecodeError, RawEnvelope,
    catalogue::{self, StreamDef},
    inventory::InventoryEvent,
    notifications::NotificationEvent,
    orders::{Line, OrderEvent, Quantity},
    payments::PaymentEvent,
    requests::Request,
};
use messaging::{
    dead_letter::{Entry, Letter, LetterBook, Redrive, State},
    headers::{EPOCH, POSITIONS},
    journal::{Control, Positions},
    log::Stored,
    topology::REDRIVE,
};
use uuid::Uuid;

use super::evidence::{
    Adjust, AdjustRefused, Adjusted, AuditRow, Cancel, CancelRefused, Cancelled, Captured, Committed,
    Confirmed, Created, DeadLetter, Declined, Fact, Notified, Place, Reached, Recorded, Redriven,
    RefundRequested, Refunded, Rejected, Released, Reserved, Standing, Unreadable,
};

impl Recorded {
    /// Reads a message of one of the domain streams. What cannot be read is evidence, too.
    #[must_use]
    pub fn of(stream: &StreamDef, message: &Stored) -> Self {
        let read = RawEnvelope::parse(&message.payload)
            .and_then(|raw| Ok((raw.id, raw.causation_id, fact(stream, &raw)?, raw.kind)));
        let unreadable = |error| {
            let unreadable = Unreadable { subject: message.subject.clone(), error };
            (Uuid::nil(), Uuid::nil(), unreadable.into())
        };
        let (id, cause, fact) = match read {
            Ok((id, cause, fact, kind)) if kind == message.subject => (id, cause, fact),
            // Whoever should act on it waits for another subject.
            Ok((.., kind)) => unreadable(format!("its type is {kind}")),
            Err(error) => unreadable(error.to_string()),
        };
        // What a copy from elsewhere says of a journal is not the journal's.
        let said = |header| message.headers.get(header).filter(|_| stream.holds(&message.subject));
        Self {
            sequence: message.sequence,
            at: message.timestamp,
            id,
            cause,
            epoch: said(EPOCH).and_then(|epoch| epoch.parse().ok()),
            reached: said(POSITIONS).and_then(|positions| positions.parse().ok()).map(reached),
            body: Self::hash_of(&message.payload),
            fact,
        }
    }
}

impl AuditRow {
    /// What the trail must hold of a message.
    #[must_use]
    pub fn of(message: &Stored) -> Self {
        Self { sequence: message.sequence, body: Recorded::hash_of(&message.payload) }
    }
}

impl DeadLetter {
    /// What the checks need of a letter.
    #[must_use]
    pub fn of(letter: Letter) -> Self {
        let Letter { sequence, consumer, cause, error, original, .. } = letter;
        let (stream, standing) = (original.stream, Standing::Open);
        Self { stream, sequence: original.sequence, consumer, cause, error, letter: sequence, standing }
    }

    /// Every letter, and what was done about it.
    #[must_use]
    pub fn all(book: &LetterBook<Self>) -> Vec<Self> {
        let standing = |entry: &Entry<'_, Self>| match entry.state() {
            State::Open => Standing::Open,
            State::Redriven => Standing::Redriven(entry.attempts.keys().copied().collect()),
            State::Discarded => Standing::Discarded,
        };
        book.entries().map(|entry| Self { standing: standing(&entry), ..entry.letter.clone() }).collect()
    }
}

impl Redriven {
    /// Reads a message of REDRIVE; `None` when no operator put it there.
    #[must_use]
    pub fn of(message: &Stored) -> Option<Self> {
        let Redrive { consumer, letter, .. } = Redrive::of(message)?;
        let kind = RawEnvelope::parse(&message.payload).map(|raw| raw.kind.into_owned()).unwrap_or_default();
        let holds = |stream: &&StreamDef| stream.types.iter().any(|(known, _)| *known == kind);
        let stream = catalogue::STREAMS.iter().find(holds).unwrap_or(&catalogue::REQUESTS);
        // It is read as what it says it is: its subject only says for whom.
        let message = Recorded::of(stream, &Stored { subject: kind, ..message.clone() });
        Some(Self { message, consumer, letter })
    }
}

fn reached(positions: Positions) -> Box<Reached> {
    Box::new(Reached {
        requests: positions.get(catalogue::REQUESTS.name),
        orders: positions.get(catalogue::ORDERS.name),
        inventory: positions.get(catalogue::INVENTORY.name),
        payments: positions.get(catalogue::PAYMENTS.name),
        redrive: positions.get(REDRIVE),
    })
}

fn fact(stream: &StreamDef, raw: &RawEnvelope<'_>) -> Result<Fact, DecodeError> {
    if stream.control == Some(raw.kind.as_ref()) {
        let control: Control = serde_json::from_str(raw.data.get()).map_err(DecodeError::Malformed)?;
        return Ok(Fact::Control(control));
    }
    if *stream == catalogue::REQUESTS {
        Request::decode(raw).map(Fact::from)
    } else if *stream == catalogue::ORDERS {
        OrderEvent::decode(raw).map(Fact::from)
    } else if *stream == catalogue::INVENTORY {
        InventoryEvent::decode(raw).map(Fact::from)
    } else if *stream == catalogue::PAYMENTS {
        PaymentEvent::decode(raw).map(Fact::from)
    } else {
        NotificationEvent::decode(raw).map(Fact::from)
    }
}

impl From<Request> for Fact {
    fn from(request: Request) -> Self {
        match request {
            Request::Place(place) => {
                let lines = place.lines.into_iter().map(quantity).collect();
                Place { order: place.order_id, total: place.total, lines }.into()
            }
            Request::Cancel(cancel) => Cancel { order: cancel.order_id }.into(),
            Request::AdjustStock(wish) => {
                Adjust { adjustment: wish.adjustment_id, sku: wish.sku, change: wish.change }.into()
            }
        }
    }
}

impl From<OrderEvent> for Fact {
    fn from(event: OrderEvent) -> Self {
        match event {
            OrderEvent::Created(created) => {
                let lines = created.lines.into_iter().map(quantity).collect();
                Created { order: created.order_id, total: created.total, lines }.into()
            }
            OrderEvent::Confirmed(event) => {
                Confirmed { order: event.order_id, total: event.total, charge: event.charge_id }.into()
            }
            OrderEvent::Cancelled(event) => {
                Cancelled { order: event.order_id, reason: event.reason, returned: event.returned }.into()
            }
            OrderEvent::RefundRequested(wish) => {
                RefundRequested { order: wish.order_id, charge: wish.charge_id, amount: wish.amount }.into()
            }
            OrderEvent::CancelRefused(refused) => CancelRefused { order: refused.order_id }.into(),
        }
    }
}

impl From<InventoryEvent> for Fact {
    fn from(event: InventoryEvent) -> Self {
        match event {
            InventoryEvent::Reserved(event) => Reserved { order: event.order_id, lines: event.lines }.into(),
            InventoryEvent::Rejected(event) => {
                Rejected { order: event.order_id, short: !event.shortages.is_empty() }.into()
            }
            InventoryEvent::Committed(event) => {
                Committed { order: event.order_id, lines: event.lines }.into()
            }
            InventoryEvent::Released(event) => {
                Released { order: event.order_id, lines: event.lines, returned: event.returned }.into()
            }
            InventoryEvent::Adjusted(event) => Adjusted {
                sku: event.sku,
                adjustment: event.adjustment_id,
                delta: event.delta,
                on_hand: event.on_hand,
            }
            .into(),
            InventoryEvent::AdjustRefused(event) => AdjustRefused { adjustment: event.adjustment_id }.into(),
        }
    }
}

impl From<PaymentEvent> for Fact {
    fn from(event: PaymentEvent) -> Self {
        match event {
            PaymentEvent::Captured(event) => {
                Captured { order: event.order_id, charge: event.charge_id, amount: event.amount }.into()
            }
            PaymentEvent::Declined(event) => Declined { order: event.order_id }.into(),
            PaymentEvent::Refunded(event) => Refunded {
                order: event.order_id,
                charge: event.charge_id,
                refund: event.refund_id,
                amount: event.amount,
            }
            .into(),
        }
    }
}

impl From<NotificationEvent> for Fact {
    fn from(event: NotificationEvent) -> Self {
        let (order, about, template, sent) = match event {
            NotificationEvent::Sent(event) => (event.order_id, event.about, event.template, true),
            NotificationEvent::Failed(event) => (event.order_id, event.about, event.template, false),
        };
        Notified { order, about, template, sent }.into()
    }
}

fn quantity(line: Line) -> Quantity {
    Quantity { sku: line.sku, quantity: line.quantity }
}

#[cfg(test)]
mod tests {
    use events::{Envelope, OrderId, Timestamp, TraceId, orders::CancelRefusal, orders::CancelRefused};

    use super::*;
    use crate::verify::Fact;

    fn stored(subject: &str) -> Stored {
        let data = CancelRefused { order_id: OrderId(Uuid::from_u128(1)), reason: CancelRefusal::NotOpen };
        let envelope = Envelope {
            id: Uuid::from_u128(2),
            kind: "orders.cancel_refused".into(),
            version: 1,
            aggregate_id: data.order_id.to_string().into(),
            timestamp: Timestamp::default(),
            trace_id: TraceId::default(),
            causation_id: Uuid::nil(),
            data,
        };
        Stored {
            sequence: 1,
            timestamp: Timestamp::default(),
            subject: subject.to_owned(),
            headers: Default::default(),
            payload: envelope.to_body().into(),
        }
    }

    #[test]
    fn an_event_under_another_subject_is_none() {
        let right = Recorded::of(&catalogue::ORDERS, &stored("orders.cancel_refused"));
        assert!(matches!(right.fact, Fact::CancelRefused(_)), "{:?}", right.fact);
        let wrong = Recorded::of(&catalogue::ORDERS, &stored("orders.confirmed"));
        let Fact::Unreadable(told) = wrong.fact else { panic!("{:?}", wrong.fact) };
        assert_eq!(
            (told.subject.as_str(), told.error.as_str()),
            ("orders.confirmed", "its type is orders.cancel_refused")
        );
    }

    #[test]
    fn a_copy_from_elsewhere_says_nothing_of_the_journal() {
        for (subject, epoch) in [("orders.cancel_refused", Some(3)), ("dead_letters.audit-service", None)] {
            let mut message = stored(subject);
            message.headers.set(EPOCH, "3");
            message.headers.set(POSITIONS, "REQUESTS=9");
            let recorded = Recorded::of(&catalogue::ORDERS, &message);
            assert_eq!((recorded.epoch, recorded.reached.is_some()), (epoch, epoch.is_some()), "{subject}");
        }
    }
}
