//! The processes, and what happens to them.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use aiod_auth_core::{
    Ask, Endpoint, Entropy, Error, Failed, Listening, LoginMethod, Machine as _, MetadataCache,
    NoAnswer, NoResponse, Profile, Prompt, RefreshToken, Request, Response, RetryPolicy, Step,
    StoreFailure, Timestamp, Tokens,
    cache::{Caller, Job, LoginMark, TokenCache, Want},
    session::{
        Demand, LoggedOut, Logout, Persisted, Session, SessionTokens, StoreOperation, StoreReply,
        StoreRequest,
    },
};
use aiod_auth_store::{
    Lock, MemoryStore, Store, perform,
    simulated::{self, Disk},
};
use serde_json::Value;

use super::{
    Counts,
    dice::Dice,
    network::{Fate, garble},
    oracle::Oracle,
    setup::{self, Setup},
};
use crate::{
    sim::{self, DEVICE_CODE, Reply, Simulator},
    world::{ISSUER, as_simulated},
};

/// What did not hold.
type Checked<T = ()> = Result<T, String>;

pub(super) struct Run {
    dice: Dice,
    setup: Setup,
    server: Simulator,
    profile: Arc<Profile>,
    disk: Disk,
    memory: Arc<MemoryStore>,
    processes: Vec<Process>,
    oracle: Oracle,
    events: BTreeMap<(u64, u64), Event>,
    next_event: u64,
    now_ms: u64,
    wall_ms: i64,
    /// Things go wrong.
    is_rough: bool,
    is_logging_in: bool,
    /// There was another login, or a client that takes no lock: one may take the place of another.
    has_others: bool,
    /// Authorization codes that were redeemed.
    codes: u64,
    counts: Counts,
    transcript: Option<String>,
}

struct Process {
    id: usize,
    /// Counted up when it dies.
    life: u32,
    files: simulated::Process,
    store: Arc<dyn Store>,
    cache: TokenCache,
    metadata: MetadataCache,
    running: Option<Running>,
    waiting: Vec<Caller>,
    stopped_until: u64,
    /// The store fails for a time.
    store_fails_until: u64,
    /// Something has failed in the store since it began.
    has_store_failed: bool,
    /// A sync was not supported when it noted what its refresh would replace.
    has_weak_note: bool,
}

/// A machine at work.
struct Running {
    machine: Machine,
    lock: Option<Lock>,
    began: u64,
    stopped_ms: u64,
    pending: Pending,
    /// Refresh tokens that its answers brought.
    acknowledged: Vec<String>,
    /// Refresh tokens whose session is over, as the server said last.
    dead: Vec<String>,
}

enum Machine {
    Token(Box<Session>, Job, Option<Caller>),
    Login(Box<Session>, LoginMark),
    Logout(Box<Logout>, Job),
}

enum Pending {
    Nothing,
    Wait { since: u64 },
    Answer { since: u64, until: u64, request: Request, outcome: Option<(u64, Outcome)> },
    Browser { since: u64 },
}

type Outcome = Result<Response, NoResponse>;

enum Event {
    Wake(usize, u32),
    Arrive { process: usize, life: u32, request: Request, fate: Fate },
    Caller(usize),
    Die(usize),
    PowerFails,
    Stop(usize, u64),
    ClockJumps(i64),
    StoreFails(usize, u64),
    CarelessBegins,
    CarelessSaves(Tokens),
    Revoke,
    LogOut(usize),
    LogIn(usize),
    Approve(String),
}

enum Ended {
    Session(Result<SessionTokens, Failed>),
    Logout(Result<LoggedOut, Error>),
}

impl Run {
    pub(super) fn new(seed: u64, is_written: bool) -> Self {
        let mut dice = Dice::new(seed);
        let setup = Setup::new(&mut dice);
        let mut profile = Profile::new(ISSUER, "demo").unwrap();
        profile = profile.with_scope("openid profile".parse().unwrap());
        if setup.by_browser {
            profile = profile
                .with_login(LoginMethod::AuthorizationCode)
                .with_endpoint(Endpoint::Authorization, &format!("{ISSUER}/authorize"))
                .unwrap();
        }
        let mut run = Self {
            server: Simulator::new(ISSUER, seed, setup.server.clone()),
            profile: Arc::new(profile),
            disk: Disk::default(),
            memory: Arc::default(),
            processes: Vec::new(),
            oracle: Oracle::default(),
            events: BTreeMap::new(),
            next_event: 0,
            now_ms: 0,
            wall_ms: START_MS,
            is_rough: true,
            is_logging_in: false,
            // With a grace, two may go on from one.
            has_others: !setup.server.rotation_grace.is_zero(),
            codes: 0,
            counts: Counts { seeds: 1, ..Counts::default() },
            transcript: is_written.then(String::new),
            dice,
            setup,
        };
        for id in 0..run.setup.processes {
            let process = run.process(id);
            run.processes.push(process);
        }
        run
    }

    pub(super) fn ended(self) -> Result<Counts, (String, String)> {
        let (outcome, transcript) = self.ended_with_transcript();
        outcome.map_err(|what| (what, transcript))
    }

    pub(super) fn ended_with_transcript(mut self) -> (Checked<Counts>, String) {
        self.write(|run| format!("{:?}", run.setup));
        let outcome = self.play();
        let counts = self.counts;
        // What is dropped now is no part of it.
        for process in &self.processes {
            process.files.die_after(0, false);
        }
        (outcome.map(|()| counts), self.transcript.take().unwrap_or_default())
    }

    fn play(&mut self) -> Checked {
        self.begin()?;
        self.rough_time()?;
        self.calm_time()
    }

    /// A user has logged in.
    fn begin(&mut self) -> Checked {
        let tokens = self.log_in_at_once();
        let refresh_token = text(tokens.refresh_token.as_ref());
        let store = Arc::clone(&self.processes[0].store);
        store.save(&self.profile.key(), &tokens).map_err(|error| error.to_string())?;
        self.oracle.acknowledge(None, &refresh_token);
        self.oracle.promise(&refresh_token, 0);
        Ok(())
    }

