//! The device codes that were given out, and what became of each (RFC 8628 §3.5).
//!
//! ```text
//!             approve                    poll
//! Pending ──────────────▶ ApprovedBy ──────────▶ Used
//!    │ deny                                   poll in the meantime: authorization_pending, slow_down
//!    └──────▶ Denied                          and once it has expired: expired_token
//! ```

use std::time::Duration;

use super::clients::User;
use super::refusal::Refusal;
use super::time;

/// One device authorization.
#[derive(Debug)]
pub(super) struct DeviceCode {
    pub(super) device_code: String,
    pub(super) user_code: String,
    pub(super) client_id: String,
    /// What the client asked for, if it asked.
    pub(super) requested_scope: Option<String>,
    pub(super) scope: String,
    /// Only the approval page of this code knows it, so no other site can make a browser approve.
    pub(super) csrf: String,
    pub(super) expires_at_ms: u64,
    /// Grows with every `slow_down`.
    pub(super) interval: Duration,
    pub(super) polled_at_ms: Option<u64>,
    pub(super) state: State,
}

/// What became of a device code.
#[derive(Clone, Debug)]
pub(super) enum State {
    Pending,
    ApprovedBy(User),
    Denied,
    /// Its tokens were given out, once.
    Used,
}

impl DeviceCode {
    /// Answers one poll: the user who approved, or what the client must hear.
    pub(super) fn poll(&mut self, now_ms: u64) -> Result<User, Refusal> {
        let polled_at_ms = self.polled_at_ms.replace(now_ms);
        match &self.state {
            State::Used => Err(Refusal::invalid_grant("the device code was used before")),
            State::Pending | State::ApprovedBy(_) | State::Denied if self.has_expired(now_ms) => {
                Err(refusal("expired_token", "the device code has expired"))
            }
            State::Denied => Err(refusal("access_denied", "the user said no")),
            State::ApprovedBy(user) => {
                let user = user.clone();
                self.state = State::Used;
                Ok(user)
            }
            State::Pending if self.is_too_early(polled_at_ms, now_ms) => {
                // RFC 8628 §3.5: five seconds more, for this and every later request.
                self.interval += Duration::from_secs(5);
                Err(refusal("slow_down", "wait longer between two requests"))
            }
            State::Pending => {
                let error_description = "the user has not answered yet";
                Err(refusal("authorization_pending", error_description))
            }
        }
    }

    /// Records a user's answer; `false` if there was one before.
    pub(super) fn decide(&mut self, state: State) -> bool {
        let is_pending = matches!(self.state, State::Pending);
        if is_pending {
            self.state = state;
        }
        is_pending
    }

    /// Whether a user can still approve or deny it.
    pub(super) fn is_open(&self, now_ms: u64) -> bool {
        matches!(self.state, State::Pending) && !self.has_expired(now_ms)
    }

    fn has_expired(&self, now_ms: u64) -> bool {
        now_ms >= self.expires_at_ms
    }

    /// The first poll may come at once: RFC 8628 §3.5 counts *between* polling requests.
    fn is_too_early(&self, polled_at_ms: Option<u64>, now_ms: u64) -> bool {
        polled_at_ms.is_some_and(|before| now_ms < time::after(before, self.interval))
    }
}

/// Whether two user codes are the same: people type lower case and leave out the dash
/// (RFC 8628 §6.1).
pub(super) fn is_same_user_code(typed: &str, user_code: &str) -> bool {
    let letters = |code: &str| -> String {
        let letters = code.chars().filter(char::is_ascii_alphanumeric);
        letters.map(|letter| letter.to_ascii_uppercase()).collect()
    };
    letters(typed) == letters(user_code)
}

fn refusal(error: &str, error_description: &str) -> Refusal {
    Refusal::oauth(400, error, error_description)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_code_is_recognised_however_it_is_typed() {
        for typed in ["BCDF-GHJK", "bcdf-ghjk", "bcdfghjk", " BCDF GHJK "] {
            assert!(is_same_user_code(typed, "BCDF-GHJK"), "{typed}");
        }
        for typed in ["", "BCDF", "BCDF-GHJL", "BCDF-GHJKK"] {
            assert!(!is_same_user_code(typed, "BCDF-GHJK"), "{typed}");
        }
    }
}
