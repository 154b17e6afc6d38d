//! Through proxies, as the environment says.

use std::time::Duration;

use aiod_auth_core::{
    AuthorizationServer, ClientIdentity, Endpoint, Environment, Error, Issuer, Kind, RefreshToken,
    RetryPolicy, Scope, flow::AccessTokenRequest, proxy::Proxies,
};

use crate::{
    CLIENTS, Network, async_driver, blocking_driver, discovery,
    proxy::{Answers, Proxy},
    server::{Authority, Server, named},
};

/// PROXY stands for `127.0.0.1:PORT`.
struct Row {
    proxy: Answers,
    /// Whether the proxy speaks TLS, and has a certificate of the authority that is trusted.
    secure: Option<bool>,
    variables: &'static [(&'static str, &'static str)],
    /// Whether the issuer is an https one, of this host.
    https: bool,
    host: &'static str,
    /// The kind of error, and what its text has in it; none where the server is reached.
    fails: Option<(Kind, &'static str)>,
    /// What the proxy was asked for, each time, by the blocking client. SERVER stands for the port.
    asked: &'static [&'static str],
}

const SECURE: Row = Row {
    proxy: Answers::Http,
    secure: None,
    variables: &[("https_proxy", "http://PROXY")],
    https: true,
    host: "as.example.test",
    fails: None,
    asked: &["CONNECT as.example.test:SERVER HTTP/1.1"],
};

const BY_HTTPS: &[(&str, &str)] = &[("all_proxy", "https://PROXY")];
const SOCKS: &[(&str, &str)] = &[("all_proxy", "socks5://PROXY")];
const TWICE: &[&str] = &["CONNECT as.example.test:SERVER HTTP/1.1"; 2];
const REFUSED: &[u8] = b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const NTLM: &[u8] =
    b"HTTP/1.1 407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\
    Content-Length: 0\r\n\r\n";
/// What the proxy's log has after the line of one whose password is another.
const STRANGER: &str = ", by a stranger";
const NO_TUNNELS: &[u8] = b"HTTP/1.1 501 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const BROKE: &str = "opened a tunnel that broke before there was TLS: connection ";
const BUSY: &[u8] = b"HTTP/1.1 503 Later\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A label that is too long: no name server is asked.
pub(crate) const NOWHERE: &str =
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.invalid";

const PLAIN: &str = "GET http://as.example.test:SERVER/.well-known/openid-configuration HTTP/1.1";
const PLAIN_BY_A_STRANGER: &str =
    "GET http://as.example.test:SERVER/.well-known/openid-configuration HTTP/1.1, by a stranger";

