//! The grant of RFC 6749 §6: a refresh token, which is replaced by its use (RFC 9700 §4.14.2).

use super::Tokens;
use crate::sim::Simulator;
use crate::sim::clients::{Client, REFRESH_TOKEN, is_within};
use crate::sim::parameters::Parameters;
use crate::sim::refusal::Refusal;
use crate::sim::sessions::SessionId;
use crate::sim::time;

impl Simulator {
    pub(super) fn refresh_grant(
        &mut self,
        now_ms: u64,
        client: &Client,
        form: &Parameters,
    ) -> Result<Tokens, Refusal> {
        client.must_be_allowed(REFRESH_TOKEN)?;
        let presented = form.require("refresh_token")?;
        let found = self.sessions.refresh_token(presented, now_ms);
        let (refresh_token, session) = found
            .filter(|(_, session)| session.client_id == client.client_id)
            .ok_or_else(|| Refusal::invalid_grant("session not active"))?;
        let session_id = refresh_token.session;

        // RFC 9700 §4.14.2: a refresh token that is used again is known to two parties. The server
        // can't tell which of them is the attacker, so the session ends for both.
        let grace = self.settings.rotation_grace;
        let rotated_at_ms = refresh_token.rotated_at_ms;
        if rotated_at_ms.is_some_and(|rotated| now_ms >= time::after(rotated, grace)) {
            self.sessions.end(session_id);
            return Err(Refusal::invalid_grant("the refresh token was used before"));
        }

        // RFC 6749 §6: the same scope as was approved, or less.
        let scope = form.get("scope").unwrap_or(&session.scope).to_owned();
        if !is_within(&scope, &session.scope) {
            return Err(Refusal::invalid_scope("the user approved less than this"));
        }

        Ok(Tokens {
            access_token: self.new_access_token(now_ms, session_id, &scope),
            refresh_token: self.next_refresh_token(now_ms, session_id, presented),
            requested_scope: Some(scope.clone()),
            scope,
        })
    }

    /// The refresh token that takes the place of a used one; `None` if that one stays.
    fn next_refresh_token(
        &mut self,
        now_ms: u64,
        session: SessionId,
        used: &str,
    ) -> Option<String> {
        if self.settings.rotation {
            self.sessions.rotate(used, now_ms);
            return Some(self.new_refresh_token(now_ms, session));
        }
        let lifetime = self.settings.refresh_token_lifetime;
        self.sessions.extend(used, now_ms, lifetime);
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::http::Request;
    use crate::sim::testing::{body, check, log_in, refresh, simulator, tokens};

    #[test]
    fn a_refresh_token_is_replaced_by_its_use() {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        let second = tokens(&check(&mut simulator, 1, &refresh(&first), "200"));
        assert_ne!(first.refresh_token, second.refresh_token);
        assert!(!simulator.refresh_token_is_alive(1, &first.refresh_token));
        assert!(simulator.refresh_token_is_alive(1, &second.refresh_token));
        assert!(simulator.access_token_is_alive(1, &first.access_token));
        assert!(simulator.access_token_is_alive(1, &second.access_token));
        assert_eq!(simulator.grants(REFRESH_TOKEN), 1);
    }

    #[test]
    fn the_use_of_an_old_refresh_token_ends_the_session() {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        let second = tokens(&check(&mut simulator, 1, &refresh(&first), "200"));
        check(&mut simulator, 2, &refresh(&first), "400 invalid_grant");
        check(&mut simulator, 3, &refresh(&second), "400 invalid_grant");
        assert!(!simulator.access_token_is_alive(3, &second.access_token));
    }

    #[test]
    fn within_the_grace_an_old_refresh_token_still_works() {
        let mut simulator = simulator();
        simulator.settings.rotation_grace = Duration::from_secs(10);
        let first = log_in(&mut simulator, 0, "openid");
        let second = tokens(&check(&mut simulator, 1_000, &refresh(&first), "200"));
        check(&mut simulator, 10_999, &refresh(&first), "200");
        check(&mut simulator, 10_999, &refresh(&second), "200");
        check(&mut simulator, 11_000, &refresh(&first), "400 invalid_grant");
    }

    #[test]
    fn without_rotation_a_refresh_token_stays() {
        let mut simulator = simulator();
        simulator.settings.rotation = false;
        let first = log_in(&mut simulator, 0, "openid");
        for now_ms in [1_000_000, 2_000_000, 3_000_000] {
            let answer = check(&mut simulator, now_ms, &refresh(&first), "200");
            assert!(body(&answer).get("refresh_token").is_none());
        }
        check(&mut simulator, 4_800_000, &refresh(&first), "400 invalid_grant");
    }

    #[test]
    fn a_refresh_token_expires() {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        let second = tokens(&check(&mut simulator, 1_799_999, &refresh(&first), "200"));
        check(&mut simulator, 3_599_999, &refresh(&second), "400 invalid_grant");
    }

    #[test]
    fn ended_sessions_refresh_no_more() {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        simulator.end_sessions();
        check(&mut simulator, 1, &refresh(&first), "400 invalid_grant");
        assert!(!simulator.access_token_is_alive(1, &first.access_token));
    }

    #[test]
    fn a_clock_that_jumps_ahead_ends_tokens_early() {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        simulator.settings.clock_skew_s = 300;
        assert!(!simulator.access_token_is_alive(0, &first.access_token));
        simulator.settings.clock_skew_s = 1800;
        check(&mut simulator, 0, &refresh(&first), "400 invalid_grant");
    }

    #[test]
    fn scope_can_be_less_but_not_more() {
        let mut simulator = simulator();
        let mut newest = log_in(&mut simulator, 0, "openid profile");
        for (scope, outcome) in [
            ("profile", "200"),
            // Less was only for that access token: the approval has not changed.
            ("openid profile", "200"),
            ("openid roles", "400 invalid_scope"),
        ] {
            let form = [
                ("client_id", "demo"),
                ("grant_type", REFRESH_TOKEN),
                ("refresh_token", &newest.refresh_token),
                ("scope", scope),
            ];
            let answer = check(&mut simulator, 1, &Request::post("/token", &form), outcome);
            if outcome == "200" {
                newest = tokens(&answer);
            }
        }
        // A refusal has used nothing up.
        check(&mut simulator, 1, &refresh(&newest), "200");
    }

    #[test]
    fn a_refresh_token_is_for_the_client_that_got_it() {
        let mut simulator = simulator();
        simulator.clients.push(Client::public("other"));
        let first = log_in(&mut simulator, 0, "openid");
        for (client_id, refresh_token) in [
            ("other", first.refresh_token.as_str()),
            ("demo", &first.access_token),
            ("demo", "garbage"),
        ] {
            let form = [
                ("client_id", client_id),
                ("grant_type", REFRESH_TOKEN),
                ("refresh_token", refresh_token),
            ];
            check(&mut simulator, 1, &Request::post("/token", &form), "400 invalid_grant");
        }
        check(&mut simulator, 1, &refresh(&first), "200");
    }
}
