//! A store in a `SQLite` database. docs/stores.md explains it.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aiod_auth_core::{RecordKey, Tokens, session::Version};
use aiod_auth_store::{
    LOCK_HELD_MAX, Listed, Lock, SealingKey, Store, StoreError, TokenRecord as _, parse_record,
};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

/// Keeps tokens in a `SQLite` database, sealed if there is a key.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    file: PathBuf,
    sealing: Option<SealingKey>,
    database: Arc<Mutex<Connection>>,
}

impl SqliteStore {
    pub(crate) fn open(file: &Path) -> Result<Self, StoreError> {
        let database = Connection::open(file).map_err(failed)?;
        database.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        database.execute_batch(SCHEMA).map_err(failed)?;
        Ok(Self { file: file.into(), sealing: None, database: Arc::new(Mutex::new(database)) })
    }

    pub(crate) fn sealed_with(mut self, key: SealingKey) -> Self {
        self.sealing = Some(key);
        self
    }

    /// One look and one write: no other process comes in between.
    fn transaction<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut database = self.database();
        let behavior = TransactionBehavior::Immediate;
        let transaction = database.transaction_with_behavior(behavior).map_err(failed)?;
        let outcome = work(&transaction)?;
        transaction.commit().map_err(failed)?;
        Ok(outcome)
    }

    fn read(&self, database: &Connection, key: &RecordKey) -> Result<Option<String>, StoreError> {
        let get = "SELECT record FROM records WHERE id = ?1";
        let record = database.query_row(get, [key.id()], |row| row.get::<_, Vec<u8>>(0));
        match record.optional().map_err(failed)? {
            Some(record) => self.open_seal(record, &key.id()).map(Some),
            None => Ok(None),
        }
    }

    fn tokens(&self, text: &str, key: &RecordKey) -> Result<Tokens, StoreError> {
        Tokens::from_record(text, key).map_err(|error| error.at(self.location(key)))
    }

    /// Only where no other login stands than `version`, if there is one.
    fn write(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        self.transaction(|database| {
            let before = self.read(database, key)?;
            let stored = before.as_ref().map(|text| self.tokens(text, key)).transpose()?;
            if version.is_some_and(|version| !version.matches(stored.as_ref())) {
                return Ok(stored);
            }
            let text = tokens.to_record(key, before.as_deref());
            let text = text.map_err(|error| error.at(self.location(key)))?;
            let id = key.id();
            let record = match &self.sealing {
                Some(sealing) => sealing.seal(text.expose().as_bytes(), &id).map_err(failed)?,
                None => text.expose().as_bytes().to_vec(),
            };
            let put = "INSERT OR REPLACE INTO records (id, record) VALUES (?1, ?2)";
            database.execute(put, (id, record)).map_err(failed)?;
            Ok(None)
        })
    }

    fn delete(
        &self,
        key: &RecordKey,
        version: Option<&Version>,
    ) -> Result<Option<Tokens>, StoreError> {
        self.transaction(|database| {
            let stored = self.read(database, key)?;
            let stored = stored.map(|text| self.tokens(&text, key)).transpose()?;
            if version.is_some_and(|version| !version.matches(stored.as_ref())) {
                return Ok(stored);
            }
            database.execute("DELETE FROM records WHERE id = ?1", [key.id()]).map_err(failed)?;
            Ok(None)
        })
    }

    fn open_seal(&self, record: Vec<u8>, id: &str) -> Result<String, StoreError> {
        let record = match &self.sealing {
            Some(sealing) => sealing.open(&record, id).map_err(failed)?.to_vec(),
            None => record,
        };
        String::from_utf8(record).map_err(failed)
    }

    fn database(&self) -> MutexGuard<'_, Connection> {
        self.database.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteStore {
    fn load(&self, key: &RecordKey) -> Result<Option<Tokens>, StoreError> {
        let text = self.read(&self.database(), key)?;
        text.map(|text| self.tokens(&text, key)).transpose()
    }

    fn save(&self, key: &RecordKey, tokens: &Tokens) -> Result<(), StoreError> {
        self.write(key, tokens, None).map(drop)
    }

    fn save_if_unchanged(
        &self,
        key: &RecordKey,
        tokens: &Tokens,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.write(key, tokens, Some(version))
    }

    fn remove(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.delete(key, None).map(drop)
    }

    fn remove_if_unchanged(
        &self,
        key: &RecordKey,
        version: &Version,
    ) -> Result<Option<Tokens>, StoreError> {
        self.delete(key, Some(version))
    }

    /// A row with a lease. It has an owner, so that a lock whose lease ran out doesn't give back another's.
    fn try_lock(&self, key: &RecordKey) -> Result<Option<Lock>, StoreError> {
        let (id, now) = (key.id(), now_ms()?);
        let lease_ms = i64::try_from(LOCK_HELD_MAX.as_millis()).map_err(failed)?;
        let owner = self.transaction(|database| {
            let forget = "DELETE FROM locks WHERE id = ?1 AND until_ms < ?2";
            database.execute(forget, (&id, now)).map_err(failed)?;
            let take = "INSERT OR IGNORE INTO locks (id, owner, until_ms)
                VALUES (?1, hex(randomblob(16)), ?2) RETURNING owner";
            let owner = database.query_row(take, (&id, now + lease_ms), |row| row.get(0));
            owner.optional().map_err(failed)
        })?;
        Ok(owner.map(|owner| Lock::new(Held { store: self.clone(), id, owner })))
    }

    fn lease_left(&self, key: &RecordKey) -> Result<Option<Duration>, StoreError> {
        let until = "SELECT until_ms FROM locks WHERE id = ?1";
        let until_ms: Option<i64> = self
            .database()
            .query_row(until, [key.id()], |row| row.get(0))
            .optional()
            .map_err(failed)?;
        let left = until_ms.map(|until_ms| Ok(until_ms.saturating_sub(now_ms()?))).transpose()?;
        Ok(left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis))
    }

    fn prepare(&self, key: &RecordKey) -> Result<(), StoreError> {
        self.transaction(|database| {
            let before = self.read(database, key)?;
            before.map(|text| self.tokens(&text, key)).transpose()?;
            // As much as a login takes: a full disk or a read-only file is noticed now.
            let probe = "INSERT OR REPLACE INTO records (id, record) VALUES ('', zeroblob(16384))";
            database.execute(probe, ()).map_err(failed)?;
            database.execute("DELETE FROM records WHERE id = ''", ()).map_err(failed)?;
            Ok(())
        })
    }

    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let database = self.database();
        let mut get = database.prepare("SELECT id, record FROM records").map_err(failed)?;
        let rows = get.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        let mut listed = Vec::new();
        for row in rows.map_err(failed)? {
            let (id, record) = row.map_err(failed)?;
            // One that can't be read is left out.
            let Ok(text) = self.open_seal(record, &id) else { continue };
            if let Ok((key, tokens)) = parse_record(&text) {
                let location = self.location(&key);
                listed.push(Listed::new(key, location, &tokens));
            }
        }
        Ok(listed)
    }

    fn location(&self, _key: &RecordKey) -> String {
        self.file.display().to_string()
    }
}

struct Held {
    store: SqliteStore,
    id: String,
    owner: String,
}

impl Drop for Held {
    fn drop(&mut self) {
        let give_back = "DELETE FROM locks WHERE id = ?1 AND owner = ?2";
        // If it fails, the lease runs out.
        self.store.database().execute(give_back, (&self.id, &self.owner)).ok();
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("file", &self.file).finish_non_exhaustive()
    }
}

fn now_ms() -> Result<i64, StoreError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(failed)?;
    i64::try_from(now.as_millis()).map_err(failed)
}

fn failed(error: impl fmt::Display) -> StoreError {
    StoreError::Other(format!("the token database: {error}"))
}

/// `synchronous = FULL`: what was saved survives a crash.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS records (id TEXT PRIMARY KEY, record BLOB NOT NULL);
    CREATE TABLE IF NOT EXISTS locks (id TEXT PRIMARY KEY, owner TEXT NOT NULL, until_ms INTEGER NOT NULL);
";
