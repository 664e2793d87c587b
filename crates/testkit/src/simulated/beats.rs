//! The beats of the journals' leaders: heard by whoever listens at the time, or not at all.

use std::{collections::VecDeque, sync::Arc};

use messaging::log::{Beat, Beats};
use tokio::{sync::Notify, time::Instant};

use super::{
    client::SimLog,
    connection::ClientId,
    server::{Listener, Server},
};

/// Beats that may wait for a listener who does not look; more are lost.
const MOST: usize = 1_024;

impl Server {
    /// Lets the listeners hear a beat, those who can.
    pub(super) fn beat(&mut self, client: ClientId, journal: &str, beat: &Beat) {
        if !self.step(client) || self.connection(client).is_frozen() || self.is_cut_off(client) {
            return;
        }
        let mut listeners = std::mem::take(&mut self.listeners);
        for listener in listeners.values_mut().filter(|listener| listener.journal == journal) {
            let faults = self.faults_of(listener.client);
            let lost = self.is_cut_off(listener.client) || self.dice.chance(faults.lost_beat);
            if lost || listener.heard.len() >= MOST {
                continue;
            }
            let delay = self.faults_of(client).latency(&mut self.dice) + faults.latency(&mut self.dice);
            let before = listener.heard.back().map(|(arrives, _)| *arrives);
            let arrives = (Instant::now() + delay).max(before.unwrap_or_else(Instant::now));
            listener.heard.push_back((arrives, beat.clone()));
            listener.wake.notify_one();
        }
        self.listeners = listeners;
    }
}

/// Hears the beats of a journal's leader.
pub struct SimBeats {
    log: SimLog,
    journal: String,
    /// Once it listens.
    id: Option<u64>,
    wake: Arc<Notify>,
}

impl SimBeats {
    pub(super) fn new(log: SimLog, journal: &str) -> Self {
        Self { log, journal: journal.to_owned(), id: None, wake: Arc::default() }
    }

    /// The next beat, or when it arrives, if one is on its way.
    fn look(&mut self) -> Result<Beat, Option<Instant>> {
        let mut server = self.log.shared.lock();
        let client = self.log.id;
        if server.connection(client).is_dead() || server.connection(client).is_frozen() {
            return Err(None);
        }
        let id = *self.id.get_or_insert_with(|| server.fresh_id());
        server.connection(client).wakers.entry(id).or_insert_with(|| Arc::clone(&self.wake));
        let listener = server.listeners.entry(id).or_insert_with(|| Listener {
            client,
            journal: self.journal.clone(),
            heard: VecDeque::new(),
            wake: Arc::clone(&self.wake),
        });
        let now = Instant::now();
        match listener.heard.pop_front_if(|(arrives, _)| *arrives <= now) {
            Some((_, beat)) => Ok(beat),
            None => Err(listener.heard.front().map(|(arrives, _)| *arrives)),
        }
    }
}

impl Beats for SimBeats {
    async fn next(&mut self) -> Beat {
        self.log.awake().await;
        loop {
            match self.look() {
                Ok(beat) => return beat,
                Err(Some(arrives)) => tokio::time::sleep_until(arrives).await,
                Err(None) => self.wake.notified().await,
            }
        }
    }
}

impl Drop for SimBeats {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let mut server = self.log.shared.lock();
            server.listeners.remove(&id);
            server.connection(self.log.id).wakers.remove(&id);
        }
    }
}
