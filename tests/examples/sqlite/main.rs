//! A client whose tokens are kept in a `SQLite` database: `cargo run --example sqlite -- FILE ISSUER CLIENT_ID`.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{env, error::Error};

use aiod_auth_core::Profile;
use aiod_auth_ureq::Client;
use store::SqliteStore;

#[allow(dead_code, reason = "this program seals nothing")]
mod store;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [file, issuer, client_id] = arguments.as_slice() else {
        return Err("usage: sqlite FILE ISSUER CLIENT_ID".into());
    };
    let store = SqliteStore::open(file.as_ref())?;
    let client = Client::new(Profile::new(issuer, client_id.as_str())?, store);
    let token = client.token_or_login(|prompt| println!("{prompt:?}"))?;
    println!("valid until {:?}", token.session().tokens.expires_at);
    Ok(())
}
