//! How requests get to the server: what is trusted beyond the platform, and the client's certificate.
//! Proxies are the environment's.

use std::{path::Path, time::SystemTime};

use aiod_auth_ureq::{Driver, InvalidPem, UreqTransport, last_expiry};

use crate::{
    config::ProfileConfig,
    failure::Failure,
    private_file::{OwnFile, is_public_file, unreadable},
};

pub(super) fn driver(config: &ProfileConfig) -> Result<Driver, Failure> {
    let mut transport = UreqTransport::builder();
    if let Some(file) = &config.ca_file {
        let pem = read(file)?;
        transport = transport.root_certificates(&pem).map_err(|why| wrong(file, why))?;
        if let Some(expired) = last_expiry(&pem).filter(|at| *at < SystemTime::now().into()) {
            let file = file.display();
            log::warn!(
                "the certificates in {file} have expired, the last at {expired}: they are trusted all the same, and not by every program"
            );
        }
    }
    if let Some(file) = &config.client_certificate_file {
        let pem = read(file)?;
        if is_public_file(file) {
            let file = file.display();
            log::warn!(
                "every user of this machine can read the private key in {file}: run `chmod 600` on it"
            );
        }
        transport = transport.client_certificate(&pem).map_err(|why| wrong(file, why))?;
    }
    Ok(Driver::with_transport(transport.build()))
}

/// Around the certificates may stand whatever was put there, in any encoding.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    OwnFile::bytes(file).map_err(|error| unreadable("", file, &error))
}

fn wrong(file: &Path, why: InvalidPem) -> Failure {
    Failure::config(format!("{} {why}", file.display())).with_hint(why.hint())
}
