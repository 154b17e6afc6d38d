//! Some seeds of the simulation. More of them: `.ci/run simulation`.
#![allow(clippy::panic, reason = "tests")]

use aiod_auth_tests::simulation::{Counts, simulate};

#[test]
fn nothing_that_must_hold_breaks_in_a_few_hundred_runs() {
    let mut counts = Counts::default();
    for seed in 0..300 {
        match simulate(seed) {
            Ok(run) => counts.add(&run),
            Err(found) => panic!("{found}"),
        }
    }
    println!("{counts}");
    assert!(counts.refreshes > 300 && counts.survived > 50, "{counts}");
    assert!(counts.network_faults > 50 && counts.store_faults > 50, "{counts}");
}