fn rows() -> Vec<Row> {
    vec![
        SECURE,
        Row { variables: &[("HTTPS_PROXY", "PROXY")], ..SECURE },
        Row { variables: &[("ALL_PROXY", "http://PROXY")], ..SECURE },
        Row {
            variables: &[("https_proxy", "http://me:p%20w@PROXY")],
            proxy: Answers::HttpForMe,
            ..SECURE
        },
        // Not for https, not for loopback, not where NO_PROXY names it.
        Row {
            variables: &[("http_proxy", "PROXY")],
            host: NOWHERE,
            fails: Some((Kind::Unavailable, "was not found")),
            asked: &[],
            ..SECURE
        },
        Row { variables: &[("all_proxy", "PROXY")], host: "localhost", asked: &[], ..SECURE },
        Row {
            variables: &[("all_proxy", "PROXY"), ("no_proxy", "x, .invalid")],
            host: NOWHERE,
            fails: Some((Kind::Unavailable, "was not found")),
            asked: &[],
            ..SECURE
        },
        // A plain http issuer needs no tunnel: the proxy may have one for port 443 alone.
        Row { variables: &[("http_proxy", "PROXY")], https: false, asked: &[PLAIN], ..SECURE },
        Row {
            variables: &[("http_proxy", "me:p%20w@PROXY")],
            proxy: Answers::HttpForMe,
            https: false,
            asked: &[PLAIN],
            ..SECURE
        },
        Row {
            variables: &[("http_proxy", "me:wrong@PROXY")],
            proxy: Answers::HttpForMe,
            https: false,
            fails: Some((Kind::Config, "wants a user name and password")),
            asked: &[PLAIN_BY_A_STRANGER],
            ..SECURE
        },
        // A wrong password is sent once: more of them lock accounts.
        Row {
            variables: &[("https_proxy", "http://me:wrong@PROXY")],
            proxy: Answers::HttpForMe,
            fails: Some((Kind::Config, "wants a user name and password (HTTP 407)")),
            asked: &["CONNECT as.example.test:SERVER HTTP/1.1, by a stranger"],
            ..SECURE
        },
        Row {
            proxy: Answers::HttpForMe,
            fails: Some((Kind::Config, "wants a user name and password (HTTP 407)")),
            ..SECURE
        },
        // What it wants is not spoken here, whatever the password: both through a tunnel and without.
        Row {
            proxy: Answers::Bytes(NTLM),
            variables: &[("https_proxy", "http://me:p%20w@PROXY")],
            fails: Some((Kind::Config, "wants a login by Negotiate or NTLM, which is not spoken")),
            ..SECURE
        },
        Row {
            proxy: Answers::Bytes(NTLM),
            variables: &[("http_proxy", "http://me:p%20w@PROXY")],
            https: false,
            asked: &[PLAIN],
            fails: Some((Kind::Config, "wants a login by Negotiate or NTLM, which is not spoken")),
            ..SECURE
        },
        Row {
            proxy: Answers::Bytes(REFUSED),
            fails: Some((Kind::Config, "refuses the connection (HTTP 403)")),
            ..SECURE
        },
        // No wait makes it open tunnels.
        Row {
            proxy: Answers::Bytes(NO_TUNNELS),
            fails: Some((Kind::Config, "opens no tunnels (HTTP 501)")),
            ..SECURE
        },
        // What passes by itself is tried again.
        Row {
            proxy: Answers::HttpBreaks { after_hello: false },
            fails: Some((Kind::Unavailable, BROKE)),
            asked: TWICE,
            ..SECURE
        },
        Row {
            proxy: Answers::HttpBreaks { after_hello: true },
            fails: Some((Kind::Unavailable, BROKE)),
            asked: TWICE,
            ..SECURE
        },
        Row {
            secure: Some(true),
            variables: BY_HTTPS,
            proxy: Answers::HttpBreaks { after_hello: true },
            fails: Some((Kind::Unavailable, BROKE)),
            asked: TWICE,
            ..SECURE
        },
        Row {
            proxy: Answers::SocksReply(0),
            variables: SOCKS,
            fails: Some((Kind::Unavailable, BROKE)),
            asked: &["SOCKS as.example.test:SERVER"; 2],
            ..SECURE
        },
        Row {
            proxy: Answers::Bytes(BUSY),
            fails: Some((Kind::Unavailable, "can't reach the server (HTTP 503)")),
            asked: TWICE,
            ..SECURE
        },
        Row {
            proxy: Answers::Bytes(b""),
            fails: Some((Kind::Unavailable, "can't be reached: it closed the connection")),
            asked: TWICE,
            ..SECURE
        },
        Row {
            proxy: Answers::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n"),
            fails: Some((Kind::Config, "is no HTTP proxy")),
            ..SECURE
        },
        // What is escaped is the user's, also where it looks like an escape.
        Row {
            variables: &[("https_proxy", "http://me:p%2541@PROXY")],
            proxy: Answers::HttpForMe,
            ..SECURE
        },
        // Proxies that are reached through TLS.
        Row { secure: Some(true), variables: BY_HTTPS, ..SECURE },
        Row { secure: Some(true), variables: BY_HTTPS, https: false, asked: &[PLAIN], ..SECURE },
        Row {
            secure: Some(true),
            variables: &[("all_proxy", "https://me:wrong@PROXY")],
            proxy: Answers::HttpForMe,
            asked: &["CONNECT as.example.test:SERVER HTTP/1.1, by a stranger"],
            fails: Some((Kind::Config, "wants a user name and password (HTTP 407)")),
            ..SECURE
        },
        Row {
            secure: Some(true),
            variables: BY_HTTPS,
            proxy: Answers::Bytes(REFUSED),
            fails: Some((Kind::Config, "refuses the connection (HTTP 403)")),
            ..SECURE
        },
        Row {
            secure: Some(true),
            variables: BY_HTTPS,
            proxy: Answers::Bytes(BUSY),
            fails: Some((Kind::Unavailable, "can't reach the server (HTTP 503)")),
            asked: TWICE,
            ..SECURE
        },
        Row {
            secure: Some(false),
            variables: BY_HTTPS,
            fails: Some((Kind::Config, "has a certificate that can't be trusted (TLS)")),
            asked: &[],
            ..SECURE
        },
        Row {
            secure: Some(false),
            variables: BY_HTTPS,
            https: false,
            fails: Some((Kind::Config, "has a certificate that can't be trusted (TLS)")),
            asked: &[],
            ..SECURE
        },
        Row {
            variables: &[("https_proxy", "http://me:secret#@PROXY")],
            fails: Some((
                Kind::Config,
                "the proxy in https_proxy has a user name or a password with",
            )),
            asked: &[],
            ..SECURE
        },
        Row {
            proxy: Answers::Socks,
            variables: SOCKS,
            asked: &["SOCKS as.example.test:SERVER"],
            ..SECURE
        },
        Row {
            proxy: Answers::Socks,
            variables: &[("HTTPS_PROXY", "socks5h://PROXY")],
            asked: &["SOCKS as.example.test:SERVER"],
            ..SECURE
        },
        Row {
            proxy: Answers::Socks,
            variables: SOCKS,
            https: false,
            asked: &["SOCKS as.example.test:SERVER"],
            ..SECURE
        },
        Row {
            proxy: Answers::SocksForMe,
            variables: &[("all_proxy", "socks5h://me:p%20w@PROXY")],
            asked: &["SOCKS as.example.test:SERVER"],
            ..SECURE
        },
        Row {
            proxy: Answers::SocksForMe,
            variables: &[("all_proxy", "socks5h://me:wrong@PROXY")],
            fails: Some((Kind::Config, "wants a user name and password (SOCKS5)")),
            asked: &["a stranger"],
            ..SECURE
        },
        // A refusal without a word is one: a password is sent once.
        Row {
            proxy: Answers::SocksCloses,
            variables: &[("all_proxy", "socks5h://me:wrong@PROXY")],
            fails: Some((
                Kind::Config,
                "closed the connection after the user name and password (SOCKS5)",
            )),
            asked: &["credentials"],
            ..SECURE
        },
        Row {
            proxy: Answers::SocksReply(2),
            variables: SOCKS,
            fails: Some((Kind::Config, "refuses the connection (SOCKS reply 2)")),
            asked: &["SOCKS as.example.test:SERVER"],
            ..SECURE
        },
        Row {
            proxy: Answers::SocksReply(5),
            variables: SOCKS,
            fails: Some((Kind::Unavailable, "can't connect to the server (SOCKS reply 5)")),
            asked: &["SOCKS as.example.test:SERVER"; 2],
            ..SECURE
        },
        Row {
            variables: &[("all_proxy", "socks4://me:secret@PROXY")],
            fails: Some((Kind::Config, "the proxy in all_proxy is a SOCKS4 proxy")),
            asked: &[],
            ..SECURE
        },
        Row {
            variables: &[("HTTPS_PROXY", "http://me:secret@127.0.0.1:9")],
            fails: Some((Kind::Unavailable, "the proxy 127.0.0.1:9 can't be reached: ")),
            asked: &[],
            ..SECURE
        },
    ]
}

