//! `WWW-Authenticate`: RFC 9110 §11.6.1.

use aiod_auth_core::Response;

/// The challenges as `scheme name=value name=value`, with `, ` between; a value is written as Rust does.
fn read(fields: &[&str]) -> String {
    let headers: Vec<_> = fields.iter().map(|field| ("WWW-Authenticate", *field)).collect();
    let challenges = Response::new(401, headers.iter().copied(), b"").challenges();
    let written = challenges.iter().map(|challenge| {
        let params = challenge.params().map(|(name, value)| format!(" {name}={value:?}"));
        format!("{}{}", challenge.scheme(), params.collect::<String>())
    });
    written.collect::<Vec<_>>().join(", ")
}

pub(crate) fn challenges_are_read() {
    for (fields, expected) in CHALLENGES {
        assert_eq!(read(fields), *expected, "{fields:?}");
    }
    let headers = [("WWW-AUTHENTICATE", "Bearer error=a"), ("www-authenticate", "Basic")];
    assert_eq!(Response::new(401, headers.iter().copied(), b"").challenges().len(), 2);
    let challenges = Response::new(401, headers.iter().copied(), b"").challenges();
    assert_eq!(challenges[0].param("error"), Some("a"));
    assert_eq!(challenges[0].param("realm"), None);
}

const CHALLENGES: &[(&[&str], &str)] = &[
    (&["Bearer realm=\"example\""], "bearer realm=\"example\""),
    (
        &[
            "Bearer realm=\"example\", error=\"invalid_token\", error_description=\"The access token expired\"",
        ],
        "bearer realm=\"example\" error=\"invalid_token\" error_description=\"The access token expired\"",
    ),
    (
        &["Bearer error=\"insufficient_scope\", scope=\"openid profile email\""],
        "bearer error=\"insufficient_scope\" scope=\"openid profile email\"",
    ),
    // RFC 6750 §3: a comma in a string.
    (
        &["Bearer scope=\"urn:example:channel=HBO&urn:example:rating=G,PG-13\""],
        "bearer scope=\"urn:example:channel=HBO&urn:example:rating=G,PG-13\"",
    ),
    (&["Bearer"], "bearer"),
    // RFC 9110 §11.6.1.
    (
        &[
            "Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\"",
        ],
        "basic realm=\"simple\", newauth realm=\"apps\" type=\"1\" title=\"Login to \\\"apps\\\"\"",
    ),
    // RFC 9449 §7.1, §7.2.
    (&["DPoP algs=\"ES256 PS256\""], "dpop algs=\"ES256 PS256\""),
    (&["Bearer, DPoP algs=\"ES256 PS256\""], "bearer, dpop algs=\"ES256 PS256\""),
    (
        &[
            "Bearer error=\"invalid_token\", error_description=\"Invalid token\", DPoP algs=\"ES256 PS256\"",
        ],
        "bearer error=\"invalid_token\" error_description=\"Invalid token\", dpop algs=\"ES256 PS256\"",
    ),
    (
        &["Bearer error=\"invalid_request\", DPoP algs=\"ES256\", error=\"invalid_request\""],
        "bearer error=\"invalid_request\", dpop algs=\"ES256\" error=\"invalid_request\"",
    ),
    // Several fields, any case, tokens for strings, odd spaces, empty members.
    (&["Bearer realm=\"a\"", "Basic realm=\"b\""], "bearer realm=\"a\", basic realm=\"b\""),
    (
        &["bEaReR ReAlM=\"x\", ERROR=\"invalid_token\""],
        "bearer realm=\"x\" error=\"invalid_token\"",
    ),
    (&["Bearer error=invalid_token"], "bearer error=\"invalid_token\""),
    (
        &["Bearer realm = \"x\" ,  error\t=\t\"invalid_token\""],
        "bearer realm=\"x\" error=\"invalid_token\"",
    ),
    (
        &[" , Bearer realm=\"x\",, ,error=\"invalid_token\", "],
        "bearer realm=\"x\" error=\"invalid_token\"",
    ),
    // token68.
    (&["Negotiate", "NTLM TlRMTVNTUAACAAAA=="], "negotiate, ntlm"),
    (&["Negotiate, Bearer realm=\"x\""], "negotiate, bearer realm=\"x\""),
    (
        &["NTLM TlRMTVNTUAACAAAA, Bearer error=\"invalid_token\""],
        "ntlm, bearer error=\"invalid_token\"",
    ),
    (
        &["NTLM TlRMTVNTUAACAAAA==, Bearer error=\"invalid_token\""],
        "ntlm, bearer error=\"invalid_token\"",
    ),
    // Escapes, and what is empty.
    (
        &["Bearer realm=\"a\\\\b\", error_description=\"say \\\"hi\\\", then go\""],
        "bearer realm=\"a\\\\b\" error_description=\"say \\\"hi\\\", then go\"",
    ),
    (&["Bearer realm=\"\""], "bearer realm=\"\""),
    // Parameters that are not known here.
    (
        &["Bearer error=\"insufficient_user_authentication\", acr_values=\"myACR\", max_age=\"5\""],
        "bearer error=\"insufficient_user_authentication\" acr_values=\"myACR\" max_age=\"5\"",
    ),
    (
        &["Digest realm=\"d\", nonce=\"a,b=c\", qop=\"auth, auth-int\", Bearer realm=\"x\""],
        "digest realm=\"d\" nonce=\"a,b=c\" qop=\"auth, auth-int\", bearer realm=\"x\"",
    ),
    // Not as it should be: a comma left out, a name twice, a string that never ends, no scheme.
    (&["Bearer realm=\"x\" error=\"invalid_token\""], "bearer realm=\"x\" error=\"invalid_token\""),
    (&["Bearer error=\"a\", error=\"b\", Basic realm=\"r\""], "basic realm=\"r\""),
    (&["Basic realm=\"ok\", Bearer realm=\"never closed"], "basic realm=\"ok\""),
    (&["\"Bearer\""], ""),
    (&[""], ""),
    (&[], ""),
];
