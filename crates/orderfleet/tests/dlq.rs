//! `dlq` as an operator runs it, against a real broker and consumers made for the occasion.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

mod dlq_desk;

use std::time::Duration;

use dlq_desk::{Desk, RESERVED};
use messaging::{
    dead_letter::{Contents, Letter, redrive},
    headers::MSG_ID,
    log::Log,
};
use rustix::process::{Pid, Signal, kill_process};
use testkit::eventually;

const SOON: Duration = Duration::from_secs(30);

#[tokio::test]
async fn letters_are_listed_shown_and_grouped() {
    let desk = Desk::with_letters(2).await;
    desk.park("ORDERS", "REQUESTS", "undecodable", "no event 17").await;
    let all = desk.dlq(&["list"]).await;
    assert_eq!((all.code, all.values("letter").as_slice()), (0, &["1", "2", "3"].map(str::to_owned)[..]));
    assert_eq!(desk.dlq(&["list", "--cause", "undecodable"]).await.values("letter"), ["3"]);
    assert_eq!(desk.dlq(&["list", "--state", "discarded"]).await.objects.len(), 0);
    let shown = &desk.dlq(&["show", "3"]).await.objects[0];
    assert_eq!(
        (shown["body"].as_str(), shown["error"].as_str()),
        (Some("no event 17"), Some("order 17 is odd"))
    );
    let by_place = desk.dlq(&["show", "INVENTORY:1"]).await;
    assert_eq!(by_place.objects[0]["body"]["type"], "inventory.reserved");
    assert_eq!(desk.dlq(&["show", "9"]).await.code, 1);
    let groups = desk.dlq(&["group"]).await;
    assert_eq!(groups.values("count"), ["2", "1"]);
    assert_eq!(groups.objects[0]["error"], "order <n> is odd");
}

#[tokio::test]
async fn whoever_does_not_say_which_or_that_they_are_sure_is_taught() {
    let desk = Desk::with_letters(1).await;
    let unsure = desk.dlq(&["redrive", "--yes"]).await;
    assert_eq!(unsure.code, 2);
    assert!(unsure.said.contains("say which letters are meant"), "{}", unsure.said);
    let unasked = desk.dlq(&["redrive", "--all"]).await;
    assert!(unasked.code == 2 && unasked.said.contains("--yes"), "{}", unasked.said);
    assert_eq!(desk.dlq(&["discard", "--all", "--yes"]).await.code, 2, "a discard needs a reason");
    assert_eq!(desk.dlq(&["redrive", "--id", "7", "--yes"]).await.code, 1, "there is no such letter");
    let dry = desk.dlq(&["redrive", "--all", "--dry-run"]).await;
    assert_eq!(dry.values("subject"), ["redrive.payment-charge"]);
    assert_eq!(dry.code, 0);
    assert_eq!(dry.objects[0]["headers"][MSG_ID][0], "dead:payment-charge:INVENTORY:1:redrive:1");
    assert_eq!(dry.objects[0]["body"]["type"], "inventory.reserved");
    assert_eq!(desk.dlq(&["redrive", "--all", "--yes", "--operator", ""]).await.code, 2);
    assert_eq!(desk.dlq(&["discard", "--all", "--yes", "--reason", " "]).await.code, 2, "it says nothing");
    assert_eq!((desk.last("REDRIVE").await, desk.last("DEAD_LETTERS").await), (0, 1), "nothing was changed");
}

#[tokio::test]
async fn a_mistyped_cause_is_wrong_usage_and_a_right_one_without_letters_is_not() {
    let desk = Desk::with_letters(1).await;
    let discard = ["discard", "--yes", "--reason", "no matter"];
    for command in [&["list"][..], &["group"], &["redrive", "--yes"], &["redrive", "--dry-run"], &discard] {
        let slip = desk.dlq(&[command, &["--cause", "exausted"]].concat()).await;
        assert_eq!(slip.code, 2, "{command:?}: {}", slip.said);
        assert!(slip.said.contains("there are crashed, exhausted, foreign,"), "{command:?}: {}", slip.said);
        let none = desk.dlq(&[command, &["--cause", "panicked"]].concat()).await;
        assert_eq!(none.code, 0, "{command:?}: {}", none.said);
    }
    let slip = desk.dlq(&["redrive", "--service", "payments-service", "--yes"]).await;
    assert!(slip.code == 2 && slip.said.contains("payment-service"), "{}", slip.said);
    let none = desk.for_people(&["redrive", "--service", "order-service", "--yes"]).await;
    let told = "there is nothing to put back: no open letter fits";
    assert!(none.code == 0 && none.said.contains(told), "{}", none.said);
    assert_eq!((desk.last("REDRIVE").await, desk.last("DEAD_LETTERS").await), (0, 1), "nothing was changed");
}

