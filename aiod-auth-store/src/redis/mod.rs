//! Tokens in Redis: for servers that outgrow one machine.
//!
//! ```text
//!   aiod-auth:record:<name>   hash: record (sealed, if there is a key), key (which login it is), version,
//!                             begun (a refresh is under way since then), damaged (what was moved aside)
//!   aiod-auth:lock:<name>     "<fencing token>.<nonce>", with a lease
//!   aiod-auth:fence           the last fencing token
//! ```
//!
//! A write says which version it has read, and a script of Redis' compares and writes in one step. The version
//! has the writer's fencing token in it, and a nonce: so it is another one after each write, also where Redis
//! has lost some writes and counts anew. A lease that ran out is not asked about: what matters is whether the
//! record was written: tokens that are refused are lost.

use std::{
    fmt,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use aiod_auth_core::{RecordKey, Tokens, session::Version};
use redis::{Client, Cmd, Connection, FromRedisValue, aio::MultiplexedConnection};

use crate::{AsyncStore, Listed, Lock, Store, StoreError, StoreFuture};
pub use options::RedisOptions;
use records::{Ask, Records, Unlock};

mod failure;
mod options;
mod records;
mod scripts;

/// Keeps tokens in a Redis, for several processes on several machines: the blocking one. Its clones are one
/// handle.
///
/// - **One at a time.** A lock has a lease ([`RedisOptions::with_lease`]) and a fencing token. A save is refused
///   only if the record was written since it was loaded; one whose lease ran out meanwhile is not.
/// - **Sealed,** if there is a key ([`RedisOptions::with_sealing_key`]). Else all that can read this Redis are
///   logged in with what is there.
/// - **Away.** What Redis doesn't answer is asked again for a while ([`RedisOptions::with_patience`]), then it is
///   [`StoreError::Unavailable`]; a client asks for a save of new tokens again until its call's time is over.
///   Asking twice is safe: a script knows its own write again.
/// - **As lasting as that Redis is.** With `appendonly yes` and `appendfsync always` nothing that was saved is
///   lost in a crash; with less, the last second or more may be. A login that is lost is a new login; an older
///   one that comes back is refused by a server that rotates refresh tokens.
///
/// It needs one Redis (6 or newer, or what speaks like it), no cluster.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner<Mutex<Option<Connection>>>>);

/// The same, for async programs on tokio.
///
/// ```no_run
/// use aiod_auth_store::{AsyncRedisStore, RedisOptions, SealingKey};
///
/// let key = SealingKey::from_base64("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")?;
/// let store = AsyncRedisStore::new(RedisOptions::new("redis://127.0.0.1:6379/0")?.with_sealing_key(key))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct AsyncRedisStore(Arc<Inner<tokio::sync::Mutex<Option<MultiplexedConnection>>>>);

struct Inner<C> {
    client: Client,
    connection: C,
    records: Records,
}

impl RedisStore {
    /// A store in this Redis. It connects when it is first asked for something.
    ///
    /// # Errors
    /// [`StoreError::Other`] for an address that the Redis library can't use.
    pub fn new(options: RedisOptions) -> Result<Self, StoreError> {
        let (client, records) = options.open()?;
        Ok(Self(Arc::new(Inner { client, connection: Mutex::default(), records })))
    }

    fn try_once<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        let place = || self.0.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut connection = match place().take() {
            Some(connection) => connection,
            None => {
                let connection = self.0.client.get_connection_with_timeout(CONNECT_LIMIT)?;
                connection.set_read_timeout(Some(ANSWER_LIMIT))?;
                connection.set_write_timeout(Some(ANSWER_LIMIT))?;
                connection
            }
        };
        let answer = command.query(&mut connection);
        // One that failed is not used again: what it still brings would be taken for the next answer.
        if !answer.as_ref().is_err_and(failure::is_of_connection) {
            *place() = Some(connection);
        }
        answer
    }
}

impl AsyncRedisStore {
    /// A store in this Redis. It connects when it is first asked for something.
    ///
    /// # Errors
    /// [`StoreError::Other`] for an address that the Redis library can't use.
    pub fn new(options: RedisOptions) -> Result<Self, StoreError> {
        let (client, records) = options.open()?;
        let connection = tokio::sync::Mutex::default();
        Ok(Self(Arc::new(Inner { client, connection, records })))
    }

    async fn try_once<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        let mut connection = {
            let mut place = self.0.connection.lock().await;
            match &*place {
                Some(connection) => connection.clone(),
                None => {
                    let config = redis::AsyncConnectionConfig::new()
                        .set_connection_timeout(Some(CONNECT_LIMIT))
                        .set_response_timeout(Some(ANSWER_LIMIT));
                    let new = self.0.client.get_multiplexed_async_connection_with_config(&config);
                    place.insert(new.await?).clone()
                }
            }
        };
        let answer = command.query_async(&mut connection).await;
        // The runtime that it was made on may be gone, too.
        if answer.as_ref().is_err_and(failure::is_of_connection) {
            *self.0.connection.lock().await = None;
        }
        answer
    }
}

