//! A store that waits as the client does: on a runtime that has no thread to block.

use std::sync::atomic::{AtomicUsize, Ordering};

use aiod_auth_core::{
    NoResponse, RecordKey, Request as Sent, Response,
    session::{Persisted, Version},
};
use aiod_auth_reqwest::{BoxFuture, Client, Driver, NoRuntime, Runtime};
use aiod_auth_store::{AsyncStore, Listed, Lock, Store, StoreFuture, contract_tests};
use tokio::runtime::Builder;

use super::{network::Wire, *};

#[test]
fn a_session_lives_in_an_async_store() {
    let (running, store) = (server(seconds(20)), Arc::new(Waiting::default()));
    let runtime = || NothingBlocks(Wire(Arc::clone(&running)));
    let driver = || Driver::with_runtime(runtime()).with_async_store(store.clone());
    let clients = [(), ()].map(|()| Client::with_driver(profile_at(&running), driver()));
    let tokio = Builder::new_current_thread().enable_all().build().unwrap();
    tokio.block_on(async {
        clients[0].login(approve(&running)).await.unwrap();
        running.pass(seconds(20));
        let (one, two) = tokio::join!(clients[0].token(), clients[1].token());
        assert_eq!(access_token(&one.unwrap()), access_token(&two.unwrap()));
        assert_eq!(refreshes(&running), 1);
        let forced = clients[0].token_for(Demand::new().forced()).await.unwrap();
        assert_eq!(*forced.persisted(), Persisted::Saved);
        clients[0].log_out().await.unwrap();
    });
    assert!(store.memory.list().unwrap().is_empty());
    let (locked, unlocked) = (&store.locked, &store.unlocked);
    assert!(locked.load(Ordering::Relaxed) >= 3);
    assert_eq!(locked.load(Ordering::Relaxed), unlocked.load(Ordering::Relaxed));
}

#[test]
fn such_a_store_keeps_the_contract() {
    let store = Arc::new(Waiting::default());
    let tokio =
        Arc::new(Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap());
    contract_tests::run(&|| {
        let tokio = Arc::clone(&tokio);
        let run = move |future: StoreFuture<'_, ()>| drop(tokio.block_on(future));
        Box::new(contract_tests::Blocked::new(Arc::clone(&store), run))
    });
}

/// Memory, after a moment.
#[derive(Debug, Default)]
struct Waiting {
    memory: MemoryStore,
    locked: AtomicUsize,
    unlocked: AtomicUsize,
}

fn soon<'a, T: Send + 'a>(
    answer: impl FnOnce() -> Result<T, aiod_auth_store::StoreError> + Send + 'a,
) -> StoreFuture<'a, T> {
    Box::pin(async move {
        tokio::task::yield_now().await;
        answer()
    })
}

impl AsyncStore for Waiting {
    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Tokens>> {
        soon(|| self.memory.load(key))
    }

    fn save<'a>(&'a self, key: &'a RecordKey, tokens: &'a Tokens) -> StoreFuture<'a, ()> {
        soon(|| self.memory.save(key, tokens))
    }

    fn save_if_unchanged<'a>(
        &'a self,
        key: &'a RecordKey,
        tokens: &'a Tokens,
        version: &'a Version,
    ) -> StoreFuture<'a, Option<Tokens>> {
        soon(|| self.memory.save_if_unchanged(key, tokens, version))
    }

    fn remove<'a>(
        &'a self,
        key: &'a RecordKey,
        version: Option<&'a Version>,
    ) -> StoreFuture<'a, Option<Tokens>> {
        soon(move || match version {
            Some(version) => self.memory.remove_if_unchanged(key, version),
            None => self.memory.remove(key).map(|()| None),
        })
    }

    fn try_lock<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Lock>> {
        soon(|| {
            let lock = self.memory.try_lock(key)?;
            self.locked.fetch_add(usize::from(lock.is_some()), Ordering::Relaxed);
            Ok(lock)
        })
    }

    fn unlock<'a>(&'a self, _: &'a RecordKey, lock: Lock) -> StoreFuture<'a, ()> {
        soon(move || {
            self.unlocked.fetch_add(1, Ordering::Relaxed);
            drop(lock);
            Ok(())
        })
    }

    fn list(&self) -> StoreFuture<'_, Vec<Listed>> {
        soon(|| self.memory.list())
    }

    fn location(&self, key: &RecordKey) -> String {
        self.memory.location(key)
    }
}

#[derive(Debug)]
struct NothingBlocks(Wire);

impl Runtime for NothingBlocks {
    fn send<'a>(&'a self, request: &'a Sent) -> BoxFuture<'a, Result<Response, NoResponse>> {
        Runtime::send(&self.0, request)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Runtime::sleep(&self.0, duration)
    }

    fn spawn(&self, task: BoxFuture<'static, ()>) -> Result<(), NoRuntime> {
        self.0.spawn(task)
    }

    fn run_blocking(&self, _: Box<dyn FnOnce() + Send>) {
        panic!("nothing may block here");
    }

    fn now(&self) -> aiod_auth_core::Timestamp {
        Runtime::now(&self.0)
    }

    fn monotonic(&self) -> Duration {
        Runtime::monotonic(&self.0)
    }
}
