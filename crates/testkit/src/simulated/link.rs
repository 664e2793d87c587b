//! Requests and their answers on their way between a process and the server, and what befalls them.

use std::time::Duration;

use tokio::{sync::oneshot, time::Instant};

use super::{
    connection::{ClientId, Connection, Held},
    faults::{Fate, NetFaults},
    server::{Job, Server},
};

/// How long a request waits for a broken link; afterwards its sender has given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What comes of a request: `None` when it is clear early that no answer will come, nothing at all when
/// the sender has to find that out.
pub(super) type Heard<T> = oneshot::Receiver<Option<T>>;

/// Gives an answer to whoever waits for it.
type Give = Box<dyn FnOnce() + Send>;

impl Server {
    pub(super) fn connection(&mut self, client: ClientId) -> &mut Connection {
        &mut self.connections[client]
    }

    /// The faults that befall a client.
    pub(super) fn faults_of(&self, client: ClientId) -> NetFaults {
        self.connections[client].faults.unwrap_or(self.faults)
    }

    /// Whether nothing comes through between a client and the server.
    pub(super) fn is_cut_off(&self, client: ClientId) -> bool {
        self.killed || self.faults.outage || self.faults_of(client).outage
    }

    /// Whether a client can hear anything.
    pub(super) fn hears(&self, client: ClientId) -> bool {
        let connection = &self.connections[client];
        !connection.is_dead() && !connection.is_frozen() && !self.is_cut_off(client)
    }

