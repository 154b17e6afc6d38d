//! What is asked of Redis, and what its answers mean: for both stores.

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use aiod_auth_core::{RecordKey, Timestamp, Tokens, session::Version};
use hmac_sha256::Hash as Sha256;
use redis::{Cmd, FromRedisValue};
use zeroize::Zeroizing;

use super::scripts;
use crate::{
    Listed, Lock, RecordError, RecordText, SealError, SealingKey, StoreError, TokenRecord as _,
    parse_record,
};

/// A Redis that answers, however one waits for it.
pub(super) trait Ask: Clone + Send + Sync + 'static {
    /// Until there is an answer, or no more patience.
    fn ask<T: FromRedisValue + Send>(
        &self,
        command: &Cmd,
    ) -> impl Future<Output = Result<T, StoreError>> + Send;

    fn records(&self) -> &Records;

    /// Once, and without an answer: from a destructor. If that fails, it is left behind.
    fn give_back(&self, unlock: &Unlock);
}

pub(super) async fn load(redis: &impl Ask, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
    let stored = stored(redis, key).await?;
    let tokens = redis.records().read(key, &stored)?.map(|(_, tokens)| tokens);
    if let Some(tokens) = &tokens {
        redis.records().note_seen(key, tokens, &stored);
    }
    Ok(tokens)
}

/// Compares and writes in one step, as often as another handle comes in between: `Some` is the other login that
/// is there.
pub(super) async fn save(
    redis: &impl Ask,
    key: &RecordKey,
    tokens: &Tokens,
    version: Option<&Version>,
) -> Result<Option<Tokens>, StoreError> {
    let records = redis.records();
    // One for all tries: a write whose answer got lost is known again.
    let new = records.new_version(key)?;
    loop {
        let stored = stored(redis, key).await?;
        let (before, is_damaged) = match records.read(key, &stored) {
            Err(StoreError::Damaged { .. }) => (None, true),
            read => (read?, false),
        };
        let before_tokens = before.as_ref().map(|(_, tokens)| tokens);
        if let Some(version) = version
            && stored.version.as_deref() != Some(&new)
            && !version.matches(before_tokens)
            && !records.has_come_back(key, version, &stored)
        {
            return Ok(before.map(|(_, tokens)| tokens));
        }
        let text = before.as_ref().map(|(text, _)| text.as_str());
        let text = tokens.to_record(key, text).map_err(|error| error.at(records.location(key)))?;
        let command = records.save_command(key, &stored, &new, &text, is_damaged)?;
        if redis.ask::<i64>(&command).await? == 1 {
            return Ok(None);
        }
    }
}

/// Only what can be read is removed: what is damaged, or sealed with another key, stays.
pub(super) async fn remove(
    redis: &impl Ask,
    key: &RecordKey,
    version: Option<&Version>,
) -> Result<Option<Tokens>, StoreError> {
    let records = redis.records();
    loop {
        let stored = stored(redis, key).await?;
        let tokens = records.read(key, &stored)?.map(|(_, tokens)| tokens);
        if version.is_some_and(|version| !version.matches(tokens.as_ref())) {
            return Ok(tokens);
        }
        let command = script(scripts::REMOVE, &[&records.name("record", key)])
            .arg(stored.version.unwrap_or_default())
            .take();
        if redis.ask::<i64>(&command).await? == 1 {
            return Ok(None);
        }
    }
}

pub(super) async fn try_lock<R: Ask>(
    redis: &R,
    key: &RecordKey,
) -> Result<Option<Lock>, StoreError> {
    let records = redis.records();
    let (id, nonce) = (key.id(), nonce()?);
    let left_behind = records.left_behind().remove(&id);
    let lease_ms = u64::try_from(records.lease.as_millis()).unwrap_or(u64::MAX).max(1);
    let command = script(scripts::LOCK, &[&records.name("lock", key), &records.fence()])
        .arg(&nonce)
        .arg(lease_ms)
        .arg(left_behind.as_deref().unwrap_or_default())
        .take();
    let token = match redis.ask::<Option<String>>(&command).await {
        Ok(Some(token)) => token,
        Ok(None) => return Ok(None),
        Err(error) => {
            // It may have been taken.
            records.left_behind().insert(id, left_behind.unwrap_or(nonce));
            return Err(error);
        }
    };
    let value = format!("{token}.{nonce}");
    records.held().insert(id.clone(), value.clone());
    let names = [records.name("lock", key), records.name("record", key)];
    let held = Held { redis: redis.clone(), unlock: Unlock { names, id, value } };
    let begun = field(redis, key, "begun").await?;
    let begun = begun.and_then(|at| at.parse().ok()).map(Timestamp::from_unix_millis);
    Ok(Some(Lock::new(held).after_interruption(begun)))
}