    fn rough_time(&mut self) -> Checked {
        let (end, processes) = (self.setup.duration_ms, self.setup.processes);
        for _ in 0..self.setup.events {
            let (at, process) = (self.dice.within(0..end), self.dice.place(processes));
            let event = match self.dice.place(20) {
                0 => Event::Die(process),
                1 => Event::PowerFails,
                2 => Event::Stop(process, self.dice.within(1_000..150_000)),
                3 => Event::ClockJumps(
                    self.dice.one_of(&[-86_400, -3600, -50, -5, 5, 50, 3600, 86_400]) * 1000,
                ),
                4 => Event::StoreFails(process, self.dice.within(1_000..60_000)),
                5 => Event::CarelessBegins,
                6 if self.dice.happens(300) => Event::Revoke,
                7 if self.dice.happens(300) => Event::LogOut(process),
                8 if self.dice.happens(300) => Event::LogIn(process),
                _ => {
                    // Many at once, as at an expiry.
                    for process in 0..processes {
                        let at = at + self.dice.within(0..300);
                        self.at(at, Event::Caller(process));
                    }
                    Event::Caller(process)
                }
            };
            self.at(at, event);
        }
        while let Some(entry) = self.events.first_entry().filter(|it| it.key().0 < end) {
            let ((at, _), event) = entry.remove_entry();
            self.pass_until(at);
            self.happen(event)?;
            self.check()?;
        }
        Ok(())
    }

    /// Without further faults, every process saves what it has not saved yet. A process that starts after
    /// that has the session, if it lives.
    fn calm_time(&mut self) -> Checked {
        self.write(|_| "-- nothing goes wrong from here on".to_owned());
        self.is_rough = false;
        for process in &mut self.processes {
            process.files.heal();
            (process.store_fails_until, process.stopped_until) = (0, 0);
        }
        self.drain()?;
        for _ in 0..3 {
            // A refusal counts for a minute.
            self.pass_until(self.now_ms + 70_000);
            for process in 0..self.processes.len() {
                self.ask(process, Demand::new())?;
            }
            self.drain()?;
        }
        for process in &self.processes {
            if let Some(session) = process.cache.cached()
                && let Persisted::NotSaved(_) = session.persisted
                && !self.is_to_stay_beside_what_is_stored(&session.tokens)
            {
                return Err(format!("process {} does not save what it has", process.id));
            }
        }
        self.check()?;
        let lives = !self.oracle.acknowledged.is_empty();
        for process in 0..self.processes.len() {
            self.die(process);
        }
        // A token of before has expired, and so does each that one refresh brings.
        let lifetime = self.setup.server.access_token_lifetime + Duration::from_secs(100_000);
        self.pass_until(self.now_ms + u64::try_from(lifetime.as_millis()).unwrap());
        let (before, is_over) = (self.counts.refreshes, self.verdicts());
        self.ask(0, Demand::new())?;
        self.drain()?;
        let has_tokens = self.processes[0].cache.cached().is_some();
        if lives {
            self.counts.survived += 1;
        }
        match (lives, has_tokens) {
            (true, false) => Err("the session lives, and the next process has no token".into()),
            (_, true) if self.counts.refreshes == before => {
                Err("the next process has a token that has expired".into())
            }
            (false, false) if self.verdicts() > is_over + 1 => {
                Err("a dead session is asked for more than once".into())
            }
            _ => Ok(()),
        }
    }

    fn verdicts(&self) -> usize {
        let outcomes = self.server.log().iter().filter_map(|handled| handled.outcome.as_deref());
        outcomes.filter(|outcome| outcome.contains("invalid_grant")).count()
    }

    /// Until every machine is through.
    fn drain(&mut self) -> Checked {
        while let Some(entry) = self.events.first_entry() {
            let ((at, _), event) = entry.remove_entry();
            self.pass_until(at);
            match event {
                Event::Wake(..)
                | Event::Arrive { .. }
                | Event::Approve(_)
                | Event::CarelessSaves(_) => {
                    self.happen(event)?;
                    self.check()?;
                }
                _ => {}
            }
        }
        match self.processes.iter().find(|process| process.running.is_some()) {
            Some(process) => Err(format!("process {} hangs", process.id)),
            None => Ok(()),
        }
    }

    // What happens.

    fn happen(&mut self, event: Event) -> Checked {
        match event {
            Event::Wake(process, life) => self.wake(process, life),
            Event::Arrive { process, life, request, fate } => {
                self.arrive(process, life, &request, fate);
                Ok(())
            }
            Event::Caller(process) => {
                let demand = setup::demand(&mut self.dice);
                self.ask(process, demand)
            }
            Event::Die(process) => {
                self.die(process);
                Ok(())
            }
            Event::PowerFails => {
                self.power_fails();
                Ok(())
            }
            Event::Stop(process, millis) => {
                self.write(|_| format!("process {process} is stopped for {millis} ms"));
                let until = self.now_ms + millis;
                let process = &mut self.processes[process];
                process.stopped_until = process.stopped_until.max(until);
                if let Some(running) = &mut process.running {
                    running.stopped_ms += millis;
                }
                Ok(())
            }
            Event::ClockJumps(millis) => {
                self.write(|_| format!("the clock jumps by {millis} ms"));
                self.wall_ms += millis;
                Ok(())
            }
            Event::StoreFails(process, millis) => {
                self.write(|_| format!("the store of process {process} fails for {millis} ms"));
                self.processes[process].store_fails_until = self.now_ms + millis;
                Ok(())
            }
            Event::CarelessBegins => {
                self.careless_begins();
                Ok(())
            }
            Event::CarelessSaves(tokens) => {
                let store = self.other_store();
                let is_saved = store.save(&self.profile.key(), &tokens).is_ok();
                self.write(|_| format!("the careless client saves: {is_saved}"));
                if is_saved {
                    self.take_all_places();
                    let token = text(tokens.refresh_token.as_ref());
                    self.oracle.acknowledge(None, &token);
                    self.oracle.promise(&token, self.now_ms);
                }
                Ok(())
            }
            Event::Revoke => {
                self.write(|_| "the server ends all sessions".to_owned());
                self.server.end_sessions();
                Ok(())
            }
            Event::LogOut(process) => self.log_out(process),
            Event::LogIn(process) => self.log_in(process),
            Event::Approve(code) => {
                self.server.approve(&code, "alice");
                Ok(())
            }
        }
    }

