//! What a fuzzer decides: everything that happens around a machine.

use std::time::Duration;

use aiod_auth_core::RetryPolicy;
use arbitrary::Arbitrary;

use super::words::{Name, Word};

/// What comes of each step, in this order. The last one of each list goes on for ever; an empty list
/// means that all is well.
#[derive(Arbitrary, Debug)]
pub struct Script {
    pub(super) policy: Policy,
    pub(super) sends: Vec<Turn<Sent>>,
    pub(super) stores: Vec<Turn<Stored>>,
    pub(super) sleeps: Vec<Turn<Slept>>,
    pub(super) asks: Vec<Turn<Asked>>,
}

/// One step, and what came of it.
#[derive(Arbitrary, Clone, Debug, Default)]
pub(super) struct Turn<T> {
    /// The wall clock jumps by so much meanwhile.
    pub(super) jump: Jump,
    pub(super) took: Took,
    pub(super) outcome: T,
}

#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) enum Jump {
    #[default]
    None,
    Seconds(i32),
    Millis(i64),
}

#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) enum Took {
    #[default]
    AMoment,
    Millis(u16),
    Seconds(u8),
    ForEver,
}

impl Took {
    /// Never nothing: that everything takes time is why everything ends.
    pub(super) fn time(self) -> Duration {
        match self {
            Self::AMoment => MOMENT,
            Self::Millis(millis) => MOMENT.max(Duration::from_millis(millis.into())),
            Self::Seconds(seconds) => MOMENT.max(Duration::from_secs(seconds.into())),
            Self::ForEver => Duration::MAX,
        }
    }
}

const MOMENT: Duration = Duration::from_millis(1);

#[derive(Arbitrary, Debug)]
pub(super) struct Policy {
    attempts: u8,
    first_delay_ms: u16,
    retry_after_max_s: u8,
    time_limit_s: u8,
    jitter_seed: u64,
}

impl Policy {
    pub(super) fn retry_policy(&self) -> RetryPolicy {
        let mut policy = RetryPolicy::default();
        policy.attempts = self.attempts.into();
        policy.first_delay = Duration::from_millis(self.first_delay_ms.into());
        policy.retry_after_max = Duration::from_secs(self.retry_after_max_s.into());
        policy.time_limit = Duration::from_secs(self.time_limit_s.into());
        policy.jitter_seed = self.jitter_seed;
        policy
    }
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Sent {
    Answered(Answer),
    Refused,
    Unknown,
    Untrusted,
    TooLarge,
    /// The request was begun, and dropped: a cancelled future.
    Abandoned,
}

impl Default for Sent {
    fn default() -> Self {
        Self::Answered(Answer::default())
    }
}

/// An answer: the good one to this request, and what is changed about it.
#[derive(Arbitrary, Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: Option<u16>,
    pub(super) retry_after_s: Option<u8>,
    /// Labelled as a form.
    pub(super) as_form: bool,
    /// Only so many bytes of the body arrive.
    pub(super) cut: Option<u8>,
    pub(super) body: Body,
}

#[derive(Arbitrary, Clone, Debug, Default)]
pub(super) enum Body {
    #[default]
    Good,
    Edited(Vec<Edit>),
    Error(Word, Vec<Edit>),
    /// The metadata of another server.
    Impostor,
    Page,
    Bytes(Vec<u8>),
}

#[derive(Arbitrary, Clone, Debug)]
pub(super) enum Edit {
    Remove(Name),
    /// A second one, if there is one already.
    Add(Name, Value),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Value {
    /// A secret where one belongs, a word elsewhere.
    Fresh,
    NotAscii,
    Padded,
    InAList,
    InAnObject,
    Null,
    Empty,
    Number(i64),
    Fraction(u16),
    Digits(u16),
    Word(Word),
    HomeAddress,
    /// Plain `http`: it must be refused.
    InsecureAddress,
}

#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) enum Stored {
    #[default]
    Done,
    Fails,
    /// There is no store.
    NotKept,
    /// Another process has the lock.
    Busy,
    /// Another process, which takes no lock, has just written other tokens.
    Overwritten,
}

#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) enum Slept {
    #[default]
    Enough,
    /// That many of 256 parts of what was asked for.
    Less(u8),
    /// The whole machine was suspended.
    Longer,
}

#[derive(Arbitrary, Clone, Copy, Debug, Default)]
pub(super) enum Asked {
    #[default]
    Shown,
    Cancelled,
}