/// Like dropping it, and Redis has answered then.
pub(super) async fn unlock<R: Ask>(redis: &R, lock: Lock) -> Result<(), StoreError> {
    let records = redis.records();
    let Some(Held { unlock, .. }) = lock.guard::<Held<R>>() else { return Ok(()) };
    let (unlock, is_ours) = (unlock.clone(), records.lets_go(unlock));
    drop(lock);
    if !is_ours {
        return Ok(());
    }
    let outcome = redis.ask::<i64>(&unlock.command()).await;
    if outcome.is_err() {
        records.leave_behind(&unlock);
    }
    outcome.map(drop)
}

/// What is left of the lease of whatever handle has the lock.
pub(super) async fn lease_left(
    redis: &impl Ask,
    key: &RecordKey,
) -> Result<Option<Duration>, StoreError> {
    let mut left = redis::cmd("PTTL");
    left.arg(redis.records().name("lock", key));
    // Negative: there is none.
    let left = redis.ask::<i64>(&left).await?;
    Ok(u64::try_from(left).ok().map(Duration::from_millis))
}

pub(super) async fn prepare(redis: &impl Ask, key: &RecordKey) -> Result<(), StoreError> {
    let records = redis.records();
    let stored = stored(redis, key).await?;
    match records.read(key, &stored) {
        // The next save moves it aside.
        Ok(_) | Err(StoreError::Damaged { .. }) => {}
        Err(error) => return Err(error),
    }
    let size = stored.record.map_or(0, |record| record.len()).saturating_mul(2) + ROOM_BYTES;
    let names =
        [records.name("probe", key), records.name("lock", key), records.name("record", key)];
    let now: Timestamp = SystemTime::now().into();
    let command = script(scripts::PREPARE, &names.each_ref().map(String::as_str))
        .arg(vec![b'0'; size])
        .arg(records.held().get(&key.id()).map_or("", String::as_str))
        .arg(now.as_unix_millis())
        .take();
    redis.ask::<i64>(&command).await.map(drop)
}

pub(super) async fn list(redis: &impl Ask) -> Result<Vec<Listed>, StoreError> {
    let records = redis.records();
    // Redis may name one twice.
    let (mut listed, mut cursor) = (BTreeMap::new(), 0_u64);
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(records.pattern()).arg("COUNT").arg(100);
        let (next, names): (u64, Vec<Vec<u8>>) = redis.ask(&scan).await?;
        for name in names {
            let name = String::from_utf8_lossy(&name).into_owned();
            let mut get = redis::cmd("HMGET");
            get.arg(&name).arg("record").arg("key");
            let fields: (Option<Vec<u8>>, Option<Vec<u8>>) = redis.ask(&get).await?;
            // It may have gone meanwhile.
            let (Some(record), Some(key)) = fields else { continue };
            match records.listed(&name, &record, &key) {
                Ok(one) => drop(listed.insert(name, one)),
                Err(error) => log::warn!("left out of the list: {error}"),
            }
        }
        if next == 0 {
            return Ok(listed.into_values().collect());
        }
        cursor = next;
    }
}

/// What is kept for a key, as it stands there.
struct Stored {
    record: Option<Vec<u8>>,
    /// It is left where it is.
    is_too_big: bool,
    version: Option<String>,
    /// The versions that this one took the place of, with a space between them, the newest first.
    earlier: String,
}

async fn stored(redis: &impl Ask, key: &RecordKey) -> Result<Stored, StoreError> {
    let records = redis.records();
    let name = records.name("record", key);
    let mut length = redis::cmd("HSTRLEN");
    length.arg(&name).arg("record");
    let is_too_big = redis.ask::<usize>(&length).await? > SEALED_BYTES_MAX;
    let mut get = redis::cmd("HMGET");
    get.arg(&name).arg(if is_too_big { "begun" } else { "record" }).arg("version").arg("earlier");
    let fields: (Option<Vec<u8>>, Option<String>, Option<String>) = redis.ask(&get).await?;
    let (record, version, earlier) = fields;
    let record = record.filter(|_| !is_too_big);
    Ok(Stored { record, is_too_big, version, earlier: earlier.unwrap_or_default() })
}

