//! What docs/examples says to type, typed.

use std::process::Command;

const COMPOSE: &str = include_str!("../../../docs/examples/compose.yaml");

/// With a docker that only says whose the containers would be.
#[test]
fn the_containers_run_as_the_user_who_types_the_command() {
    let line = COMPOSE.lines().find(|line| line.contains("docker compose run")).unwrap();
    let line = line.trim_start_matches('#');
    let script = format!("docker() {{ echo \"$OWNER $*\"; }}; {line}; id -u; id -g");
    let ran = Command::new("bash").args(["-c", &script]).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success() && ran.stderr.is_empty(), "{:?}", String::from_utf8(ran.stderr));
    let [docker, user, group] = said.lines().collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(docker, format!("{user}:{group} compose run --rm report"));
    // Each of them: a secret that is mounted belongs to that user, too.
    let images = COMPOSE.matches("image: report").count();
    assert_eq!((images, COMPOSE.matches("user: \"${OWNER:?").count()), (2, 2));
}
