//! Tokens that are good for at least as long as is asked for, without asking the user.

use alloc::{boxed::Box, sync::Arc};
use core::time::Duration;

use super::{
    Context, Demand, Freshness, Persisted, SessionTokens, Version,
    freshness::{Target, is_from_the_future, is_usable},
    lock::{Locked, Saved, load, under_lock},
    plan::{Plan, is_only_itself, is_own, newest_own, plan},
    refresh::Refreshed,
    tokens::newest,
};
use crate::{
    error::{Endpoint, Error, StoreFailure},
    flow::client_credentials::client_credentials,
    machine::{Deadline, Failed, Io},
    provider::tiled,
    retry::RetryPolicy,
    token::Tokens,
    token_server::TokenServer,
};

/// Acquires tokens: cached, or stored, or by refresh, or by client credentials; and keeps them.
pub(super) async fn acquire(
    io: &Io,
    context: &mut Context,
    demand: Demand,
    left_alone: Option<Box<Error>>,
) -> Result<SessionTokens, Failed> {
    save_again(io, context).await;
    let deadline = Deadline::within(io, context.policy.time_limit);
    let (cached, target) = (context.cached.as_ref(), Target::new(demand));
    let mut acquire = Acquire { io, context, deadline, cached, target, is_early: false };
    if let Some(cached) = cached {
        acquire.look_at(&cached.tokens);
    }
    match acquire.run(left_alone).await {
        Err(failed) if acquire.is_early => acquire.early_refresh_failed(failed),
        outcome => outcome.map_err(Failed::from),
    }
}

pub(super) struct Acquire<'a> {
    pub(super) io: &'a Io,
    pub(super) context: &'a Context,
    pub(super) deadline: Deadline,
    /// What the caller has, until its refresh token is spent.
    pub(super) cached: Option<&'a SessionTokens>,
    pub(super) target: Target,
    /// What is there is still good: a refresh is early, and its failure is none.
    is_early: bool,
}

