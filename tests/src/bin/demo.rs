//! The README's first command: a whole login against the embedded authorization server, over real
//! HTTP on loopback, through the same `Client` as the command `aiod-auth`.
//!
//! On a terminal it waits until you press Approve in a browser; with `--approve`, or without a
//! terminal, it presses the button itself.
#![expect(clippy::print_stdout, reason = "a demo talks")]

use std::{
    error::Error,
    io::{IsTerminal, stdout},
    time::Duration,
};

use aiod_auth_core::{Prompt, session::Demand};
use aiod_auth_store::{MemoryStore, Store};
use aiod_auth_tests::{
    sim::{Settings, serve},
    user::ALICE,
};
use aiod_auth_ureq::{Client, Profile};

fn main() -> Result<(), Box<dyn Error>> {
    let approve = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--approve") => true,
        Some(_) => return Err("the one argument is --approve".into()),
    };
    let by_itself = approve || !stdout().is_terminal();

    let running = serve(Settings { interval: Duration::from_secs(1), ..Settings::default() })?;
    println!(
        "1. An authorization server runs at {} (it ends with this program).\n",
        running.base_url
    );

    let profile = Profile::new(&running.base_url, "demo")?.with_scope("openid profile".parse()?);
    let store = std::sync::Arc::new(MemoryStore::default());
    let key = profile.key();
    let client = Client::new(profile, std::sync::Arc::clone(&store));
    println!("2. A login: discovery, a device code, and a user who approves it.\n");
    let mut approved = Ok(());
    let login = client.login(|prompt| {
        println!("{}\n", indented(&prompt.to_string()));
        if let (true, Prompt::DeviceCode(prompt)) = (by_itself, prompt) {
            println!("   (pressing Approve on that page as alice)\n");
            approved = ALICE.approve(prompt.page().as_str());
        }
    })?;
    approved?;
    let lifetime = login.tokens.lifetime().unwrap_or_default().as_secs();
    println!(
        "   Logged in: an access token for {lifetime} s, scope \"{}\", saved.\n",
        login.tokens.scope
    );

    let me = client.who_am_i()?;
    println!("3. Who am I? {}, roles {:?}.\n", me.name.as_deref().unwrap_or("nameless"), me.roles);

    let first = client.token_for(Demand::new())?;
    let second = client.token_for(Demand::new().forced())?;
    let rotated = match (&first.refresh_token, &second.refresh_token) {
        (Some(old), Some(new)) => !old.same_as(new),
        _ => false,
    };
    println!(
        "4. A refresh: a new access token ({}), a new refresh token ({}), saved before it was used ({}).\n",
        yes(!first.has_same_access_token(&second)),
        yes(rotated),
        yes(store.load(&key)?.is_some_and(|kept| kept.has_same_access_token(&second))),
    );

    client.log_out()?;
    let now_ms = aiod_auth_tests::sim::wall_clock_ms();
    let alive = running.simulator().access_token_is_alive(now_ms, second.access_token()?.expose());
    println!(
        "5. Logout: the server says that the session is over; the token is dead there ({}), and gone here ({}).\n",
        yes(!alive),
        yes(store.load(&key)?.is_none()),
    );

    println!("What went over the wire:");
    for handled in running.simulator().log() {
        println!("   {handled}");
    }
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("   {line}")).collect::<Vec<_>>().join("\n")
}

fn yes(really: bool) -> &'static str {
    if really { "yes" } else { "NO" }
}
