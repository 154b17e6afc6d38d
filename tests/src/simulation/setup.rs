//! What a seed decides before anything happens.

use std::time::Duration;

use aiod_auth_core::session::Demand;

use super::dice::Dice;
use crate::sim::Settings;

/// How a run goes, and how much goes wrong in it.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) processes: usize,
    /// The store is in memory: for the threads of one program.
    pub(super) in_memory: bool,
    /// A login is in the browser.
    pub(super) by_browser: bool,
    pub(super) server: Settings,
    /// How long things go wrong for.
    pub(super) duration_ms: u64,
    pub(super) events: usize,
    // Of a thousand: requests, store operations.
    pub(super) network_faults: u64,
    pub(super) store_faults: u64,
    pub(super) deaths: u64,
    /// The wall clock's speed: 1000 is right.
    pub(super) clock_permille: i64,
}

impl Setup {
    pub(super) fn new(dice: &mut Dice) -> Self {
        let lifetime = dice.one_of(&[20, 60, 300]);
        let grace = dice.one_of(&[0, 0, 0, 30]);
        let server = Settings {
            access_token_lifetime: Duration::from_secs(lifetime),
            refresh_token_lifetime: Duration::from_secs(30 * 24 * 3600),
            rotation: !dice.happens(100),
            rotation_grace: Duration::from_secs(grace),
            ..Settings::default()
        };
        Self {
            processes: 1 + dice.place(4),
            in_memory: dice.happens(200),
            by_browser: dice.happens(500),
            server,
            duration_ms: lifetime * 1000 * dice.within(2..6),
            events: 6 + dice.place(20),
            network_faults: dice.one_of(&[0, 100, 300]),
            store_faults: dice.one_of(&[0, 0, 30, 100]),
            deaths: dice.one_of(&[0, 0, 20, 60]),
            clock_permille: dice.one_of(&[1000, 1000, 1000, 1500, 4000]),
        }
    }
}

/// What a caller asks for.
pub(super) fn demand(dice: &mut Dice) -> Demand {
    match dice.place(10) {
        0 => Demand::new().forced(),
        1 => Demand::new().valid_for(Duration::from_secs(dice.within(1..40))),
        2..=5 => Demand::new().refreshed_early(),
        _ => Demand::new(),
    }
}
