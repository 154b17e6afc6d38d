//! Single answers of the device endpoint, and to a poll.

/// The first whole answer, and what it lacks.
pub(super) const NEEDED: &[(&str, &str)] = &[
    // QM-14: named as it was sent, with what is wrong.
    (
        r#"200 {"device_code":"d","user_code":"U","interval":5,"verification_url":"http://login.example.net:8080/d","expires_in":300}"#,
        "error:protocol; `verification_url` is plain http, or a link-local address",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d"}"#,
        "ok; user code U; page https://as.example/d",
    ),
    (
        r#"200 {"user_code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `device_code` is missing",
    ),
    (
        r#"200 {"device_code":null,"user_code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `device_code` is missing",
    ),
    (
        r#"200 {"device_code":"","user_code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `device_code` is missing",
    ),
    (
        r#"200 {"device_code":7,"user_code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `device_code` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","device_code":"e","user_code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `device_code` is there twice",
    ),
    (
        r#"200 {"device_code":"d","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `user_code` is missing",
    ),
    (
        r#"200 {"device_code":"d","user_code":"","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `user_code` is missing",
    ),
    (
        r#"200 {"device_code":"d","User_Code":"U","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `user_code` is missing",
    ),
    (r#"200 {"device_code":"d","user_code":"U"}"#, "error:protocol; `verification_uri` is missing"),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri_complete":"https://as.example/d?c=U"}"#,
        "error:protocol; `verification_uri` is missing",
    ),
    // Google's and Microsoft's name for it; the standard's wins.
    (
        r#"200 {"device_code":"d","user_code":"U","verification_url":"https://as.example/d"}"#,
        "ok; page https://as.example/d",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","verification_url":"https://as.example/e"}"#,
        "ok; page https://as.example/d",
    ),
    ("200 {}", "error:protocol"),
    ("200", "error:protocol; the body is empty"),
    ("200 <html>", "error:protocol; a web page"),
];

pub(super) const LIFETIMES: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d"}"#,
        "ok; no expiry",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":null}"#,
        "ok; no expiry",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":0}"#,
        "ok; no expiry",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":-1}"#,
        "ok; no expiry",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":900}"#,
        "ok; expires in 900 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":"900"}"#,
        "ok; expires in 900 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","expires_in":900.5}"#,
        "ok; expires in 900 s",
    ),
];

pub(super) const NO_INTERVAL: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d"}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":null}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":0}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":"0"}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":-5}"#,
        "ok; interval 5 s",
    ),
];

pub(super) const INTERVALS: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":"soon"}"#,
        "ok; interval 5 s; note `interval` has the wrong type or format: taken as absent",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":""}"#,
        "ok; interval 5 s; note `interval` is an empty string: taken as absent",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":1}"#,
        "ok; interval 1 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":"5"}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":2.5}"#,
        "ok; interval 3 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":"2.5"}"#,
        "ok; interval 3 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":0.1}"#,
        "ok; interval 1 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":5.0}"#,
        "ok; interval 5 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":600}"#,
        "ok; interval 600 s",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","interval":1e9}"#,
        "ok; interval 1000000000 s",
    ),
];

pub(super) const PENDING: &[(&str, &str)] = &[
    (r#"200 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"400 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"401 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"403 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"428 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"429 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"500 {"error":"authorization_pending"}"#, "pending; after 5 s"),
    (r#"400 {"error":"authorization_pending","error_description":7}"#, "pending; after 5 s"),
    (r#"400 {"error":"Authorization_Pending"}"#, "error:server; code Authorization_Pending"),
];

pub(super) const SHOWN: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"WDJB-MJHT","verification_uri":"https://as.example/device"}"#,
        "ok; user code WDJB-MJHT; page https://as.example/device",
    ),
    (
        r#"201 {"device_code":"d","user_code":"123 456","verification_uri":"https://as.example/app/#/device"}"#,
        "ok; user code 123 456; page https://as.example/app/#/device",
    ),
];

