//! The questions about a browser, which this crate answers itself: it has the sockets.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Ask, Asked, BrowserPrompt, ListenQuestion, Listening, NoAnswer, Prompt, RedirectQuestion,
    cache::Cancel, flow::Redirect, loopback::Listener,
};

use crate::{
    driver::Driver,
    loopback::{DRAIN_TIME_MAX, Sockets, TURN},
    wait::wait_at_most,
};

/// What is open between two questions.
#[derive(Default)]
pub(crate) struct Asking(Option<Sockets>);

impl Asking {
    /// Gets an answer and gives it.
    pub(crate) fn answer(
        &mut self,
        driver: &Driver,
        ask: Ask<'_>,
        show: &mut dyn FnMut(&Prompt),
        cancel: &Cancel,
    ) {
        let began = driver.monotonic();
        let took = || driver.monotonic().saturating_sub(began);
        match ask {
            Ask::Listen(asked) => {
                let answer = self.listen(asked.question());
                complete(asked, took(), answer);
            }
            Ask::Redirect(asked) => {
                let answer = self.redirect(asked.question(), show, cancel);
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

    fn redirect(
        &mut self,
        question: &RedirectQuestion,
        show: &mut dyn FnMut(&Prompt),
        cancel: &Cancel,
    ) -> Result<Redirect, NoAnswer> {
        // RFC 8252 §8.3: it is closed when this is over.
        let mut sockets = self.0.take().ok_or(NoAnswer::Impossible(NO_PORT))?;
        let listener = Listener::new(Arc::clone(&question.request));
        let mut listener = listener.map_err(|_| NoAnswer::Impossible(NO_PORT))?;
        let (prompt, pasted) = BrowserPrompt::new(question);
        let began = std::time::Instant::now();
        show(&Prompt::Browser(Arc::new(prompt)));
        let mut pasted = Some(Box::pin(pasted.get()));
        let redirect = loop {
            if let Some(redirect) = sockets.serve(&mut listener) {
                break redirect;
            }
            if cancel.is_cancelled() {
                return Err(NoAnswer::Cancelled);
            }
            let left = question.limit.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(NoAnswer::OutOfTime);
            }
            match &mut pasted {
                Some(waiting) => match wait_at_most(TURN.min(left), waiting.as_mut()) {
                    Some(Some(redirect)) => break redirect,
                    // What could be pasted into is gone.
                    Some(None) => pasted = None,
                    None => {}
                },
                None => std::thread::sleep(TURN.min(left)),
            }
        };
        // A browser may be here as well, where the address was pasted; or it has asked for more.
        let found = std::time::Instant::now();
        while !sockets.is_quiet(&mut listener) && found.elapsed() < DRAIN_TIME_MAX {
            std::thread::sleep(TURN);
        }
        Ok(redirect)
    }
}

fn complete<Q, A>(asked: Asked<'_, Q, A>, took: Duration, answer: Result<A, NoAnswer>) {
    match answer {
        Ok(answer) => asked.answer(took, answer),
        Err(why) => asked.give_up(took, why),
    }
}

const NO_USER: &str = "this login asks the user, and the program has no way to";
const NO_PORT: &str = "no port was opened for the redirect";
