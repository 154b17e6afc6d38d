//! What a caller waits for runs in a task of its own, which the caller can't take with him.

use aiod_auth_core::{Endpoint, Error, Unreachable};
use tokio::{runtime::Handle, sync::oneshot};

/// Something that has begun, or waits for its turn.
pub(crate) struct Task<T>(oneshot::Receiver<Result<T, Error>>);

impl<T: Send + 'static> Task<T> {
    /// Waits for its turn, then works. What has begun is brought to its end, whoever is still there;
    /// if the caller has gone before that, it is not begun at all.
    ///
    /// The task waits for its turn, not the caller: he may have stopped polling without being gone,
    /// and everybody would wait for him then.
    pub(crate) fn spawn<L: Send + 'static>(
        turn: impl Future<Output = L> + Send + 'static,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Self, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::Usage(NO_RUNTIME))?;
        let (answer, answered) = oneshot::channel();
        runtime.spawn(async move {
            let turn = turn.await;
            if answer.is_closed() {
                return;
            }
            let outcome = work.await;
            drop(turn);
            drop(answer.send(outcome));
        });
        Ok(Self(answered))
    }

    pub(crate) async fn outcome(self) -> Result<T, Error> {
        self.0.await.unwrap_or_else(|_| {
            let cause = Unreachable::NoAnswer(ENDED);
            Err(Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause })
        })
    }
}

const NO_RUNTIME: &str = "this has to be called on a tokio runtime";

/// A task that is gone without an answer was dropped with its runtime, or has panicked: tokio does so
/// where a runtime was built without `enable_all`.
const ENDED: &str = "the tokio runtime is shutting down, or has no IO and no time";
