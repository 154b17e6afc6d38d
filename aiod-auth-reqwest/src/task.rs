//! What a caller waits for runs in a task of its own, which the caller can't take with him.

use aiod_auth_core::{Endpoint, Error, Unreachable};
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

/// All tasks of a client, counted.
#[derive(Default)]
pub(crate) struct Tasks(watch::Sender<usize>);

/// Something that has begun, or waits for its turn.
pub(crate) struct Task<T>(oneshot::Receiver<Result<T, Error>>);

impl Tasks {
    /// Waits for its turn, then works. What has begun is brought to its end, whoever is still there;
    /// if the caller has gone before that, it is not begun at all.
    ///
    /// The task waits for its turn, not the caller: he may have stopped polling without being gone,
    /// and everybody would wait for him then.
    pub(crate) fn spawn<L: Send + 'static, T: Send + 'static>(
        &self,
        turn: impl Future<Output = L> + Send + 'static,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<Task<T>, Error> {
        let runtime = Handle::try_current().map_err(|_| Error::Usage(NO_RUNTIME))?;
        let (answer, answered) = oneshot::channel();
        let under_way = UnderWay::begin(&self.0);
        runtime.spawn(async move {
            let _under_way = under_way;
            let turn = turn.await;
            if answer.is_closed() {
                return;
            }
            let outcome = work.await;
            drop(turn);
            drop(answer.send(outcome));
        });
        Ok(Task(answered))
    }

    /// Waits until none is left.
    pub(crate) async fn settled(&self) {
        // An error would mean that the sender is gone, which is here.
        drop(self.0.subscribe().wait_for(|count| *count == 0).await);
    }
}

impl<T: Send + 'static> Task<T> {
    pub(crate) async fn outcome(self) -> Result<T, Error> {
        self.0.await.unwrap_or_else(|_| {
            let cause = Unreachable::NoAnswer(ENDED);
            Err(Error::Unreachable { endpoint: Endpoint::Token, attempts: 1, cause })
        })
    }
}

/// Counts for one, until it is dropped: with its task, however that ends.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn begin(tasks: &watch::Sender<usize>) -> Self {
        tasks.send_modify(|count| *count += 1);
        Self(tasks.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

const NO_RUNTIME: &str = "this has to be called on a tokio runtime";

/// A task that is gone without an answer was dropped with its runtime, or has panicked: tokio does so
/// where a runtime was built without `enable_all`.
const ENDED: &str = "the tokio runtime is shutting down, or has no IO and no time";
