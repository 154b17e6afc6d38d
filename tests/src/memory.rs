//! What stands in this process's memory, freed and not.

/// A secret that a test looks for. It is kept byte by byte, so that to look for it makes no copy of it.
#[derive(Clone, Copy, Debug)]
pub struct Canary([u8; LENGTH]);

impl Canary {
    /// This text, in no other test: as it stands in the program, it is no text.
    #[must_use]
    pub const fn new(text: [u8; LENGTH]) -> Self {
        let mut inverted = text;
        let mut at = 0;
        while at < LENGTH {
            inverted[at] = !inverted[at];
            at += 1;
        }
        Self(inverted)
    }

    /// Writes it to the end of a buffer that has room for it: one that grows would leave a copy behind.
    ///
    /// # Panics
    /// There is no room.
    pub fn push_to(self, text: &mut Vec<u8>) {
        assert!(text.capacity() - text.len() >= LENGTH, "it would grow");
        text.extend(self.0.iter().map(|byte| !byte));
    }

    /// Whether this process has it in memory that it writes to, as expected.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn is_in_memory(self, expected: bool) -> bool {
        use std::{fs, os::unix::fs::FileExt as _};

        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let memory = fs::File::open("/proc/self/mem").unwrap();
        let mut bytes = vec![0; 1 << 12];
        let is_there = maps.lines().filter(|line| line.contains(" rw")).any(|line| {
            let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
            let [mut from, to] = [from, to].map(|at| u64::from_str_radix(at, 16).unwrap());
            let mut found = false;
            // What another thread gives back in the meantime can't be read.
            while let Ok(length @ LENGTH..) = memory.read_at(&mut bytes, from)
                && from < to
            {
                let read = &bytes[..length];
                let is_it = |part: &[u8]| part.iter().zip(self.0).all(|(byte, it)| *byte == !it);
                // Most of it is looked at no closer.
                found |=
                    self.0.iter().all(|it| read.contains(&!it)) && read.windows(LENGTH).any(is_it);
                // It may stand across the end of a part.
                from += length as u64 - (LENGTH as u64 - 1);
            }
            found
        });
        // What was found is no further copy.
        std::hint::black_box(&mut bytes).fill(0);
        is_there == expected
    }

    /// It can't be told here.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub const fn is_in_memory(self, _expected: bool) -> bool {
        true
    }
}

const LENGTH: usize = 32;
