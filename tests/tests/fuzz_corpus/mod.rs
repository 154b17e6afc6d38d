//! The fuzz targets' bodies over their committed corpus, on stable. A file's name says how it ends:
//! the word that the body returns (`done`, an error's kind, …), and after a hyphen what is special about it.

use std::{collections::BTreeMap, fs, path::Path};

use aiod_auth_tests::fuzzing::{
    aiod_file, device_answer, duration, encoding, from_bytes, introspection_answer, loopback,
    machine_flows, machine_login, machine_session, metadata_answer, recorded_seeds, retry_after,
    revocation_answer, store_file, tiled_answer, token_answer, userinfo_answer, www_authenticate,
};

#[test]
fn aiod_file_over_its_corpus() {
    replay("aiod_file", aiod_file);
}

#[test]
fn device_answer_over_its_corpus() {
    replay("device_answer", device_answer);
}

#[test]
fn duration_over_its_corpus() {
    replay("duration", duration);
}

#[test]
fn encoding_over_its_corpus() {
    replay("encoding", |bytes| encoding(&from_bytes(bytes).unwrap()));
}

#[test]
fn introspection_answer_over_its_corpus() {
    replay("introspection_answer", introspection_answer);
}

#[test]
fn loopback_over_its_corpus() {
    replay("loopback", loopback);
}

#[test]
fn machine_flows_over_its_corpus() {
    replay("machine_flows", |bytes| machine_flows(&from_bytes(bytes).unwrap()));
}

#[test]
fn machine_login_over_its_corpus() {
    replay("machine_login", |bytes| machine_login(&from_bytes(bytes).unwrap()));
}

#[test]
fn machine_session_over_its_corpus() {
    replay("machine_session", |bytes| machine_session(&from_bytes(bytes).unwrap()));
}

#[test]
fn metadata_answer_over_its_corpus() {
    replay("metadata_answer", metadata_answer);
}

#[test]
fn retry_after_over_its_corpus() {
    replay("retry_after", retry_after);
}

#[test]
fn revocation_answer_over_its_corpus() {
    replay("revocation_answer", revocation_answer);
}

#[test]
fn store_file_over_its_corpus() {
    replay("store_file", store_file);
}

#[test]
fn tiled_answer_over_its_corpus() {
    replay("tiled_answer", tiled_answer);
}

#[test]
fn token_answer_over_its_corpus() {
    replay("token_answer", token_answer);
}

#[test]
fn userinfo_answer_over_its_corpus() {
    replay("userinfo_answer", userinfo_answer);
}

#[test]
fn www_authenticate_over_its_corpus() {
    replay("www_authenticate", www_authenticate);
}

#[test]
fn every_recorded_answer_is_a_seed_that_its_target_reads() {
    let mut counts: BTreeMap<_, _> = READ_ANSWERS.iter().map(|(target, _)| (*target, 0)).collect();
    for seed in recorded_seeds().unwrap() {
        let (target, body) =
            READ_ANSWERS.iter().find(|(target, _)| *target == seed.target).unwrap();
        assert_ne!(body(seed.content.as_bytes()), "of_no_use", "{seed:?}");
        *counts.get_mut(target).unwrap() += 1;
    }
    // No server that was recorded has said when to come again.
    counts.retain(|target, count| *count == 0 && *target != "retry_after");
    assert!(counts.is_empty(), "{counts:?}");
}

/// What a target does with its bytes: it says how it ended.
type Body = fn(&[u8]) -> &'static str;

/// All that reads an answer.
const READ_ANSWERS: [(&str, Body); 9] = [
    ("device_answer", device_answer),
    ("introspection_answer", introspection_answer),
    ("metadata_answer", metadata_answer),
    ("retry_after", retry_after),
    ("revocation_answer", revocation_answer),
    ("tiled_answer", tiled_answer),
    ("token_answer", token_answer),
    ("userinfo_answer", userinfo_answer),
    ("www_authenticate", www_authenticate),
];

#[test]
fn every_target_is_replayed_and_measured() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let here = include_str!("mod.rs");
    let measured = fs::read_to_string(fuzz.join("coverage.txt")).unwrap();
    let mut targets = 0;
    for target in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
        let path = target.unwrap().path();
        let target = path.file_stem().unwrap().to_str().unwrap();
        assert!(here.contains(&format!("fn {target}_over_its_corpus()")), "{target}");
        let lines = measured.lines().filter(|line| line.split_whitespace().next() == Some(target));
        assert_eq!(lines.count(), 1, "{target} in fuzz/coverage.txt: run .ci/run fuzz_measure");
        targets += 1;
    }
    let lines = measured.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.count(), targets, "a target that is gone");
}

fn replay(target: &str, body: impl Fn(&[u8]) -> &'static str) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut seeds = 0;
    let mut wrong = Vec::new();
    for seed in fs::read_dir(corpus).unwrap() {
        let path = seed.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let ended = body(&fs::read(&path).unwrap());
        // What a fuzzer found has a hash for a name.
        if name.len() != 40 || name.contains('-') {
            if name.split('-').next() != Some(ended) {
                wrong.push(format!("{name} is {ended}"));
            }
            seeds += 1;
        }
    }
    assert!(wrong.is_empty(), "{target}: {wrong:?}");
    assert!(seeds > 3, "{target} has {seeds} seeds");
}