#[tokio::test]
async fn what_is_put_back_is_handled_told_and_not_chosen_again() {
    let desk = Desk::with_letters(3).await;
    let _worker = desk.worker(&[]);
    let done = desk.dlq(&["redrive", "--all", "--yes", "--reason", "mended"]).await;
    assert_eq!(done.code, 0, "{}", done.said);
    assert_eq!(done.actions("handled"), ["1", "2", "3"]);
    let back = desk.all("REDRIVE").await;
    let letters: Vec<_> = back.iter().map(|message| message.headers.get(redrive::LETTER).unwrap()).collect();
    assert_eq!(letters, ["1", "2", "3"], "in the order of the letters");
    assert!(back.iter().all(|message| message.payload == RESERVED), "the bodies are the originals");
    let events = desk.of("DEAD_LETTERS", "dead_letters.redriven").await;
    assert_eq!(events.len(), 3);
    assert_eq!((&events[2]["data"]["letter"], &events[2]["data"]["redrive"]), (&3.into(), &3.into()));
    assert_eq!(
        (&events[0]["data"]["operator"], &events[0]["data"]["reason"]),
        (&"alice".into(), &"mended".into())
    );
    let again = desk.dlq(&["redrive", "--id", "2", "--yes"]).await;
    assert!(again.code == 0 && desk.last("REDRIVE").await == 3, "{}", again.said);
    // Unless that is what is wanted: then it is another redrive.
    assert_eq!(desk.dlq(&["redrive", "--id", "2", "--yes", "--again"]).await.code, 0);
    let id = desk.all("REDRIVE").await[3].headers.get(MSG_ID).map(str::to_owned);
    assert_eq!(id.as_deref(), Some("dead:payment-charge:INVENTORY:2:redrive:2"));
    assert_eq!(desk.dlq(&["list", "--state", "redriven"]).await.objects.len(), 3);
}

#[tokio::test]
async fn whoever_says_no_name_is_known_by_the_system() {
    let desk = Desk::with_letters(1).await;
    let unnamed = desk.unnamed(&["discard", "--all", "--yes", "--reason", "no matter"]).await;
    assert_eq!((unnamed.code, unnamed.actions("discarded").len()), (0, 1), "{}", unnamed.said);
    let operator = &desk.of("DEAD_LETTERS", "dead_letters.discarded").await[0]["data"]["operator"];
    assert!(operator.as_str().is_some_and(|name| !name.is_empty() && name != "alice"), "{operator}");
    let none = desk.for_people(&["list"]).await;
    assert!(none.code == 0 && none.said.contains("no dead letter is open"), "{}", none.said);
    let fitting = desk.for_people(&["list", "--service", "payment-service"]).await;
    assert!(fitting.said.contains("no dead letter fits"), "{}", fitting.said);
}

#[tokio::test]
async fn a_canary_that_fails_stops_the_others() {
    let desk = Desk::with_letters(5).await;
    let _worker = desk.worker(&[2]);
    let stopped = desk.dlq(&["redrive", "--all", "--yes", "--canary", "2"]).await;
    assert_eq!(stopped.code, 1, "{}", stopped.said);
    assert_eq!(
        (stopped.actions("handled"), stopped.actions("failed_again")),
        (vec!["1".to_owned()], vec!["2".to_owned()])
    );
    assert!(stopped.said.contains("3 letters not touched"), "{}", stopped.said);
    assert_eq!(desk.last("REDRIVE").await, 2);
    // What failed again is a letter of its own, and can be put back as such.
    let open = desk.dlq(&["list"]).await;
    assert_eq!(open.objects.len(), 4, "three untouched, and the new one");
    assert_eq!(open.objects[3]["original"]["stream"], "REDRIVE");
    let rest = desk.dlq(&["redrive", "--all", "--yes", "--canary", "2"]).await;
    assert_eq!((rest.code, rest.actions("handled").len()), (0, 4), "{}", rest.said);
}

