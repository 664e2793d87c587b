//! One member of a simulated durable consumer, and what it is handed.

use std::{sync::Arc, time::Duration};

use messaging::log::{Consumer, Delivery, DeliveryInfo, Stored, Unavailable};
use tokio::{sync::Notify, time::Instant};

use super::{
    client::SimLog,
    durable::{Answer, Arrival, Member},
    link::PATIENCE,
    server::Server,
};

/// One member of a simulated durable consumer.
pub struct SimConsumer {
    log: SimLog,
    stream: String,
    durable: String,
    /// Once it takes part.
    id: Option<u64>,
    wake: Arc<Notify>,
}

/// What there is for a member.
enum Next {
    Messages(Vec<SimDelivery>),
    /// Something is on its way, or its requests end.
    At(Instant),
    Nothing,
}

impl SimConsumer {
    pub(super) fn new(log: SimLog, stream: &str, durable: &str) -> Self {
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        Self { log, stream, durable, id: None, wake: Arc::default() }
    }

    /// Asks for messages and takes those that have arrived.
    fn look(&mut self, most: usize) -> Next {
        let (client, now) = (self.log.id, Instant::now());
        let shared = Arc::clone(&self.log.shared);
        let mut server = shared.lock();
        // Known from the start, so that somebody who begins while the broker is away hears when it is back.
        let id = *self.id.get_or_insert_with(|| server.fresh_id());
        server.connection(client).wakers.entry(id).or_insert_with(|| Arc::clone(&self.wake));
        if !server.hears(client) {
            return Next::Nothing;
        }
        let durable = server.durables.get_mut(&self.durable);
        let Some(durable) = durable.filter(|durable| durable.stream == self.stream) else {
            return Next::Nothing;
        };
        let fresh = || Member::new(client, Arc::clone(&self.wake), now);
        durable.members.entry(id).or_insert_with(fresh).wait(most as u64, now);
        server.hand_out(&self.durable);
        self.take(&mut server, most, now)
    }

    /// Takes what has arrived.
    fn take(&self, server: &mut Server, most: usize, now: Instant) -> Next {
        let Server { durables, streams, .. } = server;
        let member = durables.get_mut(&self.durable).zip(self.id).and_then(|(d, id)| d.members.get_mut(&id));
        let (Some(member), Some(stream)) = (member, streams.get(&self.stream)) else { return Next::Nothing };
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(arrival) = member.inbox.pop_front_if(|arrival| arrival.at <= now)
        {
            let message = stream.get(arrival.sequence).cloned();
            taken.extend(message.map(|message| self.delivery(message, &arrival, stream.old)));
        }
        match member.inbox.front() {
            _ if !taken.is_empty() => Next::Messages(taken),
            Some(arrival) => Next::At(arrival.at),
            None if member.is_owed(now) => Next::At(member.expires),
            None => Next::Nothing,
        }
    }

    fn delivery(&self, message: Stored, arrival: &Arrival, old: u64) -> SimDelivery {
        let info = DeliveryInfo {
            is_first: arrival.deliveries == 1 && message.sequence > old,
            message,
            stream: self.stream.clone(),
            deliveries: arrival.deliveries,
            backlog: arrival.backlog,
        };
        SimDelivery { info, log: self.log.clone(), durable: self.durable.clone() }
    }

    /// Stops waiting, without leaving.
    fn rest(&self) {
        let mut server = self.log.shared.lock();
        let durable = server.durables.get_mut(&self.durable);
        let member = durable.zip(self.id).and_then(|(durable, id)| durable.members.get_mut(&id));
        if let Some(member) = member {
            member.rest(Instant::now());
        }
    }
}

/// Somebody waits for messages until this is dropped.
struct Waiting<'a>(&'a mut SimConsumer);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.rest();
    }
}

impl Consumer for SimConsumer {
    type Delivery = SimDelivery;

    async fn next(&mut self, most: usize) -> Vec<SimDelivery> {
        self.log.awake().await;
        let waiting = Waiting(self);
        loop {
            match waiting.0.look(most) {
                Next::Messages(messages) => return messages,
                Next::At(time) if time > Instant::now() => {
                    // Either way there is something to look at.
                    let _woken = tokio::time::timeout_at(time, waiting.0.wake.notified()).await;
                }
                Next::At(_) | Next::Nothing => waiting.0.wake.notified().await,
            }
        }
    }

    async fn leave(self) -> Vec<SimDelivery> {
        let mut rest = Vec::new();
        loop {
            self.log.awake().await;
            let next = {
                let mut server = self.log.shared.lock();
                self.take(&mut server, usize::MAX, Instant::now())
            };
            match next {
                Next::Messages(messages) => rest.extend(messages),
                Next::At(time) => drop(tokio::time::timeout_at(time, self.wake.notified()).await),
                Next::Nothing => return rest,
            }
        }
    }
}

impl Drop for SimConsumer {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut server = self.log.shared.lock();
        server.connection(self.log.id).wakers.remove(&id);
        if let Some(durable) = server.durables.get_mut(&self.durable) {
            durable.members.remove(&id);
        }
    }
}

/// A message handed to a simulated process.
pub struct SimDelivery {
    info: DeliveryInfo,
    log: SimLog,
    durable: String,
}

impl SimDelivery {
    /// The client takes an answer at once and sends it when it can; whether it arrives nobody knows.
    async fn settle(&self, answer: Answer) -> Result<(), Unavailable> {
        let queue_is_full = {
            let mut server = self.log.shared.lock();
            let client = self.log.id;
            let fate = server.faults_of(client).fate_of_ack(&mut server.dice);
            let (durable, delivery) =
                (self.durable.clone(), (self.info.message.sequence, self.info.deliveries));
            let what = server.trace.text(|| format!("{durable} {}: {answer:?}{}", delivery.0, fate.remark()));
            server.note_lost(client, fate, &what);
            let work = move |server: &mut Server| {
                server.settle(&durable, delivery, &answer);
                server.note_of(client, || what);
            };
            server.send(client, fate, Box::new(work));
            server.is_cut_off(client) && server.dice.chance(0.25)
        };
        self.log.awake().await;
        if queue_is_full {
            tokio::time::sleep(PATIENCE).await;
            self.log.awake().await;
            return Err(Unavailable("time-out".to_owned()));
        }
        Ok(())
    }
}

impl Delivery for SimDelivery {
    fn info(&self) -> &DeliveryInfo {
        &self.info
    }

    async fn ack(&self) -> Result<(), Unavailable> {
        self.settle(Answer::Done).await
    }

    async fn in_progress(&self) -> Result<(), Unavailable> {
        self.settle(Answer::Busy).await
    }

    async fn hand_back(&self, delay: Duration) -> Result<(), Unavailable> {
        self.settle(Answer::HandedBack(delay)).await
    }

    async fn terminate(&self, reason: &str) -> Result<(), Unavailable> {
        self.settle(Answer::NeverAgain(reason.to_owned())).await
    }
}