impl Acquire<'_> {
    async fn run(&mut self, left_alone: Option<Box<Error>>) -> Result<SessionTokens, Unacquired> {
        let (io, context, deadline) = (self.io, self.context, self.deadline);
        let key = &context.key;
        let stored = load(io, key).await?;
        let is_for_client = match self.plan(stored) {
            Plan::Use(tokens) => return Ok(self.session_of(tokens)),
            Plan::Fail(error, usable) => return Err(self.nothing_to_do(error, usable)),
            Plan::Refresh(tokens) => {
                self.look_at(&tokens);
                false
            }
            Plan::ClientCredentials => true,
        };
        if let Some(error) = left_alone {
            return Err((*error).into());
        }
        // Before the lock: a server that is slow must not make other processes wait.
        let (profile, policy) = (&context.profile, self.policy());
        let (oauth, tiled);
        let server = if let Some(settings) = profile.tiled() {
            tiled = Box::pin(tiled::Server::ask(io, &settings.api, &policy, deadline)).await?;
            TokenServer::Tiled(&tiled)
        } else {
            let needed = &[Endpoint::Token];
            oauth = context.metadata.find(io, profile, needed, &policy, deadline).await?;
            TokenServer::OAuth(&oauth)
        };
        // They may have become old while the server was looked for.
        self.is_early &= self.target.first_while_good(io.now()).is_some();
        // The holder of the lock is refreshing already.
        let lock_end = if self.is_early { Deadline::within(io, Duration::ZERO) } else { deadline };
        let mut lock = match Locked::take(io, key, lock_end).await {
            Ok(lock) => lock,
            // A bot's secret may be mounted where nothing can be written.
            Err(failure) if is_for_client && !failure.is_busy() => {
                let tokens = Arc::new(self.client_credentials(server).await?);
                return Ok(SessionTokens::new(key, tokens, Persisted::NotSaved(failure)));
            }
            Err(failure) => return Err(Error::Store(failure).into()),
        };
        let outcome = self.acquire_under(&mut lock, server).await;
        lock.give_back().await;
        outcome
    }

    /// Under the lock: looks again, since another process may have been faster; gets new tokens; saves
    /// them before a caller sees them. Where another login is stored by then, that one is used: once.
    async fn acquire_under(
        &mut self,
        lock: &mut Locked<'_>,
        server: TokenServer<'_>,
    ) -> Result<SessionTokens, Unacquired> {
        let (profile, key) = (&self.context.profile, &self.context.key);
        let mut stored = lock.load().await?;
        for round in 0.. {
            lock.pass_over_users(profile, stored.as_deref());
            let plan = self.plan(stored);
            if round > 1 && !matches!(plan, Plan::Use(_)) {
                break;
            }
            let (tokens, error) = match plan {
                Plan::Use(tokens) => return Ok(self.session_of(tokens)),
                Plan::Refresh(tokens) => {
                    lock.check_time()?;
                    lock.prepare().await?;
                    match Box::pin(self.refresh(lock, server, tokens)).await? {
                        Refreshed::Found(tokens) => return Ok(self.session_of(tokens)),
                        Refreshed::New(tokens) => (tokens, None),
                        Refreshed::Salvaged(error, tokens) => (tokens, Some(error)),
                        Refreshed::Refused(error, marked) => {
                            // It holds no new token: one try is enough.
                            let once = Deadline::within(self.io, Duration::ZERO);
                            match lock.save(Arc::new(marked), once).await {
                                Saved::Persisted(_) => return Err(error.into()),
                                Saved::Conflict(theirs) => {
                                    (stored, self.cached) = (Some(theirs), None);
                                    continue;
                                }
                            }
                        }
                    }
                }
                Plan::ClientCredentials => (self.client_credentials(server).await?, None),
                Plan::Fail(error, usable) => return Err(self.nothing_to_do(error, usable)),
            };
            let tokens = Arc::new(tokens);
            let persisted = match lock.save(Arc::clone(&tokens), self.deadline).await {
                Saved::Persisted(persisted) => persisted,
                Saved::Conflict(_) if is_only_itself(profile) => Persisted::NotSaved(
                    StoreFailure::new("the login of a user is stored")
                        .with_hint("choose another store for it"),
                ),
                Saved::Conflict(theirs) => {
                    // What is cached has been spent, or theirs goes before it.
                    (stored, self.cached) = (Some(theirs), None);
                    continue;
                }
            };
            // What the caller has unsaved is spent by now: these take its place.
            let has_unsaved = self.context.cached.as_ref().is_some_and(|it| !it.is_settled());
            let is_in_store_alone = persisted == Persisted::Saved && !has_unsaved;
            let replaces = lock.version.clone();
            let session = SessionTokens::new(key, tokens, persisted).replacing(replaces);
            let Some(error) = error else { return Ok(session) };
            let salvaged = (!is_in_store_alone).then_some(session);
            return Err(Unacquired { error, salvaged });
        }
        let failure = StoreFailure::new("another program keeps changing the stored login")
            .with_hint("wait for it, or end it");
        Err(Error::Store(failure).into())
    }

    async fn client_credentials(&self, server: TokenServer<'_>) -> Result<Tokens, Error> {
        let (profile, policy) = (&self.context.profile, self.policy());
        let server = server.for_clients()?;
        // It salvages nothing: RFC 6749 §4.4.3.
        let outcome = client_credentials(self.io, server, profile, policy, self.deadline).await;
        outcome.map_err(|failed| failed.error)
    }

    fn plan(&mut self, stored: Option<Arc<Tokens>>) -> Plan {
        let tokens = newest_own(&self.context.profile, stored, self.cached);
        if let Some(tokens) = &tokens {
            self.target.note_first(tokens);
        }
        plan(&self.context.profile, &self.target, tokens, self.io.now())
    }

    fn look_at(&mut self, tokens: &Arc<Tokens>) {
        self.is_early |= self.target.freshness(tokens, self.io.now()) == Freshness::RefreshEarly;
        self.target.note_first(tokens);
    }

    pub(super) fn policy(&self) -> RetryPolicy {
        let policy = self.context.policy;
        if self.is_early { policy.for_early_refresh() } else { policy }
    }

    fn session_of(&self, tokens: Arc<Tokens>) -> SessionTokens {
        let (persisted, replaces) = match self.cached {
            Some(cached) if Arc::ptr_eq(&cached.tokens, &tokens) => {
                (cached.persisted.clone(), cached.replaces.clone())
            }
            _ => (Persisted::Saved, Version::default()),
        };
        SessionTokens::new(&self.context.key, tokens, persisted).replacing(replaces)
    }

    /// An early refresh that fails is no failure while the old tokens are good.
    fn early_refresh_failed(&self, failed: Unacquired) -> Result<SessionTokens, Failed> {
        let now = self.io.now();
        let Some(first) = self.target.first_while_good(now) else { return Err(failed.into()) };
        let Unacquired { error, salvaged } = failed;
        let mut session = match salvaged {
            Some(newer) if is_usable(&newer.tokens, now) => newer,
            // The record held a refresh token alone by then.
            Some(newer) => {
                let refresh_token = newer.tokens.refresh_token.clone();
                let tokens = Arc::new(Tokens { refresh_token, ..Tokens::clone(first) });
                SessionTokens { tokens, ..newer }
            }
            None => self.session_of(Arc::clone(first)),
        };
        session.early_refresh_failed = Some((now, Box::new(error)));
        Ok(session)
    }

    fn nothing_to_do(&self, error: Error, usable: Option<Arc<Tokens>>) -> Unacquired {
        Unacquired { error, salvaged: usable.map(|tokens| self.session_of(tokens)) }
    }
}

