//! What each public machine is: movable, shareable, printable, and how much memory it holds. A binary of its
//! own, because counting takes an allocator of its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{fmt::Debug, mem::size_of, sync::Arc};

use aiod_auth_core::{
    AccessToken, ApiKeySecret, ClientIdentity, ClientSecret, Login, Machine, MetadataCache,
    RefreshToken, Request, Response, Tokens, Wanted,
    flow::{
        AccessTokenRequest, CurrentUserRequest, DeviceAccessTokenRequest,
        DeviceAuthorizationRequest, Discovery, EndSessionRequest, IntrospectionRequest,
        RevocationRequest, UserinfoRequest,
    },
    provider::tiled::{
        Api, CreateApiKey, DescriptionRequest, ListApiKeys, NewApiKey, RevokeApiKey,
        Settings as TiledSettings, WhichApiKey,
    },
    session::{Demand, Logout, Persisted, Session, SessionTokens, WhoAmI},
};
use aiod_auth_tests::{
    drive::{self, Answering, Around},
    scene::{self, NOW, policy, profile, seconds},
    verdict,
};

/// A machine may be held across an `.await` of any executor, and printed.
const fn is_movable_shareable_and_printable<M>()
where
    M: Machine + Send + Sync + Debug + 'static,
    M::Output: Send + Sync + Debug,
    M::Error: Send + Sync + Debug,
{
}

const _: () = {
    is_movable_shareable_and_printable::<AccessTokenRequest>();
    is_movable_shareable_and_printable::<CreateApiKey>();
    is_movable_shareable_and_printable::<CurrentUserRequest>();
    is_movable_shareable_and_printable::<DescriptionRequest>();
    is_movable_shareable_and_printable::<DeviceAccessTokenRequest>();
    is_movable_shareable_and_printable::<DeviceAuthorizationRequest>();
    is_movable_shareable_and_printable::<Discovery>();
    is_movable_shareable_and_printable::<EndSessionRequest>();
    is_movable_shareable_and_printable::<IntrospectionRequest>();
    is_movable_shareable_and_printable::<ListApiKeys>();
    is_movable_shareable_and_printable::<Login>();
    is_movable_shareable_and_printable::<Logout>();
    is_movable_shareable_and_printable::<RevocationRequest>();
    is_movable_shareable_and_printable::<RevokeApiKey>();
    is_movable_shareable_and_printable::<Session>();
    is_movable_shareable_and_printable::<UserinfoRequest>();
    is_movable_shareable_and_printable::<WhichApiKey>();
    is_movable_shareable_and_printable::<WhoAmI>();
};

/// The machine itself, and what it has on the heap once its first step is open: its future, and what it
/// wants. Bytes on a 64-bit machine; more than this is a regression.
const BYTES_MAX: &[(&str, i64)] = &[
    ("AccessTokenRequest", 1500),
    ("CreateApiKey", 2050),
    ("CurrentUserRequest", 1450),
    ("DescriptionRequest", 1550),
    ("DeviceAccessTokenRequest", 800),
    ("DeviceAuthorizationRequest", 1350),
    ("Discovery", 1700),
    ("EndSessionRequest", 1200),
    ("IntrospectionRequest", 1400),
    ("ListApiKeys", 1950),
    ("Login", 1900),
    ("Logout", 3000),
    ("RevocationRequest", 1200),
    ("RevokeApiKey", 1950),
    ("Session", 2850),
    ("UserinfoRequest", 1350),
    ("WhichApiKey", 2050),
    ("WhoAmI", 1350),
];

