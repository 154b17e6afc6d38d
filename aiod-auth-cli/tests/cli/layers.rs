//! The layers of the command: a module uses those above it in this list, and no other.

use std::{
    fs,
    path::{Path, PathBuf},
};

const LAYERS: [&str; 16] = [
    "duration",
    "failure",
    "private_file",
    "args",
    "secret",
    "platform",
    "config",
    "print",
    "terminal",
    "stored",
    "interrupt",
    "logger",
    "context",
    "settings",
    "transfer",
    "command",
];

#[test]
fn nothing_points_back() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut uses = 0;
    for (layer, module) in LAYERS.iter().enumerate() {
        for file in files_of(&source, module) {
            for used in modules_used(&fs::read_to_string(&file).unwrap()) {
                let at = LAYERS.iter().position(|known| *known == used);
                let at = at.unwrap_or_else(|| panic!("{used} is in no layer"));
                assert!(at <= layer, "{} uses {used}", file.display());
                uses += 1;
            }
        }
    }
    assert!(uses > 100, "{uses}");
    let modules = fs::read_dir(&source).unwrap().count();
    assert_eq!(modules, LAYERS.len() + 1, "those, and main.rs");
}

/// A module is a file or a folder.
fn files_of(source: &Path, module: &str) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![source.join(module)], Vec::new());
    let file = source.join(format!("{module}.rs"));
    if file.exists() {
        return vec![file];
    }
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files
}

/// The first name of every path that begins with `crate::`, alone or in braces.
fn modules_used(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for rest in text.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            modules.push(name(rest));
            continue;
        };
        let (mut depth, mut starts) = (0, true);
        for (at, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                _ if starts && character.is_alphabetic() => {
                    modules.push(name(&group[at..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    modules
}

fn name(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
