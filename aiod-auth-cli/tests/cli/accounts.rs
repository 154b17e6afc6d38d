//! A profile is a login of its own, also where several name one server and one client.

use std::{fs, path::Path};

use aiod_auth_core::{Profile, RecordKey};
use aiod_auth_store::{FileStore, Store};
use serde_json::{Value, json};

use crate::world::{Ran, World};

/// A world with these profiles, all of one server and client.
fn world(profiles: &[&str]) -> World {
    let world = World::new();
    world.write("config.toml", "");
    for name in profiles {
        add(&world, name, "");
    }
    world
}

fn add(world: &World, name: &str, keys: &str) {
    let config = fs::read_to_string(world.path("config.toml")).unwrap();
    let issuer = &world.server.base_url;
    let login = "client_id = \"demo\"\nscopes = [\"openid\", \"roles\"]\n";
    let profile = format!("[profiles.{name}]\nissuer = \"{issuer}\"\n{login}{keys}");
    world.write("config.toml", &format!("{config}{profile}"));
}

/// Logs this user in by the device flow.
fn log_in(world: &World, options: &str, user: &str) {
    let login = world.start_login(options);
    assert!(world.server.simulator().approve(login.user_code(), user));
    login.end().ended(0);
}

fn name(world: &World, options: &str) -> Value {
    world.run(&format!("whoami --json {options}")).ended(0).json()["name"].clone()
}

/// As a program, or an earlier version of the command, stores a login: without an account.
fn earlier(world: &World) -> (FileStore, RecordKey) {
    let profile = Profile::new(&world.server.base_url, "demo").unwrap();
    let profile = profile.with_scope("openid roles".parse().unwrap());
    (FileStore::new(world.path("tokens")), profile.key())
}

/// Alice's, made before.
fn log_in_earlier(world: &World) {
    let issuer = &world.server.base_url;
    let ad_hoc = format!("--issuer {issuer} --client-id demo --scope openid --scope roles");
    let token = world.new_refresh_token();
    world.run_with_input(&format!("login --refresh-token-stdin {ad_hoc}"), &token).ended(0);
    let (store, key) = earlier(world);
    assert!(store.load(&key).unwrap().is_some(), "an ad hoc login has no account");
}

fn file_of(world: &World, options: &str) -> String {
    let status = Ran::of(&mut world.command(&format!("status --json {options}")), "");
    status.json()["store"].as_str().unwrap().into()
}

#[test]
fn an_account_can_not_control_the_terminal() {
    let world = World::new();
    let account = r#"account = "a\u001b[2Jb\u0000\u202ec""#;
    let issuer = &world.server.base_url;
    let profile = format!("[profiles.x]\nissuer = \"{issuer}\"\nclient_id = \"x\"\n{account}\n");
    world.write("config.toml", &profile);
    let ran = world.run("status --profile x");
    assert!(ran.ended(3).stdout.contains("\naccount: abc\n"), "{ran:?}");
}

#[test]
fn two_users_at_one_server_are_two_logins() {
    let world = world(&["work", "private"]);
    log_in(&world, "--profile work", "alice");
    world.run("--profile work status").ended(0);
    world.run("--profile private status").ended(3);
    world.run("--profile private token").failed(3, "");
    log_in(&world, "--profile private", "bob");
    assert_eq!(name(&world, "--profile work"), "Alice Example");
    assert_eq!(name(&world, "--profile private"), "Bob Example");
    let status = world.run("--profile private status --json").ended(0).json();
    assert_eq!(status["account"], "private");

    world.run("--profile private logout").ended(0);
    assert_eq!(name(&world, "--profile work"), "Alice Example");
    log_in(&world, "--profile private", "bob");
    let ran = world.run("logout --all --json");
    let events =
        ran.ended(0).stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let profiles: Vec<_> = events.map(|event| event["profile"].clone()).collect();
    assert_eq!(profiles, ["private", "work"]);
    assert!(world.records().is_empty());
}

/// Those of other accounts and of programs may be in use, so they stay; but a user who wants to be logged out hears of
/// them.
#[test]
fn logins_that_are_no_profiles_are_named_by_a_logout_of_all() {
    let world = world(&["lab"]);
    log_in(&world, "--profile lab", "alice");
    log_in(&world, "--profile lab --account bob", "bob");
    log_in_earlier(&world);
    let ran = world.run("logout --all");
    let issuer = &world.server.base_url;
    let of_client = format!("client demo at {issuer}");
    let said = &ran.ended(0).stderr;
    assert!(said.contains("warning: 2 other logins remain, of no profile ("), "{said}");
    assert!(said.contains(&format!("account bob of {of_client}")), "{said}");
    assert_eq!(said.matches(&of_client).count(), 2, "{said}");
    assert_eq!(world.records().len(), 2);
    let warning = world.run("logout --all --json").ended(0).stderr.clone();
    assert!(warning.contains("2 other logins remain"), "{warning}");

    world.run("--profile lab --account bob logout").ended(0);
    let ad_hoc = format!("--issuer {issuer} --client-id demo --scope openid --scope roles");
    world.run(&format!("logout {ad_hoc}")).ended(0);
    assert_eq!(world.run("logout --all").ended(0).stderr, "");
}