#[test]
fn a_machine_holds_little_once_its_first_step_is_open() {
    let (server, scope, policy) = (verdict::server().unwrap(), "a".parse().unwrap(), policy());
    let client = ClientIdentity::public("demo").unwrap();
    let bot = client.clone().with_secret(ClientSecret::new("secret")).unwrap();
    let refresh = RefreshToken::new("refresh");
    let access = AccessToken::new("access").unwrap();
    let tokens = Tokens::new(access.clone(), NOW);
    let api = "https://api.example/me".parse().unwrap();
    let authorization = scene::authorization("device-code", Some(seconds(600)));
    let (profile, limit) = (profile(), seconds(600));
    let key = Arc::new(profile.key());
    let cached = SessionTokens::new(&key, Arc::new(tokens.clone()), Persisted::Saved);
    let api_at = || Api::new("https://tiled.example").unwrap();
    let at_tiled = TiledSettings::new(api_at()).profile().unwrap();
    let tiled_key = Arc::new(at_tiled.key());
    let of_tiled = |tokens| SessionTokens::new(&tiled_key, Arc::new(tokens), Persisted::Saved);
    let at_tiled_now = of_tiled(tokens.clone());
    let api_key = AccessToken::from_api_key(&ApiKeySecret::new("0123456789abcdef")).unwrap();
    let with_api_key = of_tiled(Tokens::new(api_key, NOW));
    let found = [
        at_its_first_step("AccessTokenRequest", || {
            AccessTokenRequest::refresh(&server, &client, &refresh, &scope, policy).unwrap()
        }),
        at_its_first_step("CreateApiKey", || {
            CreateApiKey::new(&at_tiled, &at_tiled_now, policy, NewApiKey::default()).unwrap()
        }),
        at_its_first_step("CurrentUserRequest", || {
            CurrentUserRequest::new(&api, &tokens, policy).unwrap()
        }),
        at_its_first_step("DescriptionRequest", || DescriptionRequest::new(api_at(), policy)),
        at_its_first_step("DeviceAccessTokenRequest", || {
            DeviceAccessTokenRequest::new(&server, &client, &authorization, &scope, limit).unwrap()
        }),
        at_its_first_step("DeviceAuthorizationRequest", || {
            DeviceAuthorizationRequest::new(&server, &client, &scope, policy).unwrap()
        }),
        at_its_first_step("Discovery", || Discovery::new(server.issuer().clone(), policy)),
        at_its_first_step("EndSessionRequest", || {
            EndSessionRequest::new(&server, &client, &refresh, policy).unwrap()
        }),
        at_its_first_step("IntrospectionRequest", || {
            IntrospectionRequest::new(&server, &bot, &access, policy).unwrap()
        }),
        at_its_first_step("ListApiKeys", || {
            ListApiKeys::new(&at_tiled, &at_tiled_now, policy).unwrap()
        }),
        at_its_first_step("Login", || Login::new(Arc::clone(&profile), limit, policy)),
        at_its_first_step("Logout", || Logout::new(Arc::clone(&profile), None, policy)),
        at_its_first_step("RevocationRequest", || {
            RevocationRequest::refresh_token(&server, &client, &refresh, policy).unwrap()
        }),
        at_its_first_step("RevokeApiKey", || {
            RevokeApiKey::new(&at_tiled, &at_tiled_now, policy, "01234567").unwrap()
        }),
        at_its_first_step("Session", || {
            Session::token(Arc::clone(&profile), Demand::new(), policy)
        }),
        at_its_first_step("UserinfoRequest", || {
            UserinfoRequest::new(&server, &tokens, policy).unwrap()
        }),
        at_its_first_step("WhichApiKey", || {
            WhichApiKey::new(&at_tiled, &with_api_key, policy).unwrap()
        }),
        at_its_first_step("WhoAmI", || WhoAmI::new(Arc::clone(&profile), &cached, policy).unwrap()),
    ];
    let names =
        |table: &[(&'static str, i64)]| -> Vec<_> { table.iter().map(|row| row.0).collect() };
    assert_eq!(names(&found), names(BYTES_MAX));
    let fits = found.iter().zip(BYTES_MAX).all(|(found, max)| found.1 > 0 && found.1 <= max.1);
    assert!(fits, "{found:#?}");
}

fn at_its_first_step<M: Machine>(
    name: &'static str,
    new: impl FnOnce() -> M,
) -> (&'static str, i64) {
    let mut held = None;
    let counted = allocation_counter::measure(|| {
        let mut machine = new();
        assert!(!matches!(machine.wanted(NOW), Wanted::Nothing), "{name} wants nothing");
        held = Some(machine);
    });
    (name, counted.bytes_current + bytes_of::<M>())
}

/// A server that waits for thousands of users has one of these for each.
#[test]
fn a_device_login_in_flight_holds_no_more_than_it_did() {
    let (profile, metadata) = (profile(), MetadataCache::default());
    let new = || Login::new(Arc::clone(&profile), seconds(300), policy()).with_metadata(&metadata);
    // The first one of all finds the server.
    between_two_polls(&mut new());
    let mut held = None;
    let counted = allocation_counter::measure(|| {
        let mut login = new();
        between_two_polls(&mut login);
        held = Some(login);
    });
    let bytes = counted.bytes_current + bytes_of::<Login>();
    assert!(bytes > 0 && bytes <= IN_FLIGHT_MAX, "{bytes} bytes: {counted:?}");
}

const IN_FLIGHT_MAX: i64 = 1900;

/// Up to the wait after the first poll.
fn between_two_polls(login: &mut Login) {
    let polls = std::cell::Cell::new(0);
    let mut around = Answering::new(NOW, |_, request: &Request| {
        Ok(match request.url().path() {
            "/token" => {
                polls.set(polls.get() + 1);
                Response::new(400, [], br#"{"error":"authorization_pending"}"#)
            }
            "/device" => Response::new(200, [], DEVICE),
            _ => Response::new(200, [], METADATA),
        })
    });
    for _ in 0..20 {
        let now = around.now();
        if polls.get() == 1 && matches!(login.wanted(now), Wanted::Wait(..)) {
            return;
        }
        let Ok(step) = login.poll(now) else { panic!("no login") };
        assert!(drive::perform(step, &mut around).is_none(), "it ended");
    }
    panic!("no second poll");
}

fn bytes_of<M>() -> i64 {
    i64::try_from(size_of::<M>()).unwrap()
}

const METADATA: &[u8] = br#"{"issuer":"http://127.0.0.1","token_endpoint":"http://127.0.0.1/token","device_authorization_endpoint":"http://127.0.0.1/device"}"#;
const DEVICE: &[u8] = br#"{"device_code":"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS","user_code":"WDJB-MJHT","verification_uri":"https://as.example/device","verification_uri_complete":"https://as.example/device?user_code=WDJB-MJHT","expires_in":1800,"interval":5}"#;