impl Ask for RedisStore {
    async fn ask<T: FromRedisValue + Send>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut patience = Patience::new(&self.0.records);
        loop {
            match self.try_once(command) {
                Ok(answer) => return Ok(answer),
                Err(error) => match patience.pause(&error) {
                    Some(pause) => std::thread::sleep(pause),
                    None => return Err(failure::explain(self.0.records.place(), &error)),
                },
            }
        }
    }

    fn records(&self) -> &Records {
        &self.0.records
    }

    fn give_back(&self, unlock: &Unlock) {
        if self.try_once::<i64>(&unlock.command()).is_err() {
            self.0.records.leave_behind(unlock);
        }
    }
}

impl Ask for AsyncRedisStore {
    async fn ask<T: FromRedisValue + Send>(&self, command: &Cmd) -> Result<T, StoreError> {
        let mut patience = Patience::new(&self.0.records);
        loop {
            match self.try_once(command).await {
                Ok(answer) => return Ok(answer),
                Err(error) => match patience.pause(&error) {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(failure::explain(self.0.records.place(), &error)),
                },
            }
        }
    }

    fn records(&self) -> &Records {
        &self.0.records
    }

    fn give_back(&self, unlock: &Unlock) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.0.records.leave_behind(unlock);
            return;
        };
        let (store, unlock) = (self.clone(), unlock.clone());
        runtime.spawn(async move {
            if store.try_once::<i64>(&unlock.command()).await.is_err() {
                store.0.records.leave_behind(&unlock);
            }
        });
    }
}

/// How long to go on asking.
struct Patience {
    began: Instant,
    limit: Duration,
    next: Duration,
}

impl Patience {
    fn new(records: &Records) -> Self {
        Self { began: Instant::now(), limit: records.patience(), next: FIRST_PAUSE }
    }

    /// How long to wait before the next try. `None`: it is of no use.
    fn pause(&mut self, error: &redis::RedisError) -> Option<Duration> {
        let left = self.limit.checked_sub(self.began.elapsed())?;
        if !failure::may_pass(error) {
            return None;
        }
        let pause = self.next.min(left);
        self.next = self.next.saturating_mul(2).min(LONGEST_PAUSE);
        Some(pause)
    }
}

const CONNECT_LIMIT: Duration = Duration::from_secs(2);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The blocking store's futures wait for nothing: all that they do happens at the first poll.
fn at_once<T>(future: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => Err(StoreError::Other("the token store would have to wait".into())),
    }
}

impl Store for RedisStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        at_once(records::load(self, key))
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        at_once(records::save(self, key, tokens, None)).map(drop)
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        at_once(records::save(self, key, tokens, Some(version)))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        at_once(records::remove(self, key, None)).map(drop)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        at_once(records::remove(self, key, Some(version)))
    }

    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        at_once(records::try_lock(self, key))
    }

    fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
        at_once(records::lease_left(self, key))
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        at_once(records::prepare(self, key))
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        at_once(records::list(self))
    }

    fn location(&self, key: &RecordKey) -> String {
        self.0.records.location(key)
    }
}

impl AsyncStore for AsyncRedisStore {
    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Tokens>> {
        Box::pin(records::load(self, key))
    }

    fn save<'a>(&'a self, key: &'a RecordKey, tokens: &'a Tokens) -> StoreFuture<'a, ()> {
        Box::pin(async { records::save(self, key, tokens, None).await.map(drop) })
    }

    fn save_if_unchanged<'a>(
        &'a self,
        key: &'a RecordKey,
        tokens: &'a Tokens,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<Tokens>> {
        Box::pin(records::save(self, key, tokens, Some(version)))
    }

    fn remove<'a>(
        &'a self,
        key: &'a RecordKey,
        version: Option<&'a Version>,
    ) -> StoreFuture<'a, Option<Tokens>> {
        Box::pin(records::remove(self, key, version))
    }

    fn try_lock<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Lock>> {
        Box::pin(records::try_lock(self, key))
    }

    fn lease_left<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Duration>> {
        Box::pin(records::lease_left(self, key))
    }

    fn unlock<'a>(&'a self, _key: &'a RecordKey, lock: Lock) -> StoreFuture<'a, ()> {
        Box::pin(records::unlock(self, lock))
    }

    fn prepare<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, ()> {
        Box::pin(records::prepare(self, key))
    }

    fn list(&self) -> StoreFuture<'_, Vec<Listed>> {
        Box::pin(records::list(self))
    }

    fn location(&self, key: &RecordKey) -> String {
        self.0.records.location(key)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisStore").field(&self.0.records.place()).finish()
    }
}

impl fmt::Debug for AsyncRedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AsyncRedisStore").field(&self.0.records.place()).finish()
    }
}
