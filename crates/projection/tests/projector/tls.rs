//! A PostgreSQL server that is reached over TLS and proves who it is; played by a few lines, which know the first
//! messages of its protocol and then say that they have no such database.

use std::path::Path;

use projection::Store;
use testkit::certificates::{Authority, Identity};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

/// What a client asks first that wants TLS: a message of eight bytes with this code.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// A fatal error, as the server says it.
const REFUSAL: &[u8] = b"SFATAL\0C3D000\0Mno such database behind this TLS\0\0";

/// Serves until it is dropped; gives the port.
async fn server(identity: &Identity) -> (u16, JoinSet<()>) {
    let acceptor = identity.acceptor();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = [0; 8];
            if client.read_exact(&mut asked).await.is_err() || asked != SSL_REQUEST {
                continue;
            }
            client.write_all(b"S").await.unwrap();
            let Ok(mut client) = acceptor.accept(client).await else { continue };
            let mut hello = [0; 256];
            let _length = client.read(&mut hello).await;
            let length = u32::try_from(REFUSAL.len() + 4).unwrap().to_be_bytes();
            client.write_all(&[b"E", &length[..], REFUSAL].concat()).await.ok();
            client.shutdown().await.ok();
        }
    });
    (port, serving)
}

/// What becomes of a connection.
async fn outcome(port: u16, mode: &str, authorities: &Path) -> String {
    let authorities = authorities.display();
    let url = format!("postgres://fleet@localhost:{port}/audit?sslmode={mode}&sslrootcert={authorities}");
    let store = Store::open(&url).await.unwrap();
    sqlx::query("SELECT 1").execute(store.reader()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_database_is_asked_only_if_the_given_authority_vouches_for_it() {
    let authority = Authority::new();
    let (port, _serving) = server(&authority.vouch_for("localhost")).await;
    let served = outcome(port, "verify-full", &authority.file()).await;
    assert!(served.contains("no such database behind this TLS"), "{served}");
    let stranger = Authority::new();
    let refused = outcome(port, "verify-full", &stranger.file()).await;
    assert!(!refused.contains("no such database") && refused.contains("certificate"), "{refused}");

    let (port, _serving) = server(&authority.vouch_for("elsewhere")).await;
    let refused = outcome(port, "verify-full", &authority.file()).await;
    assert!(!refused.contains("no such database") && refused.contains("certificate"), "{refused}");
}
