//! Plays a script around a machine, and watches over what holds whatever happens.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use aiod_auth_core::{
    Ask, CertificateProblem, Error, Exchange, Failed, InFlight, Machine, NoAnswer, NoResponse,
    Pause, Prompt, Request, Response, RetryPolicy, Show, Step, StoreAccess, Timestamp, TlsFailure,
    Tokens,
};

use super::{
    answer::{Answerer, field},
    pace::Polled,
    records::Records,
    script::{Answer, Asked, Script, Sent, Slept, Turn},
    time::Time,
    watch,
};
use crate::drive::{self, Around, Failure};

/// Everything around a machine.
pub(super) struct Stage<'s> {
    script: &'s Script,
    played: Played,
    pub(super) answerer: Answerer,
    pub(super) records: Records,
    pub(super) time: Time,
    /// How many requests a machine may send.
    pub(super) sends_max: u32,
    sends: u32,
    /// Refresh tokens that went out and got no answer, and how often they went out since.
    lost: BTreeMap<String, u32>,
}

/// How many turns of each list were played.
#[derive(Default)]
struct Played {
    sends: usize,
    stores: usize,
    sleeps: usize,
    asks: usize,
}

impl<'s> Stage<'s> {
    pub(super) fn policy(&self) -> RetryPolicy {
        self.script.policy.retry_policy()
    }

    pub(super) fn new(script: &'s Script) -> Self {
        Self {
            script,
            played: Played::default(),
            answerer: Answerer::default(),
            records: Records::default(),
            time: Time::default(),
            sends_max: u32::MAX,
            sends: 0,
            lost: BTreeMap::new(),
        }
    }

    /// Runs a machine to its end.
    pub(super) fn play<M>(&mut self, machine: &mut M) -> Result<M::Output, M::Error>
    where
        M: Machine<Output: Debug, Error: Failure + Debug> + Debug,
    {
        self.time.begin();
        self.go_on(machine)
    }

    /// The same, with time that has begun before.
    pub(super) fn go_on<M>(&mut self, machine: &mut M) -> Result<M::Output, M::Error>
    where
        M: Machine<Output: Debug, Error: Failure + Debug> + Debug,
    {
        (self.sends, self.lost) = (0, BTreeMap::new());
        for _ in 0..OPERATIONS_MAX {
            watch::silent(machine);
            // To look changes nothing, and neither does a ticket that is dropped.
            let now = self.time.now();
            let shown = watch::in_words(&machine.wanted(now));
            match machine.poll(now) {
                Ok(Step::Done(output)) => {
                    assert_eq!(shown, watch::NOTHING);
                    watch::silent(&output);
                    self.over(machine);
                    return Ok(output);
                }
                Ok(step) => assert_eq!(shown, watch::seen(&step)),
                Err(failure) => {
                    assert_eq!(shown, watch::NOTHING);
                    watch::silent(&failure);
                    watch::error(failure.error(), self.records.broken);
                    self.over(machine);
                    return Err(failure);
                }
            }
            assert_eq!(shown, watch::in_words(&machine.wanted(now)), "after a dropped ticket");
            match machine.poll(now) {
                Ok(step) => {
                    assert_eq!(shown, watch::seen(&step));
                    drive::perform(step, self);
                }
                Err(failure) => panic!("{shown}: dropped, it was {failure:?}"),
            }
        }
        panic!("no end after {OPERATIONS_MAX} operations: {machine:?}");
    }

    fn over<M: Machine<Error: Failure>>(&self, machine: &mut M) {
        watch::silent(&machine.take_notes());
        watch::finished(machine, self.time.now());
    }

    /// Runs a machine that ends in tokens, or may leave some: its caller keeps the refresh token.
    pub(super) fn play_for_tokens<M>(&mut self, machine: &mut M) -> Result<Tokens, Error>
    where
        M: Machine<Output = Tokens, Error = Failed> + Debug,
    {
        let outcome = self.go_on(machine);
        let tokens = match &outcome {
            Ok(tokens) => Some(tokens),
            Err(Failed { salvaged, .. }) => salvaged.as_deref(),
        };
        self.records.keep_refresh_token(tokens.and_then(|tokens| tokens.refresh_token.as_ref()));
        let outcome = outcome.map_err(|failed| failed.error);
        self.records.end(outcome.as_ref().err());
        outcome
    }

    /// What came of a request, if it was a poll.
    fn polled(&mut self, request: &Request, polled: Polled) {
        if is_poll(request) {
            self.time.polled(polled);
        }
    }

    /// After a lost answer a refresh token goes out once more, whatever happens then.
    fn spends(&mut self, request: &Request, outcome: &Sent) {
        let arrives = !matches!(outcome, Sent::Refused | Sent::Untrusted);
        let is_refresh = field(request, "grant_type").as_deref() == Some("refresh_token");
        let Some(token) = field(request, "refresh_token").filter(|_| arrives && is_refresh) else {
            return;
        };
        if let Some(more) = self.lost.get_mut(&token) {
            *more = more.saturating_add(1);
            // A store that answers nonsense may bring it back.
            let once = *more < 2 || self.records.broken;
            assert!(once, "a refresh token goes out again and again");
        } else if matches!(outcome, Sent::Unknown | Sent::Abandoned) {
            self.lost.insert(token, 0);
        }
    }

