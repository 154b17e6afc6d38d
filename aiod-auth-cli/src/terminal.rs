//! What is typed in a terminal and not shown.

#[cfg(unix)]
pub(crate) use unix::{Hidden, read_line};

#[cfg(not(unix))]
pub(crate) use elsewhere::{Hidden, read_line};

#[cfg(unix)]
mod unix {
    use std::{io, iter};

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::{read, retry_on_intr},
        process::getpgrp,
        termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
    };

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
        let stdin = io::stdin();
        retry_on_intr(|| poll(&mut [PollFd::new(&stdin, PollFlags::IN)], None))?;
        let mut byte = [0];
        let length = retry_on_intr(|| read(&stdin, &mut byte))?;
        Ok((length > 0).then_some(byte[0]))
    }

    fn line(bytes: impl Iterator<Item = io::Result<u8>>) -> io::Result<String> {
        let mut line = Vec::new();
        for byte in bytes {
            match byte? {
                b'\n' | b'\r' => return text(line),
                END_OF_INPUT if line.is_empty() => break,
                BACKSPACE | DELETE => {
                    // A letter may have several bytes: all but the first have the bits 10 in front.
                    while line.pop().is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {}
                }
                DELETE_LINE => line.clear(),
                other => line.push(other),
            }
        }
        // The end of the input is no empty answer.
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn text(line: Vec<u8>) -> io::Result<String> {
        String::from_utf8(line).map_err(|_| io::ErrorKind::InvalidData.into())
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
    use std::io;

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