#[tokio::test]
async fn what_came_back_from_a_journal_goes_back_as_the_letter_it_came_back_as() {
    let desk = Desk::with_letters(0).await;
    desk.park("ORDERS", "REQUESTS", "undecodable", "no event").await;
    assert_eq!(desk.dlq(&["redrive", "--id", "1", "--yes", "--no-wait"]).await.code, 0);
    let back = desk.park_again("ORDERS", 1).await.to_string();
    // A journal passes over what it has given up under another name.
    desk.reach("ORDERS", 2).await;
    for words in [&["--yes"][..], &["--yes", "--no-wait"], &["--dry-run"]] {
        let again = desk.dlq(&[&["redrive", "--id", "1", "--again"], words].concat()).await;
        assert_eq!((again.code, again.actions("refused")), (1, vec!["1".to_owned()]), "{}", again.said);
        assert_eq!(again.values("new_letter"), [back.as_str()]);
        assert!(again.said.contains(&format!("it came back as letter {back}")), "{}", again.said);
    }
    assert_eq!(desk.last("REDRIVE").await, 1, "nothing was put back");
    let newest = desk.dlq(&["redrive", "--id", &back, "--yes"]).await;
    assert_eq!((newest.code, newest.actions("handled")), (0, vec![back]), "{}", newest.said);
}

#[tokio::test]
async fn what_comes_back_while_it_is_put_back_again_is_not_told_as_handled() {
    let desk = Desk::with_letters(0).await;
    desk.park("ORDERS", "REQUESTS", "undecodable", "no event").await;
    assert_eq!(desk.dlq(&["redrive", "--id", "1", "--yes", "--no-wait"]).await.code, 0);
    let again = desk.start(&["redrive", "--id", "1", "--yes", "--again"]);
    eventually(SOON, "it is put back again", async || (desk.last("REDRIVE").await == 2).then_some(())).await;
    let back = desk.park_again("ORDERS", 1).await.to_string();
    desk.reach("ORDERS", 2).await;
    let told = Desk::finished(again).await;
    assert_eq!((told.code, told.actions("failed_again")), (1, vec!["1".to_owned()]), "{}", told.said);
    assert_eq!(told.objects.last().map(|last| last["new_letter"].to_string()), Some(back));
}

#[tokio::test]
async fn a_run_that_died_before_it_told_is_told_by_the_next_and_puts_nothing_back_twice() {
    let desk = Desk::with_letters(1).await;
    let letter = desk.all("DEAD_LETTERS").await.remove(0);
    let order = redrive::Order { number: 1, operator: "bob", reason: None, run: "dead", edited: false };
    let message = redrive::message(
        &Letter::of(&letter).unwrap(),
        &Contents::of(&letter),
        letter.payload.clone(),
        &order,
    );
    desk.log.publish(&message, None).await.unwrap();
    let next = desk.dlq(&["redrive", "--all", "--yes", "--no-wait"]).await;
    assert_eq!((next.code, desk.last("REDRIVE").await), (0, 1), "{}", next.said);
    let events = desk.of("DEAD_LETTERS", "dead_letters.redriven").await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["data"]["operator"], &events[0]["data"]["redrive"]), (&"bob".into(), &1.into()));
}

#[tokio::test]
async fn two_operators_at_once_put_each_message_back_once() {
    let desk = Desk::with_letters(25).await;
    let words = ["redrive", "--all", "--yes", "--no-wait"];
    let (one, other) = tokio::join!(desk.dlq(&words), desk.dlq(&words));
    assert_eq!((one.code, other.code), (0, 0), "{}{}", one.said, other.said);
    assert_eq!(desk.last("REDRIVE").await, 25);
    assert_eq!(desk.of("DEAD_LETTERS", "dead_letters.redriven").await.len(), 25);
    let put_back = one.actions("put_back").len() + other.actions("put_back").len();
    assert_eq!(put_back, 25, "each was put back by one of them");
}

#[tokio::test]
async fn a_service_that_is_down_is_waited_for_and_nothing_is_lost() {
    let desk = Desk::with_letters(1).await;
    let waited = desk.dlq(&["redrive", "--all", "--yes", "--timeout", "1"]).await;
    assert_eq!((waited.code, waited.actions("waiting").len()), (1, 1));
    assert!(
        waited.said.contains("is the service of payment-charge running? Nothing is lost"),
        "{}",
        waited.said
    );
    assert_eq!(desk.last("REDRIVE").await, 1);
}