pub(super) const COMPLETE: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","verification_uri_complete":"https://as.example/d?c=U"}"#,
        "ok; user code U; page https://as.example/d; complete page https://as.example/d?c=U",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_url":"https://as.example/d","verification_url_complete":"https://as.example/d?c=U"}"#,
        "ok; user code U; page https://as.example/d; complete page https://as.example/d?c=U",
    ),
    // It may be anywhere, as long as it is safe.
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","verification_uri_complete":"https://go.example/U"}"#,
        "ok; complete page https://go.example/U",
    ),
];

pub(super) const UNSAFE: &[(&str, &str)] = &[
    (
        r#"200 {"device_code":"d","user_code":"\u001b[31mAB\u001b[0m\u0007CD","verification_uri":"https://as.example/d"}"#,
        "ok; user code ABCD",
    ),
    (
        r#"200 {"device_code":"d","user_code":"AB\u202e\u200bCD\r\n","verification_uri":"https://as.example/d"}"#,
        "ok; user code ABCD",
    ),
    (
        r#"200 {"device_code":"d","user_code":"\u001b[2J","verification_uri":"https://as.example/d"}"#,
        "error:protocol; `user_code` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/\u001b[31m"}"#,
        "ok; page https://as.example/%1B[31m",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"file:///etc/passwd"}"#,
        "error:protocol; `verification_uri` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"javascript:alert(1)"}"#,
        "error:protocol; `verification_uri` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"http://as.example/d"}"#,
        "error:protocol; `verification_uri` is plain http, or a link-local address",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example@evil.example/d"}"#,
        "error:protocol; `verification_uri` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"/device"}"#,
        "error:protocol; `verification_uri` has the wrong type or format",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"http://127.0.0.1:8080/d"}"#,
        "ok; page http://127.0.0.1:8080/d",
    ),
    (
        r#"200 {"device_code":"d","user_code":"U","verification_uri":"https://as.example/d","verification_uri_complete":"file:///U"}"#,
        "ok; user code U; page https://as.example/d; no expiry",
    ),
];

pub(super) const REFUSED: &[(&str, &str)] = &[
    (
        r#"401 {"error":"invalid_client","error_description":"who?"}"#,
        "error:server; HTTP 401; code invalid_client; says who?",
    ),
    (r#"400 {"error":"invalid_scope"}"#, "error:server; code invalid_scope; hint check the scopes"),
    (r#"400 {"error":"unauthorized_client"}"#, "error:server; code unauthorized_client"),
    (r#"400 {"error":"invalid_request"}"#, "error:server; code invalid_request"),
    (r#"200 {"error":"invalid_scope"}"#, "error:server; HTTP 200; code invalid_scope"),
    (r#"500 {"error":"invalid_client"}"#, "error:server; HTTP 500; code invalid_client"),
    (r#"400 {"error":"invalid_grant"}"#, "error:server; code invalid_grant"),
    (r#"400 {"error":"teapot"}"#, "error:server; code teapot"),
    // These mean something to a poll, and nothing here.
    (r#"400 {"error":"authorization_pending"}"#, "error:server; code authorization_pending"),
    (r#"400 {"error":"slow_down"}"#, "error:server; code slow_down"),
    (r#"400 {"error":"access_denied"}"#, "error:server; code access_denied"),
    (r#"400 {"error":"expired_token"}"#, "error:server; code expired_token"),
    ("403 <html>", "error:server; HTTP 403; no code"),
    ("404", "error:server; HTTP 404; no code"),
    (r#"400 {"error":"server_error"}"#, "retry"),
    ("503\nRetry-After: 7\n\n", "retry; after 7 s"),
    ("429", "retry"),
    (
        "302\nLocation: https://evil.example/x?secret\n\n",
        "error:protocol; a redirect to https://evil.example",
    ),
];
