//! Messages that were submitted before: on their way, or stored a moment ago.
//!
//! The broker recognises a second message with the same id by itself, but refuses the whole batch it is in, whose other
//! messages then have to be stored one by one. Callers who grow impatient all at once would make it slowest just then,
//! so what this process knows itself it answers itself.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::{CommitError, Submission};
use crate::{headers::MSG_ID, log::Ack};

/// How long a stored message is known: longer than a read model needs to show it, and far below the broker's window.
const KNOWN: Duration = Duration::from_secs(5);

type Outcome = Result<Ack, CommitError>;

/// What was submitted lately, by message id.
#[derive(Default)]
pub(super) struct Recent {
    known: HashMap<String, State>,
    stored: VecDeque<(Instant, String)>,
}

enum State {
    /// Those who submitted it again wait for the same outcome.
    UnderWay(Vec<oneshot::Sender<Outcome>>),
    Stored(Ack),
}

impl Recent {
    /// Gives a message back that has to be sent; whoever submits one again is answered, now or when the first one is.
    pub(super) fn admit(&mut self, submission: Submission) -> Option<Submission> {
        self.forget();
        let Some(id) = submission.message.headers.get(MSG_ID) else { return Some(submission) };
        match self.known.get_mut(id) {
            None => {
                self.known.insert(id.to_owned(), State::UnderWay(Vec::new()));
                return Some(submission);
            }
            Some(State::UnderWay(others)) => others.push(submission.done),
            Some(State::Stored(ack)) => answer(submission.done, Ok(again(*ack))),
        }
        None
    }

    /// Takes note of what became of a message, and tells those who submitted it again.
    pub(super) fn settle(&mut self, id: &str, outcome: &Outcome) {
        let Some(State::UnderWay(others)) = self.known.remove(id) else { return };
        if let Ok(ack) = outcome {
            self.known.insert(id.to_owned(), State::Stored(*ack));
            self.stored.push_back((Instant::now(), id.to_owned()));
        }
        for other in others {
            answer(other, outcome.clone().map(again));
        }
    }

    fn forget(&mut self) {
        while let Some((_, id)) = self.stored.pop_front_if(|(since, _)| since.elapsed() > KNOWN) {
            self.known.remove(&id);
        }
    }
}

/// The word for a message that was stored before.
fn again(ack: Ack) -> Ack {
    Ack { duplicate: true, ..ack }
}

fn answer(done: oneshot::Sender<Outcome>, outcome: Outcome) {
    // A caller that has gone away does not want to know.
    let _gone = done.send(outcome);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{headers::Headers, log::Message};

    const STORED: Outcome = Ok(Ack { sequence: 7, duplicate: false });

    fn submission(id: &str) -> (Submission, oneshot::Receiver<Outcome>) {
        let mut headers = Headers::new();
        headers.set(MSG_ID, id);
        let message = Message { subject: "requests.test".to_owned(), headers, payload: "{}".into() };
        let (done, outcome) = oneshot::channel();
        (Submission { message, done }, outcome)
    }

    fn told(outcome: &mut oneshot::Receiver<Outcome>) -> Option<Result<(u64, bool), ()>> {
        let outcome = outcome.try_recv().ok()?;
        Some(outcome.map(|ack| (ack.sequence, ack.duplicate)).map_err(|_error| ()))
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_again_hears_what_the_first_one_does() {
        for (outcome, heard) in
            [(STORED, Ok((7, true))), (Err(CommitError::Unavailable("away".to_owned())), Err(()))]
        {
            let mut recent = Recent::default();
            assert!(recent.admit(submission("a").0).is_some());
            let (second, mut hears) = submission("a");
            assert!(recent.admit(second).is_none() && told(&mut hears).is_none());
            assert!(recent.admit(submission("b").0).is_some());
            recent.settle("a", &outcome);
            assert_eq!(told(&mut hears), Some(heard));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_stored_is_known_for_a_while() {
        let mut recent = Recent::default();
        assert!(recent.admit(submission("a").0).is_some());
        recent.settle("a", &STORED);
        let (second, mut hears) = submission("a");
        assert!(recent.admit(second).is_none());
        assert_eq!(told(&mut hears), Some(Ok((7, true))));
        tokio::time::advance(KNOWN * 2).await;
        assert!(recent.admit(submission("a").0).is_some(), "the broker is asked");
        assert!(recent.stored.is_empty() && recent.known.len() == 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_stored_may_be_sent_again() {
        let mut recent = Recent::default();
        assert!(recent.admit(submission("a").0).is_some());
        recent.settle("a", &Err(CommitError::Full));
        assert!(recent.admit(submission("a").0).is_some());
    }
}
