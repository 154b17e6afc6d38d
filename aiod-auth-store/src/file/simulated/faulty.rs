//! A file system in which one operation fails, or all after it do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use super::memory::Memory;
use crate::file::system::{FileSystem, How, Locked, OpenFile, Status};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(in crate::file) enum Fault {
    None,
    /// The operation of this number fails with this `errno`.
    Once(usize, i32),
    /// It does, and so do all of its kind after it.
    FromThenOn(usize, i32),
    /// The process dies before this operation. Nothing that it does later has an effect.
    Death(usize),
    /// It dies in it: of what it writes there, a part is in the file.
    DeathIn(usize),
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tests of the store"))]
    /// Nothing can be written: `ENOSPC`.
    NoRoom,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the tests of the store"))]
    /// Between opening a lock's file and locking it, another process removes it and makes a new one, once.
    LockReplaced,
}

/// Clones count together.
#[derive(Clone, Debug)]
pub(in crate::file) struct Faulty {
    memory: Memory,
    fault: Arc<Mutex<Fault>>,
    done: Arc<Mutex<Vec<Operation>>>,
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

/// What another process does before the operation of this number.
struct Meanwhile(usize, Box<dyn FnOnce() + Send>);

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meanwhile").field(&self.0).finish_non_exhaustive()
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::file) struct Operation {
    pub(in crate::file) name: &'static str,
    pub(in crate::file) path: PathBuf,
}

impl Faulty {
    pub(in crate::file) fn new(memory: &Memory, fault: Fault) -> Self {
        Self {
            memory: memory.clone(),
            fault: Arc::new(Mutex::new(fault)),
            done: Arc::default(),
            meanwhile: Arc::default(),
        }
    }

    /// Another process does this before the operation of this number.
    #[cfg(test)]
    pub(in crate::file) fn meanwhile(&self, number: usize, work: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some(Meanwhile(number, Box::new(work)));
    }

    /// All that was asked for until now, whether it failed or not. Looks at them, too.
    pub(in crate::file) fn done(&self) -> Vec<Operation> {
        self.log().clone()
    }

    /// From now on this goes wrong, and operations are counted from 0.
    #[cfg(feature = "_simulation")]
    pub(in crate::file) fn set(&self, fault: Fault) {
        self.log().clear();
        *self.fault.lock().unwrap() = fault;
    }

    pub(in crate::file) fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    fn log(&self) -> MutexGuard<'_, Vec<Operation>> {
        self.done.lock().unwrap()
    }

    fn next(&self, name: &'static str, path: &Path) -> io::Result<()> {
        let reached = self.log().len();
        let meanwhile = self.meanwhile.lock().unwrap().take_if(|it| it.0 == reached);
        if let Some(Meanwhile(_, work)) = meanwhile {
            work();
        }
        let mut done = self.log();
        let number = done.len();
        done.push(Operation { name, path: path.into() });
        let error = io::Error::from_raw_os_error;
        match self.fault() {
            Fault::Once(fault, errno) if number == fault => Err(error(errno)),
            Fault::FromThenOn(fault, errno)
                if number >= fault && done.get(fault).is_some_and(|first| first.name == name) =>
            {
                Err(error(errno))
            }
            Fault::Death(fault) | Fault::DeathIn(fault) if number >= fault => {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Fault::NoRoom if name == "write" => Err(error(28)),
            Fault::LockReplaced
                if name == "try_lock"
                    && done.iter().filter(|done| done.name == name).count() == 1 =>
            {
                self.memory.remove(path)?;
                self.memory.open(path, How::CreateNew).map(drop)
            }
            Fault::None
            | Fault::Once(..)
            | Fault::FromThenOn(..)
            | Fault::Death(_)
            | Fault::DeathIn(_)
            | Fault::NoRoom
            | Fault::LockReplaced => Ok(()),
        }
    }
}

impl FileSystem for Faulty {
    fn status(&self, path: &Path) -> io::Result<Status> {
        self.next("status", path)?;
        self.memory.status(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.next("read_link", path)?;
        self.memory.read_link(path)
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn OpenFile>> {
        self.next("open", path)?;
        let file = self.memory.open(path, how)?;
        Ok(Box::new(FaultyFile { faulty: self.clone(), path: path.into(), file: Some(file) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.next("rename", to)?;
        self.memory.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.next("remove", path)?;
        self.memory.remove(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.next("create_folder", path)?;
        self.memory.create_folder(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.next("sync_folder", path)?;
        self.memory.sync_folder(path)
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        self.next("set_mode", path)?;
        self.memory.set_mode(path, mode)
    }

    fn is_mount_point(&self, path: &Path) -> bool {
        self.memory.is_mount_point(path)
    }

    fn removes_locked_files(&self) -> bool {
        true
    }

    fn now(&self) -> SystemTime {
        self.memory.now()
    }

    fn pause(&self, delay: Duration) {
        self.memory.pause(delay);
    }
}

#[derive(Debug)]
struct FaultyFile {
    faulty: Faulty,
    path: PathBuf,
    file: Option<Box<dyn OpenFile>>,
}

impl FaultyFile {
    fn next(&self, name: &'static str) -> io::Result<&dyn OpenFile> {
        self.faulty.next(name, &self.path)?;
        Ok(&**self.file.as_ref().unwrap())
    }

    fn next_mut(&mut self, name: &'static str) -> io::Result<&mut dyn OpenFile> {
        self.faulty.next(name, &self.path)?;
        Ok(&mut **self.file.as_mut().unwrap())
    }
}

impl OpenFile for FaultyFile {
    fn status(&self) -> io::Result<Status> {
        self.next("file status")?.status()
    }

    fn read(&mut self, bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        self.next_mut("read")?.read(bytes)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.next_mut("rewind")?.rewind()
    }

    /// One that fails has written a part, if there was room for it; or nothing.
    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        let outcome = self.faulty.next("write", &self.path);
        let number = self.faulty.log().len() - 1;
        let file = self.file.as_mut().unwrap();
        let Err(error) = outcome else { return file.write(content) };
        let is_part_written = match self.faulty.fault() {
            Fault::Once(_, errno) | Fault::FromThenOn(_, errno) => NO_ROOM.contains(&errno),
            Fault::DeathIn(fault) => fault == number,
            Fault::None | Fault::Death(_) | Fault::NoRoom | Fault::LockReplaced => false,
        };
        if is_part_written {
            file.write(&content[..content.len() / 2])?;
        }
        Err(error)
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        self.next_mut("set_size")?.set_size(bytes)
    }

    fn reserve(&self, bytes: usize) -> io::Result<()> {
        self.next("reserve")?.reserve(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.next("sync")?.sync()
    }

    fn set_modified(&self, at: SystemTime) -> io::Result<()> {
        self.next("set_modified")?.set_modified(at)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.next("set_mode")?.set_mode(mode)
    }

    fn try_lock(&self) -> io::Result<Locked> {
        self.next("try_lock")?.try_lock()
    }

    fn unlock(&self) -> io::Result<()> {
        self.next("unlock")?.unlock()
    }
}

/// `ENOSPC` and `EDQUOT`.
const NO_ROOM: [i32; 2] = [28, 122];
