//! How requests go to endpoints.

use aiod_auth_core::{Endpoint, Issuer, Kind, Method, Profile};

use crate::machines::{
    all, confidential, form, getting, headers, posting, public, requests, server, server_with,
};

pub(crate) fn every_form_is_posted() {
    let [device, poll, refresh, revoke, revoke_access, end_session, bot, introspection] =
        &requests(posting(&server(), &confidential()))[..]
    else {
        panic!("some machine is missing")
    };
    for ((name, request), endpoint) in [
        (device, Endpoint::DeviceAuthorization),
        (poll, Endpoint::Token),
        (refresh, Endpoint::Token),
        (bot, Endpoint::Token),
        (introspection, Endpoint::Introspection),
        (revoke, Endpoint::Revocation),
        (revoke_access, Endpoint::Revocation),
        (end_session, Endpoint::EndSession),
    ] {
        assert_eq!(request.method(), Method::Post, "{name}");
        assert_eq!(Some(request.url()), server().endpoint(endpoint), "{name}");
        assert!(!form(request).is_empty(), "{name}");
    }
}

pub(crate) fn a_form_is_labelled_and_has_no_charset() {
    for client in [public(), confidential()] {
        for (name, request) in requests(posting(&server(), &client)) {
            let labels = headers(&request, "content-type");
            assert_eq!(labels, ["application/x-www-form-urlencoded"], "{name}");
        }
    }
    for (name, request) in requests(getting(&server())) {
        assert!(headers(&request, "content-type").is_empty(), "{name}");
    }
}

pub(crate) fn every_request_asks_for_json() {
    for (name, request) in requests(all()) {
        assert_eq!(headers(&request, "accept"), ["application/json"], "{name}");
    }
}

pub(crate) fn a_form_is_not_to_be_cached() {
    for (name, request) in requests(posting(&server(), &confidential())) {
        assert_eq!(headers(&request, "cache-control"), ["no-store"], "{name}");
    }
}

pub(crate) fn a_query_stays_in_the_address() {
    let plain = requests(posting(&server(), &confidential()));
    for query in ["tenant=1", "a=b&a=c", "p=x%20y%2Bz", "flag", ""] {
        let mut by_hand = server();
        let mut members = serde_json::json!({});
        for endpoint in Endpoint::NAMED {
            let name = endpoint.metadata_name();
            let address = format!("https://as.example/{name}?{query}");
            by_hand = by_hand.with_endpoint(endpoint, &address).unwrap();
            members[name] = address.into();
        }
        for server in [by_hand, server_with(&members)] {
            let with_query = requests(posting(&server, &confidential()));
            for ((name, plain), (_, request)) in plain.iter().zip(&with_query) {
                assert_eq!(request.url().as_str(), format!("{}?{query}", plain.url()), "{name}");
                assert_eq!(request.body(), plain.body(), "{name}");
            }
            let (name, userinfo) = &requests(getting(&server))[1];
            assert_eq!(userinfo.url().query(), Some(query), "{name}");
        }
    }
}

pub(crate) fn an_endpoint_has_no_fragment() {
    let issuer = || Issuer::new("https://as.example").unwrap();
    for endpoint in Endpoint::NAMED {
        for address in ["https://as.example/x#x", "https://as.example/x?y#", "https://as.example#"]
        {
            let error = server().with_endpoint(endpoint, address).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{endpoint} {address}");
            let profile = Profile::with_client(issuer(), public());
            let error = profile.with_endpoint(endpoint, address).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{endpoint} {address}");
            let server = server_with(&serde_json::json!({ endpoint.metadata_name(): address }));
            assert_eq!(server.endpoint(endpoint), None, "{endpoint} {address}");
        }
    }
}

pub(crate) fn no_address_has_a_secret_in_it() {
    for client in [public(), confidential()] {
        let mut machines = posting(&server(), &client);
        machines.extend(getting(&server()));
        for (name, request) in requests(machines) {
            let url = request.url();
            assert!(!url.as_str().contains("secret"), "{name} {url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{name} {url}");
            assert_eq!((url.username(), url.password()), ("", None), "{name} {url}");
        }
    }
}
