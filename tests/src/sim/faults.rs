//! What goes wrong on the way, on request: connections that break, answers that are late or
//! damaged, and what proxies say in the server's place.

use std::time::Duration;

use super::http::{Answer, Reply};

/// One thing that goes wrong with one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before the request is processed.
    DropBefore,
    /// The request is processed, and the connection is closed before the answer.
    DropAfter,
    /// The request is processed at once, and the answer takes this long.
    Delay(Duration),
    /// The request is processed, and the body of the answer ends in the middle.
    CutInHalf,
    /// The request is processed, and the body of the answer is no JSON but keeps its label.
    NotJson,
    /// The request isn't processed and gets this answer: a proxy's 502 page, a 503 with
    /// `Retry-After`, a redirect, a 200 with `[]`.
    Instead(Answer),
}

impl Fault {
    /// The reply to a request that must not be processed.
    pub(super) fn reply_without_processing(&self) -> Option<Reply> {
        match self {
            Self::DropBefore => Some(Reply::Dropped),
            Self::Instead(answer) => Some(Reply::Answer(answer.clone())),
            Self::DropAfter | Self::Delay(_) | Self::CutInHalf | Self::NotJson => None,
        }
    }

    /// What becomes of the answer to a request that was processed.
    pub(super) fn spoil(&self, mut answer: Answer) -> Reply {
        match self {
            Self::DropAfter => return Reply::Dropped,
            Self::Delay(delay) => answer.delay = *delay,
            Self::CutInHalf => answer.body.truncate(answer.body.len() / 2),
            Self::NotJson => answer.body = b"\0<garbled>".to_vec(),
            Self::DropBefore | Self::Instead(_) => {}
        }
        Reply::Answer(answer)
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(super) struct Faults {
    planned: Vec<Planned>,
}

#[derive(Debug)]
struct Planned {
    /// `None` is every path.
    path: Option<String>,
    times: usize,
    fault: Fault,
}

impl Faults {
    pub(super) fn plan(&mut self, path: Option<&str>, times: usize, fault: Fault) {
        self.planned.push(Planned { path: path.map(str::to_owned), times, fault });
    }

    pub(super) fn clear(&mut self) {
        self.planned.clear();
    }

    /// The fault of the next request for this path: the first one planned comes first.
    pub(super) fn next(&mut self, path: &str) -> Option<Fault> {
        self.planned.retain(|planned| planned.times > 0);
        let planned = self
            .planned
            .iter_mut()
            .find(|planned| planned.path.as_deref().is_none_or(|at| at == path))?;
        planned.times -= 1;
        Some(planned.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::Simulator;
    use crate::sim::http::Request;
    use crate::sim::testing::{check, log_in, refresh, simulator, tokens};

    const METADATA: &str = "/.well-known/openid-configuration";

    /// One refresh with this fault: the reply, and whether the server has processed it.
    fn refresh_with(fault: Fault) -> (Reply, bool) {
        let mut simulator = simulator();
        let first = log_in(&mut simulator, 0, "openid");
        simulator.fault_at("/token", 1, fault);
        let reply = simulator.handle(1, &refresh(&first));
        let processed = !simulator.refresh_token_is_alive(1, &first.refresh_token);
        (reply, processed)
    }

    fn answer(reply: Reply) -> Answer {
        match reply {
            Reply::Answer(answer) => answer,
            Reply::Dropped => panic!("dropped"),
        }
    }

    #[test]
    fn a_connection_drops_before_or_after_the_request_is_processed() {
        assert_eq!(refresh_with(Fault::DropBefore), (Reply::Dropped, false));
        assert_eq!(refresh_with(Fault::DropAfter), (Reply::Dropped, true));
    }

    #[test]
    fn an_answer_is_late_but_whole() {
        let (reply, processed) = refresh_with(Fault::Delay(Duration::from_secs(30)));
        let answer = answer(reply);
        assert!(processed);
        assert_eq!(answer.delay, Duration::from_secs(30));
        assert!(!tokens(&answer).refresh_token.is_empty());
    }

    #[test]
    fn an_answer_is_damaged_after_the_request_was_processed() {
        for fault in [Fault::CutInHalf, Fault::NotJson] {
            let (reply, processed) = refresh_with(fault);
            let answer = answer(reply);
            assert!(processed);
            assert_eq!(answer.status, 200);
            assert_eq!(answer.header("content-type"), Some("application/json"));
            assert!(!answer.body.is_empty());
            assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err());
        }
    }

    #[test]
    fn another_answer_comes_and_nothing_is_processed() {
        for other in [
            Answer::html(502, "<h1>Bad Gateway</h1>"),
            Answer::empty(503).with_header("Retry-After", "120"),
            Answer::new(200, "application/json", "[]"),
            Answer::redirect(307, "http://elsewhere.test/token"),
        ] {
            let (reply, processed) = refresh_with(Fault::Instead(other.clone()));
            assert_eq!((reply, processed), (Reply::Answer(other), false));
        }
    }

    #[test]
    fn faults_come_in_order_at_their_path_and_as_often_as_planned() {
        let mut simulator = simulator();
        simulator.fault_at(METADATA, 2, Fault::DropBefore);
        simulator.fault_anywhere(1, Fault::Instead(Answer::empty(500)));
        simulator.fault_at("/token", 0, Fault::DropBefore);
        let status =
            |simulator: &mut Simulator, path| match simulator.handle(0, &Request::get(path)) {
                Reply::Answer(answer) => answer.status,
                Reply::Dropped => 0,
            };
        assert_eq!(status(&mut simulator, METADATA), 0);
        assert_eq!(status(&mut simulator, "/token"), 500);
        assert_eq!(status(&mut simulator, "/token"), 405);
        assert_eq!(status(&mut simulator, METADATA), 0);
        assert_eq!(status(&mut simulator, METADATA), 200);

        simulator.fault_anywhere(usize::MAX, Fault::DropBefore);
        assert_eq!(status(&mut simulator, METADATA), 0);
        simulator.clear_faults();
        check(&mut simulator, 0, &Request::get(METADATA), "200");
    }
}
