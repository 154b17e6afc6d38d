//! What every column is measured on: the same answers, from the same server in memory, by the same
//! harness. The runner (`costs`) starts one column's binary under valgrind with `SCENARIO N`, for two
//! `N`: the difference is what an operation costs. Nothing here counts, so nothing here is in the way.

use std::cell::Cell;

pub mod answers;

/// A server in memory: answers its steps in order, and starts again.
pub struct Script {
    steps: Vec<(u16, String)>,
    at: Cell<usize>,
}

impl Script {
    pub fn new(steps: Vec<(u16, String)>) -> Self {
        Self { steps, at: Cell::new(0) }
    }

    /// The body is copied, as every transport has to.
    pub fn answer(&self) -> (u16, Vec<u8>) {
        let at = self.at.get();
        self.at.set((at + 1) % self.steps.len());
        let (status, body) = &self.steps[at];
        (*status, body.as_bytes().to_vec())
    }
}

/// Which scenario, and how often.
pub struct Asked {
    pub scenario: String,
    pub operations: usize,
}

impl Asked {
    pub fn from_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        let scenario = arguments.next().expect("which scenario?");
        let operations = arguments.next().expect("how often?").parse().expect("a number");
        Self { scenario, operations }
    }

    /// Once to warm up, then as often as was asked.
    pub fn run(&self, mut operation: impl FnMut()) {
        for _ in 0..=self.operations {
            operation();
        }
    }

    /// What is made is still there at the end of the process, and counted as memory in use.
    pub fn hold<T>(&self, mut make: impl FnMut() -> T) {
        drop(make());
        let held: Vec<T> = (0..self.operations).map(|_| make()).collect();
        std::mem::forget(held);
    }

    /// The runner leaves this column's cell empty.
    pub fn unknown(&self) -> ! {
        eprintln!("no scenario {}", self.scenario);
        std::process::exit(3);
    }
}
