//! The simulator: an authorization server as a plain struct.
//!
//! It has no socket, no clock, no thread and no randomness but its seed: the same seed, issuer and
//! calls give the same bytes. It behaves as the RFCs say, until a [`Fault`] is asked for.
//!
//! ```
//! use aiod_auth_tests::sim::{DEVICE_CODE, Reply, Request, Settings, Simulator};
//!
//! let mut simulator = Simulator::new("http://as.test", 1, Settings::default());
//! let request = Request::post("/device_authorization", &[("client_id", "demo")]);
//! let Reply::Answer(answer) = simulator.handle(0, &request) else { panic!("dropped") };
//! let device: serde_json::Value = serde_json::from_slice(&answer.body)?;
//!
//! simulator.approve(device["user_code"].as_str().unwrap_or_default(), "alice");
//! let poll = Request::post("/token", &[
//!     ("client_id", "demo"),
//!     ("grant_type", DEVICE_CODE),
//!     ("device_code", device["device_code"].as_str().unwrap_or_default()),
//! ]);
//! simulator.handle(5_000, &poll);
//! assert_eq!(simulator.log()[1].to_string(), "POST /token -> 200");
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! [`serve`] puts the same struct behind real HTTP on loopback.

mod authorization;
mod client_authentication;
mod clients;
mod device_authorization;
mod device_codes;
mod device_page;
mod end_session;
mod endpoints;
mod faults;
mod http;
mod introspection;
mod log;
mod metadata;
mod pages;
mod parameters;
mod random;
mod refusal;
mod revocation;
mod serve;
mod sessions;
mod settings;
#[cfg(test)]
mod testing;
pub mod tiled;
mod time;
mod token;
mod userinfo;

pub use clients::{
    AUTHORIZATION_CODE, CLIENT_CREDENTIALS, Client, DEVICE_CODE, PASSWORD, REFRESH_TOKEN, User,
};
pub use faults::Fault;
pub use http::{Answer, Reply, Request};
pub use log::Handled;
pub use serve::{Running, serve, serve_below, wall_clock_ms};
pub use settings::Settings;

use authorization::AuthorizationCode;
use device_codes::{DeviceCode, State};
use faults::Faults;
use random::Random;
use serde_json::Value;
use sessions::Sessions;

/// The authorization server.
#[derive(Debug)]
pub struct Simulator {
    /// How it behaves.
    pub settings: Settings,
    /// The registered clients: `demo`, `bot` and `bot:odd id`, unless changed.
    pub clients: Vec<Client>,
    /// The users who may approve: `alice` and `bob`, unless changed.
    pub users: Vec<User>,
    issuer: String,
    random: Random,
    device_codes: Vec<DeviceCode>,
    authorization_codes: Vec<AuthorizationCode>,
    sessions: Sessions,
    /// The Tiled server below `/api/v1/`.
    pub tiled: tiled::Tiled,
    faults: Faults,
    log: Vec<Handled>,
}

impl Simulator {
    /// A server whose endpoints are below `issuer`, an address without a path.
    #[must_use]
    pub fn new(issuer: &str, seed: u64, settings: Settings) -> Self {
        Self {
            settings,
            clients: clients::initial_clients(),
            users: clients::initial_users(),
            issuer: issuer.to_owned(),
            random: Random::new(issuer, seed),
            device_codes: Vec::new(),
            authorization_codes: Vec::new(),
            sessions: Sessions::default(),
            tiled: tiled::Tiled::default(),
            faults: Faults::default(),
            log: Vec::new(),
        }
    }

    /// Answers a request that arrives at `now_ms` (Unix milliseconds).
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Reply {
        let fault = self.faults.next(request.path());
        let (outcome, reply) = match fault.as_ref().and_then(Fault::reply_without_processing) {
            Some(reply) => (None, reply),
            None => {
                let (outcome, answer) = self.process(now_ms, request);
                let reply = match &fault {
                    Some(fault) => fault.spoil(answer),
                    None => Reply::Answer(answer),
                };
                (Some(outcome), reply)
            }
        };
        self.log.push(Handled { at_ms: now_ms, request: request.clone(), outcome, fault });
        reply
    }

