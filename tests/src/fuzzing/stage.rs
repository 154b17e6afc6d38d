//! Plays a script around a machine, and watches over what holds whatever happens.

use std::{fmt::Debug, time::Duration};

use aiod_auth_core::{
    Ask, Error, Exchange, InFlight, Machine, NoResponse, Pause, Prompt, Reply, Request, Response,
    Step, StoreAccess, Timestamp,
};

use super::{
    answer::{Answerer, field},
    pace::{Pace, Polled},
    records::Records,
    script::{Answer, Asked, Jump, Script, Sent, Slept, Turn},
    watch,
};

/// Everything around a machine.
pub(super) struct Stage<'s> {
    script: &'s Script,
    played: Played,
    pub(super) answerer: Answerer,
    pub(super) records: Records,
    /// How long the machine may take in all.
    pub(super) limit: Option<Duration>,
    elapsed: Duration,
    clock: Timestamp,
    /// Of the device code that the person was shown.
    pace: Option<Pace>,
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
            limit: None,
            elapsed: Duration::ZERO,
            clock: Timestamp::from_unix_millis(START_MS),
            pace: None,
        }
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.clock
    }

    /// Runs a machine to its end.
    pub(super) fn play<M>(&mut self, machine: &mut M) -> Result<M::Output, Error>
    where
        M: Machine<Output: Debug> + Debug,
    {
        (self.elapsed, self.pace) = (Duration::ZERO, None);
        for _ in 0..OPERATIONS_MAX {
            watch::silent(machine);
            // The first ticket is dropped: that must change nothing.
            let dropped = match machine.poll(self.now()) {
                Ok(Step::Done(output)) => {
                    watch::silent(&output);
                    watch::finished(machine, self.now());
                    return Ok(output);
                }
                Ok(step) => watch::seen(&step),
                Err(error) => {
                    watch::error(&error, self.records.broken);
                    watch::finished(machine, self.now());
                    return Err(error);
                }
            };
            let step = machine.poll(self.now());
            assert_eq!(dropped, step.as_ref().map_or_else(ToString::to_string, watch::seen));
            match step {
                Ok(Step::Send(exchange)) => self.send(exchange),
                Ok(Step::Store(access)) => self.store(access),
                Ok(Step::Ask(ask)) => self.ask(ask),
                Ok(Step::Wait(pause)) => self.sleep(pause),
                Ok(Step::Done(_)) | Err(_) => {}
            }
        }
        panic!("no end after {OPERATIONS_MAX} operations: {machine:?}");
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        let request = exchange.request().clone();
        watch::request(&request);
        let grant_type = field(&request, "grant_type").unwrap_or_default();
        if grant_type == "refresh_token" {
            self.records.spends_refresh_token();
        }
        if grant_type.ends_with("device_code") {
            self.pace.iter().for_each(Pace::poll);
            self.check_left(request.timeout().unwrap_or(Duration::MAX));
        }

        let Turn { jump, took, outcome } = turn(&self.script.sends, &mut self.played.sends);
        let in_flight = exchange.begin();
        let no_response = match outcome {
            Sent::Abandoned => return self.abandon(in_flight),
            Sent::Answered(answer) => {
                self.pass(took.time(), jump);
                return self.answer(in_flight, &request, &answer, took.time());
            }
            Sent::Refused => NoResponse::NotSent("connection refused"),
            Sent::Unknown => NoResponse::Unknown("timed out"),
            Sent::Untrusted => NoResponse::Untrusted,
            Sent::TooLarge => NoResponse::TooLarge,
        };
        self.pass(took.time(), jump);
        in_flight.complete(self.now(), took.time(), Err(no_response));
        self.polled(Polled::NoAnswer);
    }

    fn abandon(&mut self, in_flight: InFlight<'_>) {
        drop(in_flight);
        self.polled(Polled::NoAnswer);
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
        let response = Response::new(written.status, &headers, &written.body);
        watch::silent(&response);
        in_flight.complete(self.now(), took, Ok(response));
        self.polled(if written.slow_down { Polled::SlowDown } else { Polled::Answered });
        if field(request, "grant_type").as_deref() == Some("refresh_token") {
            self.records.rotated(written.refresh_token);
        }
    }

    fn polled(&mut self, polled: Polled) {
        if let Some(pace) = &mut self.pace {
            pace.answered(polled);
        }
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        watch::silent(access.request());
        let Turn { jump, took, outcome } = turn(&self.script.stores, &mut self.played.stores);
        self.pass(took.time(), jump);
        let others = self.answerer.tokens(self.now());
        let reply = self.records.perform(&access.request().operation, outcome, others);
        access.complete(took.time(), reply);
    }

    fn ask(&mut self, ask: Ask<'_>) {
        watch::silent_in_words(ask.prompt());
        let Turn { jump, took, outcome } = turn(&self.script.asks, &mut self.played.asks);
        if let Prompt::DeviceCode(prompt) = ask.prompt() {
            self.pace = Some(Pace::new(prompt));
        }
        self.pass(took.time(), jump);
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
        let Turn { jump, took, outcome } = turn(&self.script.sleeps, &mut self.played.sleeps);
        let repeated = self.played.sleeps > self.script.sleeps.len();
        let slept = match outcome {
            // For ever, short sleeps would make every wait endless work.
            Slept::Less(parts) if !repeated => delay.mul_f64(f64::from(parts) / 256.0),
            Slept::Enough | Slept::Less(_) => delay,
            Slept::Longer => delay.saturating_add(took.time()),
        };
        let slept = slept.max(Duration::from_millis(1));
        self.pass(slept, jump);
        if let Some(pace) = &mut self.pace {
            pace.sleep(slept);
        }
        pause.complete(slept);
    }

    /// What a login asks for ends within its limit.
    fn check_left(&self, time: Duration) {
        if let Some(limit) = self.limit {
            let left = limit.saturating_sub(self.elapsed);
            assert!(time <= left && !left.is_zero(), "{time:?}, and {left:?} are left");
        }
    }

    fn pass(&mut self, time: Duration, jump: Jump) {
        self.elapsed = self.elapsed.saturating_add(time);
        if let Some(pace) = &mut self.pace {
            pace.pass(time);
        }
        let jump_ms = match jump {
            Jump::None => 0,
            Jump::Seconds(seconds) => i64::from(seconds).saturating_mul(1000),
            Jump::Millis(millis) => millis,
        };
        let later = self.clock.saturating_add(time).as_unix_millis();
        self.clock = Timestamp::from_unix_millis(later.saturating_add(jump_ms));
    }
}

/// The next turn of a list; at its end, the last one again.
fn turn<T: Clone + Default>(turns: &[Turn<T>], played: &mut usize) -> Turn<T> {
    let turn = turns.get(*played).or_else(|| turns.last());
    *played = played.saturating_add(1);
    turn.cloned().unwrap_or_default()
}

/// More than any limit of a script leaves time for: 255 s, and a lock that is tried each 15 ms.
const OPERATIONS_MAX: usize = 20_000;

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
