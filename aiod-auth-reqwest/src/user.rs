//! Between the task of a login and its caller, which has the closures that show and ask.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use aiod_auth_core::{Error, Prompt, Reason, cache::UserQuestion};
use tokio::sync::{mpsc, oneshot};

use crate::{driver::Caller, runtime::Runtime};

/// The task's end. When the caller is dropped, the login is cancelled; but only between requests: an
/// answer that may bring tokens is waited for, and then they are saved.
pub(crate) struct User {
    wanted: mpsc::Sender<Wanted>,
    /// How long the login may take.
    limit: Duration,
    runtime: Arc<dyn Runtime>,
}

/// The caller's end.
pub(crate) struct Replies(mpsc::Receiver<Wanted>);

enum Wanted {
    Show(Prompt, oneshot::Sender<()>),
    Ask(UserQuestion),
}

/// Both ends, for a login that may take as long as `limit`.
pub(crate) fn user(limit: Duration, runtime: Arc<dyn Runtime>) -> (User, Replies) {
    let (wanted, replies) = mpsc::channel(1);
    (User { wanted, limit, runtime }, Replies(replies))
}

impl Replies {
    /// Shows and asks, until the login is through.
    pub(crate) async fn give<F: Future<Output = ()> + Send>(
        mut self,
        mut show: impl FnMut(&Prompt) + Send,
        mut ask: impl FnMut(UserQuestion) -> F + Send,
    ) {
        while let Some(wanted) = self.0.recv().await {
            match wanted {
                Wanted::Show(prompt, shown) if !shown.is_closed() => {
                    show(&prompt);
                    shown.send(()).ok();
                }
                // A caller that comes back too late shows nothing that is over.
                Wanted::Show(..) => {}
                Wanted::Ask(question) => ask(question).await,
            }
        }
    }
}

impl Caller for User {
    /// Waits until it is shown; but no longer than the login may take: the caller may be there and not
    /// poll, while other callers wait for this login.
    async fn show(&mut self, prompt: &Prompt) {
        let (shown, was_shown) = oneshot::channel();
        drop(self.wanted.send(Wanted::Show(prompt.clone(), shown)).await);
        first(was_shown, self.runtime.sleep(self.limit)).await;
    }

    /// Sends it to the caller; dropped with the caller, it is cancelled.
    async fn ask(
        &mut self,
        question: UserQuestion,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        drop(self.wanted.send(Wanted::Ask(question)).await);
        let is_answered = first(answered, self.runtime.sleep(self.limit)).await;
        is_answered.ok_or(Error::TimedOut { limit: self.limit, cause: None })
    }

    async fn sleep(&mut self, delay: Duration, reason: Reason) -> Result<(), Error> {
        let sleep = self.runtime.sleep(delay);
        if matches!(reason, Reason::Lock | Reason::Tokens) {
            // Tokens are here, and wait to be saved or completed.
            sleep.await;
            return Ok(());
        }
        match first(self.wanted.closed(), sleep).await {
            Some(()) => Err(Error::Cancelled),
            None => Ok(()),
        }
    }
}

/// What comes of it, if that is no later than the sleep ends.
pub(crate) async fn first<T>(
    work: impl Future<Output = T> + Send,
    sleep: impl Future<Output = ()> + Send,
) -> Option<T> {
    let (mut work, mut sleep) = (pin!(work), pin!(sleep));
    poll_fn(|context| {
        if let Poll::Ready(result) = work.as_mut().poll(context) {
            return Poll::Ready(Some(result));
        }
        sleep.as_mut().poll(context).map(|()| None)
    })
    .await
}
