//! A device login, as README shows it. What it costs to have this in a program is in `docs/costs.md`.

use aiod_auth_reqwest::{Client, Error, FileStore, Profile};

async fn run() -> Result<(), Error> {
    let profile = Profile::new("https://auth.example.org/realms/lab", "my-tool")?;
    let client =
        Client::new(profile.with_scope("openid".parse()?), FileStore::in_default_folder()?);
    let token = client.token_or_login(|prompt| println!("{prompt}")).await?;
    let header = token.authorization(); // "Bearer …": for your request; ask again for each
    println!("{} bytes", header.len());
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("error: {error}");
        if let Some(hint) = error.hint() {
            eprintln!("next: {hint}");
        }
        std::process::exit(1);
    }
}