    fn ask(&mut self, id: usize, demand: Demand) -> Checked {
        let process = &self.processes[id];
        let is_login = |running: &Running| matches!(running.machine, Machine::Login(..));
        // A login holds up no job; but here a process does one thing at a time.
        if process.stopped_until > self.now_ms || process.running.as_ref().is_some_and(is_login) {
            return Ok(());
        }
        let mut policy = RetryPolicy::default();
        policy.jitter_seed = self.dice.number();
        let caller = self.processes[id].cache.caller(demand, policy);
        self.go_on_asking(id, caller, Some(demand))
    }

    /// `demand`: it has only just begun to ask, so that a good token is had at once.
    fn go_on_asking(&mut self, id: usize, mut caller: Caller, demand: Option<Demand>) -> Checked {
        let now = self.now();
        let process = &mut self.processes[id];
        let has_good = process.cache.cached().is_some_and(|session| {
            demand.is_some_and(|demand| is_good(&session.tokens, demand, now))
        });
        let want = process.cache.want(&mut caller, now);
        let (at_once, job) = match want {
            Want::Use(session) => (Some(session), None),
            Want::UseAndRun(session, job) => (Some(session), Some((job, None))),
            Want::Run(job) => (None, Some((job, Some(caller)))),
            Want::Wait => {
                process.waiting.push(caller);
                (None, None)
            }
            Want::Fail(_) => (None, None),
        };
        if let Some((job, caller)) = job {
            let session = job.session(Arc::clone(&self.profile)).with_metadata(&process.metadata);
            self.write(|_| format!("process {id} runs a job"));
            self.run(id, Machine::Token(Box::new(session), job, caller))?;
        }
        match at_once {
            Some(session) if session.tokens.access_token.is_none() => {
                Err(format!("process {id}: a caller gets no access token"))
            }
            None if has_good => Err(format!("process {id}: a caller does not get the good token")),
            _ => Ok(()),
        }
    }

    fn log_in(&mut self, id: usize) -> Checked {
        let process = &mut self.processes[id];
        if self.is_logging_in || process.running.is_some() || process.stopped_until > self.now_ms {
            return Ok(());
        }
        (self.is_logging_in, self.has_others) = (true, true);
        self.counts.logins += 1;
        let mark = process.cache.begin_login();
        let policy = RetryPolicy::default();
        let session = Session::login(Arc::clone(&self.profile), Duration::from_secs(300), policy)
            .with_cached(process.cache.cached().map(|cached| SessionTokens::clone(cached)))
            .with_metadata(&process.metadata);
        self.write(|_| format!("process {id} logs in"));
        self.run(id, Machine::Login(Box::new(session), mark))
    }

    fn log_out(&mut self, id: usize) -> Checked {
        let now = self.now();
        let process = &mut self.processes[id];
        if process.stopped_until > self.now_ms || self.is_logging_in || process.running.is_some() {
            return Ok(());
        }
        let policy = RetryPolicy::default();
        let Some(job) = process.cache.begin_logout(policy, now) else { return Ok(()) };
        let logout = Logout::new(Arc::clone(&self.profile), job.cached(), policy)
            .with_metadata(&process.metadata);
        self.write(|_| format!("process {id} logs out"));
        self.run(id, Machine::Logout(Box::new(logout), job))
    }

    fn run(&mut self, id: usize, machine: Machine) -> Checked {
        let running = Running {
            machine,
            lock: None,
            began: self.now_ms,
            stopped_ms: 0,
            pending: Pending::Nothing,
            acknowledged: Vec::new(),
            dead: Vec::new(),
        };
        self.processes[id].running = Some(running);
        self.go_on(id)
    }

    fn wake(&mut self, id: usize, life: u32) -> Checked {
        let process = &self.processes[id];
        if process.life != life || process.running.is_none() {
            return Ok(());
        }
        if process.stopped_until > self.now_ms {
            self.at(process.stopped_until, Event::Wake(id, life));
            return Ok(());
        }
        self.go_on(id)
    }

    /// As far as the machine gets without time.
    fn go_on(&mut self, id: usize) -> Checked {
        loop {
            self.counts.steps += 1;
            if self.counts.steps > STEPS_MAX {
                return Err(format!("no end after {STEPS_MAX} steps"));
            }
            let Some(mut running) = self.processes[id].running.take() else { return Ok(()) };
            let outcome = self.step(id, &mut running);
            match outcome? {
                Next::Go => self.processes[id].running = Some(running),
                Next::At(at) => {
                    let life = self.processes[id].life;
                    self.processes[id].running = Some(running);
                    self.at(at, Event::Wake(id, life));
                    return Ok(());
                }
                Next::Stay => {
                    self.processes[id].running = Some(running);
                    return Ok(());
                }
                Next::Died => {
                    self.processes[id].running = Some(running);
                    self.die(id);
                    return Ok(());
                }
                Next::Ended(ended) => return self.machine_ended(id, running, ended),
            }
        }
    }

