//! Guards switched off on purpose, at the seams of the real code: each must turn the simulation red, or it proves nothing.

use clap::ValueEnum;
use messaging::{
    headers::{COMMIT, CONTENT_TYPE, EPOCH, Headers, MSG_ID, POSITIONS, PUT_BACK, TRACEPARENT, TRACESTATE},
    log::Message,
};
use serde_json::Value;
use uuid::Uuid;

use crate::chance::Chance;

/// A guard of the real code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Guard {
    /// A journal's batch expects the last sequence its writer knows
    Fence,
    /// A journal's batch carries the positions of its inputs
    Positions,
    /// An outcome's id follows from its cause
    OutcomeIds,
    /// A message is settled after its outcome is stored
    AckAfterOutcome,
    /// A message is ended after its dead letter is stored
    LetterFirst,
    /// A gateway that is down costs no payment an attempt
    Hold,
    /// A payment is looked up before it is made again
    LookUp,
    /// A payment that may be under way at the gateway is not made again until that is over
    Settle,
    /// What was begun before it was handed back is known to be
    Begun,
    /// A projection's offsets commit with its rows
    Offsets,
    /// A publish without an answer is sent again
    UnknownPublish,
    /// A leader that stops hands its journal over
    HandOver,
    /// What an operator puts back has an id
    RedriveId,
    /// Deliveries handed back are remembered as no attempts
    AttemptsRecord,
    /// A breaker stops calls to a gateway that is down
    Breaker,
    /// The gateway's key is the same for every attempt
    GatewayKey,
    /// A message is applied to a read model once
    AppliedOnce,
}

impl Guard {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// What a publisher without its guard would have sent instead.
pub(crate) fn altered(message: &Message, guard: Option<Guard>, chance: &Chance) -> Message {
    match guard {
        Some(Guard::Positions) if message.headers.get(POSITIONS).is_some() => {
            Message { headers: without(&message.headers, POSITIONS), ..message.clone() }
        }
        Some(Guard::OutcomeIds) if is_outcome(&message.subject) => with_random_id(message, chance),
        Some(_) | None => message.clone(),
    }
}

fn is_outcome(subject: &str) -> bool {
    subject.starts_with("payments.") || subject.starts_with("notifications.")
}

/// The headers without one of them.
pub(crate) fn without(headers: &Headers, name: &str) -> Headers {
    const ALL: [&str; 8] =
        [MSG_ID, CONTENT_TYPE, EPOCH, COMMIT, POSITIONS, PUT_BACK, TRACEPARENT, TRACESTATE];
    let mut rest = Headers::new();
    for kept in ALL.into_iter().filter(|kept| *kept != name) {
        if let Some(value) = headers.get(kept) {
            rest.set(kept, value);
        }
    }
    rest
}

fn with_random_id(message: &Message, chance: &Chance) -> Message {
    let id = Uuid::from_u64_pair(chance.any(), chance.any()).to_string();
    let mut altered = message.clone();
    altered.headers.set(MSG_ID, id.clone());
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(&message.payload) {
        body.insert("id".to_owned(), Value::String(id));
        altered.payload = Value::Object(body).to_string().into();
    }
    altered
}