#[tokio::test]
async fn an_interrupted_run_says_what_it_has_done() {
    let desk = Desk::with_letters(3).await;
    let words = ["redrive", "--all", "--yes", "--rate", "0.05", "--no-wait"];
    let child = desk.start(&words);
    let pid = Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    eventually(SOON, "the first letter is put back", async || {
        (desk.last("REDRIVE").await == 1).then_some(())
    })
    .await;
    eventually(SOON, "and told", async || (desk.last("DEAD_LETTERS").await == 4).then_some(())).await;
    kill_process(pid, Signal::INT).unwrap();
    let stopped = Desk::finished(child).await;
    assert_eq!(stopped.code, 130, "{}", stopped.said);
    assert!(stopped.said.contains("1 of 3 were put back"), "{}", stopped.said);
    assert_eq!(desk.last("REDRIVE").await, 1);
}

#[tokio::test]
async fn a_body_can_be_mended_in_a_file_or_an_editor() {
    let desk = Desk::with_letters(1).await;
    desk.park("payment-charge", "INVENTORY", "undecodable", "no event").await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), RESERVED).unwrap();
    let path = file.path().to_str().unwrap();
    let both = desk.dlq(&["redrive", "--all", "--edit-with", path, "--yes"]).await;
    assert!(both.code == 2 && both.said.contains("one letter at a time"), "{}", both.said);
    let words = ["redrive", "--id", "2", "--edit-with", path, "--yes", "--no-wait"];
    assert_eq!(desk.dlq(&words).await.code, 0);
    // The editor of the tests changes an amount.
    let edited = desk.dlq(&["redrive", "--id", "1", "--edit", "--yes", "--no-wait"]).await;
    assert_eq!(edited.code, 0, "{}", edited.said);
    let back = desk.all("REDRIVE").await;
    assert_eq!(back[0].payload, RESERVED);
    let body: serde_json::Value = serde_json::from_slice(&back[1].payload).unwrap();
    assert_eq!(body["data"]["total"]["amount"], 1);
    assert!(back.iter().all(|message| message.headers.get(redrive::EDITED).is_some()));
    let events = desk.of("DEAD_LETTERS", "dead_letters.redriven").await;
    assert!(events.iter().all(|event| event["data"]["edited"] == true), "{events:?}");
    std::fs::write(file.path(), "still no event").unwrap();
    let refused = desk.dlq(&["redrive", "--id", "2", "--again", "--edit-with", path, "--yes"]).await;
    assert!(refused.code == 1 && refused.said.contains("the new body is no event"), "{}", refused.said);
    assert_eq!(desk.last("REDRIVE").await, 2, "nothing was put back");
}

#[tokio::test]
async fn what_cannot_go_back_is_refused_and_can_be_discarded() {
    let desk = Desk::with_letters(1).await;
    desk.park("ORDERS", "ORDERS", "foreign", "no event").await;
    desk.park("nobody", "ORDERS", "rejected", "no event").await;
    desk.park_omitted("INVENTORY", 999).await;
    desk.park_omitted("INVENTORY", 1).await;
    let refused = desk.dlq(&["redrive", "--all", "--yes", "--no-wait"]).await;
    assert_eq!((refused.code, refused.actions("refused")), (1, ["2", "3", "4"].map(str::to_owned).into()));
    for why in ["it can be discarded", "is called `nobody`", "INVENTORY:999 has aged out"] {
        assert!(refused.said.contains(why), "{why}: {}", refused.said);
    }
    let back = desk.all("REDRIVE").await;
    assert_eq!(back.len(), 2, "the others went back");
    assert_eq!(back[1].payload, RESERVED, "from where it stands");
    let words = ["discard", "--id", "2", "--id", "3", "--reason", "not ours", "--yes"];
    let discarded = desk.dlq(&words).await;
    assert_eq!((discarded.code, discarded.actions("discarded").len()), (0, 2), "{}", discarded.said);
    let events = desk.of("DEAD_LETTERS", "dead_letters.discarded").await;
    assert_eq!((events.len(), &events[0]["data"]["reason"]), (2, &"not ours".into()));
    assert_eq!(desk.dlq(&["list"]).await.values("letter"), ["4"]);
    assert_eq!(desk.dlq(&words).await.actions("discarded").len(), 0, "once is enough");
}
