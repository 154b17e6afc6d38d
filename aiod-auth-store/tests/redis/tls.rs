//! `rediss://`: Redis over TLS, with the certificates that the system trusts.

use std::{
    env, fs,
    net::TcpListener,
    process::{Command, Output},
};

use aiod_auth_store::{RedisOptions, RedisStore, Store as _, StoreError, contract_tests};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use super::{key, server::Server};

#[test]
fn the_store_keeps_the_contract_over_tls() {
    in_a_process_of_its_own("keep_the_contract", true);
}

/// Does nothing unless the test above runs it.
#[test]
fn keep_the_contract() {
    let Some(address) = address() else { return };
    rustls::crypto::ring::default_provider().install_default().unwrap();
    contract_tests::run(&|| {
        Box::new(RedisStore::new(RedisOptions::new(&address).unwrap()).unwrap())
    });
}

#[test]
fn a_certificate_that_is_not_trusted_is_said() {
    in_a_process_of_its_own("be_refused", false);
}

/// Does nothing unless the test above runs it.
#[test]
fn be_refused() {
    let Some(address) = address() else { return };
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let error = load(&address).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
}

#[test]
fn a_program_without_a_provider_is_told_so() {
    in_a_process_of_its_own("have_no_provider", true);
}

/// Does nothing unless the test above runs it.
#[test]
fn have_no_provider() {
    let Some(address) = address() else { return };
    let error = load(&address).unwrap_err().to_string();
    assert!(error.contains("install_default"), "{error}");
}

fn load(address: &str) -> Result<(), StoreError> {
    let store = RedisStore::new(RedisOptions::new(address)?.with_patience(PATIENCE))?;
    store.load(&key("my-tool")).map(drop)
}

fn address() -> Option<String> {
    env::var(ADDRESS).ok()
}

/// What a process trusts and which provider it has is decided once: so each case has one, and a server.
fn in_a_process_of_its_own(case: &str, is_trusted: bool) {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
    let key = || KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, key()).unwrap();
    let other = CertificateParams::new([]).unwrap().self_signed(&key()).unwrap();
    let own = key();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&own, &*issuer).unwrap();
    fs::write(path("authority"), if is_trusted { issuer.pem() } else { other.pem() }).unwrap();
    fs::write(path("certificate"), certificate.pem()).unwrap();
    fs::write(path("key"), own.serialize_pem()).unwrap();

    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port().to_string();
    drop(free);
    let (certificate, key) = (path("certificate"), path("key"));
    let tls = ["--tls-port", &port, "--tls-auth-clients", "no", "--bind", "127.0.0.1"];
    let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
    let _server = Server::start_with(&[&tls[..], &files[..]].concat());

    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("tls::{case}"), "--nocapture"])
        .env("SSL_CERT_FILE", path("authority"))
        .env(ADDRESS, format!("rediss://localhost:{port}"))
        .output()
        .unwrap();
    assert_passed(&output);
}

fn assert_passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

const ADDRESS: &str = "AIOD_AUTH_TEST_REDISS";
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(500);
