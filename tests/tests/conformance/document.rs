//! `docs/conformance.md`, made of the tables: it can't say what isn't tested.

use std::{env, fmt::Write as _, fs, path::PathBuf};

use crate::{
    quirks,
    row::{Check, Row},
    table,
};

/// How many rows are checked, and how many are not.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    executed: usize,
    later: usize,
    not_met: usize,
    /// Single answers among the checks.
    answers: usize,
}

impl Count {
    fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut count = Self::default();
        for row in rows {
            match row.check {
                Check::Later(_) => count.later += 1,
                Check::NotMet(_) => count.not_met += 1,
                Check::Answers(..)
                | Check::AnswersTo(_)
                | Check::Behaviour(_)
                | Check::Both(..) => count.executed += 1,
            }
            count.answers += row.cases();
        }
        count
    }

    const fn all(&self) -> usize {
        self.executed + self.later + self.not_met
    }
}

/// Obligations; those of groups that are not built yet are `later`.
fn obligations() -> Count {
    let mut count = Count::of(table::GROUPS.iter().flat_map(|group| group.rows));
    let later = table::GROUPS.iter().filter(|group| group.later.is_some());
    count.later += later.map(|group| group.obligations).sum::<usize>();
    count
}

fn quirks() -> Count {
    Count::of(quirks::GROUPS.iter().flat_map(|(_, rows)| rows.iter()))
}

/// What `.ci/run` prints.
fn summary() -> String {
    let mut text = String::new();
    for (what, count) in [("obligations", obligations()), ("quirks of real servers", quirks())] {
        writeln!(
            text,
            "- {} {what}: {} executed with {} single answers, {} not met on purpose, {} for later",
            count.all(),
            count.executed,
            count.answers,
            count.not_met,
            count.later,
        )
        .unwrap();
    }
    text
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += &summary();
    for group in table::GROUPS {
        writeln!(text, "\n## {}: {}\n", group.name, group.about).unwrap();
        match group.later {
            Some(what) => {
                writeln!(text, "For later, with {what}: {} obligations.", group.obligations)
                    .unwrap();
            }
            None => rows(&mut text, group.rows),
        }
    }
    text += "\n# What real servers do\n";
    for (about, group) in quirks::GROUPS {
        writeln!(text, "\n## {about}\n").unwrap();
        rows(&mut text, group);
    }
    text
}

fn rows(text: &mut String, rows: &[Row]) {
    text.push_str("| ID | the client | checked with |\n| --- | --- | --- |\n");
    for row in rows {
        let answers = match row.cases() {
            1 => "1 answer".to_owned(),
            n => format!("{n} answers"),
        };
        let check = match row.check {
            Check::Answers(..) | Check::AnswersTo(_) => answers,
            Check::Behaviour(_) => "its behaviour".to_owned(),
            Check::Both(..) => format!("{answers}, its behaviour"),
            Check::Later(what) => format!("for later: {what}"),
            Check::NotMet(why) => format!("**not met**: {why}"),
        };
        writeln!(text, "| {} | {} | {check} |", row.id, row.says).unwrap();
    }
}

const INTRODUCTION: &str = "\
# Conformance

What an OAuth 2.0 client owes by the RFCs, what real servers do, and what was recorded of them. Each row is executed
by `cargo test -p aiod-auth-tests --test conformance`, which also makes this page: it is not written by hand.

";

#[test]
fn the_document_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/conformance.md");
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, document()).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap();
    assert!(written == document(), "docs/conformance.md is old: WRITE_DOCS=1 makes it anew");
}

#[test]
fn what_there_is_in_numbers() {
    // `.ci/run` prints it.
    println!("{}", summary());
}