#[test]
fn an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named() {
    let authority = Authority::new();
    let identity = authority.signs(&named(&["as.example.test", "localhost"]));
    let secure = Server::tls(identity.config(None, rustls::ALL_VERSIONS));
    let plain = Server::plain();
    let of_proxy = named(&["127.0.0.1"]);
    let trusted = authority.signs(&of_proxy);
    let stranger = Authority::called("a stranger").signs(&of_proxy);
    for row in rows() {
        let proxy = match row.secure {
            None => Proxy::new(row.proxy),
            Some(is_trusted) => {
                let identity = if is_trusted { &trusted } else { &stranger };
                Proxy::secure(row.proxy, identity.config(None, rustls::ALL_VERSIONS))
            }
        };
        let name = format!("127.0.0.1:{}", proxy.port);
        let variables =
            row.variables.iter().map(|(key, value)| (*key, value.replace("PROXY", &name)));
        let environment: Environment = variables.collect();
        let network = Network {
            proxies: Proxies::from_environment(&environment),
            roots: Some(authority.pem()),
            ..Network::direct()
        };
        let server = if row.https { &secure } else { &plain };
        let scheme = if row.https { "https" } else { "http" };
        let address = format!("{scheme}://{}:{}", row.host, server.port);
        for (client, discover) in CLIENTS {
            let at = format!("{client}: {:?} {address}", row.variables);
            let issuer = Issuer::allowing_insecure_http(&address).unwrap();
            let outcome = discover(&network, discovery(issuer));
            let asked = proxy.asked();
            match (outcome, row.fails) {
                (Ok(_), None) => {}
                (Err(error), Some((kind, says))) => {
                    is_said(&error, kind, says, &at);
                    if !row.asked.is_empty() {
                        let says_name = error.to_string().contains(&name);
                        assert!(says_name, "{at}: {error}");
                    }
                }
                (outcome, _) => panic!("{at}: {outcome:?}, asked: {asked:?}"),
            }
            let expected: Vec<_> = row
                .asked
                .iter()
                .map(|line| line.replace("SERVER", &server.port.to_string()))
                .collect();
            // reqwest keeps a proxy's refusal to itself, which is asked for once more: without a password that it has
            // refused.
            let has_refused = row.fails.is_some()
                && !row.asked.is_empty()
                && matches!(row.proxy, Answers::HttpForMe | Answers::Bytes([_, ..]));
            let again: Vec<_> = expected.iter().map(|line| line.replace(STRANGER, "")).collect();
            let expected = match client == "async" && row.https && has_refused {
                true => [expected, again].concat(),
                false => expected,
            };
            assert_eq!(asked, expected, "{at}");
        }
    }
}

