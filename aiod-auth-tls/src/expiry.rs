//! When a certificate expires: what webpki leaves unread in one that is to be trusted.
//!
//! webpki reads these dates and keeps them to itself, as do rustls and native-tls. x509-parser and x509-cert would bring
//! ten crates or so into every program for one date of a warning; so the few bytes are read here, and whatever is odd in
//! them is no date. (rcgen, which the tests have, writes certificates by another way.)

use aiod_auth_core::Timestamp;
use rustls_pki_types::{CertificateDer, pem::PemObject};

use crate::options::without_bom;

/// When the last of these certificates (PEM) expires; `None` where none can be read. A certificate authority's is
/// trusted beyond that, as its dates are no matter of RFC 5280 §6.1.1: a program that warns of it helps its user,
/// since OpenSSL and what is made with it refuse it.
///
/// ```no_run
/// use std::time::SystemTime;
/// use aiod_auth_tls::last_expiry;
///
/// # fn main() -> std::io::Result<()> {
/// let file = "company-ca.pem";
/// if let Some(at) = last_expiry(&std::fs::read(file)?).filter(|at| *at < SystemTime::now().into()) {
///     eprintln!("the certificates in {file} have expired, the last at {at}");
/// }
/// // What is no certificate has no date.
/// assert_eq!(last_expiry(b"junk"), None);
/// # Ok(()) }
/// ```
#[must_use]
pub fn last_expiry(pem: &[u8]) -> Option<Timestamp> {
    let certificates = CertificateDer::pem_slice_iter(without_bom(pem)).filter_map(Result::ok);
    certificates.filter_map(|certificate| not_after(&certificate)).max()
}

/// RFC 5280 §4.1: behind the version, the serial number, the algorithm and the issuer.
fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, mut rest, _) = element(certificate)? else { return None };
    if let (VERSION, _, behind) = element(rest)? {
        rest = behind;
    }
    for _ in ["serialNumber", "signature", "issuer"] {
        (_, _, rest) = element(rest)?;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (_, _, rest) = element(validity)?;
    let (kind, time, _) = element(rest)?;
    let time = std::str::from_utf8(time).ok()?;
    let (year, rest) = match kind {
        // §4.1.2.5.1: until 2049.
        UTC_TIME => {
            let (year, rest) = time.split_at_checked(2)?;
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = time.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(2 * at..2 * at + 2);
    let [month, day, hour, minute, second] = [part(0)?, part(1)?, part(2)?, part(3)?, part(4)?];
    format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z").parse().ok()
}

/// The first element: its tag, its content, and what is behind it (X.690 §8.1).
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (length, rest) = match der.get(1..)? {
        [0x81, a, rest @ ..] => (usize::from(*a), rest),
        [0x82, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
        [length @ ..=0x7f, rest @ ..] => (usize::from(*length), rest),
        _ => return None,
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((*der.first()?, content, behind))
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