#[test]
fn a_profile_may_have_several_accounts_or_share_one() {
    let world = world(&["lab"]);
    add(&world, "same", "account = \"lab\"\n");
    let line = |options| format!("--profile lab {options}");
    log_in(&world, &line(""), "alice");
    log_in(&world, &line("--account bob"), "bob");
    assert_eq!(name(&world, &line("")), "Alice Example");
    assert_eq!(name(&world, &line("--account bob")), "Bob Example");
    assert_eq!(name(&world, "--profile same"), "Alice Example");
    let ran = world.run("--profile lab --account carol token");
    assert!(ran.ended(3).stderr.contains("login --profile lab --account carol`"), "{ran:?}");
    let ran = world.run("--profile lab --account bob status");
    assert!(ran.ended(0).stdout.contains("profile: lab\naccount: bob\n"), "{ran:?}");
    let issuer = &world.server.base_url;
    let ad_hoc =
        format!("--issuer {issuer} --client-id demo --scope openid --scope roles --account bob");
    assert_eq!(name(&world, &ad_hoc), "Bob Example");
    let status = world.run(&format!("{ad_hoc} status --json")).json();
    assert_eq!((&status["profile"], &status["account"]), (&json!(null), &json!("bob")));
}

#[test]
fn a_program_uses_the_login_of_a_profile_and_the_other_way_round() {
    let world = world(&["lab"]);
    add(&world, "program", "account = \"\"\n");
    log_in(&world, "--profile lab", "alice");
    let profile = Profile::new(&world.server.base_url, "demo").unwrap();
    let profile = profile.with_scope("openid roles".parse().unwrap());
    let store = FileStore::new(world.path("tokens"));
    let tokens = store.load(&profile.clone().with_account("lab").key()).unwrap().unwrap();
    let printed = world.run_for_token("--profile lab token").ended(0).stdout.clone();
    assert_eq!(printed.trim_end(), tokens.access_token().unwrap().expose());
    // A program that names no account.
    store.save(&profile.key(), &tokens).unwrap();
    assert_eq!(name(&world, "--profile program"), "Alice Example");
    assert_eq!(world.run("--profile program status --json").json()["account"], json!(null));
    assert!(store.load(&profile.key()).unwrap().is_some(), "it is used where it is");
}

#[test]
fn an_earlier_login_goes_to_the_only_profile_that_fits() {
    for line in ["token", "refresh", "whoami", "exec true", "export --format json login.json"] {
        let world = world(&["lab"]);
        add(&world, "elsewhere", "store = \"memory\"\n");
        add(&world, "own", "account = \"own\"\n");
        log_in_earlier(&world);
        let status = world.run("--profile lab status --json").ended(0).json();
        assert_eq!(status["authenticated"], true);
        let (store, key) = earlier(&world);
        assert!(store.load(&key).unwrap().is_some(), "to look at it changes nothing");
        world.run_for_token(&format!("--profile lab {line}")).ended(0);
        assert!(store.load(&key).unwrap().is_none(), "{line}");
        assert_eq!(world.record(), Path::new(&file_of(&world, "--profile lab")), "{line}");
        // It stays this profile's, whatever comes.
        add(&world, "later", "");
        world.run("--profile later status").ended(3);
        assert_eq!(name(&world, "--profile lab"), "Alice Example");
    }
}

/// A client that logs in by itself gets no user's token. Leave the kind of login out of what fits: this fails.
#[test]
fn an_earlier_login_of_a_user_goes_to_no_client_that_logs_in_by_itself() {
    let world = world(&[]);
    log_in_earlier(&world);
    add(&world, "bot", "client_secret_env = \"SECRET\"\n");
    let mut token = world.command("token --profile bot");
    let ran = Ran::of(token.env("SECRET", "wrong"), "");
    assert!(ran.code != 0 && ran.stdout.is_empty(), "{ran:?}");
    let (store, key) = earlier(&world);
    assert!(store.load(&key).unwrap().is_some(), "it stays where it is");
}

/// Take it over all the same, and this fails.
#[test]
fn an_ambiguous_login_stays_when_one_of_its_profiles_goes() {
    let world = world(&["x", "y"]);
    log_in_earlier(&world);
    let ran = world.run("profile remove x");
    assert!(ran.ended(0).stderr.contains("`x`"), "{ran:?}");
    world.run("token --profile y").ended(3);
    let (store, key) = earlier(&world);
    assert!(store.load(&key).unwrap().is_some());
}

