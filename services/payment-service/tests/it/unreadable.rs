//! What the service cannot read is parked at once, and holds up nothing.

use std::borrow::Cow;

use events::{Envelope, EventData, Timestamp, TraceId, inventory::StockReserved};
use messaging::{
    dead_letter::{ATTEMPTS, CAUSE, CONSUMER, ORIGINAL_SEQUENCE},
    headers::Headers,
    log::{Log, Message},
};
use service::testing::SOON;
use testkit::eventually;
use uuid::Uuid;

use crate::rig::{Rig, reserved};

async fn store(rig: &Rig, body: Vec<u8>) {
    let subject = StockReserved::TYPE.to_owned();
    let message = Message { subject, headers: Headers::new(), payload: body.into() };
    rig.streams.log.publish(&message, None).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_at_once_and_the_rest_goes_on() {
    let rig = Rig::started().await;
    store(&rig, b"not an envelope".to_vec()).await;
    let unknown = [(StockReserved::TYPE, 99), (StockReserved::TYPE, 0), ("inventory.vanished", 1)];
    for (number, (kind, version)) in (1..).zip(unknown) {
        let envelope = Envelope {
            id: Uuid::from_u128(number),
            kind: Cow::Borrowed(kind),
            version,
            aggregate_id: Cow::Borrowed("1"),
            timestamp: Timestamp::default(),
            trace_id: TraceId::default(),
            causation_id: Uuid::nil(),
            data: (),
        };
        store(&rig, envelope.to_body()).await;
    }
    rig.publish(&reserved(1, "tok_visa"), 1).await;
    rig.payments(1).await;
    eventually(SOON, "the letters", async || rig.streams.last("DEAD_LETTERS").await == 4).await;
    let letters = rig.streams.all("DEAD_LETTERS").await;
    let of = |name| letters.iter().map(move |letter| letter.headers.get(name).unwrap());
    let mut sequences: Vec<_> = of(ORIGINAL_SEQUENCE).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, ["1", "2", "3", "4"]);
    assert!(of(CAUSE).all(|cause| cause == "undecodable"));
    assert!(of(ATTEMPTS).all(|attempts| attempts == "1"));
    assert!(of(CONSUMER).all(|consumer| consumer == "payment-charge"));
    assert_eq!(rig.stop().await, 4);
}
