//! Sessions, stores and a server in virtual time, by the seed:
//! `cargo run --release --bin simulate -- [--first <seed>] <how many>`, or `--replay <seed>`.
#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{
    env,
    error::Error,
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use aiod_auth_tests::simulation::{Counts, replay, simulate};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (first, count) = match arguments[..] {
        ["--replay", seed] => {
            println!("{}", replay(seed.parse()?));
            return Ok(ExitCode::SUCCESS);
        }
        ["--first", first, count] => (first.parse()?, count.parse::<u64>()?),
        [count] => (0, count.parse()?),
        _ => return Err("say how many seeds".into()),
    };
    let (next, has_found) = (AtomicU64::new(first), AtomicBool::new(false));
    let counts = Mutex::new(Counts::default());
    let work = || {
        let mut own = Counts::default();
        while !has_found.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count {
                break;
            }
            match simulate(seed) {
                Ok(counts) => own.add(&counts),
                Err(found) => {
                    if !has_found.swap(true, Ordering::Relaxed) {
                        println!("{found}");
                    }
                }
            }
        }
        if let Ok(mut counts) = counts.lock() {
            counts.add(&own);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    if has_found.into_inner() {
        return Ok(ExitCode::FAILURE);
    }
    if let Ok(counts) = counts.into_inner() {
        println!("{counts}");
    }
    Ok(ExitCode::SUCCESS)
}