#[test]
fn an_earlier_login_that_fits_several_goes_to_none() {
    let world = world(&["work", "private"]);
    log_in_earlier(&world);
    let (store, key) = earlier(&world);
    let record = store.location(&key);
    for (mine, other) in [("work", "private"), ("private", "work")] {
        let ran = world.run(&format!("--profile {mine} status"));
        ran.ended(3);
        let command = format!("run `aiod-auth profile set {other} --account {other}`");
        assert!(ran.stderr.contains(&record) && ran.stderr.contains(&command), "{ran:?}");
        let json = world.run(&format!("--profile {mine} status --json"));
        assert!(json.ended(3).stderr.starts_with("{\"warning\":"), "{json:?}");
        world.run(&format!("--profile {mine} token")).failed(3, "");
    }
    let ran = world.run("logout --all");
    assert!(
        ran.ended(0).stderr.starts_with(&format!("warning: the login in {record} stays")),
        "{ran:?}"
    );
    assert_eq!(ran.stderr.lines().count(), 1);
    // A login of one profile doesn't make it the other one's, nor does its logout.
    log_in(&world, "--profile work", "bob");
    world.run("--profile private status").ended(3);
    world.run("--profile private token").failed(3, "");
    world.run("--profile work logout").ended(0);
    world.run("--profile private token").failed(3, "");
    // As it says.
    world.run("profile set work --account work").ended(0);
    assert_eq!(name(&world, "--profile private"), "Alice Example");
    world.run("--profile work status").ended(3);
    assert!(store.load(&key).unwrap().is_none());
}

fn ad_hoc(world: &World) -> String {
    let issuer = &world.server.base_url;
    format!("--issuer {issuer} --client-id demo --scope openid --scope roles")
}

#[test]
fn a_new_login_leaves_one_without_a_profile_where_it_is() {
    let world = world(&["lab"]);
    log_in_earlier(&world);
    // One that fails, too.
    world.run("--profile lab login --timeout 1").ended(4);
    assert_eq!(name(&world, &ad_hoc(&world)), "Alice Example");
    let login = world.start_login("--profile lab");
    assert!(world.server.simulator().approve(login.user_code(), "bob"));
    let ran = login.end();
    let (store, key) = earlier(&world);
    let location = store.location(&key);
    assert!(ran.ended(0).stderr.contains("without a profile"), "{ran:?}");
    assert!(ran.stderr.contains(&location) && ran.stderr.contains("stays"), "{ran:?}");
    assert_eq!(name(&world, "--profile lab"), "Bob Example");
    assert_eq!(name(&world, &ad_hoc(&world)), "Alice Example");
    assert_eq!(world.records().len(), 2);
    // It has a record of its own by now, and nothing more is said.
    let token = world.new_refresh_token();
    let ran = world.run_with_input("login --profile lab --refresh-token-stdin", &token);
    assert!(!ran.ended(0).stderr.contains("stays"), "{ran:?}");
}

#[test]
fn a_logout_of_a_profile_is_not_followed_by_taking_over_another_login() {
    for line in ["logout --profile lab", "logout --all"] {
        let world = world(&["lab"]);
        log_in(&world, "--profile lab", "bob");
        log_in_earlier(&world);
        world.run(line).ended(0);
        world.run("--profile lab status").ended(3);
        world.run("--profile lab token").failed(3, "");
        let ran = world.run("--profile lab logout --json").ended(0).json();
        assert_eq!(ran["outcome"], "not_logged_in");
        assert_eq!(name(&world, &ad_hoc(&world)), "Alice Example", "{line}");
        // Nor under another name.
        world.run("profile set lab --account bob").ended(0);
        world.run("--profile lab status").ended(3);
        log_in(&world, "--profile lab", "bob");
        assert_eq!(name(&world, "--profile lab"), "Bob Example", "{line}");
    }
}

/// As in a store that is mounted read-only.
#[test]
fn an_earlier_login_that_can_not_be_moved_is_used_where_it_is() {
    let world = world(&["lab"]);
    log_in_earlier(&world);
    let record = world.record();
    fs::remove_file(record.with_extension("toml.lock")).ok();
    fs::create_dir(record.with_extension("toml.lock")).unwrap();
    assert_eq!(name(&world, "--profile lab"), "Alice Example");
    world.run_for_token("--profile lab token").ended(0);
    assert_eq!(world.record(), record);
}

#[test]
fn an_earlier_login_is_logged_out_too() {
    for line in ["logout --profile lab --json", "logout --all --json"] {
        let world = world(&["lab"]);
        log_in_earlier(&world);
        assert_eq!(world.run(line).ended(0).json()["outcome"], "ended", "{line}");
        assert!(world.records().is_empty(), "{line}");
    }
}

#[test]
fn a_login_travels_from_one_profile_to_another() {
    let world = world(&["here", "there"]);
    log_in(&world, "--profile here", "alice");
    world.run("--profile here export --format json login.json").ended(0);
    world.run("--profile there import login.json").ended(0);
    assert_eq!(name(&world, "--profile there"), "Alice Example");
    assert_eq!(world.records().len(), 2);
}
