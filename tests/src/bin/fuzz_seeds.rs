//! Writes the seeds for the fuzz targets that recorded answers make, and says how many there are:
//! `cargo run --bin fuzz_seeds -- target/fuzz-seeds`.
#![expect(clippy::print_stdout, reason = "what it is for")]

use std::{collections::BTreeMap, error::Error, fs, path::Path};

use aiod_auth_tests::fuzzing::recorded_seeds;

fn main() -> Result<(), Box<dyn Error>> {
    let to = std::env::args_os().nth(1).ok_or("say where to")?;
    let mut counts = BTreeMap::new();
    for seed in recorded_seeds()? {
        let folder = Path::new(&to).join(&seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(&seed.name), &seed.content)?;
        *counts.entry(seed.target).or_insert(0) += 1;
    }
    for (target, count) in counts {
        println!("{target:<20} {count:>4} recorded answers");
    }
    Ok(())
}
