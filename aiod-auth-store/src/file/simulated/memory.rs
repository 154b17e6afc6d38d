//! A file system in memory that forgets in a crash what was not synced.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use zeroize::Zeroizing;

use crate::file::{
    place::folder,
    system::{FileSystem, How, Kind, Locked, OpenFile, Owner, Status},
};

/// Clones are the same file system.
#[derive(Clone)]
pub(in crate::file) struct Memory(Arc<Mutex<State>>);

#[derive(Clone, Default)]
struct State {
    files: BTreeMap<u64, File>,
    names: BTreeMap<PathBuf, u64>,
    /// The names as they are on the disk, and what was done to them since then, in order.
    synced_names: BTreeMap<PathBuf, u64>,
    not_synced: Vec<Change>,
    next_number: u64,
    mounted: Option<PathBuf>,
    has_no_locks: bool,
}

#[derive(Clone)]
struct File {
    kind: Kind,
    content: Vec<u8>,
    synced: Vec<u8>,
    mode: u32,
    locked_by: Option<u64>,
}

#[derive(Clone)]
enum Change {
    Create(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Default for Memory {
    fn default() -> Self {
        let mut state = State::default();
        let (content, synced) = (Vec::new(), Vec::new());
        let root = File { kind: Kind::Folder, content, synced, mode: 0o755, locked_by: None };
        state.files.insert(0, root);
        state.names.insert("/".into(), 0);
        state.synced_names.insert("/".into(), 0);
        Self(Arc::new(Mutex::new(state)))
    }
}

impl Memory {
    #[cfg(test)]
    /// Where this file is a mount: no other file gets its name, and it is never removed.
    pub(in crate::file) fn mount(&self, path: &Path) {
        self.state().mounted = Some(path.into());
    }

    /// Like NFS without a lock server.
    #[cfg(test)]
    pub(in crate::file) fn take_locks_away(&self) {
        self.state().has_no_locks = true;
    }

    /// All processes have died; what they had locked is free.
    pub(in crate::file) fn kill(&self) {
        for file in self.state().files.values_mut() {
            file.locked_by = None;
        }
    }

    /// The power failed. What was not synced is there, or not, or in part, as the seed says: the names in
    /// the order of their changes, as a journal has them.
    pub(in crate::file) fn lose_power(&self, seed: u64) {
        self.kill();
        let state = &mut *self.state();
        let mut dice = Dice(seed);
        let kept = dice.roll(state.not_synced.len() + 1);
        let mut names = state.synced_names.clone();
        for change in &state.not_synced[..kept] {
            change.apply(&mut names);
        }
        state.names = names.clone();
        state.synced_names = names;
        state.not_synced.clear();
        for file in state.files.values_mut() {
            if file.content == file.synced {
                continue;
            }
            let part = dice.roll(file.content.len() + 1);
            if file.synced.starts_with(&file.content) {
                // It was only cut: what stays was on the disk.
                if dice.roll(2) == 0 {
                    file.content.clone_from(&file.synced);
                }
                file.synced.clone_from(&file.content);
                continue;
            }
            match dice.roll(4) {
                0 => file.content.clone_from(&file.synced),
                1 => {}
                // The size came to the disk before the rest did.
                2 => file.content[part..].fill(0),
                _ => file.content.truncate(part),
            }
            file.synced.clone_from(&file.content);
        }
    }

    #[cfg(feature = "_simulation")]
    /// What is in the files that have this text in them.
    pub(in crate::file) fn with(&self, text: &str) -> Vec<Vec<u8>> {
        let state = self.state();
        let is_in = |content: &[u8]| content.windows(text.len()).any(|it| it == text.as_bytes());
        let contents = state.names.values().map(|number| &state.files[number].content);
        contents.filter(|content| is_in(content)).cloned().collect()
    }

    #[cfg(test)]
    /// The name and the mode of each file.
    pub(in crate::file) fn files(&self) -> Vec<(PathBuf, u32)> {
        let state = self.state();
        let files = state.names.iter().filter(|(_, number)| state.files[number].kind == Kind::File);
        files.map(|(path, number)| (path.clone(), state.files[number].mode)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl FileSystem for Memory {
    fn status(&self, path: &Path) -> io::Result<Status> {
        let state = self.state();
        Ok(state.status(*state.names.get(path).ok_or(io::ErrorKind::NotFound)?))
    }

    fn read_link(&self, _path: &Path) -> io::Result<PathBuf> {
        Err(io::ErrorKind::InvalidInput.into())
    }

    fn open(&self, path: &Path, how: How) -> io::Result<Box<dyn OpenFile>> {
        let state = &mut *self.state();
        let number = match (state.names.get(path), how) {
            (Some(_), How::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Some(number), _) => *number,
            (None, How::Read | How::Write) => return Err(io::ErrorKind::NotFound.into()),
            (None, How::Create | How::CreateNew) => state.create(path, Kind::File, 0o600)?,
        };
        state.next_number += 1;
        let handle = state.next_number;
        Ok(Box::new(Handle { memory: self.clone(), number, handle, position: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        if !state.names.contains_key(from) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.check_mount(from).and_then(|()| state.check_mount(to))?;
        state.change(Change::Rename(from.into(), to.into()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.check_mount(path)?;
        state.change(Change::Remove(path.into()));
        Ok(())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.state().create(path, Kind::Folder, 0o700).map(drop)
    }

    fn sync_folder(&self, _path: &Path) -> io::Result<()> {
        let state = &mut *self.state();
        state.synced_names.clone_from(&state.names);
        state.not_synced.clear();
        Ok(())
    }

    fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let state = &mut *self.state();
        let number = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        state.file(number).mode = mode;
        Ok(())
    }

    fn is_mount_point(&self, path: &Path) -> bool {
        self.state().mounted.as_deref() == Some(path)
    }

    fn removes_locked_files(&self) -> bool {
        true
    }

    /// Time stands still: every file is old.
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn pause(&self, _delay: Duration) {}
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl State {
    fn create(&mut self, path: &Path, kind: Kind, mode: u32) -> io::Result<u64> {
        let parent = folder(path);
        if !self.names.contains_key(parent) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.next_number += 1;
        let (content, synced) = (Vec::new(), Vec::new());
        self.files.insert(self.next_number, File { kind, content, synced, mode, locked_by: None });
        self.change(Change::Create(path.into(), self.next_number));
        Ok(self.next_number)
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.names);
        self.not_synced.push(change);
    }

    fn check_mount(&self, path: &Path) -> io::Result<()> {
        match self.mounted.as_deref() == Some(path) {
            true => Err(io::ErrorKind::ResourceBusy.into()),
            false => Ok(()),
        }
    }

    fn status(&self, number: u64) -> Status {
        let file = &self.files[&number];
        Status {
            kind: file.kind,
            owner: Owner::Us,
            mode: file.mode,
            size: file.content.len() as u64,
            links: self.names.values().filter(|named| **named == number).count() as u64,
            id: (1, number),
            modified: SystemTime::UNIX_EPOCH,
        }
    }

    fn file(&mut self, number: u64) -> &mut File {
        self.files.get_mut(&number).unwrap()
    }
}

impl Change {
    fn apply(&self, names: &mut BTreeMap<PathBuf, u64>) {
        match self {
            Self::Create(path, number) => {
                names.insert(path.clone(), *number);
            }
            Self::Rename(from, to) => {
                let number = names.remove(from).unwrap();
                names.insert(to.clone(), number);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

struct Handle {
    memory: Memory,
    number: u64,
    handle: u64,
    position: usize,
}

impl OpenFile for Handle {
    fn status(&self) -> io::Result<Status> {
        Ok(self.memory.state().status(self.number))
    }

    fn read(&mut self, bytes: usize) -> io::Result<Zeroizing<Vec<u8>>> {
        let content = &self.memory.state().files[&self.number].content;
        let rest = &content[self.position.min(content.len())..];
        let part = &rest[..bytes.min(rest.len())];
        self.position += part.len();
        Ok(Zeroizing::new(part.to_vec()))
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.position = 0;
        Ok(())
    }

    fn write(&mut self, written: &[u8]) -> io::Result<()> {
        let mut state = self.memory.state();
        let content = &mut state.file(self.number).content;
        let end = self.position + written.len();
        content.resize(content.len().max(end), 0);
        content[self.position..end].copy_from_slice(written);
        self.position = end;
        Ok(())
    }

    fn set_size(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).unwrap();
        self.memory.state().file(self.number).content.resize(bytes, 0);
        Ok(())
    }

    fn reserve(&self, _bytes: usize) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.memory.state();
        let file = state.file(self.number);
        file.synced.clone_from(&file.content);
        Ok(())
    }

    /// All files are as old.
    fn set_modified(&self, _at: SystemTime) -> io::Result<()> {
        Ok(())
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.memory.state().file(self.number).mode = mode;
        Ok(())
    }

    fn try_lock(&self) -> io::Result<Locked> {
        let mut state = self.memory.state();
        if state.has_no_locks {
            return Ok(Locked::Unsupported);
        }
        let file = state.file(self.number);
        match file.locked_by {
            Some(handle) if handle != self.handle => Ok(Locked::Busy),
            _ => {
                file.locked_by = Some(self.handle);
                Ok(Locked::Yes)
            }
        }
    }

    fn unlock(&self) -> io::Result<()> {
        let mut state = self.memory.state();
        let file = state.file(self.number);
        file.locked_by = file.locked_by.filter(|handle| *handle != self.handle);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.unlock().ok();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

/// Numbers that look random (`splitmix64`).
struct Dice(u64);

impl Dice {
    /// One of so many.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).unwrap()
    }
}
