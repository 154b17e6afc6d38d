//! Standard input with secrets: what is typed in a terminal and not shown, or comes through a pipe. Nothing is read by
//! std's own buffer, which would keep it, and what is read is in one place, which is wiped.

use std::{
    io::{self, Read},
    mem,
};

use zeroize::Zeroizing;

#[cfg(unix)]
pub(crate) use unix::{Hidden, foreground, read_line, unbuffered};

#[cfg(not(unix))]
pub(crate) use elsewhere::{Hidden, foreground, read_line, unbuffered};

/// A line as it is, without its end. What comes after it can still be read.
pub(crate) fn read_plain_line() -> io::Result<String> {
    plain_line(&mut unbuffered()?)
}

/// The same, beside other things that the program waits for: to read in the background would stop it. So what is
/// typed there is the shell's.
pub(crate) fn read_line_in_foreground() -> io::Result<String> {
    plain_line(&mut foreground()?)
}

fn plain_line(input: &mut impl Read) -> io::Result<String> {
    let mut line = Line::default();
    let mut byte = Zeroizing::new([0]);
    loop {
        match input.read(&mut *byte) {
            // The end of the input is no empty answer.
            Ok(0) if line.0.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(_) if byte[0] == b'\n' => break,
            Ok(_) => line.push(byte[0])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    while line.0.last() == Some(&b'\r') {
        line.0.pop();
    }
    line.into_text()
}

/// A line that is read byte by byte. It never grows: a copy left behind could not be wiped.
struct Line(Zeroizing<Vec<u8>>);

impl Default for Line {
    fn default() -> Self {
        Self(Zeroizing::new(Vec::with_capacity(LINE_MAX)))
    }
}

impl Line {
    fn push(&mut self, byte: u8) -> io::Result<()> {
        if self.0.len() == LINE_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.0.push(byte);
        Ok(())
    }

    /// In the same place.
    fn into_text(mut self) -> io::Result<String> {
        String::from_utf8(mem::take(&mut *self.0)).map_err(|error| {
            *self.0 = error.into_bytes();
            io::ErrorKind::InvalidData.into()
        })
    }
}

/// More than any password or token has.
const LINE_MAX: usize = 1 << 16;

#[cfg(unix)]
mod unix {
    use std::{
        fs::File,
        io::{self, Read},
        iter,
        os::fd::AsFd as _,
        thread,
        time::Duration,
    };

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::{read, retry_on_intr},
        process::getpgrp,
        termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
    };

    use super::Line;

    /// A terminal that doesn't show what is typed: how it was before.
    #[derive(Debug)]
    pub(crate) struct Hidden(Termios);

    impl Hidden {
        /// `None`: standard input is no terminal.
        pub(crate) fn begin() -> Option<Self> {
            let hidden = Self(tcgetattr(io::stdin()).ok()?);
            hidden.hide().ok()?;
            Some(hidden)
        }

        fn hide(&self) -> rustix::io::Result<()> {
            let mut modes = self.0.clone();
            // Not line by line: a terminal cuts a line at 4 KB, and some tokens are longer. Ctrl-C stays a signal.
            modes.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
            tcsetattr(io::stdin(), OptionalActions::Now, &modes)
        }

        /// After Ctrl-Z and `fg`: the shell had its own use of the terminal meanwhile.
        pub(crate) fn resume(&self) {
            if is_in_foreground() {
                self.hide().ok();
            }
        }

        /// What is typed is shown again.
        pub(crate) fn end(self) {
            if is_in_foreground() {
                tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
            }
        }
    }

    /// In the background the terminal is the shell's, and to set it stops this process. A terminal that has no
    /// process groups has no background.
    fn is_in_foreground() -> bool {
        tcgetpgrp(io::stdin()).map_or(true, |group| group == getpgrp())
    }

    /// A line that is typed while nothing is shown, without its end. All else of it counts, tabs as well.
    pub(crate) fn read_line() -> io::Result<String> {
        line(iter::from_fn(|| byte().transpose()))
    }

    /// It waits before it reads. A read that is under way while Ctrl-Z and `kill` come would stop the process
    /// once more, since it is in the background, before it could end.
    fn byte() -> io::Result<Option<u8>> {
        let mut byte = [0];
        let length = read_when_there(&mut byte, || true)?;
        Ok((length > 0).then_some(byte[0]))
    }

    /// What there is, once there is some and it may be read.
    fn read_when_there(bytes: &mut [u8], may_be_read: fn() -> bool) -> io::Result<usize> {
        let stdin = io::stdin();
        loop {
            retry_on_intr(|| poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None))?;
            if may_be_read() {
                return Ok(retry_on_intr(|| read(&stdin, &mut *bytes))?);
            }
            thread::sleep(TURN);
        }
    }

    const TURN: Duration = Duration::from_millis(100);

    /// Standard input, while this process is in the foreground.
    pub(crate) fn foreground() -> io::Result<impl Read> {
        Ok(Foreground)
    }

    struct Foreground;

    impl Read for Foreground {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            read_when_there(bytes, is_in_foreground)
        }
    }

    fn line(bytes: impl Iterator<Item = io::Result<u8>>) -> io::Result<String> {
        let mut line = Line::default();
        for byte in bytes {
            match byte? {
                b'\n' | b'\r' => return line.into_text(),
                END_OF_INPUT if line.0.is_empty() => break,
                BACKSPACE | DELETE => {
                    // A letter may have several bytes: all but the first have the bits 10 in front.
                    while line.0.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
                }
                DELETE_LINE => line.0.clear(),
                other => line.push(other)?,
            }
        }
        // The end of the input is no empty answer.
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// Standard input without std's buffer.
    pub(crate) fn unbuffered() -> io::Result<File> {
        Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
    }

    /// Ctrl-D, Ctrl-H, Ctrl-U, and the key itself.
    const END_OF_INPUT: u8 = 0x04;
    const BACKSPACE: u8 = 0x08;
    const DELETE_LINE: u8 = 0x15;
    const DELETE: u8 = 0x7f;

    #[cfg(test)]
    mod tests {
        use super::*;

        fn typed(bytes: &[u8]) -> Result<String, io::ErrorKind> {
            line(bytes.iter().map(|byte| Ok(*byte))).map_err(|error| error.kind())
        }

        #[test]
        fn a_line_is_what_was_typed() {
            for (bytes, expected) in [
                (&b"a\tb \n"[..], "a\tb "),
                (b"\r", ""),
                (b"ab\x7f\x7f\x7fc\n", "c"),
                ("aé\x08b\n".as_bytes(), "ab"),
                (b"wrong\x15right\nnext\n", "right"),
                (b"a\x04b\n", "a\x04b"),
            ] {
                assert_eq!(typed(bytes).as_deref(), Ok(expected), "{bytes:?}");
            }
            assert_eq!(typed(b"a\xff\n"), Err(io::ErrorKind::InvalidData));
            for cut in [&b""[..], b"\x04", b"a"] {
                assert_eq!(typed(cut), Err(io::ErrorKind::UnexpectedEof), "{cut:?}");
            }
            assert_eq!(
                typed(&[b'a'; 10_000].into_iter().chain([b'\n']).collect::<Vec<_>>())
                    .unwrap()
                    .len(),
                10_000
            );
        }
    }
}

