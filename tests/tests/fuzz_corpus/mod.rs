//! The fuzz targets' bodies over their committed corpus, on stable. A file's name says how it ends:
//! `done`, or the word of an error's kind, and after a hyphen what is special about it.

use std::{fs, path::Path};

use aiod_auth_tests::fuzzing::{from_bytes, machine_login, machine_session, token_answer};

#[test]
fn machine_login_over_its_corpus() {
    replay("machine_login", |bytes| machine_login(&from_bytes(bytes).unwrap()));
}

#[test]
fn machine_session_over_its_corpus() {
    replay("machine_session", |bytes| machine_session(&from_bytes(bytes).unwrap()));
}

#[test]
fn token_answer_over_its_corpus() {
    replay("token_answer", token_answer);
}

fn replay(target: &str, body: impl Fn(&[u8]) -> &'static str) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut seeds = 0;
    for seed in fs::read_dir(corpus).unwrap() {
        let path = seed.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let ended = body(&fs::read(&path).unwrap());
        // What a fuzzer found has a hash for a name.
        if name.len() != 40 || name.contains('-') {
            assert_eq!(ended, name.split('-').next().unwrap(), "{name}");
            seeds += 1;
        }
    }
    assert!(seeds > 3, "{target} has {seeds} seeds");
}
