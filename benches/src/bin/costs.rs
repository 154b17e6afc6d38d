//! Measures every column under valgrind and prints the table of `docs/costs.md`.
//!
//! ```text
//! cargo run --release --bin costs                 prints the table
//! cargo run --release --bin costs -- --write      puts it into docs/costs.md
//! cargo run --release --bin costs -- --check      fails where this project is 5 % over docs/costs.md
//! ```
//!
//! Instructions are cachegrind's count, allocations and bytes are memcheck's. Each is taken for two
//! numbers of operations: the difference, divided, is one operation in its steady state.
//!
//! The program in `hello/` is measured by its crates and, with `--write` alone, by its size: to build it takes
//! minutes.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

struct Row {
    scenario: &'static str,
    says: &'static str,
    /// Operations to measure, beyond the one that warms up.
    operations: usize,
    counts: Counts,
}

#[derive(Clone, Copy, PartialEq)]
enum Counts {
    InstructionsAndAllocations,
    Instructions,
    BytesInUse,
    /// Crates that the program is made of, and crates that want a build tool beyond a C compiler.
    CratesAndTools,
    ProgramBytes,
}

const fn row(scenario: &'static str, says: &'static str, operations: usize, counts: Counts) -> Row {
    Row { scenario, says, operations, counts }
}

const ROWS: &[Row] = {
    use Counts::{
        BytesInUse, CratesAndTools, Instructions, InstructionsAndAllocations as Both, ProgramBytes,
    };
    &[
        row("read", "read a 3.7 kB token answer", 50, Both),
        row("refresh", "refresh, machine", 50, Both),
        row("refresh_session", "refresh, session and memory store", 50, Both),
        row("device", "device login, 5 answers", 50, Both),
        row("client_credentials", "client credentials", 50, Both),
        row("header", "header of a valid token, blocking `Client`", 1000, Both),
        row("header_async", "the same, async `Client`", 1000, Both),
        row("in_flight", "bytes of a device login in flight, machine", 100, BytesInUse),
        row(
            "in_flight_async",
            "the same, async `Client` on tokio, an account each",
            100,
            BytesInUse,
        ),
        row("save", "save one record (file store)", 20, Instructions),
        row("save_beside_10000", "the same beside 10,000 others", 20, Instructions),
        row("load", "load it", 20, Instructions),
        row("crates", "a program that logs in: crates, and build tools", 0, CratesAndTools),
        row("program", "bytes of that program", 0, ProgramBytes),
    ]
};

const COLUMNS: [&str; 3] = ["limit", "oauth2", "aiod_auth"];

/// A count may be this many per cent over the document's.
const OVER_MAX: u64 = 5;

type Cell = Option<Vec<u64>>;

fn main() -> ExitCode {
    let mode = std::env::args().nth(1);
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/costs.md");
    let builds_program = mode.as_deref() == Some("--write");
    let rows: Vec<&Row> =
        ROWS.iter().filter(|row| builds_program || row.counts != Counts::ProgramBytes).collect();
    let measured: Vec<Vec<Cell>> = rows
        .iter()
        .map(|row| {
            eprintln!("{} …", row.scenario);
            COLUMNS.iter().map(|column| measure(row, column)).collect()
        })
        .collect();
    let table = table(&rows, &measured);
    println!("{table}");
    match mode.as_deref() {
        Some("--write") => write(&document, &table),
        Some("--check") => return check(&document, &rows, &measured),
        _ => {}
    }
    ExitCode::SUCCESS
}

fn measure(row: &Row, column: &str) -> Cell {
    let instructions = || {
        let mut one = per_operation(row, column, row.scenario, instructions)?;
        // What has to be made before there is something to read is not reading.
        if row.scenario == "read" && column == "aiod_auth" {
            one -= per_operation(row, column, "read.request", self::instructions)?;
        }
        Some(one)
    };
    let allocations = || {
        let mut one = per_operation(row, column, row.scenario, |binary, scenario, n| {
            heap(binary, scenario, n).map(|heap| heap.allocations)
        })?;
        if row.scenario == "read" && column == "aiod_auth" {
            one -= per_operation(row, column, "read.request", |binary, scenario, n| {
                heap(binary, scenario, n).map(|heap| heap.allocations)
            })?;
        }
        Some(one)
    };
    Some(match row.counts {
        Counts::InstructionsAndAllocations => vec![instructions()?, allocations()?],
        Counts::Instructions => vec![instructions()?],
        Counts::BytesInUse => {
            vec![per_operation(row, column, row.scenario, |binary, scenario, n| {
                heap(binary, scenario, n).map(|heap| heap.in_use)
            })?]
        }
        Counts::CratesAndTools if column == "aiod_auth" => {
            let tools = crates("normal,build").into_iter().filter(|name| wants_a_tool(name));
            vec![count(crates("normal").len()), count(tools.count())]
        }
        Counts::ProgramBytes if column == "aiod_auth" => vec![program_bytes()],
        Counts::CratesAndTools | Counts::ProgramBytes => return None,
    })
}

