//! What the simulator has seen, for assertions.

use std::fmt;

use super::faults::Fault;
use super::http::Request;

/// One handled request. Prints as `POST /token -> 400 slow_down`.
#[derive(Clone, Debug)]
pub struct Handled {
    /// When it came, by the caller's clock.
    pub at_ms: u64,
    /// The whole request.
    pub request: Request,
    /// Status and error code, as `200` or `400 slow_down`; `None` if it was not processed. A fault
    /// decides what is sent of it.
    pub outcome: Option<String>,
    /// What went wrong on the way.
    pub fault: Option<Fault>,
}

impl Handled {
    /// Whether it was a token request of this grant type that gave out tokens.
    pub(super) fn is_grant(&self, grant_type: &str) -> bool {
        let form = self.request.form();
        self.request.path() == "/token"
            && self.outcome.as_deref() == Some("200")
            && form.is_ok_and(|form| form.get("grant_type") == Some(grant_type))
    }
}

impl fmt::Display for Handled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = &self.request.method;
        let path = self.request.path();
        let outcome = self.outcome.as_deref().unwrap_or("not processed");
        write!(formatter, "{method} {path} -> {outcome}")?;
        match &self.fault {
            None => Ok(()),
            Some(Fault::DropBefore | Fault::DropAfter) => write!(formatter, ", dropped"),
            Some(Fault::Delay(delay)) => write!(formatter, ", after {delay:?}"),
            Some(Fault::CutInHalf) => write!(formatter, ", cut in half"),
            Some(Fault::NotJson) => write!(formatter, ", not JSON"),
            Some(Fault::Instead(answer)) => write!(formatter, ", answered {}", answer.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::http::Answer;
    use crate::sim::testing::simulator;

    #[test]
    fn the_log_reads_as_a_transcript() {
        let mut simulator = simulator();
        simulator.fault_anywhere(1, Fault::DropBefore);
        simulator.fault_anywhere(1, Fault::DropAfter);
        simulator.fault_anywhere(1, Fault::Delay(Duration::from_secs(3)));
        simulator.fault_anywhere(1, Fault::Instead(Answer::empty(502)));
        for _ in 0..5 {
            simulator.handle(7, &Request::post("/token?x=1", &[("client_id", "demo")]));
        }
        simulator.handle(7, &Request::get("/elsewhere"));
        let log: Vec<String> = simulator.log().iter().map(ToString::to_string).collect();
        assert_eq!(
            log,
            [
                "POST /token -> not processed, dropped",
                "POST /token -> 400 invalid_request, dropped",
                "POST /token -> 400 invalid_request, after 3s",
                "POST /token -> not processed, answered 502",
                "POST /token -> 400 invalid_request",
                "GET /elsewhere -> 404",
            ]
        );
        assert_eq!(simulator.log()[0].at_ms, 7);
    }
}
