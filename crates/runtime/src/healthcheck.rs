//! `<service> healthcheck`: a container's health check that needs neither shell nor curl.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// For connecting, and for each read or write.
const TIMEOUT: Duration = Duration::from_secs(2);

/// More than the largest answer worth reading.
const MAX_ANSWER: u64 = 64 * 1024;

/// Asks the instance that listens on `listen` whether it is alive.
///
/// # Errors
/// When it cannot be asked, or says no; the text is the whole story in one line.
pub(crate) fn check(listen: SocketAddr) -> Result<(), String> {
    let address = reachable(listen);
    let answer = ask(address).map_err(|error| format!("{address} does not answer: {error}"))?;
    let head = answer.lines().next().unwrap_or_default();
    if head.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Err(format!("{address} is not healthy: {head} {body}"))
}

/// "Any address" can be listened on, but not connected to.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_becomes_this_machine() {
        for (listen, reached) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:8080", "[::1]:8080"), ("10.1.2.3:9", "10.1.2.3:9")]
        {
            assert_eq!(reachable(listen.parse().unwrap()), reached.parse().unwrap());
        }
    }

    #[test]
    fn nobody_listening_is_unhealthy() {
        // Bound and dropped: the port was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(check(free).unwrap_err().contains("does not answer"));
    }
}
