//! The driver against a service that is made up: what is answered when is the test's to say.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::*;
use crate::{bench::course::Kind, load::Mix};

const ACCEPTED: &str = "HTTP/1.1 202 Accepted\r\ncontent-length: 71\r\n\r\n\
     {\"order_id\":\"018f5f2e-0000-7000-8000-000000000001\",\"status\":\"accepted\"}";
const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
const BROKEN: &str = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";

/// An order service that gives these answers, in their order and then the last one again and again, once it is open.
struct Service {
    url: String,
    open: watch::Sender<bool>,
    /// The idempotency keys of what was asked for.
    keys: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Service {
    async fn answering(answers: &'static [&'static str]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let (open, opened) = watch::channel(true);
        let keys: Arc<Mutex<Vec<String>>> = Arc::default();
        let (mut serving, asked) = (JoinSet::new(), Arc::clone(&keys));
        serving.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (opened, asked) = (opened.clone(), Arc::clone(&asked));
                calls.spawn(async move { drop(serve(stream, answers, opened, &asked).await) });
            }
        });
        Ok(Self { url, open, keys, _serving: serving })
    }

    fn keys(&self) -> Vec<String> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    stream: TcpStream,
    answers: &[&str],
    mut open: watch::Receiver<bool>,
    asked: &Mutex<Vec<String>>,
) -> anyhow::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            anyhow::ensure!(stream.read_line(&mut line).await? > 0, "the caller left");
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name {
                "content-length" => length = value.parse()?,
                "idempotency-key" => key = value.to_owned(),
                _ => {}
            }
        }
        stream.read_exact(&mut vec![0; length]).await?;
        let number = {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            asked.push(key);
            asked.len() - 1
        };
        open.wait_for(|open| *open).await?;
        let answer = answers.get(number).or(answers.last()).copied().unwrap_or_default();
        stream.write_all(answer.as_bytes()).await?;
    }
}

fn driver(service: &Service, in_flight: usize) -> anyhow::Result<Driver> {
    let nothing_special = Mix {
        scarce: 0,
        unknown: 0,
        declined: 0,
        cancelled_early: 0,
        cancelled_late: 0,
        repeated: 0,
        key_reused: 0,
        hot: 0,
    };
    let plan = Plan { orders: 100, rate: 1.0, mix: nothing_special, run: "test".to_owned() };
    let generator = Generator { connections: 1, in_flight, sample: 0.0 };
    Driver::new(plan, std::slice::from_ref(&service.url), generator)
}

fn five_orders() -> Stage {
    Stage { kind: Kind::Steady, rate: 25.0, lasts: Duration::from_millis(200) }
}

#[tokio::test]
async fn an_order_that_is_delayed_is_late_since_it_was_due() -> anyhow::Result<()> {
    let service = Service::answering(&[ACCEPTED]).await?;
    service.open.send_replace(false);
    let mut driver = driver(&service, 100)?;
    driver.run(&five_orders()).await;
    service.open.send_replace(true);
    driver.finish().await;
    let market = driver.market();
    let tally = market.tally();
    assert_eq!((tally.stages[0].due, tally.accepted.len(), tally.surprises.count), (5, 5, 0));
    // There is one connection: four of them could not even be sent before the stage was over, when the last had been due
    // for 40 ms.
    assert!(tally.stages[0].acceptance.quantile(0.0) >= Duration::from_millis(39));
    assert!(tally.stages[0].acceptance.max() >= Duration::from_millis(199));
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_placed_in_time_is_counted() -> anyhow::Result<()> {
    let service = Service::answering(&[ACCEPTED]).await?;
    service.open.send_replace(false);
    let mut driver = driver(&service, 2)?;
    driver.run(&five_orders()).await;
    service.open.send_replace(true);
    driver.finish().await;
    let market = driver.market();
    let tally = market.tally();
    let stage = &tally.stages[0];
    assert_eq!((stage.due, stage.not_placed, stage.acceptance.count()), (5, 3, 2));
    assert_eq!(tally.seconds.iter().map(|second| second.due).sum::<u64>(), 5);
    Ok(())
}

#[tokio::test]
async fn who_is_turned_away_comes_back_with_the_same_key() -> anyhow::Result<()> {
    let service = Service::answering(&[BUSY, BUSY, ACCEPTED]).await?;
    let mut driver = driver(&service, 100)?;
    driver.run(&Stage { rate: 5.0, ..five_orders() }).await;
    driver.finish().await;
    let market = driver.market();
    let tally = market.tally();
    assert_eq!((tally.accepted.len(), tally.retries, tally.surprises.count), (1, 2, 0));
    assert_eq!(service.keys(), ["test-0"; 3]);
    Ok(())
}

#[tokio::test]
async fn an_answer_that_should_not_be_is_a_surprise() -> anyhow::Result<()> {
    let service = Service::answering(&[BROKEN]).await?;
    let mut driver = driver(&service, 100)?;
    driver.run(&five_orders()).await;
    driver.finish().await;
    let market = driver.market();
    let tally = market.tally();
    assert_eq!((tally.accepted.len(), tally.retries, tally.surprises.count), (0, 0, 5));
    assert!(tally.surprises.first[0].contains("500"), "{:?}", tally.surprises);
    Ok(())
}

#[test]
fn a_share_is_taken_evenly() {
    let taken = |share, of: usize| {
        let mut share = Share::of(share);
        (0..of).filter(|_| share.takes_next()).count()
    };
    assert_eq!((taken(0.2, 1_000), taken(1.0, 50), taken(7.0, 50), taken(0.0, 50)), (200, 50, 50, 0));
}
