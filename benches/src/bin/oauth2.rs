//! oauth2 5, with an HTTP client that answers from memory.

use std::{
    convert::Infallible,
    future::{self, Future as _},
    hint::black_box,
    pin::pin,
    task::Context,
};

use aiod_auth_benches::{
    Asked, Script,
    answers::{self, CLIENT_ID, CLIENT_SECRET, DEVICE_URL, TOKEN_URL},
};
use oauth2::{
    AuthType, ClientId, ClientSecret, DeviceAuthorizationUrl, HttpRequest, HttpResponse,
    RefreshToken, Scope, StandardDeviceAuthorizationResponse, TokenUrl,
    basic::{BasicClient, BasicTokenResponse},
    http,
};

fn response(status: u16, body: Vec<u8>) -> Result<HttpResponse, Infallible> {
    let response = http::Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, "application/json");
    Ok(response.body(body).unwrap())
}

fn main() {
    let asked = Asked::from_arguments();
    let client = BasicClient::new(ClientId::new(CLIENT_ID.into()))
        .set_auth_type(AuthType::RequestBody)
        .set_token_uri(TokenUrl::new(TOKEN_URL.into()).unwrap())
        .set_device_authorization_url(DeviceAuthorizationUrl::new(DEVICE_URL.into()).unwrap());
    let answering = |script: Script| {
        move |request: HttpRequest| {
            black_box(request.body());
            let (status, body) = script.answer();
            response(status, body)
        }
    };
    let openid = || Scope::new("openid".into());
    match asked.scenario.as_str() {
        "read" => {
            let token = answers::token();
            asked.run(|| {
                let read: BasicTokenResponse =
                    serde_json::from_slice(black_box(token.as_bytes())).unwrap();
                drop(black_box(read));
            });
        }
        "refresh" => {
            let http = answering(Script::new(vec![(200, answers::token())]));
            let refresh_token = RefreshToken::new(answers::refresh_token());
            asked.run(|| {
                drop(black_box(
                    client.exchange_refresh_token(&refresh_token).request(&http).unwrap(),
                ));
            });
        }
        "device" => {
            let http = answering(Script::new(answers::login()));
            asked.run(|| {
                let device: StandardDeviceAuthorizationResponse =
                    client.exchange_device_code().add_scope(openid()).request(&http).unwrap();
                black_box((device.user_code(), device.verification_uri()));
                let polling = client.exchange_device_access_token(&device);
                drop(black_box(polling.request(&http, |_| (), None).unwrap()));
            });
        }
        "client_credentials" => {
            let client = client.set_client_secret(ClientSecret::new(CLIENT_SECRET.into()));
            let http = answering(Script::new(vec![(200, answers::client_credentials())]));
            asked.run(|| {
                drop(black_box(client.exchange_client_credentials().request(&http).unwrap()));
            });
        }
        "in_flight" => {
            let device = |_: HttpRequest| future::ready(response(200, answers::device().into()));
            let pending = |_: HttpRequest| future::ready(response(400, answers::pending().into()));
            let (client, device, pending) = (&client, &device, &pending);
            asked.hold(|| {
                let mut login = Box::pin(async move {
                    let device: StandardDeviceAuthorizationResponse =
                        client.exchange_device_code().request_async(device).await.unwrap();
                    let polling = client.exchange_device_access_token(&device);
                    polling.request_async(pending, |_| future::pending(), None).await.unwrap()
                });
                let mut context = Context::from_waker(std::task::Waker::noop());
                assert!(pin!(&mut login).poll(&mut context).is_pending());
                login
            });
        }
        _ => asked.unknown(),
    }
}
