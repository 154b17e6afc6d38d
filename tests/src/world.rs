//! A world in virtual time: a server, a store, a user, and a clock that jumps to the next event.
//!
//! Every test of a flow reads as its transcript: which request went out when, and what came back.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use aiod_auth_core::{
    Ask, Credentials, Error, Exchange, Machine, MetadataCache, NoAnswer, NoResponse, Note,
    Password, Pause, Profile, Prompt, Request, Response, RetryPolicy, Show, Step, StoreAccess,
    Timestamp, Tokens,
    flow::Userinfo,
    session::{Demand, Session, SessionTokens, WhoAmI},
};
use aiod_auth_store::{Lock, MemoryStore, perform};

use crate::{
    drive::{self, Around, Failure},
    sim,
};

/// Everything around a machine.
#[derive(Debug)]
pub struct World {
    /// The authorization server.
    pub server: sim::Simulator,
    /// The store that sessions get.
    pub store: MemoryStore,
    lock: Option<Lock>,
    /// How long a request and its answer take.
    pub latency: Duration,
    /// What the user was shown.
    pub prompts: Vec<Prompt>,
    /// What was tolerated in the answers to machines that were run here.
    pub notes: Vec<Note>,
    /// What the user answers when asked: names, and places in a list. Nothing more cancels.
    pub answers: std::collections::VecDeque<UserAnswer>,
    /// What came with the last failure.
    pub salvaged: Option<Box<Tokens>>,
    /// What will happen, in milliseconds since the beginning.
    events: BTreeMap<u64, Vec<Event>>,
    elapsed_ms: u64,
    /// The wall clock is this far off, as after a jump.
    clock_offset_ms: i64,
    transcript: Vec<String>,
}

/// Who is logged in, and the tokens that they were asked with.
#[derive(Debug)]
pub struct Asked {
    /// What the server said.
    pub userinfo: Userinfo,
    /// They may be new.
    pub session: SessionTokens,
}

/// What happens while a machine waits.
#[derive(Clone, Debug)]
pub enum Event {
    /// The user approves what they were shown last.
    Approve,
    /// The user refuses it.
    Deny,
    /// The wall clock jumps by so many seconds.
    ClockJumps(i64),
}

/// What the user says to a question.
#[derive(Clone, Copy, Debug)]
pub enum UserAnswer {
    /// This password, as alice.
    Password(&'static str),
    /// This one of a list.
    Provider(usize),
    /// There is no way to ask the user.
    NoPrompt,
}

/// Where the simulated server is.
pub const ISSUER: &str = "http://127.0.0.1";

impl World {
    /// A new world with a server like this.
    #[must_use]
    pub fn new(settings: sim::Settings) -> Self {
        Self {
            server: sim::Simulator::new(ISSUER, 1, settings),
            store: MemoryStore::default(),
            lock: None,
            latency: Duration::ZERO,
            prompts: Vec::new(),
            notes: Vec::new(),
            answers: std::collections::VecDeque::new(),
            salvaged: None,
            events: BTreeMap::new(),
            elapsed_ms: 0,
            clock_offset_ms: 0,
            transcript: Vec::new(),
        }
    }

    /// Something will happen, so long from now.
    pub fn after(&mut self, delay: Duration, event: Event) {
        let at = self.elapsed_ms.saturating_add(millis(delay));
        self.events.entry(at).or_default().push(event);
    }

    /// Time goes by.
    pub fn pass(&mut self, time: Duration) {
        let end = self.elapsed_ms.saturating_add(millis(time));
        while let Some(entry) = self.events.first_entry().filter(|entry| *entry.key() <= end) {
            let (at, events) = entry.remove_entry();
            self.elapsed_ms = self.elapsed_ms.max(at);
            for event in events {
                self.happen(&event);
            }
        }
        self.elapsed_ms = end;
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.elapsed_ms).unwrap_or(i64::MAX);
        Timestamp::from_unix_millis(
            START_MS.saturating_add(elapsed).saturating_add(self.clock_offset_ms),
        )
    }

    /// Runs a machine to its end.
    ///
    /// # Errors
    /// The machine's. What was salvaged is in [`salvaged`](Self::salvaged).
    pub fn run<M: Machine<Error: Failure>>(&mut self, mut machine: M) -> Result<M::Output, Error> {
        self.run_with(&mut machine, |_, step| Some(step))
    }

