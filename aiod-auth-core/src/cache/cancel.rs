//! Giving up on waiting.

use alloc::sync::Arc;
use core::{future::poll_fn, pin::pin, task::Poll};

use super::monitor::Monitor;
use crate::error::Error;

/// Ends the waiting of the callers that have it, at once and for good: they fail with
/// [`Error::Cancelled`]. Clones are the same one.
///
/// A job that has begun is not cancelled: a refresh is brought home and saved. A login is given up
/// between two requests.
///
/// ```
/// use aiod_auth_core::cache::Cancel;
///
/// let cancel = Cancel::new();
/// let on_ctrl_c = cancel.clone(); // for a signal handler
/// on_ctrl_c.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Monitor<bool>>);

impl Cancel {
    /// Not cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on.
    pub fn cancel(&self) {
        self.0.change(|is_cancelled| *is_cancelled = true);
    }

    /// Whether it is.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.look(|is_cancelled| *is_cancelled)
    }

    /// Waits until it is.
    pub async fn cancelled(&self) {
        self.0.until(|is_cancelled| is_cancelled.then_some(())).await;
    }

    /// Waits for this; but no longer than until it is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn unless_cancelled<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let (mut work, mut cancelled) = (pin!(work), pin!(self.cancelled()));
        poll_fn(|context| {
            if let Poll::Ready(result) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(result));
            }
            cancelled.as_mut().poll(context).map(|()| Err(Error::Cancelled))
        })
        .await
    }
}
