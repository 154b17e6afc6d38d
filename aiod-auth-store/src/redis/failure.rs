//! What the Redis library's errors mean here.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::StoreError;

/// Whether the connection is of no use any more.
pub(super) fn is_of_connection(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || error.kind() == ErrorKind::Parse
        // After a failover, the old address may lead to the new master.
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Whether the same may work in a moment: whatever Redis refuses, unless it would refuse that for ever.
pub(super) fn may_pass(error: &RedisError) -> bool {
    let Some(code) = error.code() else {
        return error.is_io_error() || error.is_connection_dropped();
    };
    let words = error.detail().unwrap_or_default();
    // Redis 6 says so of what fails in a script: "Error running script (...): @user_script: 8: -OOM ...".
    let in_script = words.rsplit_once(": -").and_then(|(_, inner)| inner.split(' ').next());
    match in_script.unwrap_or(code) {
        "ERR" => !LASTING_WORDS.iter().any(|lasting| words.contains(lasting)),
        code => !LASTING_CODES.contains(&code),
    }
}

const LASTING_CODES: [&str; 12] = [
    "NOAUTH",
    "WRONGPASS",
    "NOPERM",
    "DENIED",
    "NOPROTO",
    "WRONGTYPE",
    "NOSCRIPT",
    "EXECABORT",
    "CROSSSLOT",
    "MOVED",
    "ASK",
    "NOTBUSY",
];
const LASTING_WORDS: [&str; 8] = [
    "nknown command",
    "nknown subcommand",
    "syntax error",
    "wrong number of arguments",
    "user_script",
    "compiling script",
    "DB index",
    "Protocol error",
];

/// None of its words is a value: Redis quotes commands by name, and no arguments.
pub(super) fn explain(place: &str, error: &RedisError) -> StoreError {
    if may_pass(error) {
        return StoreError::Unavailable { place: place.into(), why: error.to_string() };
    }
    let hint = match error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
    {
        true => " (check the user name and password)",
        false => "",
    };
    StoreError::Other(format!("the token store at {place} refused: {error}{hint}"))
}