async fn field(
    redis: &impl Ask,
    key: &RecordKey,
    field: &str,
) -> Result<Option<String>, StoreError> {
    let mut get = redis::cmd("HGET");
    get.arg(redis.records().name("record", key)).arg(field);
    redis.ask(&get).await
}

/// Names, seals, and what this handle has locked.
pub(super) struct Records {
    place: String,
    prefix: String,
    sealing: Option<SealingKey>,
    lease: Duration,
    patience: Duration,
    /// By a key's id: what its lock holds.
    held: Mutex<BTreeMap<String, String>>,
    /// By a key's id: what was loaded under its lock, and the versions that it took the place of.
    seen: Mutex<BTreeMap<String, (Tokens, String)>>,
    /// By a key's id: the nonce of a lock that could not be given back, since Redis was away. It is this handle's
    /// own, which takes it again.
    left_behind: Mutex<BTreeMap<String, String>>,
}

impl Records {
    pub(super) fn new(
        place: String,
        prefix: String,
        sealing: Option<SealingKey>,
        lease: Duration,
        patience: Duration,
    ) -> Self {
        let (held, seen, left_behind) = Default::default();
        Self { place, prefix, sealing, lease, patience, held, seen, left_behind }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn location(&self, key: &RecordKey) -> String {
        format!("{} {}", self.place, self.name("record", key))
    }

    /// Readable, and another one for every key: accounts may be chosen by users, so no two of them can be made to
    /// look the same.
    fn name(&self, kind: &str, key: &RecordKey) -> String {
        let digest = Sha256::hash(key.id().as_bytes());
        let digest: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{}{kind}:{}-{digest}", self.prefix, crate::file::readable_name(key))
    }

    fn fence(&self) -> String {
        format!("{}fence", self.prefix)
    }

    /// All records, in the words of `SCAN`.
    fn pattern(&self) -> String {
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "record:*"
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, (Tokens, String)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_seen(&self, key: &RecordKey, tokens: &Tokens, stored: &Stored) {
        let id = key.id();
        if self.held().contains_key(&id) {
            self.seen().insert(id, (tokens.clone(), stored.earlier.clone()));
        }
    }

    /// Whether what is stored was there before what was loaded under the lock: Redis came back with an older copy. No
    /// clock says so, and no counter, which came back with it.
    fn has_come_back(&self, key: &RecordKey, version: &Version, stored: &Stored) -> bool {
        let seen = self.seen();
        let (Some((tokens, earlier)), Some(now)) = (seen.get(&key.id()), &stored.version) else {
            return false;
        };
        version.matches(Some(tokens)) && earlier.split(' ').any(|version| version == now)
    }

    fn left_behind(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.left_behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this lock is the one that this handle has: if its lease ran out, another job may have the next one by
    /// now.
    fn lets_go(&self, unlock: &Unlock) -> bool {
        let mut held = self.held();
        let is_ours = held.get(&unlock.id) == Some(&unlock.value);
        if is_ours {
            held.remove(&unlock.id);
            self.seen().remove(&unlock.id);
        }
        is_ours
    }

    /// It could not be given back.
    pub(super) fn leave_behind(&self, unlock: &Unlock) {
        if let Some((_, nonce)) = unlock.value.split_once('.') {
            self.left_behind().insert(unlock.id.clone(), nonce.into());
        }
    }

    /// With the fencing token of the lock under which it is written; 0 without one.
    fn new_version(&self, key: &RecordKey) -> Result<String, StoreError> {
        let token =
            self.held().get(&key.id()).and_then(|held| held.split('.').next()?.parse().ok());
        Ok(format!("{}.{}", token.unwrap_or(0_u64), nonce()?))
    }

    fn read(
        &self,
        key: &RecordKey,
        stored: &Stored,
    ) -> Result<Option<(Zeroizing<String>, Tokens)>, StoreError> {
        if stored.is_too_big {
            return Err(self.damaged(key, "it is too big"));
        }
        let Some(record) = &stored.record else {
            return match stored.version {
                None => Ok(None),
                Some(_) => Err(self.damaged(key, "it has no text")),
            };
        };
        let location = self.location(key);
        let text = self.open(record, &key.id(), &location)?;
        let tokens = Tokens::from_record(&text, key).map_err(|error| error.at(location))?;
        Ok(Some((text, tokens)))
    }

    fn open(
        &self,
        sealed: &[u8],
        owner: &str,
        location: &str,
    ) -> Result<Zeroizing<String>, StoreError> {
        let damaged = |what: &str| RecordError::Damaged(what.into()).at(location);
        let refused = |why| StoreError::Refused { path: location.into(), why };
        let bytes = match &self.sealing {
            Some(key) => match key.open(sealed, owner) {
                Ok(text) => text,
                Err(SealError::OtherKey) => return Err(refused("it is sealed with another key")),
                Err(error) => return Err(damaged(&error.to_string())),
            },
            None if crate::seal::is_sealed(sealed) => {
                return Err(refused("it is sealed, and there is no sealing key"));
            }
            None => Zeroizing::new(sealed.to_vec()),
        };
        let text = str::from_utf8(&bytes).map_err(|_| damaged("it is not UTF-8"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn seal(&self, text: &str, owner: &str) -> Result<Vec<u8>, StoreError> {
        match &self.sealing {
            Some(key) => key.seal(text.as_bytes(), owner).map_err(other),
            None => Ok(text.as_bytes().to_vec()),
        }
    }

    fn save_command(
        &self,
        key: &RecordKey,
        stored: &Stored,
        new: &str,
        text: &RecordText,
        is_damaged: bool,
    ) -> Result<Cmd, StoreError> {
        let (name, id) = (self.name("record", key), key.id());
        // One from before anything was sealed has tokens in it that are not to be read there.
        let is_to_go =
            self.sealing.is_some() && !stored.record.as_deref().is_some_and(crate::seal::is_sealed);
        let damaged = match (is_damaged, is_to_go) {
            (true, false) => "keep",
            (true, true) | (false, _) => "",
        };
        let versions = stored.version.iter().map(String::as_str).chain(stored.earlier.split(' '));
        let versions: Vec<_> = versions.filter(|it| !it.is_empty()).take(EARLIER_MAX).collect();
        let earlier = versions.join(" ");
        let command = script(scripts::SAVE, &[&name])
            .arg(stored.version.as_deref().unwrap_or_default())
            .arg(new)
            .arg(self.seal(text.expose(), &id)?)
            .arg(self.seal(&id, &name)?)
            .arg(damaged)
            .arg(earlier)
            .take();
        Ok(command)
    }

    fn listed(&self, name: &str, record: &[u8], key: &[u8]) -> Result<Listed, StoreError> {
        let location = format!("{} {name}", self.place);
        if record.len() > SEALED_BYTES_MAX {
            return Err(RecordError::Damaged("it is too big".into()).at(location));
        }
        let id = self.open(key, name, &location)?;
        let text = self.open(record, &id, &location)?;
        let (key, tokens) = parse_record(&text).map_err(|error| error.at(&location))?;
        if self.name("record", &key) != name {
            return Err(RecordError::OtherKey.at(location));
        }
        Ok(Listed::new(key, location, &tokens))
    }

    fn damaged(&self, key: &RecordKey, what: &str) -> StoreError {
        RecordError::Damaged(what.into()).at(self.location(key))
    }
}

/// How a lock is given back.
#[derive(Clone)]
pub(super) struct Unlock {
    names: [String; 2],
    /// The key's.
    id: String,
    value: String,
}

impl Unlock {
    pub(super) fn command(&self) -> Cmd {
        let [lock, record] = &self.names;
        script(scripts::UNLOCK, &[lock, record]).arg(&self.value).take()
    }
}

/// A lock that was not given back by [`unlock`] is given back when this is dropped.
struct Held<R: Ask> {
    redis: R,
    unlock: Unlock,
}

impl<R: Ask> Drop for Held<R> {
    fn drop(&mut self) {
        if self.redis.records().lets_go(&self.unlock) {
            self.redis.give_back(&self.unlock);
        }
    }
}

fn script(text: &str, names: &[&str]) -> Command {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(names.len()).arg(names);
    Command(command)
}

/// A command that is being put together.
struct Command(Cmd);

impl Command {
    fn arg(mut self, value: impl redis::ToRedisArgs) -> Self {
        self.0.arg(value);
        self
    }

    fn take(self) -> Cmd {
        self.0
    }
}

fn nonce() -> Result<String, StoreError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| other(SealError::NoRandomness))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn other(error: SealError) -> StoreError {
    StoreError::Other(error.to_string())
}

/// A record, and what sealing adds to it.
const SEALED_BYTES_MAX: usize = crate::file::BYTES_MAX + 1024;
/// As much as a first login needs, and more.
const ROOM_BYTES: usize = 32 * 1024;
/// An older copy than that many saves is taken for another login.
const EARLIER_MAX: usize = 32;