// Without `Connection: close`, the next request may go to a connection that is closing.
const PAGE: &[u8] = b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>";
const OTHER_PAGE: &[u8] =
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\n<html>";
const ASKS_FOR_TIME: &[u8] =
    b"HTTP/1.1 503 Later\r\nRetry-After: 100\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
const CUT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{";
const NOTHING_THERE: &[u8] = b"HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/// No proxy has such words.
const DENIED: &[u8] = b"HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 25\r\n\r\n{\"error\":\"access_denied\"}";

/// At plain http it is the proxy that is asked. Whether it has answered or the server can't be told, so what the
/// answer amounts to is the same. Let `Proxy::in_between` hand on what it is given: this fails.
#[test]
fn a_proxy_in_between_is_named_once_where_the_answer_may_be_its_own() {
    for (bytes, kind, says) in [
        (PAGE, Kind::Protocol, "(HTTP 403): no metadata was found, through the proxy PROXY"),
        (REFUSED, Kind::Protocol, "(HTTP 403): no metadata was found, through the proxy PROXY"),
        (OTHER_PAGE, Kind::Protocol, "(HTTP 200): a web page, through the proxy PROXY"),
        (BUSY, Kind::Unavailable, "HTTP 503, through the proxy PROXY (tried 2 times)"),
        (ASKS_FOR_TIME, Kind::Unavailable, "HTTP 503, through the proxy PROXY, try again in"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Kind::Protocol, "read as HTTP, through the proxy PROXY"),
        (b"", Kind::Unavailable, "the proxy PROXY gave no answer: "),
        (CUT, Kind::Unavailable, "the proxy PROXY gave no answer: "),
        (NOTHING_THERE, Kind::Protocol, "no metadata was found"),
        (DENIED, Kind::Protocol, "no metadata was found"),
    ] {
        let proxy = Proxy::new(Answers::Bytes(bytes));
        let (network, address) = by(&proxy);
        for (client, discover) in CLIENTS {
            let issuer = Issuer::allowing_insecure_http("http://as.example.test").unwrap();
            let error = discover(&network, discovery(issuer)).unwrap_err();
            is_said(&error, kind, &says.replace("PROXY", &address), client);
            let named = usize::from(says.contains("PROXY"));
            assert_eq!(error.to_string().matches(&address).count(), named, "{client}: {error}");
            let hint = error.hint().unwrap_or_default();
            assert_eq!(hint.contains("proxy"), named == 1, "{client}: {error}: {hint}");
        }
    }
}

/// The server may have seen it. Let `comes_after_request` say no: this fails.
#[test]
fn a_refresh_that_a_proxy_leaves_unanswered_has_an_unknown_outcome() {
    let proxy = Proxy::new(Answers::Bytes(b""));
    let (network, address) = by(&proxy);
    let issuer = Issuer::allowing_insecure_http("http://as.example.test").unwrap();
    let refresh = || {
        let mut policy = RetryPolicy::default();
        policy.first_delay = Duration::from_millis(1);
        let token = "http://as.example.test/token";
        let server = AuthorizationServer::new(issuer.clone());
        let server = server.with_endpoint(Endpoint::Token, token).unwrap();
        let client = ClientIdentity::public("me").unwrap();
        let (token, scope) = (RefreshToken::new("a-refresh-token"), Scope::default());
        AccessTokenRequest::refresh(&server, &client, &token, &scope, policy).unwrap()
    };
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (client, outcome) in [
        ("blocking", blocking_driver(&network).run(&mut refresh())),
        ("async", tokio.block_on(async_driver(&network).run(&mut refresh()))),
    ] {
        let error = outcome.unwrap_err().error;
        assert!(matches!(error, Error::OutcomeUnknown { attempts: 2, .. }), "{client}: {error:?}");
        let says = format!("the proxy {address} gave no answer: ");
        is_said(&error, Kind::Unavailable, &says, client);
    }
    assert_eq!(proxy.asked().len(), 4);
}

/// hyper-util takes little for the opening of a tunnel. What it doesn't is said as such, and not as trouble that may
/// pass. Let `is_beyond_hyper` say no: this fails.
#[test]
fn a_tunnel_that_is_opened_in_an_odd_way_is_used_or_its_proxy_is_named() {
    let authority = Authority::new();
    let identity = authority.signs(&named(&["as.example.test"]));
    let server = Server::tls(identity.config(None, rustls::ALL_VERSIONS));
    let fields = (0..150).map(|n| format!("X-{n}: x\r\n")).collect::<String>();
    let large = format!("X: {}\r\n", "x".repeat(9000));
    for (head, is_for_both) in [
        ("HTTP/1.1 200 OK\nVia: x\n\n", true),
        ("HTTP/1.0 200\r\n\r\n", true),
        ("HTTP/1.1 204 Open\r\n\r\n", false),
        (&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), false),
        (&format!("HTTP/1.1 200 OK\r\n{large}\r\n"), false),
    ] {
        let proxy = Proxy::new(Answers::HttpWith(String::leak(head.into())));
        let (mut network, address) = by(&proxy);
        let url = format!("http://{address}");
        network.proxies = Proxies::all(aiod_auth_core::proxy::Proxy::new(&url).unwrap());
        network.roots = Some(authority.pem());
        for (client, discover) in CLIENTS {
            let issuer = Issuer::new(&format!("https://as.example.test:{}", server.port)).unwrap();
            let outcome = discover(&network, discovery(issuer));
            let at = format!("{client}, {head:.40}: {outcome:?}");
            if is_for_both || client == "blocking" {
                assert!(outcome.is_ok(), "{at}");
            } else {
                let says = format!("the proxy {address} opens its tunnels in a way that");
                is_said(&outcome.unwrap_err(), Kind::Config, &says, &at);
            }
        }
    }
}

