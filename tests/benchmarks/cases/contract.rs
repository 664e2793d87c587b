//! Events as bytes and back, which every service does with every message.

use std::hint::black_box;

use events::{RawEnvelope, TraceId, ids, orders::OrderEvent};
use messaging::{log::Message, trace::TraceContext};

use super::{Work, samples};

pub(super) fn derive() -> Work {
    let cause = samples::order_id(1).to_string();
    Box::new(move || {
        black_box(ids::derive(black_box(&[&cause, "payments.captured", "0"])));
    })
}

pub(super) fn encode() -> Work {
    let envelope = samples::envelope(samples::created(1));
    Box::new(move || {
        black_box(black_box(&envelope).to_body());
    })
}

pub(super) fn parse() -> Work {
    let body = samples::envelope(samples::created(1)).to_body();
    Box::new(move || assert!(black_box(RawEnvelope::parse(black_box(&body))).is_ok()))
}

pub(super) fn decode() -> Work {
    let body = samples::envelope(samples::created(1)).to_body();
    Box::new(move || {
        let event = RawEnvelope::parse(black_box(&body)).and_then(|raw| OrderEvent::decode(&raw));
        assert!(black_box(event).is_ok());
    })
}

pub(super) fn message() -> Work {
    let envelope = samples::envelope(samples::created(1));
    let trace = TraceContext::unsampled(TraceId([0x5a; 16]));
    Box::new(move || {
        black_box(Message::event(black_box(&envelope), &trace));
    })
}
