//! A device login with discovery, storage and refresh: the README's first example.
//!
//!     cargo run -p aiod-auth-ureq --example login -- https://auth.example.org/realms/lab my-tool
#![expect(clippy::print_stdout, reason = "an example talks")]

use std::{env, error::Error};

use aiod_auth_ureq::{Client, Profile, core::clean, store::FileStore};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (issuer, client_id) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());

    let profile = Profile::new(&issuer, client_id)?.with_scope("openid".parse()?);
    let client = Client::new(profile, FileStore::in_default_folder()?);
    let token = client.token_or_login(|prompt| println!("{prompt}"))?;
    let me = client.who_am_i()?;
    println!(
        "{} has a token until {:?}",
        clean(&me.name.or(me.subject).unwrap_or_default()),
        token.expires_at
    );
    Ok(())
}