fn by(proxy: &Proxy) -> (Network, String) {
    let address = format!("127.0.0.1:{}", proxy.port);
    let environment = Environment::from_iter([("http_proxy", format!("me:secret@{address}"))]);
    let proxies = Proxies::from_environment(&environment);
    (Network { proxies, ..Network::direct() }, address)
}

/// What comes through a tunnel is the server's, whatever a proxy says otherwise.
#[test]
fn a_407_of_the_server_is_no_matter_of_the_proxy() {
    let authority = Authority::new();
    let identity = authority.signs(&named(&["as.example.test"]));
    let config = identity.config(None, rustls::ALL_VERSIONS);
    let server = Server::tls_raw(config, b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n");
    for (answers, scheme) in [(Answers::Http, "http"), (Answers::Socks, "socks5")] {
        let proxy = Proxy::new(answers);
        let address = format!("{scheme}://127.0.0.1:{}", proxy.port);
        let network = Network {
            proxies: Proxies::all(aiod_auth_core::proxy::Proxy::new(&address).unwrap()),
            roots: Some(authority.pem()),
            ..Network::direct()
        };
        let issuer = format!("https://as.example.test:{}", server.port);
        for (client, discover) in CLIENTS {
            let issuer = Issuer::new(&issuer).unwrap();
            let error = discover(&network, discovery(issuer)).unwrap_err();
            let text = format!("{client}, {scheme}: {error}");
            assert!(error.kind() != Kind::Config && !text.contains("proxy"), "{text}");
            assert!(text.contains("407"), "{text}");
        }
    }
}

pub(crate) fn is_said(error: &Error, kind: Kind, says: &str, at: &str) {
    let text = format!("{error} {error:?} {}", error.hint().unwrap_or_default());
    assert_eq!(error.kind(), kind, "{at}: {text}");
    assert!(text.contains(says), "{at}: {text}");
    for secret in ["wrong", "secret@", "p w", "p%20w"] {
        assert!(!text.contains(secret), "{at}: {text}");
    }
}