    /// The user enters the code and approves. `false` if no login with this code waits for a decision,
    /// or there is no such user.
    pub fn approve(&mut self, user_code: &str, username: &str) -> bool {
        let user = self.user(username).cloned();
        user.is_some_and(|user| {
            self.tiled.approve(user_code, &user) || self.decide(user_code, State::ApprovedBy(user))
        })
    }

    /// The user enters the code and says no.
    pub fn deny(&mut self, user_code: &str) -> bool {
        self.decide(user_code, State::Denied)
    }

    /// A session of this user's that no client has made: what the token endpoint answers the client `demo`
    /// with. Nothing waits between two polls: the code is ten seconds old.
    ///
    /// # Panics
    /// Something was set up that goes wrong.
    #[must_use]
    pub fn session_of(&mut self, username: &str, scope: &str, now_ms: u64) -> Value {
        let own = [("client_id", "demo"), ("scope", scope)];
        let device = self.answered(now_ms - 10_000, "/device_authorization", &own);
        assert!(self.approve(device["user_code"].as_str().unwrap(), username));
        let code = ("device_code", device["device_code"].as_str().unwrap());
        let grant = ("grant_type", DEVICE_CODE);
        self.answered(now_ms, "/token", &[("client_id", "demo"), grant, code])
    }

    fn answered(&mut self, now_ms: u64, path: &str, form: &[(&str, &str)]) -> Value {
        match self.handle(now_ms, &Request::post(path, form)) {
            Reply::Answer(answer) => serde_json::from_slice(&answer.body).unwrap(),
            Reply::Dropped => Value::Null,
        }
    }

    /// Ends every session: all tokens given out so far are dead.
    pub fn end_sessions(&mut self) {
        self.sessions.end_all();
        self.tiled.end_sessions();
    }

    /// Makes every device code given out so far an expired one.
    pub fn expire_device_codes(&mut self) {
        for device_code in &mut self.device_codes {
            device_code.expires_at_ms = 0;
        }
    }

    /// The next `times` requests for this path go wrong. Faults wait for their turn in the order in
    /// which they were asked for, and one request meets one of them.
    pub fn fault_at(&mut self, path: &str, times: usize, fault: Fault) {
        self.faults.plan(Some(path), times, fault);
    }

    /// The next `times` requests go wrong, whatever they are for.
    pub fn fault_anywhere(&mut self, times: usize, fault: Fault) {
        self.faults.plan(None, times, fault);
    }

    /// Nothing more goes wrong.
    pub fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Every request so far, in order.
    #[must_use]
    pub fn log(&self) -> &[Handled] {
        &self.log
    }

    /// How often tokens were given out for this grant type, answers that got lost included.
    #[must_use]
    pub fn grants(&self, grant_type: &str) -> usize {
        let granted = self.log.iter().filter(|handled| handled.is_grant(grant_type));
        granted.count()
    }

    /// Whether the server would take this access token.
    #[must_use]
    pub fn access_token_is_alive(&self, now_ms: u64, access_token: &str) -> bool {
        let now_ms = time::skewed(now_ms, self.settings.clock_skew_s);
        self.sessions.access_token(access_token, now_ms).is_some()
    }

    /// Whether the server would take this refresh token and not see a theft in it.
    #[must_use]
    pub fn refresh_token_is_alive(&self, now_ms: u64, refresh_token: &str) -> bool {
        let now_ms = time::skewed(now_ms, self.settings.clock_skew_s);
        let found = self.sessions.refresh_token(refresh_token, now_ms);
        found.is_some_and(|(refresh_token, _)| refresh_token.rotated_at_ms.is_none())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.preferred_username == username)
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{log_in, refresh, simulator};
    use super::*;

    #[test]
    fn the_same_seed_and_calls_give_the_same_bytes() {
        let run = |seed| {
            let mut simulator = Simulator::new("http://as.test", seed, Settings::default());
            let tokens = log_in(&mut simulator, 0, "openid");
            simulator.handle(1, &refresh(&tokens))
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn an_unknown_user_code_can_not_be_approved_or_denied() {
        let mut simulator = simulator();
        assert!(!simulator.approve("BBBB-BBBB", "alice"));
        assert!(!simulator.deny("BBBB-BBBB"));
    }
}
