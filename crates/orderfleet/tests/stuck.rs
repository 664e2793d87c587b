//! `order stuck` as an operator runs it, against a service that has nothing to tell.
#![expect(clippy::unwrap_used, reason = "a failed setup fails the test")]

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    thread,
};

const NOTHING: &str = r#"{"orders":[],"next_cursor":null}"#;

/// What the command says, on stderr, when no order meets the words.
fn said(words: &[&str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = thread::spawn(move || {
        let (mut caller, _) = listener.accept().unwrap();
        let request = BufReader::new(caller.try_clone().unwrap()).lines().map(Result::unwrap);
        request.take_while(|line| !line.is_empty()).for_each(drop);
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
        write!(caller, "{head} {}\r\n\r\n{NOTHING}", NOTHING.len()).unwrap();
    });
    let output = Command::new(env!("CARGO_BIN_EXE_orderfleet"))
        .args(["order", "stuck", "--order-url", &url])
        .args(words)
        .output()
        .unwrap();
    service.join().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn whoever_asks_is_told_that_there_is_none() {
    assert_eq!(said(&[]).trim(), "no order is stuck");
    assert_eq!(said(&["--minutes", "0"]).trim(), "no order is open");
}
