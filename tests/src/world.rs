//! A world in virtual time: a server, a store, a person, and a clock that jumps to the next event.
//!
//! Every test of a flow reads as its transcript: which request went out when, and what came back.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use aiod_auth_core::{
    Error, Machine, NoResponse, Note, Profile, Prompt, Reply, Request, Response, RetryPolicy, Step,
    Timestamp,
    flow::Userinfo,
    session::{SessionTokens, WhoAmI},
};
use aiod_auth_store::{Lock, MemoryStore, perform};

use crate::sim;

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
    /// What the person was shown.
    pub prompts: Vec<Prompt>,
    /// What was tolerated in answers.
    pub notes: Vec<Note>,
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
    /// The person approves what they were shown last.
    Approve,
    /// The person refuses it.
    Deny,
    /// The wall clock jumps by so many seconds.
    ClockJumps(i64),
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
    /// The machine's.
    pub fn run<M: Machine>(&mut self, mut machine: M) -> Result<M::Output, Error> {
        self.run_with(&mut machine, |_| Reply::Shown)
    }

    /// Finds out who is logged in, as the clients do.
    ///
    /// # Errors
    /// As the machines'.
    pub fn who_am_i(
        &mut self,
        profile: &Arc<Profile>,
        mut held: Option<SessionTokens>,
        policy: RetryPolicy,
    ) -> Result<Asked, Error> {
        let mut who = WhoAmI::new(Arc::clone(profile), policy);
        loop {
            let mut session = who.session(who.demand()).with_held(held);
            let outcome = self.run_with(&mut session, |_| Reply::Cancelled);
            let session = who.got(&session, outcome)?;
            let mut request = who.request(&session)?;
            let outcome = self.run_with(&mut request, |_| Reply::Cancelled);
            if let Some(outcome) = who.answered(&request, outcome) {
                return outcome.map(|userinfo| Asked { userinfo, session });
            }
            held = Some(session);
        }
    }

    /// Runs a machine to its end with a person who answers like this.
    ///
    /// # Errors
    /// The machine's.
    pub fn run_with<M: Machine>(
        &mut self,
        machine: &mut M,
        mut person: impl FnMut(&Prompt) -> Reply,
    ) -> Result<M::Output, Error> {
        self.lock = None;
        loop {
            let step = machine.poll(self.now())?;
            if let Step::Ask(ask) = step {
                self.prompts.push(ask.prompt().clone());
                let reply = person(ask.prompt());
                ask.complete(Duration::ZERO, reply);
            } else if let Some(output) = self.perform(step) {
                return Ok(output);
            }
        }
    }

    /// Performs one step; the output, if that was the last one. A person sees what they are shown.
    pub fn perform<T>(&mut self, step: Step<'_, T>) -> Option<T> {
        match step {
            Step::Send(exchange) => {
                let in_flight = exchange.begin();
                let (took, reply) = self.send(in_flight.request());
                self.pass(took);
                match reply {
                    Ok(answer) => {
                        let headers = headers(&answer);
                        let response = Response::new(
                            answer.status,
                            headers.iter().copied(),
                            answer.body.clone(),
                        );
                        self.notes.extend(in_flight.complete(self.now(), took, Ok(response)));
                    }
                    Err(no_response) => {
                        in_flight.complete(self.now(), took, Err(no_response));
                    }
                }
            }
            Step::Store(access) => {
                let outcome = perform(Some(&self.store), access.request(), &mut self.lock);
                access.complete(Duration::ZERO, outcome);
            }
            Step::Ask(ask) => {
                self.prompts.push(ask.prompt().clone());
                ask.complete(Duration::ZERO, Reply::Shown);
            }
            Step::Wait(pause) => {
                let delay = pause.delay();
                self.pass(delay);
                pause.complete(delay);
            }
            Step::Done(output) => return Some(output),
        }
        None
    }

    /// What went over the wire since the last call, a line each: `5 s POST /token -> 400 slow_down`.
    pub fn transcript(&mut self) -> String {
        std::mem::take(&mut self.transcript).join("\n")
    }

    fn send(&mut self, request: &Request) -> (Duration, Result<sim::Answer, NoResponse>) {
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
                    _ => (took, Ok(answer)),
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