    fn step(&mut self, id: usize, running: &mut Running) -> Checked<Next> {
        let now = self.now();
        let Running { machine, lock, pending, .. } = running;
        // One shape for the steps of both.
        macro_rules! step {
            ($machine:expr, $ended:path) => {
                match $machine.poll(now) {
                    Err(failure) => Ok(Next::Ended($ended(Err(failure)))),
                    Ok(Step::Done(output)) => Ok(Next::Ended($ended(Ok(output)))),
                    Ok(Step::Send(exchange)) => {
                        let request = exchange.request().clone();
                        match self.answer_of(id, pending, &request)? {
                            Err(next) => Ok(next),
                            Ok((took, outcome)) => {
                                exchange.begin().complete(now, took, outcome.clone());
                                *pending = Pending::Nothing;
                                self.answered(id, running, &request, &outcome);
                                Ok(Next::Go)
                            }
                        }
                    }
                    Ok(Step::Store(access)) => {
                        let request = access.request().clone();
                        let is_logout = matches!(stringify!($ended), "Ended::Logout");
                        let (took, outcome) = self.store(id, lock, &request, is_logout)?;
                        let has_died = self.has_died(id);
                        access.complete(took, outcome);
                        match has_died {
                            true => Ok(Next::Died),
                            false if took.is_zero() => Ok(Next::Go),
                            false => Ok(Next::At(self.now_ms + millis(took))),
                        }
                    }
                    Ok(Step::Wait(pause)) => match *pending {
                        Pending::Wait { since } => {
                            let slept = Duration::from_millis(self.now_ms - since);
                            *pending = Pending::Nothing;
                            pause.complete(slept);
                            Ok(Next::Go)
                        }
                        _ => {
                            *pending = Pending::Wait { since: self.now_ms };
                            Ok(Next::At(self.now_ms + millis(pause.delay()).max(1)))
                        }
                    },
                    Ok(Step::Show(show)) => {
                        if let Prompt::DeviceCode(prompt) = show.prompt() {
                            let at = self.now_ms + self.dice.within(1_000..20_000);
                            self.at(at, Event::Approve(prompt.user_code.clone()));
                        }
                        show.complete(Duration::ZERO);
                        Ok(Next::Go)
                    }
                    Ok(Step::Ask(Ask::Listen(asked))) => {
                        let mut entropy = || {
                            let mut bytes = [0; 32];
                            bytes[..8].copy_from_slice(&self.dice.number().to_le_bytes());
                            Entropy::new(bytes)
                        };
                        let entropy = [entropy(), entropy()];
                        let bound = SocketAddr::from(([127, 0, 0, 1], 8080));
                        asked.answer(Duration::ZERO, Listening { bound, entropy });
                        Ok(Next::Go)
                    }
                    Ok(Step::Ask(Ask::Redirect(asked))) => match *pending {
                        Pending::Browser { since } => {
                            let request = &asked.question().request;
                            let pairs: BTreeMap<_, _> =
                                request.url().query_pairs().into_owned().collect();
                            self.codes += 1;
                            let back = format!(
                                "{}?code=code-{}&state={}",
                                request.redirect_uri(),
                                self.codes,
                                pairs["state"],
                            );
                            let redirect = request.pasted(&back);
                            *pending = Pending::Nothing;
                            asked.answer(Duration::from_millis(self.now_ms - since), redirect);
                            Ok(Next::Go)
                        }
                        _ => {
                            *pending = Pending::Browser { since: self.now_ms };
                            Ok(Next::At(self.now_ms + self.dice.within(1_000..20_000)))
                        }
                    },
                    Ok(Step::Ask(ask)) => {
                        ask.give_up(Duration::ZERO, NoAnswer::Cancelled);
                        Ok(Next::Go)
                    }
                }
            };
        }
        match machine {
            Machine::Token(session, ..) | Machine::Login(session, _) => {
                step!(session, Ended::Session)
            }
            Machine::Logout(logout, _) => step!(logout, Ended::Logout),
        }
    }

    // The network.

    /// The answer, if it is there; or when to look again.
    fn answer_of(
        &mut self,
        id: usize,
        pending: &mut Pending,
        request: &Request,
    ) -> Checked<Result<(Duration, Outcome), Next>> {
        if let Pending::Answer { since, until, outcome, .. } = pending {
            let took = Duration::from_millis(self.now_ms - *since);
            return Ok(match outcome.take() {
                // It is there, however late it is read.
                Some((at, found)) if at <= self.now_ms => Ok((took, found)),
                other => {
                    *outcome = other;
                    if self.now_ms < *until {
                        let at = outcome.as_ref().map_or(*until, |(at, _)| *at.min(until));
                        return Ok(Err(Next::At(at)));
                    }
                    Ok((took, Err(NoResponse::Unknown("timed out"))))
                }
            });
        }
        self.sends(id, request)?;
        let permille = if self.is_rough { self.setup.network_faults } else { 0 };
        // Most requests of a run find servers.
        let is_token = request.url().path() == "/token";
        let fate = Fate::new(&mut self.dice, if is_token { permille } else { permille / 4 });
        self.counts.network_faults += u64::from(!matches!(fate, Fate::Fine));
        let since = self.now_ms;
        let until = since + request.timeout().map_or(3_600_000, millis);
        let out = self.dice.within(1..200);
        self.write(|_| {
            let token = field(request, "refresh_token").unwrap_or_default();
            format!("process {id} sends {} {token}: {fate:?}", request.url().path())
        });
        let at_once = |why| Some((since + out, Err(why)));
        let outcome = match fate {
            Fate::Refused => at_once(NoResponse::NotSent("connection refused")),
            Fate::DropBefore => at_once(NoResponse::Unknown("connection reset")),
            _ => None,
        };
        let next = outcome.as_ref().map_or(until, |(at, _)| *at);
        if outcome.is_none() {
            let life = self.processes[id].life;
            let request = request.clone();
            self.at(since + out, Event::Arrive { process: id, life, request, fate });
        }
        *pending = Pending::Answer { since, until, request: request.clone(), outcome };
        Ok(Err(Next::At(next)))
    }

    /// A client sends this.
    fn sends(&mut self, id: usize, request: &Request) -> Checked {
        if let Some(code) = field(request, "code") {
            self.oracle.sends_code(&code)?;
        }
        if !is_refresh(request) {
            return Ok(());
        }
        let token = field(request, "refresh_token").unwrap_or_default();
        let (disk, memory, key) = (&self.disk, &self.memory, self.profile.key());
        let cache = &self.processes[id].cache;
        let in_memory = self.setup.in_memory;
        self.oracle.sends_refresh_token(&token, id, |newer| {
            let stored = match in_memory {
                true => memory.load(&key).ok().flatten().is_some_and(|it| is_token(&it, newer)),
                false => disk.holds(newer),
            };
            stored || cache.cached().is_some_and(|it| is_token(&it.tokens, newer))
        })
    }

