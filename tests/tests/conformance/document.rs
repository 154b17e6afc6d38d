//! `docs/conformance.md`, made of the tables: it can't say what isn't tested.

use std::{
    env,
    fmt::{self, Write as _},
    fs,
    path::PathBuf,
};

use crate::{
    quirks, recorded,
    row::{Check, Row},
    table, vectors,
};

/// How many rows are checked, and how many are not.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    executed: usize,
    partly: usize,
    /// Those that are what others are about.
    references: usize,
    later: usize,
    /// Single answers among the checks.
    answers: usize,
}

impl Count {
    fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut count = Self::default();
        for row in rows {
            match row.check {
                Check::Later(_) => count.later += 1,
                Check::Partly(..) => count.partly += 1,
                Check::As(_) => count.references += 1,
                Check::Answers(..)
                | Check::AnswersTo(_)
                | Check::Behaviour(_)
                | Check::Both(..)
                | Check::BothTo(..) => count.executed += 1,
            }
            count.answers += row.cases();
        }
        count
    }

    const fn all(&self) -> usize {
        self.executed + self.partly + self.references + self.later
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
        let Count { executed, partly, references, later, answers } = count;
        let all = count.all();
        write!(text, "- {all} {what}: {executed} executed").unwrap();
        if partly > 0 {
            write!(text, " and {partly} in part").unwrap();
        }
        write!(text, " ({answers} single answers among the checks), ").unwrap();
        if references > 0 {
            write!(text, "{references} by other rows, ").unwrap();
        }
        line(&mut text, format_args!("{later} for later"));
    }
    let recorded = recorded::counts();
    let (replayed, listed) =
        recorded.servers.values().fold((0, 0), |sum, server| (sum.0 + server.0, sum.1 + server.1));
    let by_reader = recorded.grants_not_built;
    line(
        &mut text,
        format_args!(
            "- {} recorded answers of real servers: {} replayed by their machine, {by_reader} by the reader of token answers, {listed} listed with a reason",
            replayed + listed,
            replayed - by_reader,
        ),
    );
    let vectors = vectors::counts();
    let sum = |count: fn(&vectors::Counts) -> usize| vectors.iter().map(count).sum::<usize>();
    line(
        &mut text,
        format_args!(
            "- {} test vectors: {} executed, {} not met on purpose, {} for later",
            sum(|file| file.executed + file.not_met + file.later),
            sum(|file| file.executed),
            sum(|file| file.not_met),
            sum(|file| file.later),
        ),
    );
    let targets = fuzz_targets();
    let edges: usize = targets.iter().map(|target| target.edges).sum();
    line(&mut text, format_args!("- {} fuzz targets, which reach {edges} edges", targets.len()));
    text
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned();
    text += &summary();
    for group in table::GROUPS {
        line(&mut text, format_args!("\n## {}: {}\n", group.name, group.about));
        match group.later {
            Some(what) => {
                let n = group.obligations;
                line(&mut text, format_args!("For later, with {what}: {n} obligations."));
            }
            None => rows(&mut text, group.rows),
        }
    }
    text += "\n# What real servers do\n";
    for (about, group) in quirks::GROUPS {
        line(&mut text, format_args!("\n## {about}\n"));
        rows(&mut text, group);
    }
    text += "\n# Recorded answers\n\n";
    text +=
        "Each is listed with its outcome in [outcomes.txt](../tests/recorded/outcomes.txt).\n\n";
    text += "| server | replayed | listed with a reason |\n| --- | --- | --- |\n";
    let recorded = recorded::counts();
    for (server, (replayed, listed)) in &recorded.servers {
        line(&mut text, format_args!("| {server} | {replayed} | {listed} |"));
    }
    text += "\n| outcome, or the reason | answers |\n| --- | --- |\n";
    for (what, count) in recorded.outcomes.iter().chain(&recorded.reasons) {
        line(&mut text, format_args!("| {what} | {count} |"));
    }
    text += "\n# Test vectors\n\n";
    text += "| file | executed | not met | for later |\n| --- | --- | --- | --- |\n";
    for vectors::Counts { file, executed, not_met, later, reason } in vectors::counts() {
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        line(&mut text, format_args!("| {file} | {executed} | {not_met} | {later}{reason} |"));
    }
    text += "\n# Fuzz targets\n\n";
    text += "Edges of the code that each has reached within 20 s, when it was last measured, of those in its binary.\n\n";
    text += "| target | edges | of |\n| --- | --- | --- |\n";
    for FuzzTarget { name, edges, of } in fuzz_targets() {
        line(&mut text, format_args!("| {name} | {edges} | {of} |"));
    }
    text
}

struct FuzzTarget {
    name: String,
    edges: usize,
    of: usize,
}

/// As `.ci/run fuzz_measure` wrote them down.
fn fuzz_targets() -> Vec<FuzzTarget> {
    let measured = fs::read_to_string(project().join("fuzz/coverage.txt")).unwrap();
    let lines = measured.lines().filter(|line| !line.starts_with('#'));
    let target = |line: &str| {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap().to_owned();
        let (name, edges, of) = (next(), next(), next());
        FuzzTarget { name, edges: edges.parse().unwrap(), of: of.parse().unwrap() }
    };
    lines.map(target).collect()
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn line(text: &mut String, words: fmt::Arguments<'_>) {
    writeln!(text, "{words}").unwrap();
}

fn rows(text: &mut String, rows: &[Row]) {
    text.push_str("| ID | the client | checked with |\n| --- | --- | --- |\n");
    for row in rows {
        line(text, format_args!("| {} | {} | {} |", row.id, row.says, checked_with(&row.check)));
    }
}

fn checked_with(check: &Check) -> String {
    let answers = match check.cases() {
        1 => "1 answer".to_owned(),
        n => format!("{n} answers"),
    };
    match check {
        Check::Answers(..) | Check::AnswersTo(_) => answers,
        Check::Behaviour(_) => "its behaviour".to_owned(),
        Check::Both(..) | Check::BothTo(..) => format!("{answers}, its behaviour"),
        Check::As(others) => others.join(", "),
        Check::Partly(part, what) => format!("in part, {}; for later: {what}", checked_with(part)),
        Check::Later(what) => format!("for later: {what}"),
    }
}

const INTRODUCTION: &str = "\
# Conformance

What an OAuth 2.0 client owes by the RFCs, what real servers do, and what was recorded of them. Each row is executed
by `cargo test -p aiod-auth-tests --test conformance`, which also makes this page: it is not written by hand.

";

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "elsewhere NET-02 is for later")]
fn the_document_is_up_to_date() {
    let path = project().join("docs/conformance.md");
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
