//! No token is printed that was not asked for.

use aiod_auth_core::Tokens;

use crate::support::{Workplace, command::Finished, user::alice_approves};

/// Neither the tokens nor their signatures, which nothing else has in it.
#[track_caller]
fn assert_no_token(finished: &Finished, tokens: &Tokens) {
    let refresh_token = tokens.refresh_token.as_ref().unwrap().expose();
    let id_token = tokens.id_token.as_ref().unwrap().expose();
    for token in [tokens.access_token().unwrap().expose(), refresh_token, id_token] {
        let (_, signature) = token.rsplit_once('.').unwrap();
        for secret in [token, signature] {
            assert!(!finished.stdout.contains(secret), "{finished:?}");
            assert!(!finished.stderr.contains(secret), "{finished:?}");
        }
    }
}

#[test]
fn status_shows_no_token() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid").logged_in();
    let record = place.record().unwrap();
    for status in ["status", "status --json", "-v status"] {
        let finished = place.run(status);
        finished.answer();
        assert_no_token(&finished, &record);
    }
}

#[test]
fn verbose_commands_say_what_they_sent_and_show_no_token() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid");
    let login = place.start("-v --json login");
    let login = login.prompts(alice_approves).finish();
    let first = place.record().unwrap();
    let refresh = place.run("-v refresh");
    let second = place.record().unwrap();

    for finished in [login, refresh, place.run("-v whoami"), place.run("-v logout")] {
        finished.answer();
        assert!(finished.stderr.contains("-> 20"), "{finished:?}");
        assert_no_token(&finished, &first);
        assert_no_token(&finished, &second);
    }
}

#[test]
fn verbose_token_shows_it_on_stdout_alone() {
    let place = Workplace::new("aiod", "aiod-sdk").with_scope("openid").logged_in();
    let mut finished = place.run("-v token --force-refresh");
    let record = place.record().unwrap();
    assert_eq!(finished.answer(), record.access_token().unwrap().expose());
    finished.stdout.clear();
    assert_no_token(&finished, &record);
}
