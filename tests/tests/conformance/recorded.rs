//! Answers of real servers, each replayed through the machine that it belongs to:
//! `tests/recorded/README.md`.

use std::collections::BTreeMap;

use aiod_auth_tests::{tiled_verdict::TiledAsked, verdict::Asked};
use outcomes::{Line, Reader, table};

mod outcomes;
mod recording;
mod sent;

/// How many there are, for `docs/conformance.md`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// For each server: replayed, and listed with a reason.
    pub(crate) servers: BTreeMap<String, (usize, usize)>,
    /// For each outcome: how many replayed answers have it.
    pub(crate) outcomes: BTreeMap<String, usize>,
    /// For each reason: how many answers are listed with it.
    pub(crate) reasons: BTreeMap<String, usize>,
    /// Those of the replayed ones that only the reader of token answers saw.
    pub(crate) grants_not_built: usize,
}

pub(crate) fn counts() -> Counts {
    let mut counts = Counts::default();
    for (name, line) in table() {
        let server = name.split('/').next().unwrap().to_owned();
        let (replayed, listed) = counts.servers.entry(server).or_default();
        match line {
            Line::Replayed(reader, says) => {
                *replayed += 1;
                let outcome = says.split("; ").next().unwrap().to_owned();
                *counts.outcomes.entry(outcome).or_default() += 1;
                counts.grants_not_built += usize::from(reader == Reader::Token);
            }
            Line::Listed(reason) => {
                *listed += 1;
                *counts.reasons.entry(reason).or_default() += 1;
            }
        }
    }
    counts
}

#[test]
fn every_recording_has_one_line_and_every_line_a_recording() {
    let (recordings, table) = (recording::all(), table());
    let not_listed: Vec<_> = recordings.keys().filter(|name| !table.contains_key(*name)).collect();
    let not_there: Vec<_> = table.keys().filter(|name| !recordings.contains_key(*name)).collect();
    assert!(not_listed.is_empty() && not_there.is_empty(), "{not_listed:?} {not_there:?}");
    assert_eq!(recordings.len(), 444);
}

/// And nothing more comes of it than what is stated.
#[test]
fn every_outcome_is_the_stated_one() {
    let recordings = recording::all();
    let mut wrong = Vec::new();
    for (name, line) in table() {
        let Line::Replayed(reader, says) = line else { continue };
        let found = reader.read(&recordings[&name]);
        if found.without_hint() != says {
            let found = found.without_hint();
            wrong.push(format!("{name} {reader:?}\n  is {found}\n  not {says}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A machine that gets such an answer by mistake must not accept it.
#[test]
fn an_answer_that_belongs_to_no_machine_is_accepted_by_none() {
    let recordings = recording::all();
    let mut taken = Vec::new();
    for (name, line) in table() {
        let Line::Listed(_) = line else { continue };
        for (machine, reader) in Reader::ALL {
            // To these two, a status is all there is to an answer.
            if matches!(reader, Reader::Machine(Asked::Revocation | Asked::EndSession))
                || matches!(reader, Reader::Tiled(TiledAsked::Logout | TiledAsked::RevokeKey))
            {
                continue;
            }
            if reader.read(&recordings[&name]).outcome == "ok" {
                taken.push(format!("{name} {machine}"));
            }
        }
    }
    assert!(taken.is_empty(), "{taken:?}");
}
