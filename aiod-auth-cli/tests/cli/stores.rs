//! `--store redis://…` and `--store keyring`: with Debian's `redis-server`, and without a keyring.

use std::{
    net::TcpListener,
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::world::{Ran, World};

/// A Redis of this test's own; it ends with this.
struct Redis {
    folder: tempfile::TempDir,
    process: Child,
}

impl Redis {
    fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.path().join("socket"))
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server has to be installed: .ci/run tools");
        let redis = Self { folder, process };
        let began = Instant::now();
        while UnixStream::connect(redis.folder.path().join("socket")).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "redis-server doesn't start");
            thread::sleep(Duration::from_millis(5));
        }
        redis
    }

    fn store(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("socket").display())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// An expiry is made by hand: all processes start when the access token has run out.
#[test]
#[ignore = "it needs redis-server: .ci/run stores"]
fn four_processes_in_folders_of_their_own_refresh_once_through_redis() {
    let (world, redis) = (World::new(), Redis::start(&[]));
    let store = redis.store();
    let login = format!("login --refresh-token-stdin --store {store}");
    world.run_with_input(&login, &world.new_refresh_token()).ended(0);
    let before = world.refreshes();
    for round in 1..=5 {
        // Each one wants a token that lives longer than the one that is there, which expires in 300 s.
        world.server.simulator().settings.access_token_lifetime =
            Duration::from_secs(300 + 300 * round);
        let wanted = 150 + 300 * round;
        let children: Vec<_> = (0..4)
            .map(|number| {
                let folder = world.path(&format!("machine-{number}"));
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::copy(world.path("config.toml"), folder.join("config.toml")).unwrap();
                let mut command =
                    world.command(&format!("token --min-valid {wanted}s --store {store}"));
                command.env("AIOD_AUTH_CONFIG_DIR", folder).stdout(Stdio::piped());
                command.stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        let ended: Vec<_> = children.into_iter().map(crate::world::end_of).collect();
        let tokens: Vec<_> = ended.iter().map(|output| &output.stdout).collect();
        assert!(ended.iter().all(|output| output.status.success()), "{ended:?}");
        assert!(tokens.iter().all(|token| *token == tokens[0] && !token.is_empty()));
        assert_eq!(world.refreshes() - before, usize::try_from(round).unwrap());
    }
    assert!(world.records().is_empty(), "no file has it");
}

#[test]
#[ignore = "it needs redis-server: .ci/run stores"]
fn redis_takes_its_password_and_the_key_from_files_and_shows_neither() {
    let (world, redis) = (World::new(), Redis::start(&["--requirepass", "canary"]));
    let store = redis.store();
    world.write("password", "canary\n");
    world.write("key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    let config = std::fs::read_to_string(world.path("config.toml")).unwrap();
    let lab = |more: &str| {
        let lab = format!("[profiles.lab]\nstore = \"{store}\"\n{more}");
        world.write("config.toml", &config.replace("[profiles.lab]\n", &lab));
    };
    lab("redis_password_file = \"password\"\nstore_key_file = \"key\"\n");
    world.log_in();
    world.run("status").ended(0);
    assert!(world.run("status --json").json()["store"].as_str().unwrap().contains("redis+unix://"));
    world.run_for_token("token").ended(0);

    // The same from the environment; without it, Redis refuses.
    lab("store_key_file = \"key\"\n");
    let status = |password| {
        let mut command = world.command("status");
        Ran::of(command.env("AIOD_AUTH_REDIS_PASSWORD", password), "")
    };
    status("canary").ended(0);
    for password in ["canary-2", ""] {
        assert!(status(password).failed(6, "refused").stderr.contains("password"));
    }
    let mut exec = world.command("exec -- env");
    let ran = Ran::of(exec.env("AIOD_AUTH_REDIS_PASSWORD", "canary"), "");
    assert!(!ran.ended(0).stdout.contains("canary"), "no other program's business");

    // Without the key, or with another one, nothing is read and nothing overwritten.
    lab("redis_password_file = \"password\"\n");
    world.run("token").failed(6, "sealed");
    world.write("other", "AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    lab("redis_password_file = \"password\"\nstore_key_file = \"other\"\n");
    world.run("token").failed(6, "sealed with another key");
    let input = world.new_refresh_token();
    world.run_with_input("login --refresh-token-stdin", &input).ended(6);
    world.write("other", "canary");
    world.run("token").failed(2, "32 bytes");
    lab("redis_password_file = \"password\"\nstore_key_file = \"key\"\n");
    world.run("logout").ended(0);
    world.run("status").ended(3);
}

#[test]
fn an_address_with_a_password_is_refused_and_not_shown() {
    let world = World::new();
    for address in ["redis://:canary@127.0.0.1", "redis://me:canary@127.0.0.1/0"] {
        let ran = world.run(&format!("token --store {address}"));
        ran.failed(2, "has a password in it");
        assert!(ran.stderr.contains("AIOD_AUTH_REDIS_PASSWORD"), "{ran:?}");
        world.run(&format!("profile set lab --store {address}")).ended(2);
        assert!(!std::fs::read_to_string(world.path("config.toml")).unwrap().contains("canary"));
    }
    world.run("token --store redis://").ended(2);
    world.run("token --store rediss://as.example").failed(2, "`rediss` is not in this version");
}

#[test]
fn a_redis_that_is_away_is_exit_6_before_anything_is_spent() {
    let world = World::new();
    // Nothing listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let store = format!("--store redis://127.0.0.1:{port}");
    world.run(&format!("token {store}")).failed(6, "is away");
    assert_eq!(world.run(&format!("token {store} --json")).failed_as(6, "store")["kind"], "store");
    let refresh_token = world.new_refresh_token();
    let login = format!("login --refresh-token-stdin {store}");
    world.run_with_input(&login, &refresh_token).failed(6, "is away");
    world.run(&format!("login {store}")).failed(6, "is away");
    assert_eq!(world.refreshes(), 0);
}

#[test]
fn without_a_keyring_the_file_is_used_with_one_warning() {
    let world = World::new();
    let run = |line: &str, input: &str| {
        let mut command = world.command(line);
        Ran::of(command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere"), input)
    };
    let input = world.new_refresh_token();
    let ran = run("login --refresh-token-stdin --store keyring", &input);
    assert_eq!(ran.ended(0).stderr.matches("there is no keyring").count(), 1, "{ran:?}");
    assert_eq!(world.records().len(), 1);
    run("status --store keyring", "").ended(0);
    world.run("status").ended(0);
}
