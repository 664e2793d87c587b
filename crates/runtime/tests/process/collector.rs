//! A stand-in for an OTLP collector: accepts everything and hands the bodies over.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
};

/// Listens on any free port until the test ends.
pub(crate) struct Collector {
    pub(crate) url: String,
    bodies: Receiver<Vec<u8>>,
}

impl Collector {
    pub(crate) fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (send, bodies) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let send = send.clone();
                // An exporter that goes away mid-request ends its own connection only.
                std::thread::spawn(move || exchange(stream, &send).ok());
            }
        });
        Collector { url, bodies }
    }

    /// Everything posted so far, in one piece.
    pub(crate) fn received(&self) -> Vec<u8> {
        self.bodies.try_iter().flatten().collect()
    }
}

fn exchange(stream: TcpStream, send: &Sender<Vec<u8>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    // The test may have ended meanwhile.
    send.send(body).ok();
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