    /// Sends a request. `what` names it in the trace, `tell` its outcome.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        client: ClientId,
        what: String,
        work: impl FnOnce(&mut Self) -> T + Send + 'static,
        tell: fn(&T) -> String,
    ) -> Heard<T> {
        let (answer, heard) = oneshot::channel();
        let faults = self.faults_of(client);
        let fate = faults.fate(&mut self.dice);
        // A reset connection is noticed at once, a silent one after a while.
        let noticed = fate != Fate::Answered && self.dice.chance(0.5);
        self.note_lost(client, fate, &what);
        let job: Job = Box::new(move |server: &mut Self| {
            let done = work(server);
            server.note_of(client, || format!("{what} -> {}{}", tell(&done), fate.remark()));
            if !server.step(client) || fate != Fate::Answered {
                // Nobody hears of it, but for the one who has noticed already.
                return drop(noticed.then(|| answer.send(None)));
            }
            let delay = faults.latency(&mut server.dice);
            // The sender may have given up.
            let give: Give = Box::new(move || drop(answer.send(Some(done))));
            server.after(delay, Box::new(move |server| server.answer(client, give)));
        });
        self.send(client, fate, job);
        heard
    }

    /// Notes what will not arrive, or not now.
    pub(super) fn note_lost(&mut self, client: ClientId, fate: Fate, what: &str) {
        if fate == Fate::Lost {
            self.note_of(client, || format!("{what} (lost on its way)"));
        } else if self.is_cut_off(client) {
            self.note_of(client, || format!("{what} (the link is broken)"));
        }
    }

    /// Sends something on its way.
    pub(super) fn send(&mut self, client: ClientId, fate: Fate, job: Job) {
        if !self.step(client) {
            return;
        }
        if self.connection(client).is_frozen() {
            self.connection(client).held.push(Held { job, until: None });
            return;
        }
        let now = Instant::now();
        if self.is_cut_off(client) {
            // A client that knows of the broken link waits for it; one that does not loses what it sends.
            if self.dice.chance(0.5) {
                self.connection(client).held.push(Held { job, until: Some(now + PATIENCE) });
            }
            return;
        }
        let delay = self.faults_of(client).latency(&mut self.dice);
        match fate {
            Fate::Lost => {}
            Fate::Late(more) => self.arrives(client, now + delay + more, job),
            Fate::Answered | Fate::Unanswered => {
                let time = self.connection(client).last_arrival.max(now + delay);
                self.connection(client).last_arrival = time;
                self.arrives(client, time, job);
            }
        }
    }

    fn arrives(&mut self, client: ClientId, time: Instant, job: Job) {
        let job: Job = Box::new(move |server: &mut Self| {
            // What a process had sent before it died may arrive or not.
            let dead = server.connection(client).is_dead();
            if server.is_cut_off(client) || (dead && server.dice.chance(0.5)) {
                return;
            }
            job(server);
        });
        if time <= Instant::now() && self.is_idle_until(time) { job(self) } else { self.at(time, job) }
    }

    fn answer(&mut self, client: ClientId, give: Give) {
        let connection = self.connection(client);
        if connection.is_dead() {
            return;
        }
        if connection.is_frozen() {
            connection.held.push(Held { job: Box::new(|_server| give()), until: None });
        } else if !self.is_cut_off(client) {
            give();
        }
    }

    /// Notes something about a client.
    pub(super) fn note_of(&mut self, client: ClientId, what: impl FnOnce() -> String) {
        let Self { trace, connections, started, .. } = self;
        trace.note(started.elapsed(), &connections[client].name, what);
    }

    /// One step further in a process's life; false when it is dead. Its death may be set for this step.
    pub(super) fn step(&mut self, client: ClientId) -> bool {
        let connection = self.connection(client);
        match &mut connection.steps_left {
            Some(0) => self.crash(client),
            Some(left) => *left -= 1,
            None => {}
        }
        !self.connection(client).is_dead()
    }

    /// The process is gone.
    pub(super) fn crash(&mut self, client: ClientId) {
        if self.connection(client).is_dead() {
            return;
        }
        self.note_of(client, || "dies".to_owned());
        let connection = self.connection(client);
        connection.steps_left = None;
        connection.held.clear();
        connection.wakers.clear();
        connection.crashed.send_replace(true);
        self.listeners.retain(|_, listener| listener.client != client);
        for durable in self.durables.values_mut() {
            durable.members.retain(|_, member| member.client != client);
        }
    }

    /// The process is stopped by a signal.
    pub(super) fn freeze(&mut self, client: ClientId) {
        self.note_of(client, || "freezes".to_owned());
        self.connection(client).frozen.send_replace(true);
        let now = Instant::now();
        let members = self.durables.values_mut().flat_map(|durable| durable.members.values_mut());
        members.filter(|member| member.client == client).for_each(|member| member.rest(now));
    }

    /// The process runs again.
    pub(super) fn thaw(&mut self, client: ClientId) {
        self.note_of(client, || "thaws".to_owned());
        self.connection(client).frozen.send_replace(false);
        self.resume(client);
    }

    /// Changes who can be reached, and deals with those whose links broke or stand again.
    pub(super) fn rewire(&mut self, change: impl FnOnce(&mut Self)) {
        let cut_off = |server: &Self| -> Vec<bool> {
            (0..server.connections.len()).map(|client| server.is_cut_off(client)).collect()
        };
        let before = cut_off(self);
        change(self);
        let after = cut_off(self);
        let now = Instant::now();
        for (client, (before, after)) in before.into_iter().zip(after).enumerate() {
            match (before, after) {
                (false, true) => {
                    let members = self.durables.values_mut().flat_map(|durable| durable.members.values_mut());
                    members.filter(|member| member.client == client).for_each(|m| m.disconnect(now));
                }
                (true, false) => self.resume(client),
                (true, true) | (false, false) => {}
            }
        }
    }

    /// The server dies. Its messages are on the disk; of its consumers not all is written down yet.
    pub(super) fn kill(&mut self) {
        self.note("broker", || "is killed".to_owned());
        self.rewire(|server| server.killed = true);
        let now = Instant::now();
        self.durables.values_mut().for_each(|durable| durable.forget_unwritten(now));
    }

    /// The server runs again.
    pub(super) fn start(&mut self) {
        self.note("broker", || "starts".to_owned());
        self.rewire(|server| server.killed = false);
        self.streams.values_mut().for_each(|stream| stream.old = stream.last());
        let names: Vec<_> = self.durables.keys().cloned().collect();
        names.iter().for_each(|name| self.expire(name));
    }

    /// Sends what waited, and lets everybody in the process look again.
    fn resume(&mut self, client: ClientId) {
        if self.connection(client).is_frozen() || self.is_cut_off(client) {
            return;
        }
        let now = Instant::now();
        let held = std::mem::take(&mut self.connection(client).held);
        for Held { job, until } in held {
            if until.is_none_or(|until| now < until) {
                let delay = self.faults_of(client).latency(&mut self.dice);
                let time = self.connection(client).last_arrival.max(now + delay);
                self.connection(client).last_arrival = time;
                self.arrives(client, time, job);
            }
        }
        self.connection(client).wake_all();
    }
}
