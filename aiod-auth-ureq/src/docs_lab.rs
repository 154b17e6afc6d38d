// For the examples of the crate's docs, which include this file: a client of a server that needs no network. It
// approves each login and hands out the token `a`, and `b` for a refresh.

use std::time::Duration;

use aiod_auth_ureq::{
    Cancel, Client, Driver, Error, Profile, Transport,
    core::{NoResponse, Request, Response},
};

#[derive(Debug)]
struct Server;

impl Transport for Server {
    fn send(&self, request: &Request) -> Result<Response, NoResponse> {
        let body: &[u8] = match request.url().path() {
            "/device" => {
                br#"{"device_code":"d","user_code":"ABCD","expires_in":60,"interval":1,
                    "verification_uri":"https://as.example/device"}"#
            }
            "/token" if request.body().starts_with(b"grant_type=refresh_token") => {
                br#"{"access_token":"b","token_type":"Bearer","expires_in":300,"refresh_token":"r"}"#
            }
            "/token" => {
                br#"{"access_token":"a","token_type":"Bearer","expires_in":300,"refresh_token":"r"}"#
            }
            _ => {
                br#"{"issuer":"https://as.example","token_endpoint":"https://as.example/token",
                    "device_authorization_endpoint":"https://as.example/device"}"#
            }
        };
        Ok(Response::new(200, [("Content-Type", "application/json")], body))
    }

    fn sleep(&self, _: Duration, _: &Cancel) {}
}

pub fn client() -> Result<Client, Error> {
    let profile = Profile::new("https://as.example", "my-tool")?;
    Ok(Client::with_driver(profile, Driver::with_transport(Server)))
}
