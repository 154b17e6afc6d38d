//! Which request goes to which endpoint, and what all answers have in common.

use super::Simulator;
use super::end_session::end_session_page;
use super::http::{Answer, Request};
use super::metadata::{END_SESSION, KEYCLOAK_LOGOUT};
use super::refusal::Refusal;
use super::time;

impl Simulator {
    /// The outcome for the log, and the answer.
    pub(super) fn process(&mut self, now_ms: u64, request: &Request) -> (String, Answer) {
        let now_ms = time::skewed(now_ms, self.settings.clock_skew_s);
        let (outcome, answer) = match self.route(now_ms, request) {
            Ok(answer) => (answer.status.to_string(), answer),
            Err(Refusal { error, answer }) if error.is_empty() => {
                (answer.status.to_string(), answer)
            }
            Err(Refusal { error, answer }) => (format!("{} {error}", answer.status), answer),
        };
        // RFC 6749 §5.1 asks for both headers where there are tokens, and they fit everywhere.
        let mut answer =
            answer.with_header("Cache-Control", "no-store").with_header("Pragma", "no-cache");
        if let Some(date) = time::http_date(now_ms) {
            answer = answer.with_header("Date", &date);
        }
        (outcome, answer)
    }

    fn route(&mut self, now_ms: u64, request: &Request) -> Result<Answer, Refusal> {
        match request.path() {
            path if path.starts_with("/api/v1/") => Ok(self.answer_as_tiled(now_ms, request)),
            "/.well-known/openid-configuration" if self.settings.openid_configuration => {
                request.must_be(&["GET"])?;
                Ok(self.metadata())
            }
            "/.well-known/oauth-authorization-server"
                if self.settings.oauth_authorization_server =>
            {
                request.must_be(&["GET"])?;
                Ok(self.metadata())
            }
            "/device_authorization" => {
                request.must_be(&["POST"])?;
                self.device_authorization(now_ms, request)
            }
            "/device" => {
                request.must_be(&["GET", "POST"])?;
                self.device_page(now_ms, request)
            }
            "/authorize" if self.settings.browser_flow => {
                request.must_be(&["GET"])?;
                self.authorization(now_ms, request)
            }
            "/token" => {
                request.must_be(&["POST"])?;
                self.token(now_ms, request)
            }
            "/revoke" => {
                request.must_be(&["POST"])?;
                self.revoke(request)
            }
            "/authorization_test" => {
                request.must_be(&["GET"])?;
                self.authorization_test(now_ms, request)
            }
            "/userinfo" => {
                request.must_be(&["GET", "POST"])?;
                self.userinfo(now_ms, request)
            }
            "/introspect" => {
                request.must_be(&["POST"])?;
                self.introspect(now_ms, request)
            }
            KEYCLOAK_LOGOUT if self.settings.keycloak_logout => {
                request.must_be(&["GET", "POST"])?;
                self.keycloak_logout(request)
            }
            END_SESSION if !self.settings.keycloak_logout => {
                request.must_be(&["GET", "POST"])?;
                Ok(end_session_page())
            }
            _ => Err(Refusal::not_found()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sim::testing::{check, simulator};

    use super::*;

    #[test]
    fn what_does_not_exist_is_not_found() {
        for path in ["/", "/favicon.ico", "/token/", "/Token", "//token", ""] {
            check(&mut simulator(), 0, &Request::get(path), "404");
        }
    }

    #[test]
    fn a_skewed_clock_shows_in_the_date() {
        let mut simulator = simulator();
        simulator.settings.clock_skew_s = -600;
        let answer = check(&mut simulator, 784_111_777_000, &Request::get("/"), "404");
        assert_eq!(answer.header("date"), Some("Sun, 06 Nov 1994 08:39:37 GMT"));
    }
}
