//! Whatever becomes of the messages of a stream, it is found in slices of any size.

use audit_service::integrity::{Pace, Scope};
use projection::testing::{self, MemoryStreams};
use proptest::{collection::vec, prelude::*};

use super::{Found, WHOLE, event, examine, slice};
use crate::rig::Rig;

/// What has become of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Kept,
    Changed,
    Removed,
    /// Gone before it could be written.
    Missed,
}

/// A stream of such messages, the last of which was written.
fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let written = prop_oneof![8 => Just(Fate::Kept), 1 => Just(Fate::Changed), 3 => Just(Fate::Removed)];
    let any = prop_oneof![3 => written.clone(), 1 => Just(Fate::Missed)];
    (vec(any, 0..30), written).prop_map(|(mut fates, last)| {
        fates.push(last);
        fates
    })
}

/// What is to be found of it.
fn expected(fates: &[Fate]) -> Found {
    let mut found = Found::default();
    let (mut before, mut torn) = (None, false);
    for (sequence, fate) in (1..).zip(fates) {
        let run = match fate {
            Fate::Removed => Some(&mut found.removed),
            Fate::Missed => Some(&mut found.gaps),
            Fate::Kept | Fate::Changed => None,
        };
        match run.map(|run| (before == Some(fate), run)) {
            Some((true, run)) => run.iter_mut().last().unwrap().2 = sequence,
            Some((false, run)) => run.push(("ORDERS", sequence, sequence)),
            None => {
                if torn || *fate == Fate::Changed {
                    found.broken.entry("ORDERS").or_insert(sequence);
                }
            }
        }
        torn = *fate == Fate::Removed || torn && *fate == Fate::Missed;
        before = Some(fate);
    }
    let number = |wanted: Fate| fates.iter().filter(|fate| **fate == wanted).count() as u64;
    let there = number(Fate::Kept) + number(Fate::Changed);
    found.counts.insert("ORDERS", (there, there + number(Fate::Removed)));
    found.intact = found.removed.is_empty() && found.broken.is_empty();
    found.complete = found.intact && found.gaps.is_empty();
    found
}

async fn find(fates: &[Fate], paces: &[Pace]) -> Vec<Found> {
    let (database, streams) = (testing::sqlite(), MemoryStreams::default());
    for (sequence, _) in (1..).zip(fates).filter(|(_, fate)| **fate != Fate::Missed) {
        streams.push_at("ORDERS", event(sequence));
    }
    let rig = Rig::over(&database, &streams).await;
    for (sequence, fate) in (1..).zip(fates) {
        let place = format!("WHERE stream = 'ORDERS' AND sequence = {sequence}");
        match fate {
            Fate::Kept | Fate::Missed => {}
            Fate::Changed => rig.tamper(&format!("UPDATE events SET body = chain_hash {place}")).await,
            Fate::Removed => rig.tamper(&format!("DELETE FROM events {place}")).await,
        }
    }
    let mut all = Vec::new();
    for pace in paces {
        let (mut found, _) = examine(&rig, &streams, *pace, Scope::VERIFY).await;
        found.counts.retain(|stream, _| *stream == "ORDERS");
        all.push(found);
    }
    rig.stop().await;
    all
}

proptest! {
    // Each has a database and a service of its own.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_was_done_is_found_in_slices_of_any_size(
        fates in fates(), sizes in vec((1_usize..9, 1_usize..9), 3),
    ) {
        let paces: Vec<_> = sizes.into_iter().map(|(chunk, portion)| slice(chunk, portion)).chain([WHOLE]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(find(&fates, &paces));
        let expected = expected(&fates);
        for (found, pace) in found.iter().zip(&paces) {
            prop_assert_eq!(found, &expected, "{:?}", pace);
        }
    }
}
