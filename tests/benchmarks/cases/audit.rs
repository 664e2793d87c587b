//! The audit service: what it takes from every message of every stream.

use std::hint::black_box;

use audit_service::{
    chain::{Link, START},
    fields::Fields,
};

use super::{Work, samples};

pub(super) fn fields() -> Work {
    let body = samples::envelope(samples::created(1)).to_body();
    Box::new(move || assert!(black_box(Fields::read(black_box(&body))).is_some()))
}

pub(super) fn chain() -> Work {
    let body = samples::envelope(samples::created(1)).to_body();
    let headers =
        r#"{"Content-Type":["application/json"],"Nats-Msg-Id":["0198c0de-7a11-7c3e-9b5d-2f6a1e8d4c70"]}"#;
    let mut head = START;
    Box::new(move || {
        let link = Link {
            stream: "ORDERS",
            sequence: 17,
            stored_at: 1_787_565_600_000_001,
            subject: "orders.created",
            headers,
            body: &body,
        };
        head = black_box(&link).after(&head);
    })
}
