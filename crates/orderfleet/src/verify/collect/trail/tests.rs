//! What the trail says of itself is followed to its end, and told in words.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::Mutex,
    thread,
};

use serde_json::{Value, json};

use super::*;

fn found(report: Value) -> Vec<(String, String)> {
    let report: Integrity = serde_json::from_value(report).expect("it is a report");
    told(&report).into_iter().map(|flaw| (flaw.place, flaw.what)).collect()
}

#[test]
fn a_trail_that_is_intact_has_no_flaws() {
    let report = json!({"intact": true, "complete": true, "finished": true,
        "streams": [{"stream": "ORDERS", "removed": [], "gaps": []}],
        "verification": {"ok": true, "verified": 9, "broken": []}});
    assert_eq!(found(report), []);
}

#[test]
fn what_it_never_had_is_named() {
    let report = json!({"intact": true, "complete": false, "finished": true,
        "streams": [{"stream": "ORDERS", "removed": [], "gaps": [{"from": 1, "to": 2}]}],
        "verification": {"ok": true, "verified": 9, "broken": []}});
    let [(place, what)] = &found(report)[..] else { panic!("one gap is one flaw") };
    assert!(place == "ORDERS:1" && what.contains("never had 1 to 2"), "{place}: {what}");
}

#[test]
fn whatever_was_done_to_it_is_named() {
    let report = json!({"intact": false, "complete": false, "finished": true,
        "streams": [{"stream": "ORDERS", "removed": [{"from": 9, "to": 11}]}],
        "verification": {"ok": false, "verified": 9,
            "broken": [{"stream": "PAYMENTS", "sequence": 7, "what": "hash"},
                {"stream": "NOTIFICATIONS", "sequence": 2, "what": "columns"}]}});
    let places: Vec<String> = found(report).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, ["ORDERS:9", "PAYMENTS:7", "NOTIFICATIONS:2"]);
    let silent = json!({"intact": false, "complete": false, "finished": true, "streams": []});
    assert_eq!(found(silent)[0].0, "audit");
}

#[test]
fn hashes_of_both_sides_are_the_same() {
    use sha2::Digest as _;
    let body = br#"{"id":1}"#;
    let sha256: String = sha2::Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect();
    let told = row("ORDERS", &Digest { sequence: 1, sha256 }).expect("a hash");
    assert_eq!(told.body, crate::verify::Recorded::hash_of(body));
    for nonsense in ["", "é", "zzzzzzzzzzzzzzzzzzzz"] {
        assert!(row("ORDERS", &Digest { sequence: 1, sha256: nonsense.to_owned() }).is_err());
    }
}

/// Has a trail looked at that answers like this, one answer for each call. Says what was asked for, how far it was said
/// to have come, and the outcome.
fn followed(answers: Vec<Value>) -> (Vec<String>, Vec<u64>, anyhow::Result<Vec<TrailFlaw>>) {
    let service = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", service.local_addr().expect("its address"));
    let (asked, proved) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<u64>>>::default());
    let (calls, seen) = (Arc::clone(&asked), Arc::clone(&proved));
    // Ends with its last answer, or with the tests: whether each was asked for is seen by what was.
    thread::spawn(move || answers.iter().for_each(|answer| serve(&service, answer, &calls)));
    let listener: Listener = Arc::new(move |progress| {
        if let Progress::Proof { verified } = progress {
            seen.lock().expect("nobody panics").push(verified);
        }
    });
    let audit = AuditClient::new(&url).expect("an address");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let outcome = runtime.block_on(flaws(&audit, &listener));
    let asked = asked.lock().expect("nobody panics").clone();
    let proved = proved.lock().expect("nobody panics").clone();
    (asked, proved, outcome)
}

/// Notes what one call asks for, and answers it.
fn serve(service: &TcpListener, answer: &Value, calls: &Mutex<Vec<String>>) {
    let (mut caller, _) = service.accept().expect("a call");
    let lines = BufReader::new(caller.try_clone().expect("its other half")).lines();
    let lines = lines.map(|line| line.expect("a line")).take_while(|line| !line.is_empty());
    let request: Vec<String> = lines.collect();
    let path = request[0].split(' ').nth(1).expect("a path").to_owned();
    calls.lock().expect("nobody panics").push(path);
    let (head, answer) = ("HTTP/1.1 200 OK\r\ncontent-type: application/json", answer.to_string());
    write!(caller, "{head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
        .expect("the caller listens");
}

#[test]
fn a_proof_is_followed_to_its_end() {
    let gap = json!([{"from": 3, "to": 6}]);
    let (asked, proved, flaws) = followed(vec![
        json!({"intact": true, "finished": false, "next": {"stream": "ORDERS", "from": 5},
            "streams": [{"stream": "ORDERS", "removed": [], "gaps": gap}],
            "verification": {"ok": true, "verified": 4, "broken": []}}),
        json!({"intact": false, "finished": false, "next": {"stream": "PAYMENTS", "from": 1},
            "streams": [{"stream": "ORDERS", "removed": [{"from": 9, "to": 9}], "gaps": gap}],
            "verification": {"ok": true, "verified": 5, "broken": []}}),
        json!({"intact": false, "finished": true, "streams": [],
            "verification": {"ok": false, "verified": 1,
                "broken": [{"stream": "PAYMENTS", "sequence": 1, "what": "hash"}]}}),
    ]);
    let first = "/integrity?verify=full";
    let then = ["&stream=ORDERS&from=5", "&stream=PAYMENTS&from=1"].map(|rest| format!("{first}{rest}"));
    assert_eq!(asked, [&[first.to_owned()], &then[..]].concat());
    assert_eq!(proved, [4, 9, 10]);
    let flaws: Vec<_> = flaws.expect("a proof").into_iter().map(|flaw| flaw.place).collect();
    assert_eq!(flaws, ["ORDERS:3", "ORDERS:9", "PAYMENTS:1"], "the gap is told once");
}

#[test]
fn a_proof_that_leads_nowhere_is_none() {
    let report = |finished: bool, next: Value| {
        json!({"intact": true, "finished": finished, "next": next, "streams": [],
            "verification": {"ok": true, "verified": 0, "broken": []}})
    };
    let here = json!({"stream": "ORDERS", "from": 5});
    for answers in [
        vec![report(false, Value::Null)],
        vec![report(true, here.clone())],
        vec![report(false, here.clone()), report(false, here)],
    ] {
        let (_, _, outcome) = followed(answers);
        let error = outcome.expect_err("it was not proved").to_string();
        assert!(error.contains("does not get on"), "{error}");
    }
}