    fn arrive(&mut self, id: usize, life: u32, request: &Request, fate: Fate) {
        let answer = match &fate {
            Fate::Instead(answer) => Some(answer.clone()),
            _ => self.handle(request),
        };
        if matches!(fate, Fate::Twice) {
            self.handle(request);
        }
        let mut delay = self.dice.within(1..200);
        let answer = match fate {
            Fate::DropAfter => Some(Err(NoResponse::Unknown("connection reset"))),
            Fate::Silence => None,
            Fate::Late(late) => {
                delay = millis(late);
                answer.map(Ok)
            }
            Fate::ActsAndSays(answer) => Some(Ok(answer)),
            Fate::Garbled => answer.map(|mut answer| {
                garble(&mut answer, &mut self.dice);
                Ok(answer)
            }),
            _ => answer.map(Ok),
        };
        let process = &mut self.processes[id];
        let Some(answer) = answer.filter(|_| process.life == life) else { return };
        let at = self.now_ms + delay;
        let answer = answer.map(|answer| {
            let headers: Vec<_> = answer
                .headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            Response::new(answer.status, headers, answer.body)
        });
        if let Some(running) = &mut process.running
            && let Pending::Answer { request: pending, outcome, .. } = &mut running.pending
            && pending.url() == request.url()
            && pending.body() == request.body()
        {
            *outcome = Some((at, answer));
            self.at(at, Event::Wake(id, life));
        }
    }

    fn handle(&mut self, request: &Request) -> Option<sim::Answer> {
        let request = as_simulated(request);
        let code = form_field(&request.body, "code");
        let reply = match code {
            Some(code) => self.redeem(&code),
            None => self.server.handle(self.true_ms(), &request),
        };
        self.write(|run| run.server.log().last().map(|it| format!("  {it}")).unwrap_or_default());
        match reply {
            Reply::Answer(answer) => Some(answer),
            Reply::Dropped => None,
        }
    }

    /// The server that is simulated has no browser: a login stands for it.
    fn redeem(&mut self, _code: &str) -> Reply {
        self.log_in_reply()
    }

    fn log_in_reply(&mut self) -> Reply {
        let at = self.true_ms();
        let form = [("client_id", "demo"), ("scope", "openid profile")];
        let reply = self.server.handle(at, &sim::Request::post("/device_authorization", &form));
        let device = body(&reply);
        self.server.approve(device["user_code"].as_str().unwrap(), "alice");
        let form = [
            ("client_id", "demo"),
            ("grant_type", DEVICE_CODE),
            ("device_code", device["device_code"].as_str().unwrap()),
        ];
        self.server.handle(at, &sim::Request::post("/token", &form))
    }

    fn log_in_at_once(&mut self) -> Tokens {
        let reply = self.log_in_reply();
        self.tokens(&body(&reply))
    }

    fn tokens(&self, body: &Value) -> Tokens {
        let token = |name: &str| body[name].as_str().unwrap().to_owned();
        let mut tokens = Tokens::new(
            aiod_auth_core::AccessToken::new(token("access_token")).unwrap(),
            self.now(),
        );
        let lifetime = Duration::from_secs(body["expires_in"].as_u64().unwrap());
        tokens.expires_at = Some(self.now().saturating_add(lifetime));
        tokens.refresh_token = body["refresh_token"].as_str().map(RefreshToken::new);
        tokens.scope = "openid profile".parse().unwrap();
        tokens
    }

    /// A machine was told what came of its request.
    fn answered(&mut self, id: usize, running: &mut Running, request: &Request, outcome: &Outcome) {
        let sent = field(request, "refresh_token").filter(|_| is_refresh(request));
        if let Some(sent) = &sent {
            self.oracle.has_sent(sent);
        }
        self.write(|_| {
            let status = outcome.as_ref().map(Response::status);
            format!("process {id} is told {status:?}")
        });
        if let (Err(NoResponse::NotSent(_)), Some(code)) = (outcome, field(request, "code")) {
            self.oracle.has_not_sent_code(&code);
        }
        let answer = outcome.as_ref().ok();
        let body: Value =
            answer.and_then(|it| serde_json::from_slice(it.body()).ok()).unwrap_or_default();
        let status = answer.map(Response::status);
        match sent.clone() {
            Some(sent) if status == Some(400) && body["error"] == "invalid_grant" => {
                running.dead.push(sent);
            }
            // This one may live, beside a dead one.
            Some(_) => running.dead.clear(),
            None => {}
        }
        if status != Some(200) || request.url().path() != "/token" {
            return;
        }
        if let Some(new) = body["refresh_token"].as_str() {
            running.acknowledged.push(new.to_owned());
            self.counts.refreshes += u64::from(sent.is_some());
            self.oracle.acknowledge(sent.as_deref(), new);
        } else if body["access_token"].is_string() {
            self.counts.refreshes += u64::from(sent.is_some());
        }
    }

    // The store.

    fn store(
        &mut self,
        id: usize,
        lock: &mut Option<Lock>,
        request: &StoreRequest,
        is_logout: bool,
    ) -> Checked<(Duration, Result<StoreReply, StoreFailure>)> {
        if matches!(request.operation, StoreOperation::Remove(_)) && !is_logout {
            return Err(format!("process {id} removes the record without a logout"));
        }
        let saved = match &request.operation {
            StoreOperation::Save(tokens) | StoreOperation::SaveIfUnchanged(tokens, _) => {
                tokens.refresh_token.as_ref().map(|token| token.expose().to_owned())
            }
            _ => None,
        };
        let process = &self.processes[id];
        let lasts = process.store_fails_until > self.now_ms;
        let dies = self.is_rough
            && !self.setup.in_memory
            && self.dice.happens(self.setup.deaths * if saved.is_some() { 4 } else { 1 });
        let fails = lasts || self.is_rough && self.dice.happens(self.setup.store_faults);
        let process = &mut self.processes[id];
        let mut outcome = None;
        if dies {
            let after = self.dice.place(14);
            process.files.die_after(after, after % 2 == 1);
        } else if fails && self.setup.in_memory {
            process.has_store_failed = true;
            outcome = Some(Err(StoreFailure::new("simulated")));
        } else if fails {
            let (errno, after) = (self.dice.one_of(&ERRNOS), self.dice.place(14));
            match lasts {
                true => process.files.fail_from(0, errno),
                false => process.files.fail_after(after, errno),
            }
        } else {
            process.files.heal();
        }
        let outcome = outcome.unwrap_or_else(|| perform(Some(&*process.store), request, lock));
        if dies && process.files.has_failed() {
            let failed = process.files.failed();
            self.write(|_| {
                format!("process {id} dies in {}, before {failed}", word(&request.operation))
            });
        } else {
            let has_failed = process.files.has_failed();
            process.has_store_failed |= has_failed;
            self.counts.store_faults += u64::from(has_failed);
            if has_failed {
                let failed = process.files.failed();
                self.write(|_| format!("process {id}: {failed} fails"));
            }
            self.processes[id].files.heal();
            if let (Some(token), Err(failure), true) = (&saved, &outcome, has_failed && !lasts) {
                return Err(format!(
                    "process {id}: one failure, and {token} is nowhere: {failure}"
                ));
            }
            if has_failed && matches!(request.operation, StoreOperation::Prepare) {
                self.processes[id].has_weak_note = true;
            }
            if let (Some(token), Ok(StoreReply::Done)) = (&saved, &outcome) {
                self.oracle.promise(token, self.now_ms);
                if has_failed {
                    // A sync may not be supported, or of the folder: that is said, and no failure.
                    self.oracle.promise_is_weak(token);
                }
                if self.oracle.acknowledged.contains(token) && !self.is_stored(token) {
                    return Err(format!("process {id}: the store says that it has {token}"));
                }
            }
            self.write(|_| {
                let came = outcome.as_ref().map(reply_word).map_err(ToString::to_string);
                format!("process {id}: {} {came:?}", word(&request.operation))
            });
        }
        if let (StoreOperation::Save(_), Some(token)) = (&request.operation, &saved)
            && self.is_stored(token)
        {
            // A login: it is in the place of all others, whatever becomes of this process.
            self.take_all_places();
            self.oracle.acknowledge(None, token);
        } else if let (true, Some(token), Ok(StoreReply::Done)) =
            (self.has_others, &saved, &outcome)
            && self.is_alive(token)
        {
            self.take_all_places();
            self.oracle.acknowledge(None, token);
        }
        if let (true, Some(token), Ok(StoreReply::Conflict(_))) =
            (self.has_others, &saved, &outcome)
        {
            // What another program has stored meanwhile stays.
            self.oracle.excuse(token);
        }
        let took =
            Duration::from_millis(if self.dice.happens(300) { self.dice.within(1..30) } else { 0 });
        Ok((took, outcome))
    }

