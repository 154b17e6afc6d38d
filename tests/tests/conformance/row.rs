//! A row of a table: an obligation or a quirk, and how it is checked.

use std::panic::{UnwindSafe, catch_unwind};

use aiod_auth_tests::verdict::{Answer, Asked, verdict};

/// One obligation, or one thing that a server does.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    /// `DEV-07`, `Q-12`.
    pub(crate) id: &'static str,
    /// What the client does, in a sentence without an end.
    pub(crate) says: &'static str,
    pub(crate) check: Check,
}

#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// Single answers, and what the machine that asked makes of each: see [`verdict`].
    Answers(Asked, &'static [(&'static str, &'static str)]),
    /// The same, of several machines.
    AnswersTo(&'static [(Asked, &'static str, &'static str)]),
    /// What takes more than one answer. It panics unless it holds.
    Behaviour(fn()),
    /// Both: single answers and more.
    Both(Asked, &'static [(&'static str, &'static str)], fn()),
    /// It is about something that is not built yet.
    Later(&'static str),
}

pub(crate) const fn row(id: &'static str, says: &'static str, check: Check) -> Row {
    Row { id, says, check }
}

impl Row {
    /// Why it doesn't hold.
    pub(crate) fn failures(&self) -> Vec<String> {
        match self.check {
            Check::Answers(asked, cases) => answers(asked, cases),
            Check::AnswersTo(cases) => cases
                .iter()
                .filter_map(|(asked, answer, expected)| failure(*asked, answer, expected))
                .collect(),
            Check::Behaviour(check) => behaviour(check),
            Check::Both(asked, cases, check) => [answers(asked, cases), behaviour(check)].concat(),
            Check::Later(_) => Vec::new(),
        }
    }

    /// How many single answers it is checked with.
    pub(crate) const fn cases(&self) -> usize {
        match self.check {
            Check::Answers(_, cases) | Check::Both(_, cases, _) => cases.len(),
            Check::AnswersTo(cases) => cases.len(),
            Check::Behaviour(_) | Check::Later(_) => 0,
        }
    }
}

fn answers(asked: Asked, cases: &[(&str, &str)]) -> Vec<String> {
    cases.iter().filter_map(|(answer, expected)| failure(asked, answer, expected)).collect()
}

fn failure(asked: Asked, answer: &str, expected: &str) -> Option<String> {
    let found = verdict(asked, &Answer::parse(answer)).unwrap();
    (!found.is(expected)).then(|| format!("{asked:?} {answer}\n  is {found}\n  not {expected}"))
}

fn behaviour(check: impl FnOnce() + UnwindSafe) -> Vec<String> {
    // What it says is printed where it panics.
    catch_unwind(check).err().map(|_| "it panicked, see above".to_owned()).into_iter().collect()
}

/// Runs them all.
///
/// # Panics
/// With all that doesn't hold.
pub(crate) fn all_hold<'a>(rows: impl IntoIterator<Item = &'a Row>) {
    let mut failed = Vec::new();
    for row in rows {
        failed.extend(row.failures().iter().map(|failure| format!("{}: {failure}", row.id)));
    }
    assert!(failed.is_empty(), "{} failed\n{}", failed.len(), failed.join("\n"));
}
