//! Whatever comes to the port on which a login waits for the browser.

use aiod_auth_tests::fuzzing::loopback;
use proptest::prelude::*;

const STATE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ending = loopback(&bytes);
    }

    /// LOOP-09: nothing that lacks the login's own `state` ends it.
    #[test]
    fn nothing_ends_a_login_but_its_own_redirect(
        method in "GET|POST|HEAD|[A-Z]{1,8}",
        path in "/callback|/|/favicon\\.ico|/[a-z%./]{0,12}",
        pairs in proptest::collection::vec("(code|state|error|iss|%63ode|[a-z]{1,5})=[a-zA-Z0-9%+:/._-]{0,12}", 0..6),
        host in "127\\.0\\.0\\.1:51004|localhost|[a-z.:0-9]{0,12}",
    ) {
        let request = format!("{method} {path}?{} HTTP/1.1\r\nHost: {host}\r\n\r\n", pairs.join("&"));
        prop_assert_eq!(loopback(request.as_bytes()), "stray");
    }

    #[test]
    fn its_own_redirect_always_does(
        before in proptest::collection::btree_set("[b-z]{1,3}=[a-z0-9]{0,8}", 0..2),
        code in "[a-zA-Z0-9._~-]{1,80}",
        field in "[A-Z][a-z]{0,10}: [ -~]{0,40}",
    ) {
        prop_assume!(before.iter().map(|pair| pair.split('=').next()).collect::<std::collections::BTreeSet<_>>().len() == before.len());
        prop_assume!(!field.to_lowercase().starts_with("host:"));
        let before: String = before.iter().map(|pair| format!("{pair}&")).collect();
        let request = format!(
            "GET /callback?{before}code={code}&state={STATE} HTTP/1.1\r\n{field}\r\nHost: 127.0.0.1:51004\r\n\r\n"
        );
        prop_assert_eq!(loopback(request.as_bytes()), "code");
    }
}
