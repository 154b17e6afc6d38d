//! Drives a machine on a runtime that no adapter knows: here, a loop over `curl` processes.
//!
//!     cargo run -p aiod-auth-core --example by_hand -- https://auth.example.org/realms/lab my-tool
//!
//! (A toy: it tells every failure of curl apart as little as can be done. Look at `driver.rs` of an
//! adapter for a loop that tells "not sent" from "no answer".)
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::{
    env,
    error::Error,
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime},
};

use aiod_auth_core::{
    Login, Machine, NoResponse, Profile, Reply, Request, Response, RetryPolicy, Step,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (issuer, client_id) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
    let profile = Arc::new(Profile::new(&issuer, client_id)?);
    let mut login = Login::new(profile, None, Duration::from_secs(300), RetryPolicy::default());
    let logged_in = loop {
        let now = || SystemTime::now().into();
        let started = Instant::now();
        match login.poll(now())? {
            Step::Send(exchange) => {
                let in_flight = exchange.begin();
                let answer = curl(in_flight.request());
                let outcome = match &answer {
                    Ok((status, body)) => Ok(Response::new(*status, [], body.clone())),
                    Err(_) => Err(NoResponse::Unknown("curl failed")),
                };
                in_flight.complete(now(), started.elapsed(), outcome);
            }
            Step::Ask(ask) => {
                println!("{}", ask.prompt());
                ask.complete(started.elapsed(), Reply::Shown);
            }
            Step::Wait(pause) => {
                thread::sleep(pause.delay());
                pause.complete(started.elapsed());
            }
            Step::Store(access) => {
                let reply = access.request().answered_without_store();
                access.complete(started.elapsed(), Ok(reply));
            }
            Step::Done(logged_in) => break logged_in,
        }
    };
    println!("logged in, with the scope \"{}\"", logged_in.tokens.scope);
    Ok(())
}

/// Status and body. Headers and body go in by standard input: a command line is no place for a
/// secret.
fn curl(request: &Request) -> Result<(u16, Vec<u8>), Box<dyn Error>> {
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let mut config = format!("url = {}\n", quoted(request.url().as_str()));
    config += &format!("request = {}\n", request.method().as_str());
    for (name, value) in request.headers() {
        config += &format!("header = {}\n", quoted(&format!("{name}: {value}")));
    }
    if !request.body().is_empty() {
        config += &format!("data-binary = {}\n", quoted(core::str::from_utf8(request.body())?));
    }
    let mut curl = Command::new("curl")
        .args(["--silent", "--max-time", "30", "--write-out", "\n%{http_code}", "--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    curl.stdin.take().ok_or("no standard input")?.write_all(config.as_bytes())?;
    let output = curl.wait_with_output()?.stdout;
    let end = output.iter().rposition(|byte| *byte == b'\n').ok_or("no answer")?;
    let (body, status) = output.split_at(end);
    Ok((core::str::from_utf8(status)?.trim().parse()?, body.to_vec()))
}