/// Saves what could not be saved before, if the store can do it at once; before a server is asked, so that one that is
/// unavailable can't delay it. Newer tokens in the store stay, and what is cached stays cached: the newer ones may be of
/// a session that is over. Tokens of a refresh, and those issued in the future (a clock was ahead), replace only the ones
/// that they came from.
pub(super) async fn save_again(io: &Io, context: &mut Context) {
    let (profile, key, now) = (&context.profile, &context.key, io.now());
    let Some(cached) = context.cached.as_mut().filter(|cached| !cached.is_settled()) else {
        return;
    };
    let at_once = Deadline::within(io, Duration::ZERO);
    let saved = under_lock(io, key, at_once, async |lock| {
        let stored = lock.load().await?;
        lock.pass_over_users(profile, stored.as_deref());
        let stored = stored.filter(|stored| is_own(profile, stored));
        let is_of_another_login = stored.as_ref().is_some_and(|stored| {
            !cached.replaces.is_of(stored) && stored.session_ended_at.is_none()
        });
        let newest = newest(stored, Some(cached));
        let is_newer_stored = newest.is_some_and(|it| !Arc::ptr_eq(&it, &cached.tokens));
        let replaces_just_one =
            cached.replaces.is_known() || is_from_the_future(&cached.tokens, now);
        if is_newer_stored || is_of_another_login && replaces_just_one {
            return Ok(None);
        }
        Ok(match lock.save(Arc::clone(&cached.tokens), at_once).await {
            Saved::Persisted(persisted) => Some(persisted),
            Saved::Conflict(_) => None,
        })
    });
    match saved.await {
        Ok::<_, Error>(Some(Persisted::Saved)) => cached.note_saved(),
        Ok(Some(persisted)) => cached.persisted = persisted,
        Ok(None) | Err(_) => {}
    }
}

/// Why there are no tokens, and those to go on with all the same: not saved, or still usable.
struct Unacquired {
    error: Error,
    salvaged: Option<SessionTokens>,
}

impl From<Error> for Unacquired {
    fn from(error: Error) -> Self {
        Self { error, salvaged: None }
    }
}

impl From<Unacquired> for Failed {
    fn from(Unacquired { error, salvaged }: Unacquired) -> Self {
        let Some(session) = salvaged else { return error.into() };
        let not_saved = match session.persisted {
            Persisted::NotSaved(failure) => Some(Box::new(failure)),
            Persisted::Saved | Persisted::NoStore => None,
        };
        Self { error, salvaged: Some(Box::new(Tokens::clone(&session.tokens))), not_saved }
    }
}
