//! The questions about a browser, which this crate answers itself: it has the sockets.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use aiod_auth_core::{
    Ask, Asked, BrowserPrompt, ListenQuestion, Listening, NoAnswer, Prompt, Reason,
    RedirectQuestion, flow::Redirect, loopback::Listener,
};

use crate::{
    driver::{Caller, Driver},
    loopback::{DRAIN_TIME_MAX, Sockets, TURN},
};

/// What is open between two questions.
#[derive(Default)]
pub(crate) struct Asking(Option<Sockets>);

impl Asking {
    /// Gets an answer and gives it.
    pub(crate) async fn answer(&mut self, driver: &Driver, ask: Ask<'_>, caller: &mut impl Caller) {
        let began = driver.monotonic();
        let took = || driver.monotonic().saturating_sub(began);
        match ask {
            Ask::Listen(asked) => {
                let answer = self.listen(asked.question());
                complete(asked, took(), answer);
            }
            Ask::Redirect(asked) => {
                let answer = self.redirect(asked.question(), caller).await;
                complete(asked, took(), answer);
            }
            // It is the program's to answer.
            ask @ (Ask::Password(_) | Ask::Provider(_) | _) => {
                ask.give_up(took(), NoAnswer::Impossible(NO_USER));
            }
        }
    }

    fn listen(&mut self, question: &ListenQuestion) -> Result<Listening, NoAnswer> {
        let (sockets, listening) = Sockets::open(&question.address)?;
        self.0 = Some(sockets);
        Ok(listening)
    }

    /// The sockets are looked at now and then, which every runtime can do.
    async fn redirect(
        &mut self,
        question: &RedirectQuestion,
        caller: &mut impl Caller,
    ) -> Result<Redirect, NoAnswer> {
        // RFC 8252 §8.3: it is closed when this is over.
        let mut sockets = self.0.take().ok_or(NoAnswer::Impossible(NO_PORT))?;
        let listener = Listener::new(Arc::clone(&question.request));
        let mut listener = listener.map_err(|_| NoAnswer::Impossible(NO_PORT))?;
        let (prompt, pasted) = BrowserPrompt::new(question);
        let began = Instant::now();
        caller.show(&Prompt::Browser(Arc::new(prompt))).await;
        let mut pasted = Some(Box::pin(pasted.get()));
        let redirect = loop {
            if let Some(redirect) = sockets.serve(&mut listener) {
                break redirect;
            }
            let left = question.limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(NoAnswer::OutOfTime);
            }
            let Some(waiting) = &mut pasted else {
                caller.sleep(TURN.min(left), Reason::Approval).await.map_err(|_| CANCELLED)?;
                continue;
            };
            match unless_late(waiting, TURN.min(left), caller).await {
                Ok(Some(redirect)) => break redirect,
                // What could be pasted into is gone.
                Ok(None) => pasted = None,
                Err(NoAnswer::OutOfTime) => {}
                Err(why) => return Err(why),
            }
        };
        // A browser may be here as well, where the address was pasted; or it has asked for more.
        let found = Instant::now();
        while !sockets.is_quiet(&mut listener) && found.elapsed() < DRAIN_TIME_MAX {
            caller.sleep(TURN, Reason::Tokens).await.ok();
        }
        Ok(redirect)
    }
}

/// What comes of it, unless the time is over before, or the caller is gone.
async fn unless_late<T>(
    mut work: impl Future<Output = T> + Send + Unpin,
    limit: Duration,
    caller: &mut impl Caller,
) -> Result<T, NoAnswer> {
    let mut sleep = pin!(caller.sleep(limit, Reason::Approval));
    poll_fn(|context| {
        if let Poll::Ready(result) = pin!(&mut work).poll(context) {
            return Poll::Ready(Ok(result));
        }
        sleep.as_mut().poll(context).map(|slept| match slept {
            Ok(()) => Err(NoAnswer::OutOfTime),
            Err(_) => Err(CANCELLED),
        })
    })
    .await
}

fn complete<Q, A>(asked: Asked<'_, Q, A>, took: Duration, answer: Result<A, NoAnswer>) {
    match answer {
        Ok(answer) => asked.answer(took, answer),
        Err(why) => asked.give_up(took, why),
    }
}

const CANCELLED: NoAnswer = NoAnswer::Cancelled;
const NO_USER: &str = "this login asks the user, and the program has no way to";
const NO_PORT: &str = "no port was opened for the redirect";
