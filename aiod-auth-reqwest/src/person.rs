//! Between the task of a login and its caller, who has the closure that shows a person what to do.

use std::time::Duration;

use aiod_auth_core::{Error, Prompt, Reason, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::driver::Caller;

/// The task's end. When the caller is dropped, the login is cancelled; but only between requests: an
/// answer that may bring tokens is waited for, and then they are saved.
pub(crate) struct Person(mpsc::Sender<Asked>);

/// The caller's end.
pub(crate) struct Prompts(mpsc::Receiver<Asked>);

struct Asked {
    prompt: Prompt,
    reply: oneshot::Sender<Reply>,
}

/// Both ends.
pub(crate) fn person() -> (Person, Prompts) {
    let (asks, asked) = mpsc::channel(1);
    (Person(asks), Prompts(asked))
}

impl Prompts {
    /// Shows every prompt, until the login is through.
    pub(crate) async fn show<R: Into<Reply>>(mut self, mut prompt: impl FnMut(&Prompt) -> R) {
        while let Some(asked) = self.0.recv().await {
            let reply = prompt(&asked.prompt).into();
            asked.reply.send(reply).ok();
        }
    }
}

impl Caller for Person {
    async fn ask(&mut self, prompt: &Prompt) -> Reply {
        let (reply, replied) = oneshot::channel();
        drop(self.0.send(Asked { prompt: prompt.clone(), reply }).await);
        // Unanswered, it was dropped with the caller.
        replied.await.unwrap_or(Reply::Cancelled)
    }

    async fn sleep(&mut self, delay: Duration, reason: Reason) -> Result<(), Error> {
        if reason == Reason::Lock {
            // The tokens are here, and wait to be saved.
            tokio::time::sleep(delay).await;
            return Ok(());
        }
        match tokio::time::timeout(delay, self.0.closed()).await {
            Ok(()) => Err(Error::Cancelled),
            Err(_) => Ok(()),
        }
    }
}
