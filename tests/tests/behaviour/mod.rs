use std::{sync::Arc, time::Duration};

use aiod_auth_core::{
    ClientIdentity, ClientSecret, Error, Issuer, Profile, Prompt, RetryPolicy, Tokens,
    session::{Demand, Session, SessionTokens},
};
use aiod_auth_store::Store;
use aiod_auth_tests::{
    scene::*,
    sim::{Answer, Fault, Settings},
    world::{Event, ISSUER, World},
};
use serde_json::{Value, json};

mod client_credentials;
mod clients;
mod device;
mod discovery;
mod mended;
mod regressions;
mod regressions_of_logins;
mod regressions_of_lost_tokens;
mod regressions_of_threads;
mod secrets_of_logs;
mod secrets_of_types;
mod session;
mod tiled;
mod who_am_i;
mod written_meanwhile;
