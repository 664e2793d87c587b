//! One member of a simulated durable consumer, and what it is handed.

use std::{sync::Arc, time::Duration};

use messaging::log::{Consumer, Delivery, Stored, Unavailable};
use tokio::{sync::Notify, time::Instant};

use super::{
    client::SimLog,
    durable::{Answer, Arrival, Member},
    link::PATIENCE,
};

/// One member of a simulated durable consumer.
pub struct SimConsumer {
    log: SimLog,
    stream: String,
    durable: String,
    prefetch: u64,
    /// Once it takes part.
    id: Option<u64>,
    wake: Arc<Notify>,
}

impl SimConsumer {
    pub(super) fn new(log: SimLog, stream: &str, durable: &str, prefetch: usize) -> Self {
        let (stream, durable) = (stream.to_owned(), durable.to_owned());
        let prefetch = u64::try_from(prefetch.max(1)).unwrap_or(u64::MAX);
        Self { log, stream, durable, prefetch, id: None, wake: Arc::default() }
    }

    /// Takes the next message, or says when it arrives, if one is on its way.
    fn look(&mut self) -> Result<SimDelivery, Option<Instant>> {
        let (client, now) = (self.log.id, Instant::now());
        let shared = Arc::clone(&self.log.shared);
        let mut server = shared.lock();
        if !server.hears(client) {
            return Err(None);
        }
        let id = *self.id.get_or_insert_with(|| server.fresh_id());
        server.connection(client).wakers.entry(id).or_insert_with(|| Arc::clone(&self.wake));
        let Some(durable) = server.durables.get_mut(&self.durable) else { return Err(None) };
        if durable.stream != self.stream {
            return Err(None);
        }
        let fresh = || Member::new(client, Arc::clone(&self.wake), self.prefetch, now);
        durable.members.entry(id).or_insert_with(fresh).wait(now);
        server.hand_out(&self.durable);
        let Some(member) = server.durables.get_mut(&self.durable).and_then(|d| d.members.get_mut(&id)) else {
            return Err(None);
        };
        let Some(arrival) = member.inbox.pop_front_if(|arrival| arrival.at <= now) else {
            return Err(member.inbox.front().map(|arrival| arrival.at));
        };
        let message = server.streams.get(&self.stream).and_then(|stream| stream.get(arrival.sequence));
        message.map(|message| self.delivery(message.clone(), &arrival)).ok_or(None)
    }

    fn delivery(&self, message: Stored, arrival: &Arrival) -> SimDelivery {
        SimDelivery {
            message,
            log: self.log.clone(),
            stream: self.stream.clone(),
            durable: self.durable.clone(),
            deliveries: arrival.deliveries,
            backlog: arrival.backlog,
        }
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

/// Somebody waits for the next message until this is dropped.
struct Waiting<'a>(&'a mut SimConsumer);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.rest();
    }
}

impl Consumer for SimConsumer {
    type Delivery = SimDelivery;

    async fn next(&mut self) -> SimDelivery {
        self.log.awake().await;
        let waiting = Waiting(self);
        loop {
            match waiting.0.look() {
                Ok(delivery) => return delivery,
                Err(Some(arrives)) => tokio::time::sleep_until(arrives).await,
                Err(None) => waiting.0.wake.notified().await,
            }
        }
    }

    fn leave(self) -> Vec<SimDelivery> {
        let now = Instant::now();
        let mut server = self.log.shared.lock();
        let durable = server.durables.get_mut(&self.durable);
        let member = durable.zip(self.id).and_then(|(durable, id)| durable.members.remove(&id));
        let inbox = member.map(|member| member.inbox).unwrap_or_default();
        let Some(stream) = server.streams.get(&self.stream) else { return Vec::new() };
        let arrived = inbox.iter().filter(|arrival| arrival.at <= now);
        arrived
            .filter_map(|arrival| Some(self.delivery(stream.get(arrival.sequence)?.clone(), arrival)))
            .collect()
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
    message: Stored,
    log: SimLog,
    stream: String,
    durable: String,
    deliveries: u64,
    backlog: u64,
}

impl SimDelivery {
    /// The client takes an answer at once and sends it when it can; whether it arrives nobody knows.
    async fn settle(&self, answer: Answer) -> Result<(), Unavailable> {
        let queue_is_full = {
            let mut server = self.log.shared.lock();
            let client = self.log.id;
            let faults = server.faults_of(client);
            let lost = server.dice.chance(faults.lost_ack);
            let (durable, sequence) = (self.durable.clone(), self.message.sequence);
            let what = server.trace.text(|| format!("{durable} {sequence}: {answer:?}"));
            server.tell(
                client,
                lost,
                Box::new(move |server| {
                    server.settle(&durable, sequence, &answer);
                    server.note_of(client, || what);
                }),
            );
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
    fn message(&self) -> &Stored {
        &self.message
    }

    fn stream(&self) -> &str {
        &self.stream
    }

    fn deliveries(&self) -> u64 {
        self.deliveries
    }

    fn backlog(&self) -> u64 {
        self.backlog
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
