//! Each event leads to one notification, whatever is delivered twice.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use events::{
    Envelope, RawEnvelope, Timestamp, TraceId,
    catalogue::NOTIFICATION_ORDERS,
    notifications::{NotificationEvent, NotificationFailed, NotificationSent, Template},
};
use messaging::{
    dead_letter,
    headers::Headers,
    log::{Consumer, Delivery, Log},
};
use notification_service::{
    channel::{Channel, ChannelError},
    message::Message,
};
use service::testing::{SOON, TRACE, order};
use testkit::eventually;
use uuid::Uuid;

use crate::rig::{Rig, cancelled, confirmed, decode, refunded};

fn sent(number: u128, template: Template, about: Uuid) -> NotificationEvent {
    let (customer_id, channel) = ("c-1".to_owned(), "log".to_owned());
    NotificationSent { order_id: order(number), customer_id, template, channel, about }.into()
}

#[tokio::test]
async fn each_event_leads_to_one_notification_however_often_it_is_there() {
    let rig = Rig::started().await;
    let mut expected = Vec::new();
    for _repetition in 0..3 {
        expected = vec![
            sent(1, Template::OrderConfirmed, rig.publish(&confirmed(1, "c-1")).await),
            sent(2, Template::OrderCancelled, rig.publish(&cancelled(2)).await),
            sent(2, Template::OrderRefunded, rig.publish(&refunded(2)).await),
        ];
    }
    rig.settled(9).await;

    let stored = rig.notifications().await;
    let told: BTreeMap<Uuid, NotificationEvent> = stored
        .iter()
        .map(|message| match decode(message) {
            NotificationEvent::Sent(sent) => (sent.about, sent.into()),
            failed @ NotificationEvent::Failed(_) => panic!("{failed:?}"),
        })
        .collect();
    assert_eq!((stored.len(), told.into_values().all(|event| expected.contains(&event))), (3, true));
    let raw = RawEnvelope::parse(&stored[0].payload).unwrap();
    let NotificationEvent::Sent(first) = decode(&stored[0]) else { panic!() };
    assert_eq!((raw.causation_id, raw.trace_id), (first.about, TRACE));
    assert_eq!(rig.stop().await.len(), 0);
}

#[tokio::test]
async fn an_event_handed_out_again_after_a_crash_is_told_once() {
    let rig = Rig::idle().await;
    let about = rig.publish(&confirmed(1, "c-1")).await;
    // Somebody takes the message and dies; after it was told all the same, it comes once more.
    let mut dying = rig.streams.log.consume(NOTIFICATION_ORDERS.stream, NOTIFICATION_ORDERS.durable);
    dying.next(1).await[0].hand_back(Duration::ZERO).await.unwrap();
    drop(dying);
    rig.start().await;
    rig.settled(1).await;
    rig.publish(&confirmed(1, "c-1")).await;
    rig.settled(2).await;

    let stored = rig.notifications().await;
    assert_eq!(stored.iter().map(decode).collect::<Vec<_>>(), [sent(1, Template::OrderConfirmed, about)]);
    assert_eq!(rig.stop().await.len(), 0);
}

#[tokio::test]
async fn what_cannot_be_read_is_parked_and_the_rest_goes_on() {
    let rig = Rig::started().await;
    rig.store("orders.confirmed", Headers::new(), b"not an envelope".to_vec()).await;
    let unknown = [("orders.cancelled", 99), ("orders.cancelled", 0), ("orders.vanished", 1)];
    for (number, (kind, version)) in (1..).zip(unknown) {
        let body = Envelope {
            id: Uuid::from_u128(number),
            kind: Cow::Borrowed(kind),
            version,
            aggregate_id: Cow::Borrowed("1"),
            timestamp: Timestamp::default(),
            trace_id: TraceId::default(),
            causation_id: Uuid::nil(),
            data: (),
        };
        rig.store("orders.cancelled", Headers::new(), body.to_body()).await;
    }
    let about = rig.publish(&confirmed(1, "c-1")).await;
    rig.settled(5).await;

    let stored = rig.notifications().await;
    assert_eq!(stored.iter().map(decode).collect::<Vec<_>>(), [sent(1, Template::OrderConfirmed, about)]);
    let parked = rig.stop().await;
    let mut told: Vec<_> = parked
        .iter()
        .map(|letter| {
            [dead_letter::ORIGINAL_SEQUENCE, dead_letter::CAUSE, dead_letter::ATTEMPTS, dead_letter::CONSUMER]
                .map(|name| letter.headers.get(name).unwrap())
        })
        .collect();
    told.sort_unstable();
    let at_once = |sequence| [sequence, "undecodable", "1", "notification-orders"];
    assert_eq!(told, ["1", "2", "3", "4"].map(at_once));
}

/// Knows no mailbox of `nobody`, and is busy the first two times it is asked about anybody else.
#[derive(Clone, Default)]
struct Moody {
    asked: Arc<Mutex<BTreeMap<Uuid, u32>>>,
}

impl Channel for Moody {
    const NAME: &'static str = "moody";

    async fn send(&self, message: &Message) -> Result<(), ChannelError> {
        let mut asked = self.asked.lock().unwrap();
        let times = asked.entry(message.about).or_default();
        *times += 1;
        match (message.customer_id.as_str(), *times) {
            ("nobody", _) => Err(ChannelError::Refused("no such mailbox".to_owned())),
            (_, 1 | 2) => Err(ChannelError::Transient("busy".to_owned())),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn a_busy_channel_is_asked_again_and_a_refusal_is_told() {
    let rig = Rig::idle().await;
    let channel = Moody::default();
    notification_service::start_with(rig.config(), rig.process.clone(), channel.clone()).await.unwrap();
    let flaky = rig.publish(&confirmed(1, "c-1")).await;
    let nobody = rig.publish(&confirmed(2, "nobody")).await;
    rig.settled(2).await;

    let mut told: Vec<_> = rig.notifications().await.iter().map(decode).collect();
    told.sort_by_key(|event| matches!(event, NotificationEvent::Failed(_)));
    let failed = NotificationFailed {
        order_id: order(2),
        customer_id: "nobody".to_owned(),
        template: Template::OrderConfirmed,
        channel: "moody".to_owned(),
        about: nobody,
        error: "no such mailbox".to_owned(),
    };
    let [NotificationEvent::Sent(sent), refusal] = &told[..] else { panic!("{told:?}") };
    assert_eq!((sent.about, refusal), (flaky, &failed.into()));
    assert_eq!(*channel.asked.lock().unwrap(), [(flaky, 3), (nobody, 1)].into());
    assert_eq!(rig.stop().await.len(), 0);
}

#[tokio::test]
async fn what_comes_while_the_broker_restarts_is_told_afterwards() {
    let rig = Rig::started().await;
    rig.publish(&confirmed(1, "c-1")).await;
    rig.settled(1).await;
    rig.broker.kill().await.unwrap();
    rig.broker.restart().await.unwrap();
    eventually(SOON, "the broker", async || rig.streams.log.extent("ORDERS").await).await;
    rig.publish(&confirmed(2, "c-1")).await;
    eventually(SOON, "the second notification", async || {
        let last = rig.streams.log.extent("NOTIFICATIONS").await.map_err(|error| error.to_string())?.last;
        if last == 2 { Ok(()) } else { Err(format!("{last} of 2")) }
    })
    .await;
    assert_eq!(rig.stop().await.len(), 0);
}
