//! What becomes of one request on its way.

use std::time::Duration;

use super::dice::Dice;
use crate::sim::Answer;

/// The server, or a proxy before it, answers in this way.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// The connection can't be made.
    Refused,
    /// The connection ends before the server has seen the request.
    DropBefore,
    /// The server acts, and the connection ends before the answer.
    DropAfter,
    /// The server acts, and never answers.
    Silence,
    /// The server acts, and the answer takes so long.
    Late(Duration),
    /// It arrives twice; the first answer comes back.
    Twice,
    /// The server acts, and the answer is damaged.
    Garbled,
    /// The server has not acted, and this comes back.
    Instead(Answer),
    /// The server acts, and a proxy says this.
    ActsAndSays(Answer),
    /// All is well.
    Fine,
}

impl Fate {
    pub(super) fn new(dice: &mut Dice, permille: u64) -> Self {
        if !dice.happens(permille) {
            return Self::Fine;
        }
        match dice.place(12) {
            0 => Self::Refused,
            1 => Self::DropBefore,
            2 => Self::DropAfter,
            3 => Self::Silence,
            4 | 5 => Self::Late(Duration::from_millis(dice.within(1000..70_000))),
            6 => Self::Twice,
            7 => Self::Garbled,
            8 => Self::Instead(busy(429, dice)),
            9 => Self::ActsAndSays(Answer::html(502, "<html>Bad Gateway</html>")),
            _ => Self::Instead(busy(503, dice)),
        }
    }
}

fn busy(status: u16, dice: &mut Dice) -> Answer {
    let answer = Answer::html(status, "<html>Busy</html>");
    match dice.place(3) {
        0 => answer,
        1 => answer.with_header("Retry-After", "2"),
        _ => answer.with_header("Retry-After", "45"),
    }
}

/// What a damaged body looks like.
pub(super) fn garble(answer: &mut Answer, dice: &mut Dice) {
    match dice.place(3) {
        0 => answer.body.truncate(answer.body.len() / 2),
        1 => answer.body = b"\0<garbled>".to_vec(),
        _ => answer.body.clear(),
    }
}