    fn has_died(&self, id: usize) -> bool {
        // What fails is healed at once: so this is a death.
        self.processes[id].files.has_failed()
    }

    fn is_stored(&self, token: &str) -> bool {
        match self.setup.in_memory {
            true => {
                let stored = self.memory.load(&self.profile.key()).ok().flatten();
                stored.is_some_and(|tokens| is_token(&tokens, token))
            }
            false => self.disk.holds(token),
        }
    }

    /// Whether the record holds neither this one nor what it was refreshed from.
    fn is_of_a_replaced_login(&self, token: &str) -> bool {
        let stored = self.other_store().load(&self.profile.key()).ok().flatten();
        let stored = stored.map(|it| text(it.refresh_token.as_ref()));
        self.has_others
            && stored.is_some_and(|it| it != token && !self.oracle.is_successor(token, &it))
    }

    /// Whether the record holds another session: newer tokens, or not what a refresh has replaced by these. Which of
    /// the two sessions is over is not known then: both are kept.
    fn is_to_stay_beside_what_is_stored(&self, unsaved: &Tokens) -> bool {
        let stored = self.other_store().load(&self.profile.key()).ok().flatten();
        let Some(stored) = stored.filter(|it| it.session_ended_at.is_none()) else { return false };
        let token = text(unsaved.refresh_token.as_ref());
        (stored.issued_at > unsaved.issued_at || self.oracle.is_of_a_refresh(&token))
            && !self.oracle.is_successor(&token, &text(stored.refresh_token.as_ref()))
    }

    fn other_store(&self) -> Arc<dyn Store> {
        match self.setup.in_memory {
            true => Arc::new(Arc::clone(&self.memory)),
            false => Arc::new(self.disk.process().store(FOLDER)),
        }
    }

    /// It takes no lock, and looks at nothing.
    fn careless_begins(&mut self) {
        let stored = self.other_store().load(&self.profile.key()).ok().flatten();
        let Some(token) = stored.and_then(|tokens| tokens.refresh_token) else { return };
        let form = [
            ("client_id", "demo"),
            ("grant_type", sim::REFRESH_TOKEN),
            ("refresh_token", token.expose()),
        ];
        self.has_others = true;
        self.write(|_| format!("the careless client sends {}", token.expose()));
        let reply = self.server.handle(self.true_ms(), &sim::Request::post("/token", &form));
        let body = body(&reply);
        if body["refresh_token"].is_string() {
            let tokens = self.tokens(&body);
            let at = self.now_ms + self.dice.within(1..5_000);
            self.at(at, Event::CarelessSaves(tokens));
        }
    }

    // Ends.

