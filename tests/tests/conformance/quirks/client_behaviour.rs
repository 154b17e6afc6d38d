//! What takes more than one answer: client authentication.

use aiod_auth_core::{
    AuthenticationMethod, AuthorizationServer, ClientIdentity, ClientSecret, Kind, Request,
    RetryPolicy, flow::AccessTokenRequest,
};
use base64::{Engine, prelude::BASE64_STANDARD};

use super::around::*;

pub(super) fn basic_credentials_are_escaped() {
    super::provider_data::a_server_that_does_not_unescape_gets_plain_credentials();
    let odd = client().with_secret(ClientSecret::new("p:a+s s/w")).unwrap();
    let escaped = BASE64_STANDARD.encode("client:p%3Aa%2Bs+s%2Fw");
    let mut request = refresh(&server(), &odd);
    assert_eq!(header(&sent(&mut request), "Authorization"), Some(&*format!("Basic {escaped}")));
    let refused = r#"401 {"error":"invalid_client"}"#;
    let error = run(&mut request, &[refused]).unwrap_err();
    assert_eq!(error.kind(), Kind::Server);
    assert!(error.hint().unwrap().contains("escape"), "{:?}", error.hint());

    let plain = run(&mut refresh(&server(), &confidential()), &[refused]).unwrap_err();
    assert!(!plain.hint().unwrap().contains("escape"), "{:?}", plain.hint());
}

pub(super) fn methods_are_told_and_never_tried_out() {
    let in_the_body = "client_id=client&client_secret=secret";
    let basic = Some("Basic Y2xpZW50OnNlY3JldA==");
    let metadata = |methods: &str| {
        let document = format!(
            r#"{{"issuer":"https://as.example","token_endpoint":"https://as.example/token"{methods}}}"#
        );
        discover("https://as.example", &document).unwrap()
    };
    let reddit = metadata("");
    let post_only = metadata(r#","token_endpoint_auth_methods_supported":["client_secret_post"]"#);
    let dropbox = metadata(
        r#","token_endpoint_auth_methods_supported":["client_secret_post","client_secret_basic"]"#,
    );
    let stripe = metadata(r#","token_endpoint_auth_methods_supported":["stripe_key"]"#);

    let request = bot(&reddit, &confidential());
    assert_eq!(header(&request, "Authorization"), basic);
    assert!(!body(&request).contains("secret"));
    let request = bot(&post_only, &confidential());
    assert_eq!(header(&request, "Authorization"), None);
    assert!(body(&request).contains(in_the_body));
    let request = bot(&dropbox, &confidential());
    assert_eq!(header(&request, "Authorization"), basic);
    assert!(!body(&request).contains("client_secret"));
    let configured =
        confidential().with_authentication_method(AuthenticationMethod::ClientSecretPost);
    for server in [&reddit, &dropbox, &stripe] {
        let request = bot(server, &configured);
        assert_eq!(header(&request, "Authorization"), None);
        assert!(body(&request).contains(in_the_body));
    }
    let policy = RetryPolicy::default();
    let error = AccessTokenRequest::client_credentials(&stripe, &confidential(), &scope(), policy);
    assert_eq!(error.unwrap_err().kind(), Kind::Config);

    let ran = run_with(&mut refresh(&dropbox, &confidential()), |_, _| {
        r#"401 {"error":"invalid_client"}"#.to_owned()
    });
    assert_eq!((ran.outcome.unwrap_err().kind(), ran.sent_at.len()), (Kind::Server, 1));
}

pub(super) fn a_client_without_a_secret_sends_none() {
    let document = r#"{"issuer":"https://github.com/login/oauth","token_endpoint":"https://github.com/login/oauth/access_token","device_authorization_endpoint":"https://github.com/login/device/code","token_endpoint_auth_methods_supported":["client_secret_basic","client_secret_post"]}"#;
    let server = discover("https://github.com/login/oauth", document).unwrap();
    let request = sent(&mut refresh(&server, &client()));
    assert_eq!(header(&request, "Authorization"), None);
    assert_eq!(body(&request), "grant_type=refresh_token&refresh_token=old&client_id=client");
    // Who configures one has it sent.
    let request = sent(&mut refresh(&server, &confidential()));
    assert!(header(&request, "Authorization").is_some());
}

pub(super) fn one_method_at_a_time() {
    for method in [AuthenticationMethod::ClientSecretBasic, AuthenticationMethod::ClientSecretPost]
    {
        let client = confidential().with_authentication_method(method);
        for request in [bot(&server(), &client), sent(&mut refresh(&server(), &client))] {
            let in_the_header = header(&request, "Authorization").is_some();
            assert_ne!(in_the_header, body(&request).contains("client_secret"));
            assert_ne!(in_the_header, body(&request).contains("client_id"));
        }
    }
}

fn bot(server: &AuthorizationServer, client: &ClientIdentity) -> Request {
    let policy = RetryPolicy::default();
    let request = AccessTokenRequest::client_credentials(server, client, &scope(), policy);
    sent(&mut request.unwrap())
}
