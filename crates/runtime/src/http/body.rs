//! A deadline for request bodies: whoever trickles one in byte by byte does not hold a handler.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream, Bytes, HttpBody},
    extract::Request,
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

/// How long a request body may take to arrive in full.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells whether the body missed its deadline, whatever the handler made of the read error.
#[derive(Clone, Debug, Default)]
pub(crate) struct TooSlow(Arc<AtomicBool>);

impl TooSlow {
    pub(crate) fn happened(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Puts the deadline on the request's body, if it has one. A body that misses it ends with a read error.
pub(crate) fn with_deadline(request: Request) -> (Request, TooSlow) {
    let too_slow = TooSlow::default();
    if request.body().is_end_stream() {
        return (request, too_slow);
    }
    let deadline = Instant::now() + BODY_TIMEOUT;
    let flag = too_slow.clone();
    let request = request.map(|body| Body::from_stream(until(deadline, body.into_data_stream(), flag)));
    (request, too_slow)
}

fn until(
    deadline: Instant,
    body: BodyDataStream,
    too_slow: TooSlow,
) -> impl futures_util::Stream<Item = Result<Bytes, axum::BoxError>> + Send + 'static {
    stream::unfold(Some(body), move |body| {
        let too_slow = too_slow.clone();
        async move {
            let mut body = body?;
            match timeout_at(deadline, body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(chunk))) => Some((Ok(chunk), Some(body))),
                Ok(Some(Err(error))) => Some((Err(error.into()), None)),
                Err(_elapsed) => {
                    too_slow.0.store(true, Ordering::SeqCst);
                    let error =
                        io::Error::new(io::ErrorKind::TimedOut, "the request body arrived too slowly");
                    Some((Err(error.into()), None))
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trickling_body_ends_in_an_error_at_the_deadline() {
        let trickle = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, io::Error>(Bytes::from_static(b"x")), ()))
        });
        let (request, too_slow) = with_deadline(Request::new(Body::from_stream(trickle)));
        let started = Instant::now();

        assert!(axum::body::to_bytes(request.into_body(), usize::MAX).await.is_err());
        assert!(too_slow.happened());
        assert_eq!(started.elapsed(), BODY_TIMEOUT);
    }

    #[tokio::test]
    async fn a_prompt_body_arrives_whole() {
        let (request, too_slow) = with_deadline(Request::new(Body::from("hello")));
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
        assert_eq!(&body[..], b"hello");
        assert!(!too_slow.happened());
    }
}
