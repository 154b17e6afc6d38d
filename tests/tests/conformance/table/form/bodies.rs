//! What is in a form.

use std::collections::BTreeSet;

use aiod_auth_core::{Kind, RefreshToken, RetryPolicy, Scope, flow::AccessTokenRequest};

use crate::machines::{
    confidential, form, headers, machine, parameter, posting, posting_for, public, requests, scope,
    sent_by, server,
};

/// Any text can be a refresh token; letters, digits and `*-._` stay as they are.
pub(crate) fn values_are_utf_8_and_then_escaped() {
    let cases = [
        // RFC 6749 appendix B.
        (" %&+£€", "+%25%26%2B%C2%A3%E2%82%AC"),
        ("tGzv3JOkF0XG5Qx2TlKWIA", "tGzv3JOkF0XG5Qx2TlKWIA"),
        ("GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS", "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS"),
        ("openid profile offline_access", "openid+profile+offline_access"),
        ("http://127.0.0.1:51004/cb", "http%3A%2F%2F127.0.0.1%3A51004%2Fcb"),
        ("http://[::1]:61023/cb", "http%3A%2F%2F%5B%3A%3A1%5D%3A61023%2Fcb"),
        ("jöhn@döe", "j%C3%B6hn%40d%C3%B6e"),
        ("p&q=r+s%t#u", "p%26q%3Dr%2Bs%25t%23u"),
        // Bytes are escaped, never normalised.
        ("🔑\0\r\n", "%F0%9F%94%91%00%0D%0A"),
        ("e\u{301}", "e%CC%81"),
        ("*-._~", "*-._%7E"),
        ("'()!$,;:@/?", "%27%28%29%21%24%2C%3B%3A%40%2F%3F"),
        ("%2B", "%252B"),
    ];
    for (text, escaped) in cases {
        let (token, policy) = (RefreshToken::new(text), RetryPolicy::default());
        let refresh =
            AccessTokenRequest::refresh(&server(), &public(), &token, &scope("read"), policy);
        let request = sent_by(&mut machine(refresh.unwrap()));
        let expected = format!("grant_type=refresh_token&refresh_token={escaped}&client_id=client");
        assert_eq!(str::from_utf8(request.body()), Ok(expected.as_str()));
        assert_eq!(parameter(&request, "refresh_token").as_deref(), Some(text));
    }
}

pub(crate) fn what_has_no_value_is_left_out() {
    for client in [public(), confidential()] {
        for (name, request) in requests(posting_for(&server(), &client, &scope("")).unwrap()) {
            assert_eq!(parameter(&request, "scope"), None, "{name}");
            assert!(form(&request).iter().all(|(_, value)| !value.is_empty()), "{name}");
        }
        let with_scope = requests(posting(&server(), &client));
        let (name, device) = &with_scope[0];
        assert_eq!(parameter(device, "scope").as_deref(), Some("read write"), "{name}");
    }
}

pub(crate) fn no_parameter_is_there_twice() {
    for client in [public(), confidential()] {
        for (name, request) in requests(posting(&server(), &client)) {
            let names: Vec<_> = form(&request).into_iter().map(|(name, _)| name).collect();
            let different: BTreeSet<_> = names.iter().collect();
            assert_eq!(different.len(), names.len(), "{name} {names:?}");
        }
    }
}

pub(crate) fn scopes_are_sets_of_allowed_characters() {
    let control = ["a\0", "a\n", "a\t", "a\u{7f}"];
    let outside = ["", "a\"b", "a\\b", "é", "a b", " a", "a ", "日本", "a\u{a0}b"];
    for token in control.into_iter().chain(outside) {
        let error = Scope::new(["good", token]).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage, "{token:?}");
    }
    for text in ["a\"b", "openid a\\b", "é", "openid\u{a0}profile"] {
        assert_eq!(text.parse::<Scope>().unwrap_err().kind(), Kind::Usage, "{text:?}");
    }
    let all_allowed: String = (0x21..=0x7e).map(char::from).collect();
    let all_allowed = all_allowed.replace(['"', '\\'], "");
    assert_eq!(Scope::new([all_allowed.clone()]).unwrap().to_string(), all_allowed);

    assert_eq!(Scope::new(["b", "a"]).unwrap(), scope("a b"));
    assert_eq!(scope(" b  a\tb\n").to_string(), "a b");
    assert_ne!(scope("read"), scope("Read"));
    let machines = posting_for(&server(), &confidential(), &scope("b  a b A")).unwrap();
    let mut named = 0;
    for (name, request) in requests(machines) {
        if let Some(sent) = parameter(&request, "scope") {
            assert_eq!(sent, "A a b", "{name}");
            named += 1;
        }
    }
    assert_eq!(named, 2, "the device flow and client credentials name a scope");
}

pub(crate) fn each_grant_has_its_registered_name() {
    let requests = requests(posting(&server(), &confidential()));
    for (name, expected) in [
        ("poll", Some("urn:ietf:params:oauth:grant-type:device_code")),
        ("refresh", Some("refresh_token")),
        ("client credentials", Some("client_credentials")),
        ("device", None),
        ("revoke a refresh token", None),
        ("end session", None),
    ] {
        let (_, request) = requests.iter().find(|(n, _)| *n == name).unwrap();
        assert_eq!(parameter(request, "grant_type").as_deref(), expected, "{name}");
        // What a grant is bought with is in the body alone.
        assert!(headers(request, "authorization").iter().all(|value| value.starts_with("Basic ")));
    }
    let of = |name| &requests.iter().find(|(n, _)| *n == name).unwrap().1;
    assert_eq!(parameter(of("poll"), "device_code").as_deref(), Some("secret-to-poll"));
    assert_eq!(parameter(of("refresh"), "refresh_token").as_deref(), Some("secret-to-refresh"));
}
