//! What a user is shown, and how they give up.

use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    Login, Machine, Prompt, Response, Step,
    flow::{DeviceAuthorizationRequest, DevicePrompt},
};
use aiod_auth_tests::{
    sim::{Fault, Settings, serve},
    world::{Event, World},
};
use serde_json::{Value, json};

use super::super::scene::*;

/// What is shown for an answer of the device endpoint.
fn prompt(body: &Value) -> DevicePrompt {
    let machine = DeviceAuthorizationRequest::new(&server(), &public(), &scope("read"), policy());
    let mut machine = machine.unwrap();
    answer(&mut machine, 200, &body.to_string());
    let Ok(Step::Done(authorization)) = machine.poll(NOW) else { panic!("{body}") };
    authorization.prompt().clone()
}

fn plain() -> Value {
    json!({
        "device_code": "d", "user_code": "WDJB-MJHT", "expires_in": 600,
        "verification_uri": "https://as.example/device",
    })
}

fn complete() -> Value {
    let mut body = plain();
    body["verification_uri_complete"] = "https://go.example/?user_code=WDJB-MJHT".into();
    body
}

fn log_in(world: &mut World) -> Prompt {
    world.after(seconds(1), Event::Approve);
    world.run(Login::new(profile(), seconds(300), policy())).unwrap();
    world.prompts.last().unwrap().clone()
}

pub(super) fn the_prompt_says_where_to_go_and_what_to_enter() {
    for body in [plain(), complete()] {
        let prompt = prompt(&body);
        assert_eq!(prompt.user_code, "WDJB-MJHT");
        assert_eq!(prompt.verification_uri.as_str(), "https://as.example/device");
        let text = prompt.to_string();
        for part in ["WDJB-MJHT", "https://as.example/device", "10 min"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert_eq!(Prompt::DeviceCode(prompt.into()).to_string(), text);
    }
    // And the simulator's, as the machine above hands it on.
    let text = log_in(&mut world()).to_string();
    assert!(text.contains("http://127.0.0.1/device"), "{text}");
}

pub(super) fn the_complete_page_replaces_nothing() {
    let text = prompt(&complete()).to_string();
    let without = text.replace("https://go.example/?user_code=WDJB-MJHT", "");
    assert_ne!(without, text);
    for part in ["https://as.example/device\n", "enter the code  WDJB-MJHT"] {
        assert!(without.contains(part), "{part:?} in {text}");
    }
}

pub(super) fn the_browser_gets_the_better_page() {
    assert_eq!(prompt(&plain()).page().as_str(), "https://as.example/device");
    let better = "https://go.example/?user_code=WDJB-MJHT";
    assert_eq!(prompt(&complete()).page().as_str(), better);
    for (offered, suffix) in [(true, "?user_code="), (false, "/device")] {
        let mut world =
            World::new(Settings { send_verification_uri_complete: offered, ..Settings::default() });
        let Prompt::DeviceCode(prompt) = log_in(&mut world) else { panic!() };
        assert_eq!(prompt.verification_uri_complete.is_some(), offered);
        assert!(prompt.page().as_str().contains(suffix), "{}", prompt.page());
    }
}

/// Every step of a login is printed in every way, and however it ends.
pub(super) fn nothing_that_is_printed_has_the_device_code() {
    let silent = |text: String| assert!(!text.contains("canary"), "{text}");
    let mut device = complete();
    device["device_code"] = "canary-device-code".into();
    for last in [
        r#"{"access_token":"a"}"#,
        r#"{"access_token":"a","scope":{}}"#,
        r#"{"error":"invalid_grant"}"#,
        r#"{"error":"access_denied"}"#,
        r#"{"error":"expired_token"}"#,
        "{",
        "<html>",
    ] {
        let mut world = world();
        world.server.fault_at("/device_authorization", 1, instead(200, &device));
        let mut login = Login::new(profile(), seconds(60), policy());
        let mut sent = false;
        let outcome = world.run_with(&mut login, |_, step| {
            silent(format!("{step:?}"));
            match step {
                Step::Send(exchange) if exchange.request().url().path() == "/token" => {
                    silent(format!("{exchange:?} {:?}", exchange.request()));
                    let body = String::from_utf8_lossy(exchange.request().body()).into_owned();
                    sent |= body.contains("device_code=canary-device-code");
                    let response = Response::new(200, [], last.as_bytes());
                    exchange.begin().complete(NOW, Duration::ZERO, Ok(response));
                    None
                }
                step => Some(step),
            }
        });
        silent(format!("{login:?} {login:#?} {outcome:?}"));
        if let Err(error) = outcome {
            silent(format!("{error} {:?}", error.hint()));
        }
        assert!(sent);
        let [prompt] = &*world.prompts else { panic!("{:?}", world.prompts) };
        silent(format!("{prompt} {prompt:?}"));
    }
    // An answer that is spoiled is not shown, either.
    for member in ["user_code", "verification_uri"] {
        let mut spoiled = device.clone();
        spoiled[member] = json!(["canary"]);
        let machine =
            DeviceAuthorizationRequest::new(&server(), &public(), &scope("read"), policy());
        let mut machine = machine.unwrap();
        answer(&mut machine, 200, &spoiled.to_string());
        let error = machine.poll(NOW).unwrap_err();
        silent(format!("{machine:?} {error} {error:?}"));
        assert!(error.to_string().contains(member), "{error}");
    }
    // What a program may keep across a restart is no exception.
    silent(format!("{:?}", authorization("canary", seconds(5))));
    silent(format!("{:?}", authorization("canary", seconds(5)).into_parts()));
}

pub(super) fn a_terminal_is_shown_nothing_that_it_would_obey() {
    let mut body = complete();
    body["user_code"] = "\u{1b}]0;title\u{7}AB\u{9b}31mCD\u{202e}\r\n".into();
    body["verification_uri"] = "https://as.example/\u{1b}[2J\u{202e}\u{7}".into();
    body["verification_uri_complete"] = "https://as.example/?c=\u{1b}[31m\u{9b}".into();
    let text = prompt(&body).to_string();
    let harmless =
        |c: char| c == '\n' || !(c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c));
    assert!(text.chars().all(harmless), "{text:?}");
    body["user_code"] = "x".repeat(100_000).into();
    assert!(prompt(&body).user_code.chars().count() < 1000);
}

