// For the examples of the crate's docs, which include this file: a client of a server that needs no network. It
// approves each login and hands out the token `a`, and `b` for a refresh.

use std::time::Duration;

use aiod_auth_reqwest::{
    BoxFuture, Client, Driver, Error, NoRuntime, Profile, Runtime,
    core::{NoResponse, Request, Response},
};

#[derive(Debug)]
struct Server;

impl Runtime for Server {
    fn send<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Result<Response, NoResponse>> {
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
        let answer = Response::new(200, [("Content-Type", "application/json")], body);
        Box::pin(async move { Ok(answer) })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async move { tokio::time::sleep(duration).await })
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        tokio::spawn(task);
        Ok(())
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

pub fn client() -> Result<Client, Error> {
    let profile = Profile::new("https://as.example", "my-tool")?;
    Ok(Client::with_driver(profile, Driver::with_runtime(Server)))
}