    fn machine_ended(&mut self, id: usize, running: Running, ended: Ended) -> Checked {
        let now = self.now();
        let Running { machine, lock, began, stopped_ms, acknowledged, dead, .. } = running;
        drop(lock);
        let took_ms = self.now_ms - began;
        let process = &mut self.processes[id];
        let had_good =
            process.cache.cached().is_some_and(|it| is_good(&it.tokens, Demand::new(), now));
        match (machine, ended) {
            (Machine::Token(_, job, caller), Ended::Session(outcome)) => {
                self.write(|_| format!("process {id}: the job ends in {}", ending(&outcome)));
                if took_ms > TIME_LIMIT_MS + stopped_ms {
                    return Err(format!("process {id}: a job of {took_ms} ms"));
                }
                self.check_session(id, &outcome, &acknowledged)?;
                if let Err(Failed { error, .. }) = &outcome {
                    let waits_for_lock = error.to_string().contains("holds the lock");
                    if waits_for_lock && (1_000..TIME_TO_WAIT_MS).contains(&took_ms) {
                        return Err(format!(
                            "process {id}: the lock is given up after {took_ms} ms"
                        ));
                    }
                    if dead.iter().any(|token| self.is_stored(token))
                        && !matches!(error, Error::SessionEnded(_))
                    {
                        return Err(format!(
                            "process {id}: a dead session is not noticed: {error}"
                        ));
                    }
                    if error.asks_for_login() {
                        self.check_login_is_needed(id, began)?;
                    }
                }
                if let Ok(session) = &outcome {
                    self.takes_place(id, &session.tokens, &acknowledged);
                }
                let asks_for_login =
                    matches!(&outcome, Err(failed) if failed.error.asks_for_login());
                let has_failed = outcome.is_err();
                let process = &mut self.processes[id];
                let finished = process.cache.finish(job, outcome, now);
                let has_good = process
                    .cache
                    .cached()
                    .is_some_and(|it| it.tokens.valid_for(now) != Some(Duration::ZERO));
                if had_good && has_failed && !has_good && !asks_for_login {
                    return Err(format!("process {id}: a good token was given up"));
                }
                drop((finished, caller));
                let waiting = std::mem::take(&mut process.waiting);
                for caller in waiting {
                    self.go_on_asking(id, caller, None)?;
                }
                if asks_for_login && self.dice.happens(300) && self.is_rough {
                    self.log_in(id)?;
                }
                Ok(())
            }
            (Machine::Login(_, mark), Ended::Session(outcome)) => {
                self.write(|_| format!("process {id}: the login ends in {}", ending(&outcome)));
                self.is_logging_in = false;
                self.check_session(id, &outcome, &acknowledged)?;
                let is_new = outcome.is_ok();
                let process = &mut self.processes[id];
                drop(process.cache.finish_login(mark, outcome, now));
                // A program that takes no lock may have saved its own in the same moment.
                let is_replaced = |token: &String| {
                    self.has_others && self.oracle.is_promised(token) && !self.is_stored(token)
                };
                let newest = acknowledged.last().filter(|newest| is_new && !is_replaced(newest));
                if let Some(newest) = newest {
                    self.take_all_places();
                    self.oracle.acknowledge(None, newest);
                }
                Ok(())
            }
            (Machine::Logout(_, job), Ended::Logout(outcome)) => {
                self.write(|_| format!("process {id}: the logout ends in {outcome:?}"));
                let process = &mut self.processes[id];
                process.cache.finish_logout(job, &outcome, now);
                let waiting = std::mem::take(&mut process.waiting);
                for caller in waiting {
                    self.go_on_asking(id, caller, None)?;
                }
                Ok(())
            }
            _ => Err("a machine of another kind ended".into()),
        }
    }

    /// Another login is in the place of all that there were.
    fn take_all_places(&mut self) {
        let all: Vec<String> = self.oracle.acknowledged.iter().cloned().collect();
        for token in all {
            self.oracle.excuse(&token);
        }
    }

    /// These are stored by a program that takes no lock, or a login, in the place of what this process had.
    fn takes_place(&mut self, id: usize, tokens: &Tokens, acknowledged: &[String]) {
        let token = text(tokens.refresh_token.as_ref());
        if !self.has_others || !self.is_stored(&token) {
            return;
        }
        let cached = self.processes[id].cache.cached();
        let cached = cached.map(|it| text(it.tokens.refresh_token.as_ref()));
        for other in acknowledged.iter().cloned().chain(cached).filter(|other| *other != token) {
            self.oracle.excuse(&other);
        }
    }

    /// What a session says about where its tokens are.
    fn check_session(
        &self,
        id: usize,
        outcome: &Result<SessionTokens, Failed>,
        acknowledged: &[String],
    ) -> Checked {
        let Ok(session) = outcome else { return Ok(()) };
        let token = text(session.tokens.refresh_token.as_ref());
        if !acknowledged.contains(&token) || !self.oracle.acknowledged.contains(&token) {
            return Ok(());
        }
        match session.persisted {
            Persisted::Saved if !self.oracle.is_promised(&token) => {
                Err(format!("process {id}: {token} is handed out before it is saved"))
            }
            Persisted::NotSaved(_) if !self.processes[id].has_store_failed => {
                Err(format!("process {id}: {token} is not saved, and nothing failed"))
            }
            _ => Ok(()),
        }
    }

    /// Not while there is a session that this process could go on with.
    fn check_login_is_needed(&self, id: usize, began: u64) -> Checked {
        let cached = self.processes[id].cache.cached();
        let is_there = |token: &&String| {
            self.is_alive(token)
                && (self.oracle.was_promised_before(token, began) && self.is_stored(token)
                    || cached.is_some_and(|it| is_token(&it.tokens, token)))
        };
        match self.oracle.acknowledged.iter().find(is_there) {
            Some(token) => Err(format!("process {id} asks for a login, and {token} lives")),
            None => Ok(()),
        }
    }

    /// No acknowledged token is lost.
    fn check(&mut self) -> Checked {
        let (server, at) = (&self.server, self.true_ms());
        self.oracle.forget_dead(|token| server.refresh_token_is_alive(at, token));
        if self.oracle.acknowledged.is_empty() {
            return Ok(());
        }
        let is_kept = |token: &String| {
            self.processes.iter().any(|process| {
                let cached = process.cache.cached().is_some_and(|it| is_token(&it.tokens, token));
                let running = process.running.as_ref();
                cached || running.is_some_and(|it| it.acknowledged.contains(token))
            }) || self.is_stored(token)
        };
        match self.oracle.acknowledged.iter().any(is_kept) {
            true => Ok(()),
            false => Err(format!("lost: {:?}", self.oracle.acknowledged)),
        }
    }

    fn is_alive(&self, token: &str) -> bool {
        self.server.refresh_token_is_alive(self.true_ms(), token)
    }

    // Deaths.

    fn process(&self, id: usize) -> Process {
        let files = self.disk.process();
        let store: Arc<dyn Store> = match self.setup.in_memory {
            true => Arc::new(Arc::clone(&self.memory)),
            false => Arc::new(files.store(FOLDER)),
        };
        Process {
            id,
            life: 0,
            files,
            store,
            cache: TokenCache::new(self.profile.key()),
            metadata: MetadataCache::default(),
            running: None,
            waiting: Vec::new(),
            stopped_until: 0,
            store_fails_until: 0,
            has_store_failed: false,
            has_weak_note: false,
        }
    }

