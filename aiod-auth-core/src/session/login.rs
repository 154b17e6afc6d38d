//! New tokens in place of what is stored: of a login, or from elsewhere.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Context, Persisted, SessionTokens,
    lock::{Locked, NotLocked, Saved, replace, under_lock},
};
use crate::{
    error::Error,
    login::LoginJob,
    machine::{Deadline, Failed, Io},
    secret::RefreshToken,
    token::Tokens,
};

/// Logs in within `limit`, and saves the tokens. The store is prepared before the user is asked, and before
/// a refresh token from elsewhere is used.
pub(super) async fn log_in(
    io: &Io,
    context: &Context,
    limit: Duration,
    refresh_token: Option<RefreshToken>,
) -> Result<SessionTokens, Failed> {
    let end = Deadline::within(io, limit);
    let lock_end = Deadline::within(io, context.policy.time_limit).min(end);
    // Boxed, as what comes after it: nearly all of the time is the user's, in between.
    Box::pin(under_lock(io, &context.key, lock_end, async |lock| lock.prepare().await)).await?;

    let login = LoginJob {
        profile: Arc::clone(&context.profile),
        limit,
        policy: context.policy,
        refresh_token,
        metadata: context.metadata.clone(),
    };
    match Box::pin(login.log_in(io, end)).await {
        Ok(tokens) => {
            let tokens = Arc::new(tokens);
            let persisted = Box::pin(save(io, context, Arc::clone(&tokens))).await;
            Ok(SessionTokens::new(&context.key, tokens, persisted))
        }
        Err(Failed { error, salvaged: Some(salvaged) }) => {
            let salvaged = Box::pin(keep_salvaged(io, context, *salvaged)).await;
            Err(Failed { error, salvaged: salvaged.map(Box::new) })
        }
        Err(failed) => Err(failed),
    }
}

/// In place of whatever there is. However long the user took, there is time to save; and a process that is
/// stuck with the lock costs no approved login.
async fn save(io: &Io, context: &Context, tokens: Arc<Tokens>) -> Persisted {
    let deadline = Deadline::within(io, context.policy.time_limit);
    match Locked::take(io, &context.key, deadline).await {
        Ok(lock) => {
            let persisted = replace(io, &context.key, tokens).await;
            lock.give_back().await;
            persisted
        }
        Err(NotLocked { is_busy: true, .. }) => replace(io, &context.key, tokens).await,
        Err(NotLocked { failure, is_busy: false }) => Persisted::NotSaved(failure),
    }
}

/// Saves the refresh token of a malformed answer to a login, unless another login is stored: then the token
/// is returned.
async fn keep_salvaged(io: &Io, context: &Context, salvaged: Tokens) -> Option<Tokens> {
    let deadline = Deadline::within(io, context.policy.time_limit);
    let tokens = Arc::new(salvaged.clone());
    let saved = under_lock(io, &context.key, deadline, async |lock| {
        Ok::<_, Error>(lock.save(tokens).await)
    });
    match saved.await {
        Ok(Saved::Persisted(Persisted::Saved)) => None,
        Ok(Saved::Persisted(_) | Saved::Conflict(_)) | Err(_) => Some(salvaged),
    }
}

/// Saves tokens from elsewhere. A store that fails is an error: the caller still has the tokens.
pub(super) async fn keep(
    io: &Io,
    context: &Context,
    tokens: Arc<Tokens>,
) -> Result<SessionTokens, Failed> {
    let deadline = Deadline::within(io, context.policy.time_limit);
    let persisted = under_lock(io, &context.key, deadline, async |_| {
        Ok::<_, Error>(replace(io, &context.key, Arc::clone(&tokens)).await)
    })
    .await?;
    match persisted {
        Persisted::NotSaved(failure) => Err(Error::Store(failure).into()),
        Persisted::Saved | Persisted::NoStore => {
            Ok(SessionTokens::new(&context.key, tokens, persisted))
        }
    }
}