#[cfg(not(unix))]
mod elsewhere {
    use std::io::{self, StdinLock};

    /// A console's lines are in its own encoding, which std reads.
    pub(crate) fn unbuffered() -> io::Result<StdinLock<'static>> {
        Ok(io::stdin().lock())
    }

    /// There are no jobs in a background.
    pub(crate) use unbuffered as foreground;

    /// What reads sees to that.
    #[derive(Debug)]
    pub(crate) struct Hidden;

    impl Hidden {
        pub(crate) const fn begin() -> Option<Self> {
            Some(Self)
        }

        pub(crate) const fn resume(&self) {}

        pub(crate) const fn end(self) {}
    }

    /// A line that is not shown while it is typed.
    pub(crate) fn read_line() -> io::Result<String> {
        rpassword::read_password()
    }
}

#[cfg(test)]
mod plain_tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_is_and_the_next_one_stays() {
        let mut input = &b"a\x7fb \r\n\n\xff\nlast"[..];
        let mut next = || plain_line(&mut input).map_err(|error| error.kind());
        assert_eq!(next().as_deref(), Ok("a\x7fb "));
        assert_eq!(next().as_deref(), Ok(""));
        assert_eq!(next(), Err(io::ErrorKind::InvalidData));
        assert_eq!(next().as_deref(), Ok("last"));
        assert_eq!(next(), Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_line_is_in_one_place() {
        let mut long = vec![b'a'; LINE_MAX];
        assert_eq!(plain_line(&mut &long[..]).unwrap().capacity(), LINE_MAX);
        long.push(b'a');
        let error = plain_line(&mut &long[..]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
