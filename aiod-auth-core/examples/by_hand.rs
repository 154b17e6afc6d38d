//! Drives a session on a runtime that no adapter knows: here, a loop over `curl` processes, and a store
//! that lives as long as the program.
//!
//!     cargo run -p aiod-auth-core --example by_hand -- https://auth.example.org/realms/lab my-tool
//!
//! (A toy: look at `driver.rs` of an adapter for a loop that tells "not sent" from "no answer", and at
//! `aiod-auth-store` for stores that keep what they are given.)
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::{
    env, error,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{
    Failed, Machine, NoAnswer, NoResponse, Profile, Request, Response, RetryPolicy, Step, Tokens,
    session::{Demand, Session, SessionTokens, StoreOperation, StoreReply, StoreRequest},
};

fn main() -> Result<(), Box<dyn error::Error>> {
    let mut args = env::args().skip(1);
    let (issuer, client_id) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let profile = Arc::new(Profile::new(&issuer, client_id)?);
    let mut store = InMemory::default();

    let (limit, policy) = (Duration::from_secs(300), RetryPolicy::default());
    let login = Session::token(Arc::clone(&profile), Demand::new(), policy).or_login(limit);
    let session = run(login, &mut store)?;
    println!("logged in, with the scope \"{}\"", session.tokens.scope);

    // A good token comes from the store: this one asks for another all the same, with a refresh.
    let refresh = Session::token(profile, Demand::new().forced(), policy);
    let session = run(refresh.with_cached(Some(session)), &mut store)?;
    println!("a new access token until {:?}", session.tokens.expires_at);
    Ok(())
}

/// A session has failed, and there may be a refresh token that is nowhere but here.
fn run(mut session: Session, store: &mut InMemory) -> Result<SessionTokens, Box<dyn error::Error>> {
    drive(&mut session, store).map_err(|Failed { error, salvaged, not_saved }| {
        if let Some(salvaged) = salvaged {
            let why = not_saved.map_or_else(String::new, |why| format!(" ({why})"));
            println!("what could not be saved{why} is kept for the next session");
            store.0 = Some(Arc::from(salvaged));
        }
        error.into()
    })
}

fn drive(session: &mut Session, store: &mut InMemory) -> Result<SessionTokens, Failed> {
    let now = || SystemTime::now().into();
    loop {
        let started = Instant::now();
        match session.poll(now())? {
            Step::Send(exchange) => {
                let in_flight = exchange.begin();
                let outcome = curl(in_flight.request());
                let outcome = outcome.map_err(|_| NoResponse::Unknown("curl failed"));
                in_flight.complete(now(), started.elapsed(), outcome);
            }
            Step::Store(access) => {
                let reply = store.perform(access.request());
                access.complete(started.elapsed(), Ok(reply));
            }
            Step::Show(show) => {
                println!("{}", show.prompt());
                show.complete(started.elapsed());
            }
            Step::Ask(ask) => ask.give_up(started.elapsed(), NoAnswer::Cancelled),
            Step::Wait(pause) => {
                thread::sleep(pause.delay());
                pause.complete(started.elapsed());
            }
            Step::Done(tokens) => return Ok(tokens),
        }
    }
}

/// One record, and one thread: the lock is always free, and no other program writes.
#[derive(Default)]
struct InMemory(Option<Arc<Tokens>>);

impl InMemory {
    fn perform(&mut self, request: &StoreRequest) -> StoreReply {
        match &request.operation {
            StoreOperation::Load => StoreReply::Loaded(self.0.clone()),
            StoreOperation::TryLock => StoreReply::Locked(true),
            StoreOperation::Save(tokens) | StoreOperation::SaveIfUnchanged(tokens, _) => {
                self.0 = Some(Arc::clone(tokens));
                StoreReply::Done
            }
            StoreOperation::Remove(_) => {
                self.0 = None;
                StoreReply::Done
            }
            StoreOperation::Prepare | StoreOperation::Unlock => StoreReply::Done,
        }
    }
}

/// Headers and body go in by standard input: a command line is no place for a secret. The answer's
/// headers come out before its body: `Retry-After` and `WWW-Authenticate` are among them.
fn curl(request: &Request) -> Result<Response, Box<dyn error::Error>> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut config = format!("url = {}\n", quoted(request.url().as_str()));
    config += &format!("request = {}\n", request.method().as_str());
    for (name, value) in request.headers() {
        config += &format!("header = {}\n", quoted(&format!("{name}: {value}")));
    }
    if !request.body().is_empty() {
        config += &format!("data-binary = {}\n", quoted(core::str::from_utf8(request.body())?));
    }
    let timeout = request.timeout().unwrap_or(Duration::from_secs(30)).as_secs_f64().to_string();
    let mut curl = Command::new("curl")
        .args(["--silent", "--max-time", &timeout, "--dump-header", "-", "--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    curl.stdin.take().ok_or("no standard input")?.write_all(config.as_bytes())?;
    response(&curl.wait_with_output()?.stdout).ok_or_else(|| "no answer".into())
}

/// `HTTP/1.1 200 OK`, headers, an empty line, the body.
fn response(answer: &[u8]) -> Option<Response> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end)?;
    let mut lines = core::str::from_utf8(head).ok()?.lines();
    let status = lines.next()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
    Some(Response::new(status, headers.iter().copied(), body.get(4..)?))
}
