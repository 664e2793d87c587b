//! A connection to a broker in the broker's own words, so that no client stands between a deed and its refusal.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::rig::password;

const SOON: Duration = Duration::from_secs(30);

/// A connection as one user.
pub(crate) struct Raw {
    stream: BufReader<TcpStream>,
    user: String,
}

impl Raw {
    /// Connects, and is let in.
    pub(crate) async fn connect(port: u16, user: &str) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut raw = Self { stream: BufReader::new(stream), user: user.to_owned() };
        let hello = json!({ "user": user, "pass": password(user), "verbose": false, "headers": true, "no_responders": true });
        let refusals = raw.say(&format!("CONNECT {hello}\r\n")).await;
        assert_eq!(refusals, Vec::<String>::new(), "{user} is let in");
        raw
    }

    /// Says something; gives what the broker refuses of it.
    pub(crate) async fn say(&mut self, words: &str) -> Vec<String> {
        self.stream.get_mut().write_all(format!("{words}PING\r\n").as_bytes()).await.unwrap();
        let mut refusals = Vec::new();
        loop {
            let line = self.line().await;
            match line.as_str() {
                "PONG" => return refusals,
                "PING" => self.stream.get_mut().write_all(b"PONG\r\n").await.unwrap(),
                line => refusals.extend(line.strip_prefix("-ERR ").map(str::to_owned)),
            }
        }
    }

    /// Publishes; gives what the broker refuses of it.
    pub(crate) async fn publish(&mut self, subject: &str, body: &str) -> Vec<String> {
        self.say(&format!("PUB {subject} {}\r\n{body}\r\n", body.len())).await
    }

    /// Asks for an answer to be sent to a subject; gives what the broker refuses of it.
    pub(crate) async fn publish_for(&mut self, subject: &str, reply: &str, body: &Value) -> Vec<String> {
        let body = body.to_string();
        self.say(&format!("PUB {subject} {reply} {}\r\n{body}\r\n", body.len())).await
    }

    /// Subscribes for a moment; gives what the broker refuses of it.
    pub(crate) async fn subscribe(&mut self, subject: &str) -> Vec<String> {
        self.say(&format!("SUB {subject} 7\r\nUNSUB 7\r\n")).await
    }

    /// Asks, and takes the answer.
    pub(crate) async fn ask(&mut self, subject: &str, body: &Value) -> Value {
        let (inbox, body) = (format!("_INBOX_{}.1", self.user), body.to_string());
        let words = format!("SUB {inbox} 1\r\nPUB {subject} {inbox} {}\r\n{body}\r\n", body.len());
        self.stream.get_mut().write_all(words.as_bytes()).await.unwrap();
        loop {
            let line = self.line().await;
            assert!(!line.starts_with("-ERR"), "{subject}: {line}");
            let Some(head) = line.strip_prefix("MSG ") else { continue };
            let length = head.rsplit(' ').next().unwrap().parse().unwrap();
            let mut answer = vec![0; length];
            timeout(SOON, self.stream.read_exact(&mut answer)).await.unwrap().unwrap();
            return serde_json::from_slice(&answer).unwrap();
        }
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = timeout(SOON, self.stream.read_line(&mut line)).await.unwrap().unwrap();
        assert!(read > 0, "the broker hung up on {}", self.user);
        line.trim_end().to_owned()
    }
}
