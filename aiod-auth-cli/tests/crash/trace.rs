//! What strace has written.

use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
}

/// A system call, and the how manieth of its name it is in its thread.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) number: usize,
    pub(crate) line: String,
}

impl Trace {
    pub(crate) fn of(text: String) -> Self {
        let mut numbers = BTreeMap::new();
        let mut calls = Vec::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(char::is_whitespace) else { continue };
            let rest = rest.trim_start();
            let Some((name, _)) = rest.split_once('(') else { continue };
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                // What another thread interrupted goes on, or something ended.
                continue;
            }
            let number = numbers.entry((thread, name)).or_insert(0);
            *number += 1;
            calls.push(Call { name: name.into(), number: *number, line: line.into() });
        }
        Self { calls, text }
    }

    /// Each pair of a name and a number once. A start of the program can't be stopped: strace does it itself.
    pub(crate) fn places(&self) -> Vec<Call> {
        let mut seen = std::collections::BTreeSet::new();
        let is_new =
            |call: &&Call| call.name != "execve" && seen.insert((call.name.clone(), call.number));
        self.calls.iter().filter(is_new).cloned().collect()
    }

    /// Whether the refresh token may have left: also where the process was killed in that call.
    pub(crate) fn is_request_sent(&self) -> bool {
        self.text.contains("\"grant_type=refresh_token")
    }

    /// Which call has read the end of the answer with the new refresh token.
    pub(crate) fn answered_at(&self) -> Option<usize> {
        let line = self.text.lines().find(|line| is_answer(line))?;
        // If it was interrupted, the call itself has no data.
        let call = self.calls.iter().position(|call| call.line == line);
        call.or_else(|| {
            let before = self.text.split(line).next()?;
            let line = before.lines().rfind(|line| line.contains("recvfrom("))?;
            self.calls.iter().position(|call| call.line == line)
        })
    }

    /// Whether all of the answer is in `.next`: the write came back.
    pub(crate) fn is_answer_written(&self, record: &str) -> bool {
        let mut lines = self.text.lines().skip_while(|line| !is_answer(line)).skip(1);
        let next = format!("{record}.next>");
        let is_done =
            |line: &str| line.rsplit(" = ").next().is_some_and(|it| it.parse::<u32>().is_ok());
        let write = lines.find(|line| line.contains(" write(") && line.contains(&next));
        let mut resumed = || lines.any(|line| line.contains("write resumed") && is_done(line));
        write.is_some_and(|line| is_done(line) || line.contains("unfinished") && resumed())
    }
}

fn is_answer(line: &str) -> bool {
    line.contains("recvfrom") && line.contains(r#"\"refresh_token\":"#) && !line.contains("= ?")
}
