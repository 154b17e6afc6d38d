//! Between the task of a login and its caller, which has the closures that show and ask.

use std::{future::poll_fn, mem, pin::pin, sync::Arc, task::Poll, time::Duration};

use aiod_auth_core::{Error, Prompt, Reason, cache::UserQuestion};
use tokio::sync::oneshot;

use crate::{driver::Caller, runtime::Runtime};

/// The task's end. When the caller is dropped, the login is cancelled; but only between requests: an
/// answer that may bring tokens is waited for, and then they are saved.
pub(crate) struct User {
    caller: oneshot::Sender<Message>,
    /// How long the login may take.
    limit: Duration,
    runtime: Arc<dyn Runtime>,
}

/// The caller's end.
pub(crate) struct Replies(oneshot::Receiver<Message>);

/// What is wanted, and where the next one comes from. A login has very few of them, and waits for a long
/// time: a queue would be larger than all the rest of it.
struct Message {
    wanted: Wanted,
    next: Replies,
}

enum Wanted {
    Show(Prompt, oneshot::Sender<()>),
    Ask(UserQuestion),
}

/// Both ends, for a login that may take as long as `limit`.
pub(crate) fn user(limit: Duration, runtime: Arc<dyn Runtime>) -> (User, Replies) {
    let (caller, replies) = oneshot::channel();
    (User { caller, limit, runtime }, Replies(replies))
}

impl Replies {
    /// Shows and asks, until the login is through: no answer is waited for that comes too late for it.
    pub(crate) async fn give<F: Future<Output = ()> + Send>(
        self,
        mut show: impl FnMut(&Prompt) + Send,
        mut ask: impl FnMut(UserQuestion) -> F + Send,
    ) {
        let mut message = self.0.await;
        while let Ok(Message { wanted, next: Self(mut next) }) = message {
            message = match wanted {
                Wanted::Show(prompt, shown) if !shown.is_closed() => {
                    show(&prompt);
                    shown.send(()).ok();
                    next.await
                }
                // A caller that comes back too late shows nothing that is over.
                Wanted::Show(..) => next.await,
                Wanted::Ask(question) => {
                    let mut asking = pin!(ask(question));
                    match first(&mut next, asking.as_mut()).await {
                        None => next.await,
                        // Its answer has been taken; what else the caller does in there goes on.
                        Some(Ok(message)) => {
                            let message = Box::new(message);
                            asking.await;
                            Ok(*message)
                        }
                        Some(over) => over,
                    }
                }
            };
        }
    }
}

impl User {
    /// If the caller is gone, it is dropped.
    fn send(&mut self, wanted: Wanted) {
        let (caller, next) = oneshot::channel();
        let message = Message { wanted, next: Replies(next) };
        drop(mem::replace(&mut self.caller, caller).send(message));
    }
}

impl Caller for User {
    /// Waits until it is shown; but no longer than the login may take: the caller may be there and not
    /// poll, while other callers wait for this login.
    async fn show(&mut self, prompt: &Prompt) {
        let (shown, was_shown) = oneshot::channel();
        self.send(Wanted::Show(prompt.clone(), shown));
        first(was_shown, self.runtime.sleep(self.limit)).await;
    }

    /// Sends it to the caller; dropped with the caller, it is cancelled.
    async fn ask(
        &mut self,
        question: UserQuestion,
        answered: impl Future<Output = ()> + Send,
    ) -> Result<(), Error> {
        self.send(Wanted::Ask(question));
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
        match first(self.caller.closed(), sleep).await {
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
