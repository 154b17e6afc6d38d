//! `docs/situations.md`, made of these rows: what goes wrong for users, what happens then, and the exit code. A row is
//! executed here, or names the test that is about it; it can't say what isn't tested.

use std::{
    env,
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Mutex, atomic::Ordering},
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{
    drives,
    network::{answering, secure},
    world::{Ran, World},
};

/// One situation.
struct Row {
    situation: &'static str,
    happens: &'static str,
    exit: i32,
    check: Check,
}

enum Check {
    /// Brings it about; what is said has this in it.
    Run(&'static str, fn() -> Ran),
    /// This test does, in this file of the project.
    Test(&'static str, &'static str),
}

const fn run(
    situation: &'static str,
    happens: &'static str,
    exit: i32,
    says: &'static str,
    run: fn() -> Ran,
) -> Row {
    Row { situation, happens, exit, check: Check::Run(says, run) }
}

const fn test(
    situation: &'static str,
    happens: &'static str,
    exit: i32,
    file: &'static str,
    test: &'static str,
) -> Row {
    Row { situation, happens, exit, check: Check::Test(file, test) }
}

/// The situation ends nothing, and what it is a part of ends in its own way.
const GOES_ON: i32 = -1;

/// Exactly: a row may be replaced, and doesn't vanish; one that is added is counted here.
const EXPECTED: usize = 118;

const GROUPS: &[(&str, &[Row])] = &[
    ("Networks", NETWORKS),
    ("Servers", SERVERS),
    ("Logins and accounts", LOGINS),
    ("Places", PLACES),
    ("Other programs", PROGRAMS),
    ("Mistakes", MISTAKES),
];

const NETWORKS: &[Row] = &[
    run(
        "The proxy wants a password (407)",
        "it is named, without its password, and asked once",
        2,
        "wants a user name and password (HTTP 407)",
        || through_a_proxy_that_says("407 Who"),
    ),
    run(
        "The proxy takes NTLM or Negotiate alone, whatever the password",
        "it is named, with what it wants and what to do",
        2,
        "wants a login by Negotiate or NTLM, which is not spoken here (HTTP 407)",
        || {
            through_a_proxy_that_says(
                "407 Who\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM",
            )
        },
    ),
    run(
        "The proxy refuses (403)",
        "it is named, and asked once",
        2,
        "refuses the connection (HTTP 403)",
        || through_a_proxy_that_says("403 No"),
    ),
    test(
        "A SOCKS5 proxy wants a password, or another one",
        "it is named, without its password, and asked once",
        2,
        "tests/tests/network/proxies.rs",
        "an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named",
    ),
    test(
        "A SOCKS5 proxy closes the connection when it has the name and password",
        "that is said, with its name; the password is sent once",
        2,
        "tests/tests/network/proxies.rs",
        "an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named",
    ),
    test(
        "An issuer at plain http, and a proxy in between answers 403, 503, nonsense or nothing",
        "the error names the proxy, once; whether it was the proxy is not known, so the kind stays as it is",
        1,
        "tests/tests/network/proxies.rs",
        "a_proxy_in_between_is_named_once_where_the_answer_may_be_its_own",
    ),
    test(
        "A proxy opens a tunnel and breaks it before there is TLS through it",
        "it is named, in both clients; the command may work later",
        5,
        "tests/tests/network/proxies.rs",
        "an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named",
    ),
    test(
        "The proxy knows no tunnels (501)",
        "it is named, and asked once",
        2,
        "tests/tests/network/proxies.rs",
        "an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named",
    ),
    run(
        "The proxy is away",
        "it is named; the command may work later",
        5,
        "can't be reached",
        || login_with("https_proxy", &format!("http://me:hunter2@{}", free_address())),
    ),
    run(
        "The variable names a proxy of a kind that is not known",
        "the variable is named",
        2,
        "the proxy in all_proxy is a SOCKS4 proxy",
        || login_with("all_proxy", "socks4://proxy.example"),
    ),
    test(
        "`HTTP_PROXY`, `https_proxy`, `all_proxy`, SOCKS5, lower case and capitals together",
        "each address takes its own proxy, in both clients",
        0,
        "tests/tests/network/proxies.rs",
        "an_issuer_is_reached_through_the_proxy_of_its_address_or_the_proxy_is_named",
    ),
    test(
        "`NO_PROXY` with domains, dots, blanks, address ranges, `*`",
        "they take no proxy",
        0,
        "aiod-auth-core/src/proxy.rs",
        "which_hosts_need_none",
    ),
    test(
        "IPv6 addresses that swallow packets",
        "the families take turns, a quarter of a second apart, in both clients",
        0,
        "tests/tests/network/resolution.rs",
        "the_first_address_that_answers_is_asked_whatever_the_ones_before_do",
    ),
    test(
        "The host's name is not found",
        "it is named",
        5,
        "tests/tests/network/resolution.rs",
        "a_host_that_is_not_found_is_named",
    ),
    test(
        "The name servers are away, or in trouble (SERVFAIL)",
        "said, with the host's name: that is no name that is not found, and may pass",
        5,
        "aiod-auth-ureq/src/ureq/connector.rs",
        "a_lookup_that_may_pass_is_no_host_that_is_not_found",
    ),
    run(
        "`SSL_CERT_FILE` names a file that is not there",
        "said, with the variable and the file; nothing is tried again",
        2,
        "there are no certificates to trust in SSL_CERT_FILE (/gone.pem)",
        || login_with("SSL_CERT_FILE", "/gone.pem"),
    ),
    run(
        "`SSL_CERT_FILE` is a device, a pipe, a folder, or endless",
        "said, with the variable and the file; it is not read",
        2,
        "SSL_CERT_FILE (/dev/zero) is not a regular file",
        || login_with("SSL_CERT_FILE", "/dev/zero"),
    ),
    test(
        "`SSL_CERT_FILE` has no certificate in it",
        "said, with the variable and the file",
        2,
        "aiod-auth-cli/tests/cli/network.rs",
        "where_certificates_were_looked_for_is_said",
    ),
    run(
        "The server's certificate is of an unknown issuer",
        "the reason is said; nothing is tried again",
        1,
        "its certificate can't be trusted: its issuer is unknown",
        || {
            let world = World::new();
            let port = secure(&authority());
            world.write("ca.pem", &authority().pem());
            world.run(&format!(
                "{} --ca-file ca.pem",
                login_at(&format!("https://localhost:{port}"))
            ))
        },
    ),
    test(
        "The server's certificate is trusted by `--ca-file` alone",
        "it is trusted, beside the platform's",
        GOES_ON,
        "aiod-auth-cli/tests/cli/network.rs",
        "a_ca_file_is_trusted_beside_the_platform",
    ),
    test(
        "A self-signed certificate that is itself trusted",
        "it is trusted for its own names, in both clients; expired, of another name, an authority's own are told apart",
        0,
        "tests/tests/network/trust.rs",
        "a_certificate_is_trusted_or_the_reason_is_said",
    ),
    test(
        "The server's certificate has a common name alone",
        "said: it is for no host",
        1,
        "tests/tests/network/trust.rs",
        "a_certificate_is_trusted_or_the_reason_is_said",
    ),
    test(
        "`--ca-file` names certificates that have expired",
        "a warning with the file and the date; they are trusted all the same",
        GOES_ON,
        "aiod-auth-cli/tests/cli/network.rs",
        "a_ca_file_that_has_expired_is_said_with_its_date",
    ),
    test(
        "The server wants a client certificate",
        "said, with how to give one",
        2,
        "tests/tests/network/trust.rs",
        "a_client_certificate_that_is_wanted_is_shown_or_said",
    ),
    test(
        "What comes in answer to a refresh can't be read as HTTP",
        "the outcome is unknown: nothing is sent again, the login stays",
        5,
        "tests/tests/network/cut.rs",
        "a_login_whose_refresh_cannot_be_read_is_kept_and_sends_its_refresh_token_once",
    ),
    test(
        "No TLS version or cipher in common",
        "said as TLS trouble, not as a bad certificate",
        1,
        "tests/tests/network/trust.rs",
        "an_alert_is_no_bad_certificate_and_plain_http_is_no_tls",
    ),
    run(
        "Plain HTTP on a TLS port",
        "said; nothing is tried again",
        1,
        "what answered there doesn't speak TLS",
        || {
            let world = World::new();
            world.write("ca.pem", &authority().pem());
            let (port, _) = answering("HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n".into());
            world.run(&format!(
                "{} --ca-file ca.pem",
                login_at(&format!("https://localhost:{port}"))
            ))
        },
    ),
    run("Nothing listens at the issuer's address", "tried three times", 5, "tried 3 times", || {
        World::new().run(&login_at(&format!("http://{}", free_address())))
    }),
    run(
        "An issuer at plain http beyond loopback",
        "nothing is sent",
        2,
        "issuer is not https",
        || World::new().run(&login_at("http://192.0.2.1:81/")),
    ),
    test(
        "A profile's endpoint at plain http",
        "named before anything is sent",
        2,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "configuration",
    ),
];

const SERVERS: &[Row] = &[
    run(
        "There is no metadata at the issuer",
        "said, with both addresses that were tried",
        1,
        "no metadata",
        || {
            let world = World::with(|settings| {
                settings.openid_configuration = false;
                settings.oauth_authorization_server = false;
            });
            world.run("login")
        },
    ),
    test(
        "The server's device endpoint is at plain http, or no address",
        "named at once; no browser is waited for",
        1,
        "aiod-auth-core/src/login/tests.rs",
        "a_device_endpoint_that_can_not_be_used_is_said_and_no_browser_waited_for",
    ),
    test(
        "The endpoints are in the profile",
        "no metadata is asked for",
        0,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "endpoints_by_hand_need_no_discovery",
    ),
    run(
        "A wrong client secret",
        "the server's own words, and which secret to check",
        1,
        "invalid_client",
        || {
            let world = World::new();
            world.write("bot.toml", "client_secret = \"canary\"\n");
            world.run("login --profile bot")
        },
    ),
    test(
        "A page of a hotel in place of an answer",
        "the answer is malformed; the stored tokens stay",
        1,
        "aiod-auth-cli/tests/cli/token.rs",
        "a_malformed_answer_ends_the_command",
    ),
    test(
        "The server is away (503)",
        "tried three times; what is stored stays",
        5,
        "aiod-auth-cli/tests/cli/token.rs",
        "the_server_is_away",
    ),
    test(
        "The session has ended at the server",
        "the server's words, and how to log in again",
        3,
        "aiod-auth-cli/tests/cli/token.rs",
        "the_session_has_ended",
    ),
    test(
        "The user refuses, or comes too late",
        "the login did not happen",
        4,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_login_that_is_refused_or_comes_too_late",
    ),
    test(
        "What the server says would control the terminal",
        "it is made safe to print",
        1,
        "aiod-auth-cli/tests/cli/login.rs",
        "what_the_server_says_can_not_control_the_terminal",
    ),
    test(
        "A server without a complete link and without an interval",
        "the login goes on without them",
        GOES_ON,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_server_without_a_complete_link_and_interval",
    ),
    test(
        "A link that is too long for a terminal",
        "it is left out; the short one and the code are enough",
        GOES_ON,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_link_that_is_too_long_is_left_out",
    ),
    test(
        "A server that gives no ID token",
        "`--id-token` names the scope that is missing",
        1,
        "aiod-auth-cli/tests/cli/token.rs",
        "without_an_id_token_the_scope_is_named",
    ),
    test(
        "An API server that takes ID tokens only",
        "`--id-token` hands it out, refreshed by its own end",
        0,
        "aiod-auth-cli/tests/cli/token.rs",
        "an_id_token_is_refreshed_by_its_own_end",
    ),
    test(
        "A server that wants a parameter of its own (`audience`)",
        "`--parameter` sends it; it is another login",
        0,
        "aiod-auth-cli/tests/cli/token.rs",
        "a_parameter_of_the_servers_own_is_sent_and_makes_a_login_of_its_own",
    ),
    test(
        "An API rejects the token",
        "it is refreshed once",
        GOES_ON,
        "aiod-auth-cli/tests/cli/whoami.rs",
        "a_token_that_is_dead_is_refreshed_once",
    ),
    test(
        "Tokens that never live as long as is wanted",
        "one refresh, then the freshest there is, with a warning",
        0,
        "aiod-auth-cli/tests/cli/token.rs",
        "a_token_is_refreshed_when_it_is_not_good_for_long_enough",
    ),
    test(
        "A server without revocation, at logout",
        "nothing is removed; `--ignore-errors` is named",
        1,
        "aiod-auth-cli/tests/cli/logout.rs",
        "a_server_that_can_prove_nothing_is_named_and_the_way_out_too",
    ),
    test(
        "The server is away at logout",
        "nothing is removed, unless `--ignore-errors`",
        5,
        "aiod-auth-cli/tests/cli/logout.rs",
        "without_proof_nothing_is_removed_unless_it_is_wanted",
    ),
];

const LOGINS: &[Row] = &[
    run(
        "There is no login",
        "how to log in is said, the whole command",
        3,
        "next: run `aiod-auth login`",
        || World::new().run("token"),
    ),
    test(
        "`logout --all`, and there are logins of other accounts, of programs, or without a profile",
        "they may be in use: they stay, and a warning names them and how to log out there",
        0,
        "aiod-auth-cli/tests/cli/accounts.rs",
        "logins_that_are_no_profiles_are_named_by_a_logout_of_all",
    ),
    run("There is no login, at logout", "nothing is left to do", 0, "", || {
        World::new().run("logout")
    }),
    test(
        "Two users at one server, with one client",
        "two profiles are two logins",
        0,
        "aiod-auth-cli/tests/cli/accounts.rs",
        "two_users_at_one_server_are_two_logins",
    ),
    test(
        "A program wants the login of a profile, and the other way round",
        "the same account is the same login",
        0,
        "aiod-auth-cli/tests/cli/accounts.rs",
        "a_program_uses_the_login_of_a_profile_and_the_other_way_round",
    ),
    test(
        "A login from before profiles had their own",
        "it goes to the only profile that it fits",
        0,
        "aiod-auth-cli/tests/cli/accounts.rs",
        "an_earlier_login_goes_to_the_only_profile_that_fits",
    ),
    test(
        "Such a login fits several profiles",
        "it goes to none: `status` names it, and how to choose",
        3,
        "aiod-auth-cli/tests/cli/accounts.rs",
        "an_earlier_login_that_fits_several_goes_to_none",
    ),
    test(
        "A refresh is asked for, and there is no refresh token",
        "that is said; the access token can be used until it expires",
        3,
        "aiod-auth-cli/tests/cli/token.rs",
        "without_a_refresh_token_there_is_nothing_to_refresh_with",
    ),
    run(
        "The login is to be kept in memory",
        "a warning: it ends with the command",
        0,
        "warning: the store is `memory`",
        || World::new().run("--store memory login --profile bot"),
    ),
    run(
        "A refresh token from elsewhere that is dead",
        "it is proven by using it: nothing is stored",
        3,
        "error: ",
        || World::new().run_with_input("login --refresh-token-stdin", "dead"),
    ),
    test(
        "A script gives the same refresh token twice",
        "the second time it is not used, which might end the session: the login stands",
        0,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_refresh_token_that_was_used_up_is_said_and_the_login_stands",
    ),
    test(
        "Ctrl-C while the user is waited for",
        "the command leaves at once, and no file is half written",
        4,
        "aiod-auth-cli/tests/cli/ctrl_c.rs",
        "a_login_is_left_at_once",
    ),
    test(
        "Ctrl-C while a refresh is under way",
        "its answer is saved first; `refresh` then says so, with its own exit code",
        4,
        "aiod-auth-cli/tests/cli/ctrl_c.rs",
        "a_refresh_under_way_is_saved_first",
    ),
    test(
        "The reader of the prompt is gone",
        "the login is cancelled",
        4,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_program_that_left_is_not_waited_for",
    ),
    test(
        "The registered port of the browser flow is taken",
        "said, with the port",
        2,
        "aiod-auth-cli/tests/cli/browser.rs",
        "a_registered_port_that_is_taken_is_said",
    ),
    test(
        "The browser is on another machine",
        "the address that it ends at may be pasted",
        0,
        "aiod-auth-cli/tests/cli/browser.rs",
        "an_address_is_pasted_where_the_browser_is_elsewhere",
    ),
    test(
        "A server without a device flow",
        "`auto` takes the browser, and says why",
        GOES_ON,
        "aiod-auth-cli/tests/cli/browser.rs",
        "auto_takes_the_browser_where_the_server_has_no_device_flow_and_says_why",
    ),
    test(
        "A password without a terminal to type it",
        "said",
        2,
        "aiod-auth-cli/tests/cli/browser.rs",
        "a_password_needs_a_terminal",
    ),
];

const PLACES: &[Row] = &[
    test(
        "A token file that is itself a mount",
        "it is written in place, whole",
        0,
        "aiod-auth-store/tests/store/mounts.rs",
        "a_record_that_is_a_mount_is_written_in_place",
    ),
    test(
        "A token folder that can't be written",
        "no refresh token is spent; a bot goes on, with a warning",
        0,
        "aiod-auth-store/tests/store/unix.rs",
        "a_read_only_folder_can_be_read_but_not_locked",
    ),
    test(
        "The login can't be saved",
        "said before the user is asked",
        6,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_login_that_can_not_be_saved_says_so",
    ),
    test(
        "The new refresh token could not be saved",
        "the token is printed, and that the login may be lost",
        6,
        "aiod-auth-cli/tests/cli/token.rs",
        "a_login_that_may_be_lost_is_a_failure",
    ),
    test(
        "The power fails during a save",
        "the login before it or the one after it is there",
        0,
        "aiod-auth-store/src/file/faults/mod.rs",
        "a_power_failure_loses_nothing_that_was_synced",
    ),
    run(
        "A drive without locks: NFS without a lock server, some SMB and WSL drives",
        "a warning; it goes on without a lock",
        0,
        "has no locks",
        drives::without_locks,
    ),
    run(
        "The disk is full, or the user is over quota",
        "no refresh token is spent; what to do is said",
        6,
        "make room on the disk",
        drives::over_quota,
    ),
    run("A drive that can't sync", "what is saved is there", 0, "", drives::without_sync),
    run(
        "A drive whose sync fails",
        "said before a refresh token is spent, or what is saved is there",
        6,
        "",
        drives::with_a_failing_sync,
    ),
    test(
        "An encrypted folder (eCryptfs), which takes short names alone",
        "no file has a longer one",
        0,
        "aiod-auth-store/src/file/name.rs",
        "a_name_is_short_and_stays_in_its_folder",
    ),
    test(
        "A record that is damaged",
        "it is named and left alone; the next login moves it aside",
        6,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_broken_record_is_left_alone_until_the_next_login_moves_it_aside",
    ),
    test(
        "Root in a container, the folder is another user's",
        "how to run as that user is said; no owner is changed",
        6,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "another_users_files_are_used_as_that_user",
    ),
    test(
        "Root logs in, or sets a profile, with the home folder of another user",
        "nothing is made there; whose it is and how to go on is said",
        6,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "root_makes_nothing_in_another_users_folder",
    ),
    run(
        "A bot without a home folder",
        "it gets its token, which isn't stored; a warning",
        0,
        "warning: the user's home folder is not known",
        || homeless("token", "--client-id bot --client-secret-file bot.toml"),
    ),
    run(
        "A user without a home folder",
        "said before the user is asked",
        6,
        "home folder is not known",
        || homeless("login", "--client-id demo"),
    ),
    test(
        "systemd hands over the secret (`$CREDENTIALS_DIRECTORY`), and replaces it",
        "it is looked for there first, and read each time",
        0,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_secret_may_be_handed_over_by_systemd",
    ),
    run(
        "The secret's file is not there",
        "it is named",
        2,
        "cannot read the client secret",
        || {
            let world = World::new();
            fs::remove_file(world.path("bot.toml")).unwrap();
            world.run("login --profile bot")
        },
    ),
    run(
        "The secret's file is blank, JSON, or TOML without `client_secret`",
        "it is named, and not sent",
        2,
        "bot.toml: it is TOML, and has no client_secret",
        || {
            let world = World::new();
            world.write("bot.toml", "secret = \"canary\"\n");
            world.run("login --profile bot")
        },
    ),
    run(
        "Every user can read the secret's file",
        "a warning",
        0,
        "warning: every user of this machine can read the client secret",
        || {
            let world = World::new();
            crate::world::set_mode(&world.path("bot.toml"), 0o644);
            world.run("login --profile bot")
        },
    ),
    test(
        "A pipe in place of a file with settings",
        "it is not waited for",
        2,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "files_that_can_not_be_trusted",
    ),
    test(
        "A private key that every user of the machine can read",
        "a warning; it is used all the same",
        0,
        "aiod-auth-cli/tests/cli/network.rs",
        "a_private_key_that_every_user_can_read_is_a_warning",
    ),
    test(
        "A file that the configuration names can't be read, or is no credential of systemd's (`$CREDENTIALS_DIRECTORY`)",
        "it is named, with what to do",
        2,
        "aiod-auth-cli/tests/cli/mistakes.rs",
        "a_file_that_can_not_be_read_is_said_with_what_to_do",
    ),
    test(
        "`BROWSER` with several commands, blank ones, text browsers",
        "they are tried in order; text browsers are left out",
        0,
        "aiod-auth-cli/src/command/login/browser.rs",
        "the_browser_that_the_user_sees",
    ),
    test(
        "`BROWSER` over ssh, Windows around WSL, a text browser",
        "the browser that the user sees is opened, and no other",
        0,
        "aiod-auth-cli/src/command/login/browser.rs",
        "the_browser_that_the_user_sees",
    ),
    test(
        "`LC_ALL=C`, or no locale at all, and `--qr`",
        "the code is drawn with letters",
        GOES_ON,
        "aiod-auth-cli/tests/cli/login.rs",
        "a_qr_code_fits_the_terminal",
    ),
    test(
        "Another process holds the lock",
        "after a second that is said",
        0,
        "aiod-auth-cli/tests/cli/transfer.rs",
        "a_refresh_that_is_under_way_is_waited_for_and_that_is_said",
    ),
    test(
        "The reader of a token is gone",
        "that is no failure",
        0,
        "aiod-auth-cli/tests/cli/token.rs",
        "a_reader_that_stops_is_no_bug",
    ),
];

const PROGRAMS: &[Row] = &[
    test(
        "git asks for a host that is not its own",
        "it gets nothing, and goes on to its next helper",
        0,
        "aiod-auth-cli/tests/cli/other_programs.rs",
        "git_gets_the_token_for_its_host_and_for_no_other",
    ),
    test(
        "git's server rejects the token",
        "it is refreshed before the next time; the login stays",
        0,
        "aiod-auth-cli/tests/cli/other_programs.rs",
        "a_token_that_git_rejects_is_refreshed_once",
    ),
    test(
        "A cache or a plain text store among git's helpers",
        "the documented lines keep the token out of them",
        0,
        "aiod-auth-cli/tests/cli/other_programs.rs",
        "git_hands_the_token_to_no_other_helper",
    ),
    test(
        "kubectl reads a token",
        "an exec credential, as client-go reads it",
        0,
        "aiod-auth-cli/tests/cli/other_programs.rs",
        "an_exec_credential_is_what_client_go_reads",
    ),
    test(
        "curl reads a token",
        "from standard input, on no command line",
        0,
        "aiod-auth-cli/tests/cli/other_programs.rs",
        "curl_sends_the_token_that_it_reads_from_stdin",
    ),
    test(
        "`exec` runs longer than the token lives",
        "`--min-valid` has it refreshed before",
        0,
        "aiod-auth-cli/tests/cli/exec.rs",
        "the_command_gets_a_token_that_is_good_for_long_enough",
    ),
    run("`exec` of a command that is not there", "said", 127, "no-such-command", || {
        World::new().run("exec --profile bot -- no-such-command")
    }),
    run("`exec` of a command that fails", "its exit status is passed on", 7, "", || {
        let world = World::new();
        world.write("seven.sh", "exit 7\n");
        world.run("exec --profile bot -- sh seven.sh")
    }),
    test(
        "The login of a file has ended",
        "it is not taken over",
        3,
        "aiod-auth-cli/tests/cli/transfer.rs",
        "a_login_that_has_ended_is_not_taken_over",
    ),
    test(
        "A file to import is damaged, too big, another profile's",
        "said; nothing is changed",
        2,
        "aiod-auth-cli/tests/cli/transfer.rs",
        "a_bad_file_is_a_clear_error",
    ),
    test(
        "A file to export to is there already",
        "it stays, unless `--force`",
        2,
        "aiod-auth-cli/tests/cli/transfer.rs",
        "no_file_is_replaced_by_chance",
    ),
    test(
        "The Python client of AI-on-Demand has logged in",
        "its login is used, and kept where it reads it",
        0,
        "aiod-auth-cli/tests/cli/aiod.rs",
        "a_login_of_the_python_client_is_picked_up",
    ),
];

const MISTAKES: &[Row] = &[
    run("A profile that is not there", "named", 2, "nobody", || {
        World::new().run("login --profile nobody")
    }),
    run("`--issuer` together with a profile", "refused", 2, "", || {
        World::new().run("login --profile lab --issuer https://as.example --client-id x")
    }),
    run("An option that is not known", "named", 2, "--secret", || {
        World::new().run("login --secret x")
    }),
    run("A duration without sense", "named", 2, "soon", || {
        World::new().run("token --min-valid soon")
    }),
    run("`config.toml` is no TOML", "named, with the line", 2, "config.toml", || {
        configured("[profiles.a\n").run("login")
    }),
    run("A key of a profile that is not known", "named", 2, "isuer", || {
        configured("[profiles.a]\nisuer = \"https://as.example\"\n").run("login --profile a")
    }),
    run("A profile without an issuer", "said", 2, "there is no issuer", || {
        configured("[profiles.a]\nclient_id = \"x\"\n").run("login --profile a")
    }),
    run("A store that is not known", "named", 2, "there is no such store", || {
        World::new().run(&format!("{} --store cloud:x", login_at("https://as.example")))
    }),
    run("A certificate's file that is not there", "named", 2, "cannot read gone.pem", || {
        World::new().run("login --ca-file gone.pem")
    }),
    run(
        "A client's certificate without one in it",
        "named",
        2,
        "bot.toml has no certificate in PEM form",
        || World::new().run("login --client-certificate bot.toml"),
    ),
    test(
        "A client's certificate in DER or PKCS #12, with an encrypted key, without one, or with another's",
        "what is wrong with the file, and the command that mends it",
        2,
        "aiod-auth-tls/src/options.rs",
        "a_file_that_has_not_what_it_should_is_said_with_what_to_do",
    ),
    run("A bot's flow without a secret", "said", 2, "a client secret", || {
        World::new().run("login --flow client-credentials")
    }),
    run("The variable with the secret is not set", "named", 2, "GONE", || {
        let issuer = "https://as.example";
        let config = format!(
            "[profiles.a]\nissuer = \"{issuer}\"\nclient_id = \"x\"\nclient_secret_env = \"GONE\"\n"
        );
        configured(&config).run("login --profile a")
    }),
];

#[test]
fn each_situation_ends_as_the_document_says() {
    let rows: Vec<&Row> = GROUPS.iter().flat_map(|(_, rows)| *rows).collect();
    assert_eq!(rows.len(), EXPECTED);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for part in rows.chunks(rows.len().div_ceil(4)) {
            scope.spawn(|| {
                wrong.lock().unwrap().extend(part.iter().filter_map(|row| row.check().err()));
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Row {
    fn check(&self) -> Result<(), String> {
        let Self { situation, exit, check, .. } = self;
        match check {
            Check::Run(says, run) => {
                let ran = run();
                let said = ran.stdout.contains(says) || ran.stderr.contains(says);
                if ran.code != *exit || !said {
                    return Err(format!("{situation}: {exit} and {says:?}, not {ran:?}"));
                }
            }
            Check::Test(file, name) => {
                let body = test_called(file, name)
                    .ok_or_else(|| format!("{situation}: no test {name} in {file}"))?;
                // Tests of the command say an exit code; others are about what the libraries answer.
                if file.starts_with("aiod-auth-cli/tests") && *exit != GOES_ON {
                    let at = |exit| first_assertion(&body, exit);
                    // Where it ends well, a test may go on with what is refused: that comes after it.
                    let comes_later = |other| at(other).is_none_or(|other| at(0) < Some(other));
                    if at(*exit).is_none() || *exit == 0 && !(1..7).all(comes_later) {
                        return Err(format!(
                            "{situation}: {name} asserts another exit than {exit}"
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where a test says for the first time that the command ends with this.
fn first_assertion(test: &str, exit: i32) -> Option<usize> {
    let asserted = ["ended(", "failed(", "failed_as(", "Some(", "code == "]
        .into_iter()
        .filter_map(|how| test.find(&format!("{how}{exit}")));
    asserted.chain((exit == 0).then(|| test.find(".success()")).flatten()).min()
}

/// The text of this test, if it is one.
fn test_called(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(project().join(file)).ok()?;
    let start = text.find(&format!("fn {name}()"))?;
    let attributes = text[..start].rsplit("\n\n").next()?;
    let body = &text[start..];
    let indent = attributes.lines().last()?.len() - attributes.lines().last()?.trim_start().len();
    let end = body.find(&format!("\n{}}}", " ".repeat(indent)))?;
    attributes.contains("#[test]").then(|| body[..end].to_owned())
}

/// The document is what the rows say. `WRITE_DOCS=1` writes it.
#[test]
fn the_document_is_up_to_date() {
    let file = project().join("docs/situations.md");
    let document = document();
    if env::var_os("WRITE_DOCS").is_some() {
        fs::write(&file, &document).unwrap();
    }
    assert!(
        fs::read_to_string(&file).is_ok_and(|text| text == document),
        "docs/situations.md is out of date: run the tests with WRITE_DOCS=1"
    );
}

/// What `.ci/run` prints.
#[test]
fn what_there_is_in_numbers() {
    print!("{}", summary());
}

fn summary() -> String {
    let rows = || GROUPS.iter().flat_map(|(_, rows)| *rows);
    let run = rows().filter(|row| matches!(row.check, Check::Run(..))).count();
    let all = rows().count();
    format!("- {all} situations: {run} brought about, {} by the tests that they name\n", all - run)
}

fn document() -> String {
    let mut text = INTRODUCTION.to_owned() + &summary();
    for (group, rows) in GROUPS {
        write!(text, "\n## {group}\n\n{HEADER}").unwrap();
        for Row { situation, happens, exit, check } in *rows {
            let exit = if *exit == GOES_ON { "-".into() } else { exit.to_string() };
            let checked = match check {
                Check::Run("", _) => "brought about".to_owned(),
                Check::Run(says, _) => format!("brought about: `{}`", says.trim()),
                Check::Test(file, test) => {
                    let name = file.rsplit('/').next().unwrap();
                    format!("[{name}](../{file}), {}", test.replace('_', " "))
                }
            };
            writeln!(text, "| {situation} | {happens} | {exit} | {checked} |").unwrap();
        }
    }
    text
}

const INTRODUCTION: &str = "\
# What goes wrong, and what happens then

Made of the rows in [situations.rs](../aiod-auth-cli/tests/cli/situations.rs), each of them a test: the command is brought
into the situation, and said what stands in the last column; or the test that is named there does it. Exit codes are
those of [command.md](command.md) (`-`: what it is a part of ends in its own way); in a program, the error of that kind.

";

const HEADER: &str = "| situation | what happens | exit | checked |\n| --- | --- | --- | --- |\n";

fn through_a_proxy_that_says(answer: &str) -> Ran {
    let (port, asked) = answering(format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n"));
    let ran = login_with("HTTPS_PROXY", &format!("http://me:hunter2@127.0.0.1:{port}"));
    assert!(!ran.stderr.contains("hunter2"), "{ran:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "{ran:?}");
    ran
}

/// At a server that nothing is asked of.
fn login_with(variable: &str, value: &str) -> Ran {
    let world = World::new();
    let mut command = world.command(&login_at("https://localhost.example.test"));
    Ran::of(command.env(variable, value), "")
}

fn login_at(issuer: &str) -> String {
    format!("login --issuer {issuer} --client-id x")
}

fn homeless(command: &str, client: &str) -> Ran {
    let world = World::new();
    let issuer = &world.server.base_url;
    let mut command = world.command(&format!("{command} --issuer {issuer} {client}"));
    Ran::of(command.env_remove("AIOD_AUTH_CONFIG_DIR").env("HOME", "nowhere"), "")
}

fn configured(config: &str) -> World {
    let world = World::new();
    world.write("config.toml", config);
    world
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap()
}

/// Nothing listens there.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
