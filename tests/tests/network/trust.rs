//! Whom to trust, and what is said where TLS fails.

use aiod_auth_core::{Issuer, Kind};
use rustls::ServerConfig;

use crate::{
    CLIENTS, Network, discovery,
    server::{Authority, Identity, Server, as_authority, expired, named},
};

const TLS12: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
const TLS13: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The kind of error, and what its text has in it.
type Fails = Option<(Kind, &'static str)>;

#[test]
fn a_certificate_is_trusted_or_the_reason_is_said() {
    let authority = Authority::new();
    let stranger = Authority::called("another authority");
    let namesake = Authority::new();
    let good = authority.signs(&named(&["localhost"]));
    let own = Identity::self_signed(&named(&["localhost"]));
    // `openssl req -x509` makes a certificate authority of it.
    let own_ca = Identity::self_signed(&as_authority(named(&["localhost"])));
    let own_old = Identity::self_signed(&as_authority(expired(named(&["localhost"]))));
    let own_other = Identity::self_signed(&as_authority(named(&["other.test"])));
    let old_authority = Authority::expired();
    let of_old = old_authority.signs(&named(&["localhost"]));
    let mut common_name = named(&[]);
    common_name.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    let mut for_clients = named(&["localhost"]);
    for_clients.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let purpose = Some((Kind::Server, "can't be accepted: it is not meant for a server"));
    let unknown = Some((Kind::Server, "its issuer is unknown"));
    let old = Some((Kind::Server, "has expired"));
    let other = Some((Kind::Server, "is for another name"));
    let ca = Some((Kind::Server, "it is a certificate authority's, used as a server's"));
    let trusted = |identity: &Identity| Some(identity.certificate.clone());
    let by_authority = Some(authority.pem());
    let no_name = Some((Kind::Server, "is for no host: it has no subject alternative name"));
    let rows: [(&str, Identity, Option<String>, Fails); 15] = [
        ("signed by the authority", good.clone(), by_authority.clone(), None),
        ("of an authority that isn't trusted", good.clone(), Some(stranger.pem()), unknown),
        ("of one that is made anew with the same name", good, Some(namesake.pem()), unknown),
        ("expired", authority.signs(&expired(named(&["localhost"]))), by_authority.clone(), old),
        ("another name", authority.signs(&named(&["other.test"])), by_authority.clone(), other),
        ("a common name alone", authority.signs(&common_name), by_authority.clone(), no_name),
        // webpki looks at no dates of what is trusted.
        ("of an authority that has expired", of_old, Some(old_authority.pem()), None),
        ("for clients", authority.signs(&for_clients), by_authority.clone(), purpose),
        ("self-signed, trusted itself", own.clone(), trusted(&own), None),
        ("self-signed, not trusted", own, by_authority.clone(), unknown),
        ("self-signed authority, trusted itself", own_ca.clone(), trusted(&own_ca), None),
        ("self-signed authority, not trusted", own_ca, by_authority.clone(), ca),
        ("the same, expired", own_old.clone(), trusted(&own_old), old),
        ("the same, another name", own_other.clone(), trusted(&own_other), other),
        (
            "an authority's own, signed by the trusted one",
            authority.signs(&as_authority(named(&["localhost"]))),
            by_authority,
            ca,
        ),
    ];
    for (name, identity, roots, fails) in rows {
        let server = Server::tls(identity.config(None, rustls::ALL_VERSIONS));
        check(name, &server, &Network { roots, ..Network::direct() }, fails);
    }
}

#[test]
fn a_client_certificate_that_is_wanted_is_shown_or_said() {
    let authority = Authority::new();
    let stranger = Authority::called("another authority");
    let namesake = Authority::new();
    let server = authority.signs(&named(&["localhost"]));
    let shown = |signer: &Authority| {
        let Identity { certificate, key } = signer.signs(&named(&["a client"]));
        Some(format!("{certificate}{key}"))
    };
    let wanted = Some((Kind::Config, "it wants a client certificate"));
    let refused = Some((Kind::Config, "it doesn't accept the client certificate"));
    for versions in [TLS12, TLS13] {
        for (name, client_certificate, fails) in [
            ("none", None, wanted),
            ("the right one", shown(&authority), None),
            ("another one", shown(&stranger), refused),
            ("one of a namesake", shown(&namesake), refused),
        ] {
            let config: ServerConfig = server.config(Some(&authority), versions);
            let network =
                Network { roots: Some(authority.pem()), client_certificate, ..Network::direct() };
            let at = format!("{name}, {:?}", versions[0].version);
            check(&at, &Server::tls(config), &network, fails);
        }
    }
}

#[test]
fn an_alert_is_no_bad_certificate_and_plain_http_is_no_tls() {
    let network = Network { roots: Some(Authority::new().pem()), ..Network::direct() };
    let refused = Some((Kind::Server, "it broke off the TLS handshake (handshake_failure)"));
    for (name, bytes, fails) in [
        // RFC 8446 §6: content type, version, length, fatal, description.
        (
            "version",
            b"\x15\x03\x01\x00\x02\x02\x46".as_slice(),
            Some((Kind::Server, "no TLS version")),
        ),
        ("cipher", b"\x15\x03\x01\x00\x02\x02\x28", refused),
        ("internal", b"\x15\x03\x01\x00\x02\x02\x50", Some((Kind::Unavailable, "internal_error"))),
        (
            "plain HTTP",
            b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
            Some((Kind::Server, "what answered there doesn't speak TLS")),
        ),
        ("closed", b"", Some((Kind::Unavailable, "connection closed"))),
    ] {
        check(name, &Server::raw(bytes), &network, fails);
    }
}

/// With both clients. What can't pass by itself is tried once.
fn check(name: &str, server: &Server, network: &Network, fails: Fails) {
    for (client, discover) in CLIENTS {
        let issuer = Issuer::new(&format!("https://localhost:{}", server.port)).unwrap();
        let outcome = discover(network, discovery(issuer));
        let connections = server.connections();
        match (outcome, fails) {
            (Ok(_), None) => assert_eq!(connections, 1, "{client}, {name}"),
            (Err(error), Some((kind, says))) => {
                assert_eq!(error.kind(), kind, "{client}, {name}: {error}");
                assert!(error.to_string().contains(says), "{client}, {name}: {error}");
                let expected = if kind == Kind::Unavailable { 2 } else { 1 };
                assert_eq!(connections, expected, "{client}, {name}: {error}");
            }
            (outcome, _) => panic!("{client}, {name}: {outcome:?}"),
        }
    }
}
