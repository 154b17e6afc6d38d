//! Programs that end while a client of theirs is refreshing.

use std::process::Command;

use aiod_auth_core::Timestamp;
use aiod_auth_store::FileStore;

use super::*;

/// Cut the `wait_at_most` in the blocking client's `Drop`, or `settled` in the program: this fails.
#[test]
fn a_program_that_ends_during_an_early_refresh_loses_nothing() {
    for client in ["blocking", "async"] {
        let running = server_over_sockets(seconds(300));
        let folder = tempfile::tempdir().unwrap();
        let client_id = profile_at(&running).client().id().to_owned();
        // As the program makes it.
        let profile = Profile::new(&running.base_url, &client_id).unwrap();
        let store = FileStore::new(folder.path());
        let mut old = session_at(&running);
        // Good for the next request, and time for a refresh.
        let now = Timestamp::from_unix_millis(wall_clock_ms().cast_signed());
        (old.issued_at, old.expires_at) =
            (now.saturating_sub(seconds(255)), Some(now.saturating_add(seconds(45))));
        store.save(&profile.key(), &old).unwrap();
        running.simulator().fault_at("/token", 1, Fault::Delay(seconds(1)));

        let mut program = Command::new(env!("CARGO_BIN_EXE_ends_early"));
        program.args([client, &running.base_url, &client_id]).arg(folder.path());
        let output = in_time("a program that ends early", move || program.output()).unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(refreshes(&running), 1, "{client}");
        let stored = store.load(&profile.key()).unwrap().unwrap();
        assert_ne!(access_token(&stored), access_token(&old), "{client}");
        let refresh_token = stored.refresh_token.unwrap();
        let is_alive =
            running.simulator().refresh_token_is_alive(wall_clock_ms(), refresh_token.expose());
        assert!(is_alive, "{client}");
    }
}
