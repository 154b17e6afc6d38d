//! A program that asks for a token and ends, while the early refresh that the second call began is still
//! under way: `ends_early blocking|async ISSUER CLIENT_ID FOLDER`.

use std::{env, time::Duration};

use aiod_auth_core::Profile;
use aiod_auth_store::FileStore;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [which, issuer, client_id, folder] = arguments.as_slice() else {
        return Err("blocking|async ISSUER CLIENT_ID FOLDER".into());
    };
    let (profile, store) = (Profile::new(issuer, client_id)?, FileStore::new(folder));
    match which.as_str() {
        "blocking" => {
            // Dropped at the end, it waits.
            let client = aiod_auth_ureq::Client::new(profile, store);
            client.token()?;
            client.token()?;
            Ok(())
        }
        "async" => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(asynchronous(profile, store))
        }
        other => Err(format!("no client is called {other}").into()),
    }
}

/// As the docs' first example ends.
async fn asynchronous(profile: Profile, store: FileStore) -> Outcome {
    let client = aiod_auth_reqwest::Client::new(profile, store);
    client.token().await?;
    client.token().await?;
    client.settled(Duration::from_secs(30)).await;
    Ok(())
}