    /// The same. `or_else` sees each step first: what it completes itself, it keeps.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_with<M: Machine<Error: Failure>>(
        &mut self,
        machine: &mut M,
        or_else: impl for<'step> FnMut(
            &mut Self,
            Step<'step, M::Output>,
        ) -> Option<Step<'step, M::Output>>,
    ) -> Result<M::Output, Error> {
        self.lock = None;
        let outcome = drive::run_with(machine, self, or_else);
        self.lock = None;
        self.notes.append(&mut machine.take_notes());
        let outcome = outcome.map_err(Failure::into_parts);
        outcome.map_err(|(error, salvaged)| {
            self.salvaged = salvaged;
            error
        })
    }

    /// Finds out who is logged in, as the clients do: once more, with other tokens, if these are rejected.
    ///
    /// # Errors
    /// As the machines'.
    pub fn who_am_i(
        &mut self,
        profile: &Arc<Profile>,
        cached: Option<SessionTokens>,
        policy: RetryPolicy,
    ) -> Result<Asked, Error> {
        let metadata = MetadataCache::default();
        let token = |demand, cached| {
            let session = Session::token(Arc::clone(profile), demand, policy);
            session.with_cached(cached).with_metadata(&metadata)
        };
        let question = |session| {
            let question = WhoAmI::new(Arc::clone(profile), session, policy);
            question.map(|question| question.with_metadata(&metadata))
        };
        let session = self.run(token(Demand::new(), cached))?;
        match self.run(question(&session)?) {
            Err(error) if error.asks_for_another_token() => {}
            outcome => return outcome.map(|userinfo| Asked { userinfo, session }),
        }
        let session = self.run(token(Demand::new().forced(), Some(session.clone())))?;
        let userinfo = self.run(question(&session)?)?;
        Ok(Asked { userinfo, session })
    }

    /// Performs one step; the output, if that was the last one.
    pub fn perform<T>(&mut self, step: Step<'_, T>) -> Option<T> {
        drive::perform(step, self)
    }

    /// What went over the wire since the last call, a line each: `5 s POST /token -> 400 slow_down`.
    pub fn transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript).join("\n")
    }

    fn answer(&mut self, request: &Request) -> (Duration, Result<Response, NoResponse>) {
        let at_ms = self.elapsed_ms.saturating_add(START_MS.unsigned_abs());
        let reply = self.server.handle(at_ms, &as_simulated(request));
        let mut line = String::new();
        let seconds = self.elapsed_ms / 1000;
        // The simulator writes down each request and what came of it.
        if let Some(handled) = self.server.log().last() {
            let _: Result<_, _> = write!(line, "{seconds} s {handled}");
        }
        self.transcript.push(line);
        match reply {
            sim::Reply::Answer(answer) => {
                let took = self.latency.saturating_add(answer.delay);
                match request.timeout() {
                    Some(limit) if took > limit => (limit, Err(NoResponse::Unknown("timed out"))),
                    _ => {
                        let (headers, body) = (headers(&answer), answer.body.clone());
                        let response = Response::new(answer.status, headers, body);
                        (took, Ok(response))
                    }
                }
            }
            sim::Reply::Dropped => (self.latency, Err(NoResponse::Unknown("connection reset"))),
        }
    }

    fn happen(&mut self, event: &Event) {
        let user_code = self.prompts.last().map(|prompt| match prompt {
            Prompt::DeviceCode(prompt) => prompt.user_code.clone(),
            _ => String::new(),
        });
        match (event, user_code) {
            (Event::Approve, Some(code)) => {
                self.server.approve(&code, "alice");
            }
            (Event::Deny, Some(code)) => {
                self.server.deny(&code);
            }
            (Event::ClockJumps(seconds), _) => {
                self.clock_offset_ms =
                    self.clock_offset_ms.saturating_add(seconds.saturating_mul(1000));
            }
            (Event::Approve | Event::Deny, None) => {}
        }
    }
}

impl Around for World {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }

    fn send(&mut self, exchange: Exchange<'_>) {
        let in_flight = exchange.begin();
        let (took, outcome) = self.answer(in_flight.request());
        self.pass(took);
        in_flight.complete(self.now(), took, outcome);
    }

    fn store(&mut self, access: StoreAccess<'_>) {
        let outcome = perform(Some(&self.store), access.request(), &mut self.lock);
        access.complete(Duration::ZERO, outcome);
    }

    fn show(&mut self, show: Show<'_>) {
        self.prompts.push(show.prompt().clone());
        show.complete(Duration::ZERO);
    }

    fn ask(&mut self, ask: Ask<'_>) {
        let nothing = Duration::ZERO;
        match (ask, self.answers.pop_front()) {
            (Ask::Password(asked), Some(UserAnswer::Password(password))) => {
                let known = asked.question().username.clone();
                let username = known.unwrap_or_else(|| "alice".into());
                asked.answer(nothing, Credentials { username, password: Password::new(password) });
            }
            (Ask::Provider(asked), Some(UserAnswer::Provider(place))) => {
                asked.answer(nothing, place);
            }
            (ask, Some(_)) => ask.give_up(nothing, NoAnswer::Impossible("there is no terminal")),
            (ask, None) => ask.give_up(nothing, NoAnswer::Cancelled),
        }
    }

    fn wait(&mut self, pause: Pause<'_>) {
        let delay = pause.delay();
        self.pass(delay);
        pause.complete(delay);
    }
}

/// A request as the simulator reads it.
#[must_use]
pub fn as_simulated(request: &Request) -> sim::Request {
    let url = request.url();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    sim::Request {
        method: request.method().as_str().to_owned(),
        target: format!("{}{query}", url.path()),
        headers: request
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: request.body().to_vec(),
    }
}

fn headers(answer: &sim::Answer) -> Vec<(&str, &str)> {
    answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
