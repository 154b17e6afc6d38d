//! Between the task of a login and its caller, who has the closure that shows a person what to do.

use std::time::Duration;

use aiod_auth_core::{Error, Prompt, Reason, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::driver::Caller;

/// The task's end. When the caller is dropped, the login is cancelled; but only between requests: an
/// answer that may bring tokens is waited for, and then they are saved.
pub(crate) struct Person {
    asks: mpsc::Sender<Asked>,
    /// How long the login may take.
    limit: Duration,
}

/// The caller's end.
pub(crate) struct Prompts(mpsc::Receiver<Asked>);

struct Asked {
    prompt: Prompt,
    reply: oneshot::Sender<Reply>,
}

/// Both ends, for a login that may take as long as `limit`.
pub(crate) fn person(limit: Duration) -> (Person, Prompts) {
    let (asks, asked) = mpsc::channel(1);
    (Person { asks, limit }, Prompts(asked))
}

impl Prompts {
    /// Shows every prompt, until the login is through.
    pub(crate) async fn show<R: Into<Reply>>(mut self, mut prompt: impl FnMut(&Prompt) -> R) {
        while let Some(asked) = self.0.recv().await {
            if asked.reply.is_closed() {
                // The caller comes back too late for it.
                continue;
            }
            let reply = prompt(&asked.prompt).into();
            asked.reply.send(reply).ok();
        }
    }
}

impl Caller for Person {
    async fn ask(&mut self, prompt: &Prompt) -> Reply {
        let (reply, replied) = oneshot::channel();
        drop(self.asks.send(Asked { prompt: prompt.clone(), reply }).await);
        match tokio::time::timeout(self.limit, replied).await {
            // Unanswered, it was dropped with the caller.
            Ok(replied) => replied.unwrap_or(Reply::Cancelled),
            // The caller is there and doesn't poll; others may wait for this login. It is told how long
            // this took, and knows that its time is up.
            Err(_) => Reply::Shown,
        }
    }

    async fn sleep(&mut self, delay: Duration, reason: Reason) -> Result<(), Error> {
        if matches!(reason, Reason::Lock | Reason::Tokens) {
            // Tokens are here, and wait to be saved or completed.
            tokio::time::sleep(delay).await;
            return Ok(());
        }
        match tokio::time::timeout(delay, self.asks.closed()).await {
            Ok(()) => Err(Error::Cancelled),
            Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aiod_auth_core::flow::DevicePrompt;
    use tokio::time::Instant;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    fn prompt() -> Prompt {
        Prompt::DeviceCode(DevicePrompt {
            user_code: "ABCD-EFGH".into(),
            verification_uri: "https://as.example/device".parse().unwrap(),
            verification_uri_complete: None,
            expires_in: None,
            interval: Duration::from_secs(5),
        })
    }

    /// The time is tokio's, which jumps.
    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_login_for_a_caller_who_does_not_poll() {
        let (mut person, prompts) = person(LIMIT);
        let started = Instant::now();
        assert_eq!(person.ask(&prompt()).await, Reply::Shown);
        assert_eq!(started.elapsed(), LIMIT);
        // Whoever comes back then is shown nothing that is over.
        let mut shown = 0;
        let late = async {
            assert_eq!(person.ask(&prompt()).await, Reply::Shown);
            drop(person);
        };
        tokio::join!(prompts.show(|_| shown += 1), late);
        assert_eq!(shown, 1);
    }

    #[tokio::test]
    async fn a_caller_who_is_gone_has_cancelled() {
        let (mut person, prompts) = person(LIMIT);
        drop(prompts);
        assert_eq!(person.ask(&prompt()).await, Reply::Cancelled);
    }
}
