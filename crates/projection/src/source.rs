//! The little a projector needs of the log.

use std::future::Future;

use messaging::log::{Extent, Log, Reader, Unavailable};

/// Reads streams in order, and tells how far they reach. Every [`Log`] is one.
pub trait Source: Clone + Send + Sync + 'static {
    /// Reads one stream.
    type Reader: Reader;

    /// Reads all messages after a sequence, for ever.
    fn read(&self, stream: &str, after: u64) -> Self::Reader;

    /// What the stream holds.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn extent(&self, stream: &str) -> impl Future<Output = Result<Extent, Unavailable>> + Send;

    /// Whether the message at a sequence is still there.
    ///
    /// # Errors
    /// The broker is out of reach.
    fn holds(&self, stream: &str, sequence: u64) -> impl Future<Output = Result<bool, Unavailable>> + Send;
}

impl<L: Log> Source for L {
    type Reader = L::Reader;

    fn read(&self, stream: &str, after: u64) -> L::Reader {
        Log::read(self, stream, &[], after)
    }

    fn extent(&self, stream: &str) -> impl Future<Output = Result<Extent, Unavailable>> + Send {
        Log::extent(self, stream)
    }

    async fn holds(&self, stream: &str, sequence: u64) -> Result<bool, Unavailable> {
        Ok(self.get(stream, sequence).await?.is_some())
    }
}
