//! A gateway that is reached over TLS, and proves who it is.

use std::{net::SocketAddr, path::Path, time::Duration};

use gateway_sim::{Options, TestGateway, spawn_for_tests};
use payment_service::gateway::{ChargeOutcome, ChargeRequest, Gateway, GatewayError, HttpGateway};
use testkit::certificates::{Authority, Identity};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(10);

/// A gateway behind TLS.
struct Secured {
    gateway: TestGateway,
    port: u16,
    _serving: JoinSet<()>,
}

impl Secured {
    async fn new(identity: &Identity) -> Self {
        let gateway = spawn_for_tests(Options::for_tests()).await.unwrap();
        let behind: SocketAddr = gateway.base_url().strip_prefix("http://").unwrap().parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = identity.acceptor();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((caller, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                calls.spawn(async move {
                    let Ok(mut caller) = acceptor.accept(caller).await else { return };
                    let mut gateway = TcpStream::connect(behind).await.unwrap();
                    copy_bidirectional(&mut caller, &mut gateway).await.ok();
                });
            }
        });
        Self { gateway, port, _serving: serving }
    }

    async fn charge(&self, host: &str, authorities: Option<&Path>) -> Result<ChargeOutcome, GatewayError> {
        let url = format!("https://{host}:{}", self.port);
        let client = HttpGateway::trusting(authorities, &url, TIMEOUT).unwrap();
        let request = ChargeRequest {
            order_id: Uuid::from_u128(1),
            amount: 4_497,
            currency: "EUR".to_owned(),
            payment_method: "tok_visa".to_owned(),
            customer_id: "c-1".to_owned(),
        };
        client.charge(&request).await
    }
}

#[tokio::test]
async fn a_gateway_that_the_given_authority_vouches_for_is_paid_through() {
    let authority = Authority::new();
    let secured = Secured::new(&authority.vouch_for("localhost")).await;
    let paid = secured.charge("localhost", Some(&authority.file())).await;
    assert!(matches!(paid, Ok(ChargeOutcome::Captured { .. })), "{paid:?}");
    assert_eq!(secured.gateway.sim().summary().captured, 1);
}

#[tokio::test]
async fn any_other_gateway_is_not_told_of_a_card() {
    let authority = Authority::new();
    let secured = Secured::new(&authority.vouch_for("localhost")).await;
    let stranger = Authority::new();
    let cases = [
        ("another authority", "localhost", Some(stranger.file())),
        ("the system's authorities", "localhost", None),
        ("another host's certificate", "127.0.0.1", Some(authority.file())),
    ];
    for (why, host, authorities) in cases {
        let refused = secured.charge(host, authorities.as_deref()).await;
        assert!(matches!(refused, Err(GatewayError::NotSent(_))), "{why}: {refused:?}");
    }
    assert_eq!(secured.gateway.sim().summary().captured, 0);
}
