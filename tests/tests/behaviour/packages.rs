//! What stands beside the code: the table of features, and what a registry shows of a package.

use std::{collections::BTreeSet, fs, path::PathBuf};

const PUBLISHED: [&str; 6] = [
    "aiod-auth-core",
    "aiod-auth-store",
    "aiod-auth-tls",
    "aiod-auth-ureq",
    "aiod-auth-reqwest",
    "aiod-auth-cli",
];

#[test]
fn the_table_of_features_has_those_of_both_clients() {
    let table = read("docs/features.md");
    let rows = table.lines().skip_while(|line| !line.starts_with("| feature |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    let documented: BTreeSet<String> = rows
        .filter_map(|row| row.split('|').nth(1))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().trim_matches('`').to_owned())
        .collect();
    let features = |name: &str| -> (BTreeSet<String>, String) {
        let manifest = read(&format!("{name}/Cargo.toml"));
        let (_, features) = manifest.split_once("[features]\n").unwrap();
        let features = features.split("\n[").next().unwrap();
        let pairs: Vec<_> = features.lines().filter_map(|line| line.split_once(" = ")).collect();
        let default = pairs.iter().find(|(name, _)| *name == "default").unwrap().1;
        let names = pairs.iter().map(|(name, _)| (*name).to_owned());
        (names.filter(|name| name != "default").collect(), default.to_owned())
    };
    let (ureq, ureq_default) = features("aiod-auth-ureq");
    let (reqwest, reqwest_default) = features("aiod-auth-reqwest");
    assert_eq!(documented, &ureq | &reqwest);
    assert_eq!(&ureq ^ &reqwest, ["reqwest", "ureq"].map(str::to_owned).into());
    assert_eq!(ureq_default, r#"["ureq", "ring", "file-store"]"#);
    assert_eq!(reqwest_default, r#"["reqwest", "ring", "file-store"]"#);
}

#[test]
fn each_package_says_what_it_is() {
    for package in PUBLISHED {
        let manifest = read(&format!("{package}/Cargo.toml"));
        for key in [
            "description = \"",
            "license.workspace = true",
            "readme.workspace = true",
            "repository.workspace = true",
            "keywords.workspace = true",
            "categories = [",
            "[package.metadata.docs.rs]",
        ] {
            assert!(manifest.contains(key), "{package}: {key}");
        }
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            assert_eq!(read(&format!("{package}/{licence}")), read(licence), "{package}");
        }
    }
}

fn read(file: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