    /// Another one is in its place at once.
    fn die(&mut self, id: usize) {
        self.write(|_| format!("process {id} is killed"));
        self.counts.deaths += 1;
        let mut new = self.process(id);
        let old = &mut self.processes[id];
        new.life = old.life + 1;
        // What it had open does nothing more when it is dropped.
        if !old.files.has_failed() {
            old.files.die_after(0, false);
        }
        let old = std::mem::replace(old, new);
        if let Some(running) = &old.running {
            if let Pending::Answer { request, .. } = &running.pending
                && let Some(token) = field(request, "refresh_token")
            {
                self.oracle.has_sent(&token);
            }
            self.is_logging_in &= !matches!(running.machine, Machine::Login(..));
        }
        let mut known: Vec<String> =
            old.running.iter().flat_map(|it| it.acknowledged.iter().cloned()).collect();
        known.extend(old.cache.cached().map(|it| text(it.tokens.refresh_token.as_ref())));
        let old_has_weak_note = old.has_weak_note;
        drop(old);
        for token in known {
            if old_has_weak_note {
                self.oracle.note_is_weak(&token);
            }
            // It died before it could write it, or its store had failed; or before it saw that another login
            // had taken the place of what it refreshed.
            let is_lost = !self.is_stored(&token) || self.is_of_a_replaced_login(&token);
            if !self.oracle.is_promised(&token) && is_lost {
                self.oracle.excuse(&token);
            }
        }
    }

    fn power_fails(&mut self) {
        self.write(|_| "the power fails".to_owned());
        self.counts.power_failures += 1;
        for id in 0..self.processes.len() {
            self.die(id);
        }
        if self.setup.in_memory {
            return;
        }
        let seed = self.dice.number();
        self.disk.lose_power(seed);
        let lost: Vec<String> = self.oracle.acknowledged.iter().cloned().collect();
        for token in lost {
            let is_held = self.disk.holds(&token) && !self.oracle.has_weak_note(&token);
            if !self.oracle.survives_power_failure(&token) && !is_held {
                self.oracle.excuse(&token);
            }
        }
    }

    // Time.

    fn at(&mut self, at: u64, event: Event) {
        self.next_event += 1;
        self.events.insert((at.max(self.now_ms), self.next_event), event);
    }

    fn pass_until(&mut self, at: u64) {
        let passed = at.saturating_sub(self.now_ms);
        self.now_ms = self.now_ms.max(at);
        self.wall_ms += i64::try_from(passed).unwrap() * self.setup.clock_permille / 1000;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.wall_ms)
    }

    fn true_ms(&self) -> u64 {
        START_MS.unsigned_abs() + self.now_ms
    }

    fn write(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.transcript.is_some() {
            let line = line(self);
            let now_ms = self.now_ms;
            if let Some(transcript) = &mut self.transcript {
                let _: Result<_, _> = writeln!(transcript, "{now_ms:>9} {line}");
            }
        }
    }
}

enum Next {
    Go,
    At(u64),
    #[expect(dead_code, reason = "an answer wakes it")]
    Stay,
    Died,
    Ended(Ended),
}

/// As a user would say: it has not expired, and does not at once.
fn is_good(tokens: &Tokens, demand: Demand, now: Timestamp) -> bool {
    if demand.force || tokens.session_ended_at.is_some() || tokens.access_token.is_none() {
        return false;
    }
    let (Some(left), Some(lifetime)) = (tokens.valid_for(now), tokens.lifetime()) else {
        return true;
    };
    // What was issued in the future says nothing.
    let is_of_now = tokens.issued_at <= now;
    let min_valid = demand.min_valid.unwrap_or_else(|| Duration::from_secs(30).min(lifetime / 10));
    is_of_now && left > min_valid
}

fn is_token(tokens: &Tokens, token: &str) -> bool {
    tokens.refresh_token.as_ref().is_some_and(|found| found.expose() == token)
}

fn text(token: Option<&RefreshToken>) -> String {
    token.map(|token| token.expose().to_owned()).unwrap_or_default()
}

fn is_refresh(request: &Request) -> bool {
    field(request, "grant_type").as_deref() == Some(sim::REFRESH_TOKEN)
}

fn field(request: &Request, name: &str) -> Option<String> {
    form_field(request.body(), name)
}

fn form_field(body: &[u8], name: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(body);
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn body(reply: &Reply) -> Value {
    match reply {
        Reply::Answer(answer) => serde_json::from_slice(&answer.body).unwrap_or_default(),
        Reply::Dropped => Value::Null,
    }
}

fn ending(outcome: &Result<SessionTokens, Failed>) -> String {
    match outcome {
        Ok(session) => {
            let token = text(session.tokens.refresh_token.as_ref());
            format!("{:?} {token}, early: {:?}", session.persisted, session.early_refresh_failed)
        }
        Err(failed) => format!("{} (salvaged: {})", failed.error, failed.salvaged.is_some()),
    }
}

fn word(operation: &StoreOperation) -> &'static str {
    match operation {
        StoreOperation::Load => "load",
        StoreOperation::TryLock => "lock",
        StoreOperation::Prepare => "prepare",
        StoreOperation::Save(_) => "save",
        StoreOperation::SaveIfUnchanged(..) => "save if unchanged",
        StoreOperation::Remove(_) => "remove",
        StoreOperation::Unlock => "unlock",
    }
}

fn reply_word(reply: &StoreReply) -> String {
    match reply {
        StoreReply::Loaded(tokens) => {
            let token = tokens.as_ref().map(|it| text(it.refresh_token.as_ref()));
            format!("loaded {token:?}")
        }
        StoreReply::Locked(is_locked) => format!("locked {is_locked}"),
        StoreReply::Busy { lease_left, .. } => format!("busy, leased for {lease_left:?}"),
        StoreReply::LockedAfterInterruption(at) => format!("locked, interrupted at {at}"),
        StoreReply::Done => "done".into(),
        StoreReply::Conflict(theirs) => format!("conflict {}", text(theirs.refresh_token.as_ref())),
        StoreReply::NoStore => "no store".into(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// 2026-01-01T00:00:00Z.
const START_MS: i64 = 1_767_225_600_000;
const FOLDER: &str = "/tokens";
/// ENOSPC, EIO, EACCES, EINTR, EDQUOT, EOPNOTSUPP, EBUSY on Linux.
const ERRNOS: [i32; 7] = [28, 5, 13, 4, 122, 95, 16];
const STEPS_MAX: u64 = 100_000;
/// A job waits for the lock as long as it may, by whatever clock; or, to refresh early, not at all.
const TIME_TO_WAIT_MS: u64 = 55_000;
/// A job has 60 s; the rest is what the store took.
const TIME_LIMIT_MS: u64 = 65_000;
