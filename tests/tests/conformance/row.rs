//! A row of a table: an obligation or a quirk, and how it is checked.

use std::panic::catch_unwind;

use aiod_auth_tests::verdict::{Answer, Asked, Verdict, verdict};

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
    /// Both, of several machines.
    BothTo(&'static [(Asked, &'static str, &'static str)], fn()),
    /// It is what these other rows are about.
    As(&'static [&'static str]),
    /// A part of it is checked, and this is about something that is not built yet.
    Partly(&'static Self, &'static str),
    /// It is about something that is not built yet.
    Later(&'static str),
}

pub(crate) const fn row(id: &'static str, says: &'static str, check: Check) -> Row {
    Row { id, says, check }
}

impl Row {
    /// Why it doesn't hold.
    pub(crate) fn failures(&self) -> Vec<String> {
        self.check.failures(if self.id.starts_with("Q-") {
            Verdict::is_with_notes // what a server does otherwise is noted, and nothing else is
        } else {
            Verdict::is
        })
    }

    /// How many single answers it is checked with.
    pub(crate) const fn cases(&self) -> usize {
        self.check.cases()
    }
}

/// Whether a verdict is what was expected.
type Is = fn(&Verdict, &str) -> bool;

impl Check {
    fn failures(&self, is: Is) -> Vec<String> {
        match *self {
            Self::Answers(asked, cases) => answers(asked, cases, is),
            Self::AnswersTo(cases) => answers_to(cases, is),
            Self::Behaviour(check) => behaviour(check),
            Self::Both(asked, cases, check) => {
                [answers(asked, cases, is), behaviour(check)].concat()
            }
            Self::BothTo(cases, check) => [answers_to(cases, is), behaviour(check)].concat(),
            Self::Partly(check, _) => check.failures(is),
            Self::As(_) | Self::Later(_) => Vec::new(),
        }
    }

    pub(crate) const fn cases(&self) -> usize {
        match self {
            Self::Answers(_, cases) | Self::Both(_, cases, _) => cases.len(),
            Self::AnswersTo(cases) | Self::BothTo(cases, _) => cases.len(),
            Self::Partly(check, _) => check.cases(),
            Self::Behaviour(_) | Self::As(_) | Self::Later(_) => 0,
        }
    }
}

fn answers(asked: Asked, cases: &[(&str, &str)], is: Is) -> Vec<String> {
    cases.iter().filter_map(|(answer, expected)| failure(asked, answer, expected, is)).collect()
}

fn answers_to(cases: &[(Asked, &str, &str)], is: Is) -> Vec<String> {
    let cases = cases.iter();
    cases.filter_map(|(asked, answer, expected)| failure(*asked, answer, expected, is)).collect()
}

fn failure(asked: Asked, answer: &str, expected: &str, is: Is) -> Option<String> {
    let found = verdict(asked, &Answer::parse(answer)).unwrap();
    (!is(&found, expected)).then(|| format!("{asked:?} {answer}\n  is {found}\n  not {expected}"))
}

fn behaviour(check: fn()) -> Vec<String> {
    let Err(payload) = catch_unwind(check) else { return Vec::new() };
    let said = payload.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
    vec![said.unwrap_or("it panicked, see above").to_owned()]
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

/// A test of a group's own, so that what fails is named.
macro_rules! holds {
    ($($group:ident)*) => {
        /// How many groups have one.
        pub(super) const COUNT: usize = [$(stringify!($group)),*].len();

        $(
        #[test]
        fn $group() {
            $crate::row::all_hold(super::$group::ROWS);
        }
        )*
    };
}
pub(crate) use holds;