pub(super) fn it_warns_of_logins_of_others() {
    for body in [plain(), complete()] {
        let text = prompt(&body).to_string();
        assert!(text.contains("Go on only if you started this login yourself"), "{text}");
    }
}

/// To cancel a machine is to drop it: there is no step after which it would go on by itself.
pub(super) fn a_login_that_is_dropped_at_any_step_sends_nothing_more() {
    for steps in 0..8 {
        let mut world = world();
        let mut login = Login::new(profile(), seconds(300), policy());
        for _ in 0..steps {
            let step = login.poll(world.now()).unwrap();
            assert!(world.perform(step).is_none());
        }
        let requests = world.server.log().len();
        assert!(login.poll(world.now()).is_ok());
        drop(login);
        world.pass(seconds(60));
        assert_eq!(world.server.log().len(), requests, "after {steps} steps");
    }
}

/// As a future that is no longer awaited. (The command's way is in its own tests: `ctrl_c`.)
pub(super) fn a_login_that_is_dropped_while_it_waits_sends_no_poll() {
    let settings = Settings { interval: seconds(1), ..Settings::default() };
    let running = serve(settings).unwrap();
    running.simulator().fault_at("/token", 99, refusal("authorization_pending"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let driver = aiod_auth_reqwest::Driver::new();
    let profile = Arc::new(profile_at(&running.base_url));
    let polls = || millis_of(running.simulator().log(), "/token").len();
    runtime.block_on(async {
        let mut login = Login::new(profile, seconds(60), policy());
        let mut user = |_: &Prompt| {};
        let run = driver.run_with(&mut login, &mut user);
        tokio::time::timeout(Duration::from_millis(1600), run).await.unwrap_err();
        assert_eq!(polls(), 1);
        tokio::time::sleep(Duration::from_millis(1600)).await;
        assert_eq!(polls(), 1);
        // The login goes on where it was if it is driven again.
        running.simulator().clear_faults();
        running.simulator().fault_at("/token", 1, Fault::Instead(approved()));
        driver.run_with(&mut login, &mut user).await.unwrap();
        assert_eq!(polls(), 2);
    });
}

fn approved() -> aiod_auth_tests::sim::Answer {
    aiod_auth_tests::sim::Answer::json(200, &json!({"access_token": "a"}))
}