    fn answer(
        &mut self,
        in_flight: InFlight<'_>,
        request: &Request,
        answer: &Answer,
        took: Duration,
    ) {
        let written = self.answerer.write(request, answer);
        let headers: Vec<_> = written.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let response = Response::new(written.status, headers.iter().copied(), written.body.clone());
        watch::silent(&response);
        in_flight.complete(self.time.now(), took, Ok(response));
        self.polled(request, written.polled);
        if field(request, "grant_type").as_deref() == Some("refresh_token") {
            self.records.rotated(written.refresh_token, written.refresh_tokens);
        } else if is_poll(request) {
            self.records.given(written.refresh_token, written.refresh_tokens);
        }
    }
}

impl Around for Stage<'_> {
    fn now(&self) -> Timestamp {
        self.time.now()
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        let request = exchange.request().clone();
        watch::request(&request);
        self.time.send(request.timeout());
        self.sends = self.sends.saturating_add(1);
        assert!(self.sends <= self.sends_max, "more than {} requests", self.sends_max);
        if field(&request, "grant_type").as_deref() == Some("refresh_token") {
            let sent = field(&request, "refresh_token").unwrap_or_default();
            self.records.spends_refresh_token(&sent);
        }
        if is_poll(&request) {
            self.time.poll();
        }

        let Turn { jump, took, outcome } = turn(&self.script.sends, &mut self.played.sends);
        self.spends(&request, &outcome);
        let in_flight = exchange.begin();
        let no_response = match outcome {
            Sent::Abandoned => {
                drop(in_flight);
                return self.polled(&request, Polled::NoAnswer);
            }
            Sent::Answered(answer) => {
                self.time.pass(took.time(), jump);
                return self.answer(in_flight, &request, &answer, took.time());
            }
            Sent::Refused => NoResponse::NotSent("connection refused"),
            Sent::Unknown => NoResponse::Unknown("timed out"),
            Sent::Untrusted => {
                NoResponse::Tls(TlsFailure::Certificate(CertificateProblem::UnknownIssuer))
            }
            Sent::TooLarge => NoResponse::TooLarge(Box::new(Response::new(200, [], ""))),
        };
        self.time.pass(took.time(), jump);
        in_flight.complete(self.time.now(), took.time(), Err(no_response));
        self.polled(&request, Polled::NoAnswer);
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        watch::silent(access.request());
        let Turn { jump, took, outcome } = turn(&self.script.stores, &mut self.played.stores);
        self.time.pass(took.time(), jump);
        let others = self.answerer.tokens(self.time.now());
        let reply = self.records.perform(&access.request().operation, outcome, others);
        access.complete(took.time(), reply);
    }

    fn show(&mut self, show: Show<'_>) {
        watch::silent_in_words(show.prompt());
        let Turn { jump, took, .. } = turn(&self.script.asks, &mut self.played.asks);
        if let Prompt::DeviceCode(prompt) = show.prompt() {
            self.time.code_given(prompt);
        }
        self.time.pass(took.time(), jump);
        show.complete(took.time());
    }

    fn ask(&mut self, ask: Ask<'_>) {
        watch::silent(&ask.question());
        let Turn { jump, took, outcome } = turn(&self.script.asks, &mut self.played.asks);
        self.time.pass(took.time(), jump);
        match outcome {
            Asked::Shown => ask.give_up(took.time(), NoAnswer::OutOfTime),
            Asked::Cancelled => ask.give_up(took.time(), NoAnswer::Cancelled),
        }
    }

    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        self.time.wait(delay);
        let Turn { jump, took, outcome } = turn(&self.script.sleeps, &mut self.played.sleeps);
        let repeated = self.played.sleeps > self.script.sleeps.len();
        let slept = match outcome {
            // For ever, short sleeps would make every wait endless work.
            Slept::Less(parts) if !repeated => delay.mul_f64(f64::from(parts) / 256.0),
            Slept::Enough | Slept::Less(_) => delay,
            Slept::Longer => delay.saturating_add(took.time()),
        };
        let slept = slept.max(Duration::from_millis(1));
        self.time.sleep(slept, jump);
        pause.complete(slept);
    }
}

/// RFC 8628 §3.4.
fn is_poll(request: &Request) -> bool {
    field(request, "grant_type").is_some_and(|grant_type| grant_type.ends_with("device_code"))
}

/// The next turn of a list; at its end, the last one again.
fn turn<T: Clone + Default>(turns: &[Turn<T>], played: &mut usize) -> Turn<T> {
    let turn = turns.get(*played).or_else(|| turns.last());
    *played = played.saturating_add(1);
    turn.cloned().unwrap_or_default()
}

/// More than any limit of a script leaves time for: 255 s, and a lock that is tried each 15 ms.
const OPERATIONS_MAX: usize = 20_000;
