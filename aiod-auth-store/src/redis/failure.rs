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

/// Whether the same may work in a moment.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may know more of them")]
pub(super) fn may_pass(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::ReadOnly,
        ) => true,
        // Its replicas are away, as in a failover.
        _ if error.code() == Some("NOREPLICAS") => true,
        _ => error.is_io_error() || error.is_connection_dropped(),
    }
}

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
