//! `tests/vectors`: cases with one right answer, which `make_vectors.py` computes twice.
//!
//! Every case of every file is known here. What is about something that is not built yet says so.

use std::{collections::BTreeSet, fs, panic::catch_unwind, path::PathBuf};

use serde_json::Value;

mod basic_auth;
mod duration;
mod form;
mod pkce;
mod well_known;
mod www_authenticate;

/// A list in a file. Its cases are named `id-01`, `id-02`, ….
pub(crate) struct Section {
    pub(crate) file: &'static str,
    list: &'static str,
    id: &'static str,
    pub(crate) cases: usize,
    pub(crate) check: Check,
}

#[derive(Clone, Copy)]
pub(crate) enum Check {
    /// It panics unless the case holds.
    Now(fn(&Value)),
    /// What it waits for.
    Later(&'static str),
}

use Check::{Later, Now};

/// Every file, with every list in it.
pub(crate) const SECTIONS: [Section; 21] = [
    section("basic_auth.json", "cases", "basic", 24, Now(basic_auth::case)),
    section("basic_auth.json", "refuse", "basic-refuse", 3, Now(basic_auth::refuse)),
    section("dpop.json", "proofs", "dpop", 3, Later(BINDING)),
    section("dpop.json", "thumbprints", "jkt", 4, Later(BINDING)),
    section("dpop.json", "ath", "ath", 5, Later(BINDING)),
    section("dpop.json", "htu", "htu", 8, Later(BINDING)),
    section("dpop.json", "nonce", "nonce", 7, Later(BINDING)),
    section("duration.json", "cases", "dur", 23, Now(duration::case)),
    section("duration.json", "refuse", "dur-refuse", 32, Now(duration::refuse)),
    section("form.json", "encode", "form", 13, Now(form::encode)),
    section("form.json", "omit_empty", "form-omit", 2, Now(form::omit_empty)),
    section("form.json", "decode", "form-decode", 11, Now(form::decode)),
    section(
        "form.json",
        "refuse_in_authorization_response",
        "form-refuse",
        6,
        Now(form::refuse_in_authorization_response),
    ),
    section("jwt_client_assertion.json", "cases", "jwt", 8, Later(ASSERTIONS)),
    section("jwt_client_assertion.json", "refuse", "jwt-refuse", 5, Later(ASSERTIONS)),
    section("pkce.json", "cases", "pkce", 21, Now(pkce::case)),
    section("pkce.json", "refuse", "pkce-refuse", 9, Now(pkce::refuse)),
    section("well_known.json", "cases", "wk", 23, Now(well_known::case)),
    section("well_known.json", "refuse", "wk-refuse", 12, Now(well_known::refuse)),
    section("well_known.json", "compare", "wk-compare", 10, Now(well_known::compare)),
    section("www_authenticate.json", "cases", "www", 33, Now(www_authenticate::case)),
];

const ASSERTIONS: &str = "`private_key_jwt` and `client_secret_jwt`";
const BINDING: &str = "sender-constrained tokens";

/// Cases that are not met, on purpose, and why.
pub(crate) const NOT_MET: [(&str, &str); 1] = [(
    "basic-18",
    "a client id that is empty is refused (`error:config`): it is a mistake in a profile, and no client",
)];

fn not_met(id: &str) -> bool {
    NOT_MET.iter().any(|(case, _)| *case == id)
}

const fn section(
    file: &'static str,
    list: &'static str,
    id: &'static str,
    cases: usize,
    check: Check,
) -> Section {
    Section { file, list, id, cases, check }
}

/// How many there are, for `docs/conformance.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) file: &'static str,
    pub(crate) executed: usize,
    /// See [`NOT_MET`].
    pub(crate) not_met: usize,
    pub(crate) later: usize,
    /// What the latter wait for.
    pub(crate) reason: Option<&'static str>,
}

/// For each file, in order.
pub(crate) fn counts() -> Vec<Counts> {
    let mut counts: Vec<Counts> = Vec::new();
    for section in &SECTIONS {
        if counts.last().is_none_or(|last| last.file != section.file) {
            counts.push(Counts { file: section.file, ..Counts::default() });
        }
        let Some(file) = counts.last_mut() else { continue };
        match section.check {
            Now(_) => {
                let not_met = section.ids().iter().filter(|id| not_met(id)).count();
                file.not_met += not_met;
                file.executed += section.cases - not_met;
            }
            Later(reason) => {
                file.later += section.cases;
                file.reason = Some(reason);
            }
        }
    }
    counts
}

#[test]
fn every_case_holds() {
    let mut wrong = Vec::new();
    for section in &SECTIONS {
        let Now(check) = section.check else { continue };
        for case in read(section.file)[section.list].as_array().unwrap() {
            let id = text(case, "id");
            let holds = catch_unwind(|| check(case)).is_ok();
            if holds == not_met(id) {
                wrong.push(if holds { format!("{id} holds") } else { id.to_owned() });
            }
        }
    }
    assert!(wrong.is_empty(), "see above: {wrong:?}");
}

#[test]
fn every_case_of_every_file_is_known() {
    let folder = folder().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    let files: BTreeSet<String> = folder.map(|name| name.into_string().unwrap()).collect();
    let mut expected: BTreeSet<String> =
        SECTIONS.iter().map(|section| section.file.to_owned()).collect();
    expected.insert("make_vectors.py".to_owned());
    assert_eq!(files, expected);
    for file in counts().iter().map(|counts| counts.file) {
        let content = read(file);
        let lists = content.as_object().unwrap().iter().filter(|(_, list)| list.is_array());
        let found: BTreeSet<String> = lists.map(|(name, _)| name.clone()).collect();
        let sections = || SECTIONS.iter().filter(|section| section.file == file);
        assert_eq!(found, sections().map(|section| section.list.to_owned()).collect(), "{file}");
        for section in sections() {
            let cases = content[section.list].as_array().unwrap().iter();
            let ids: Vec<_> = cases.map(|case| case["id"].as_str().unwrap().to_owned()).collect();
            assert_eq!(ids, section.ids(), "{file}");
        }
    }
}

#[test]
fn every_case_is_executed_or_waits_for_something() {
    let counts = counts();
    let all: usize = SECTIONS.iter().map(|section| section.cases).sum();
    let counted = counts.iter().map(|file| file.executed + file.not_met + file.later);
    assert_eq!(counted.sum::<usize>(), all);
    assert_eq!(counts.iter().map(|file| file.not_met).sum::<usize>(), NOT_MET.len());
    for file in &counts {
        assert_eq!(file.reason.is_some(), file.later > 0, "{}", file.file);
    }
}

impl Section {
    fn ids(&self) -> Vec<String> {
        // The RFC's own example comes before the first.
        let first = usize::from(self.id != "pkce");
        (first..first + self.cases).map(|n| format!("{}-{n:02}", self.id)).collect()
    }
}

fn read(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join(file)).unwrap()).unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

/// A member that is a string.
fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}