fn hello(arguments: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).arg("--locked");
    cargo.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/hello/Cargo.toml"));
    cargo
}

/// The program's dependencies of these kinds, without the program itself: `name v1.2.3`.
fn crates(kinds: &str) -> BTreeSet<String> {
    let output = hello(&["tree", "--prefix", "none", "--edges", kinds]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .skip(1)
        .filter_map(|line| line.split(" (").next())
        .map(ToOwned::to_owned)
        .collect()
}

/// Cargo itself, and a C compiler, are there.
fn wants_a_tool(name: &str) -> bool {
    ["bindgen ", "cmake ", "nasm-rs ", "pkg-config ", "vcpkg "]
        .iter()
        .any(|tool| name.starts_with(tool))
}

fn program_bytes() -> u64 {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let target = folder.parent().unwrap().to_str().unwrap();
    assert!(hello(&["build", "--release", "--target-dir", target]).status().unwrap().success());
    fs::metadata(folder.join("aiod-auth-hello")).unwrap().len()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap()
}

fn per_operation(
    row: &Row,
    column: &str,
    scenario: &str,
    count: impl Fn(&Path, &str, usize) -> Option<u64>,
) -> Option<u64> {
    let binary = std::env::current_exe().unwrap().with_file_name(column);
    let (few, many) = (row.operations / 10, row.operations);
    let (before, after) = (count(&binary, scenario, few)?, count(&binary, scenario, many)?);
    let operations = u64::try_from(many - few).unwrap();
    Some((after.saturating_sub(before) + operations / 2) / operations)
}

/// `==12== I refs: 1,234`
fn instructions(binary: &Path, scenario: &str, operations: usize) -> Option<u64> {
    let options = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];
    let report = valgrind(&options, binary, scenario, operations)?;
    number_after(&report, "refs:")
}

struct Heap {
    allocations: u64,
    in_use: u64,
}

/// `==12==     in use at exit: 1,234 bytes in 5 blocks` and
/// `==12==   total heap usage: 1,234 allocs, 1,230 frees, 98,765 bytes allocated`
fn heap(binary: &Path, scenario: &str, operations: usize) -> Option<Heap> {
    let report = valgrind(&["--leak-check=no"], binary, scenario, operations)?;
    Some(Heap {
        allocations: number_after(&report, "total heap usage:")?,
        in_use: number_after(&report, "in use at exit:")?,
    })
}

fn valgrind(options: &[&str], binary: &Path, scenario: &str, operations: usize) -> Option<String> {
    let output = Command::new("valgrind")
        .args(options)
        .arg(binary)
        .args([scenario, &operations.to_string()])
        .output()
        .expect("valgrind has to be installed");
    match output.status.code() {
        Some(0) => Some(String::from_utf8(output.stderr).unwrap()),
        // This column has no such scenario.
        Some(3) => None,
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}

fn number_after(report: &str, label: &str) -> Option<u64> {
    let after = report.split(label).nth(1)?.trim_start();
    let digits: String = after
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ',')
        .filter(|c| *c != ',')
        .collect();
    digits.parse().ok()
}

fn table(rows: &[&Row], measured: &[Vec<Cell>]) -> String {
    let mut table =
        String::from("| scenario | limit | oauth2 5 | this project |\n| --- | --: | --: | --: |\n");
    for (row, cells) in rows.iter().zip(measured) {
        write!(table, "| {} |", row.says).unwrap();
        for cell in cells {
            let shown = cell
                .as_ref()
                .map(|cell| cell.iter().map(ToString::to_string).collect::<Vec<_>>().join(" / "));
            write!(table, " {} |", shown.as_deref().unwrap_or("-")).unwrap();
        }
        table.push('\n');
    }
    table
}

const BEGIN: &str = "<!-- measured -->\n";
const END: &str = "<!-- end -->\n";

fn write(document: &PathBuf, table: &str) {
    let text = fs::read_to_string(document).unwrap();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    fs::write(document, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
}

/// Only what this project costs is held against the document.
fn check(document: &Path, rows: &[&Row], measured: &[Vec<Cell>]) -> ExitCode {
    let text = fs::read_to_string(document).unwrap();
    let mut failed = false;
    for (row, cells) in rows.iter().zip(measured) {
        let line = text.lines().find(|line| line.starts_with(&format!("| {} |", row.says)));
        let documented: Vec<u64> = line
            .and_then(|line| line.trim_end_matches(" |").rsplit(" | ").next())
            .map(|cell| cell.split(" / ").filter_map(|number| number.parse().ok()).collect())
            .unwrap_or_default();
        let now = cells.last().cloned().flatten().unwrap_or_default();
        let is_over = |(now, then): (&u64, &u64)| now * 100 > then * (100 + OVER_MAX);
        if now.len() != documented.len() || now.iter().zip(&documented).any(is_over) {
            println!("{}: {now:?}, and docs/costs.md says {documented:?}", row.says);
            failed = true;
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
