//! Causes come first, whatever the clocks say and in whichever order the events were found.

use proptest::prelude::*;

use super::*;

/// An event of stream `stream`, numbered `id`, caused by `cause`, at `timestamp`.
fn moment(id: u128, cause: u128, timestamp: i64, stream: usize, sequence: u64) -> Moment {
    let (id, causation_id) = (Uuid::from_u128(id), Uuid::from_u128(cause));
    Moment { id, causation_id, timestamp, stored_at: timestamp, stream, sequence }
}

fn ids(moments: &[Moment]) -> Vec<u128> {
    causal_order(moments).into_iter().map(|index| moments[index].id.as_u128()).collect()
}

#[test]
fn nothing_and_one_are_in_order() {
    assert_eq!(ids(&[]), []);
    assert_eq!(ids(&[moment(1, 1, 0, 0, 1)]), [1]);
}

#[test]
fn causes_come_first_even_if_clocks_disagree() {
    // Request, created, reserved, captured, confirmed: each later one by an earlier clock.
    let moments = [
        moment(5, 4, 10, 1, 9),
        moment(4, 3, 20, 3, 7),
        moment(3, 2, 30, 2, 5),
        moment(2, 1, 40, 1, 3),
        moment(1, 0, 50, 0, 1),
    ];
    assert_eq!(ids(&moments), [1, 2, 3, 4, 5]);
}

#[test]
fn without_causes_time_decides_then_the_stream() {
    let moments = [moment(1, 0, 20, 0, 1), moment(2, 0, 10, 3, 1), moment(3, 0, 20, 2, 1)];
    assert_eq!(ids(&moments), [2, 1, 3]);
}

#[test]
fn a_stream_keeps_its_own_order() {
    let moments = [moment(1, 0, 30, 1, 4), moment(2, 0, 10, 1, 5), moment(3, 0, 20, 2, 1)];
    assert_eq!(ids(&moments), [3, 1, 2]);
}

#[test]
fn a_dead_letter_follows_the_event_it_is_a_copy_of() {
    // It was parked later than other things happened.
    let letter = Moment { stored_at: 99, ..moment(2, 1, 10, 5, 1) };
    let moments = [letter, moment(2, 1, 10, 2, 8), moment(1, 0, 50, 1, 3), moment(3, 2, 20, 3, 1)];
    let order: Vec<_> = causal_order(&moments).into_iter().map(|i| moments[i].stream).collect();
    assert_eq!(order, [1, 2, 3, 5]);
}

#[test]
fn a_ring_of_causes_is_cut_at_its_earliest_event() {
    let moments = [moment(1, 3, 30, 0, 1), moment(2, 1, 20, 1, 1), moment(3, 2, 10, 2, 1)];
    assert_eq!(ids(&moments), [3, 1, 2]);
}

proptest! {
    /// Any history, found in any order: every event once, causes first, streams in order, always the same.
    #[test]
    fn any_history_has_one_order(
        history in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, -50_i64..50), 1..40),
        shuffle in any::<u64>(),
    ) {
        let mut sequences = [0; 4];
        let moments: Vec<_> = history.iter().enumerate().map(|(number, (cause, stream, timestamp))| {
            sequences[*stream] += 1;
            let cause = if number == 0 { 0 } else { cause.index(number) as u128 + 1 };
            moment(number as u128 + 1, cause, *timestamp, *stream, sequences[*stream])
        }).collect();
        let ordered: Vec<_> = causal_order(&moments).into_iter().map(|index| moments[index]).collect();
        prop_assert_eq!(ordered.len(), moments.len());
        for (place, event) in ordered.iter().enumerate() {
            for later in &ordered[place + 1..] {
                prop_assert_ne!(later.id, event.id);
                prop_assert_ne!(later.id, event.causation_id);
                prop_assert!(later.stream != event.stream || later.sequence > event.sequence);
            }
        }
        let mut shuffled = moments;
        shuffled.sort_by_key(|moment| (moment.id.as_u128() as u64).wrapping_mul(shuffle | 1));
        let again: Vec<_> = causal_order(&shuffled).into_iter().map(|index| shuffled[index]).collect();
        prop_assert_eq!(again, ordered);
    }
}
