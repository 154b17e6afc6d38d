//! Plays a script around a machine, and watches over what holds whatever happens.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use aiod_auth_core::{
    Ask, CertificateProblem, Error, Exchange, InFlight, Machine, NoResponse, Pause, Prompt, Reply,
    Request, Response, Step, StoreAccess, TlsFailure,
};

use super::{
    answer::{Answerer, field},
    pace::Polled,
    records::Records,
    script::{Answer, Asked, Script, Sent, Slept, Turn},
    time::Time,
    watch,
};

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
    pub(super) fn play<M>(&mut self, machine: &mut M) -> Result<M::Output, Error>
    where
        M: Machine<Output: Debug> + Debug,
    {
        self.time.begin();
        self.go_on(machine)
    }

    /// The same, with time that has begun before.
    pub(super) fn go_on<M>(&mut self, machine: &mut M) -> Result<M::Output, Error>
    where
        M: Machine<Output: Debug> + Debug,
    {
        (self.sends, self.lost) = (0, BTreeMap::new());
        for _ in 0..OPERATIONS_MAX {
            watch::silent(machine);
            // The first ticket is dropped: that must change nothing.
            let dropped = match machine.poll(self.time.now()) {
                Ok(Step::Done(output)) => {
                    watch::silent(&output);
                    watch::finished(machine, self.time.now());
                    return Ok(output);
                }
                Ok(step) => watch::seen(&step),
                Err(error) => return Err(self.failed(machine, error)),
            };
            match machine.poll(self.time.now()) {
                Ok(step) => {
                    assert_eq!(dropped, watch::seen(&step));
                    self.perform(step);
                }
                Err(error) => panic!("{dropped}: dropped, it was {error}"),
            }
        }
        panic!("no end after {OPERATIONS_MAX} operations: {machine:?}");
    }

    fn failed<M: Machine>(&self, machine: &mut M, error: Error) -> Error {
        watch::error(&error, self.records.broken);
        watch::finished(machine, self.time.now());
        error
    }

    fn perform<T>(&mut self, step: Step<'_, T>) {
        match step {
            Step::Send(exchange) => self.send(exchange),
            Step::Store(access) => self.store(access),
            Step::Ask(ask) => self.ask(ask),
            Step::Wait(pause) => self.sleep(pause),
            Step::Done(_) => {}
        }
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
            Sent::TooLarge => NoResponse::TooLarge,
        };
        self.time.pass(took.time(), jump);
        in_flight.complete(self.time.now(), took.time(), Err(no_response));
        self.polled(&request, Polled::NoAnswer);
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
        let notes = in_flight.complete(self.time.now(), took, Ok(response));
        watch::silent(&notes);
        self.polled(request, written.polled);
        if field(request, "grant_type").as_deref() == Some("refresh_token") {
            self.records.rotated(written.refresh_token, written.refresh_tokens);
        } else if is_poll(request) {
            self.records.given(written.refresh_tokens);
        }
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        watch::silent(access.request());
        let Turn { jump, took, outcome } = turn(&self.script.stores, &mut self.played.stores);
        self.time.pass(took.time(), jump);
        let others = self.answerer.tokens(self.time.now());
        let reply = self.records.perform(&access.request().operation, outcome, others);
        access.complete(took.time(), reply);
    }

    fn ask(&mut self, ask: Ask<'_>) {
        watch::silent_in_words(ask.prompt());
        let Turn { jump, took, outcome } = turn(&self.script.asks, &mut self.played.asks);
        if let Prompt::DeviceCode(prompt) = ask.prompt() {
            self.time.code_given(prompt);
        }
        self.time.pass(took.time(), jump);
        ask.complete(
            took.time(),
            match outcome {
                Asked::Shown => Reply::Shown,
                Asked::Cancelled => Reply::Cancelled,
            },
        );
    }

    fn sleep(&mut self, pause: Pause<'_>) {
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
