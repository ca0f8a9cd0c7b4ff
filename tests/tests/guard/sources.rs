//! What every source file owes its reader: a header, a bearable length, no stubs, no forgotten notes.

use std::path::{Path, PathBuf};

use agentd_tests::{metadata, repo, source};

const MAX_LINES: usize = 450;

/// (file, why it may be longer).
const LONGER: [(&str, &str); 0] = [];

/// (file, why it may speak of forgotten notes), e.g. a rule that finds them in the user's code.
const SPEAKS_OF_NOTES: [(&str, &str); 0] = [];

/// Words of a note to oneself, in pieces, so that this file does not hold them.
const NOTES: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

const STUBS: [&[&str]; 4] = [&["todo", "!"], &["unimplemented", "!"], &["dbg", "!"], &["#", "[", "ignore"]];

fn sources() -> Vec<PathBuf> {
    let samples = |path: &PathBuf| !path.components().any(|part| part.as_os_str() == "fixtures");
    repo::files_with_extension("rs").into_iter().filter(samples).collect()
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn each_file_begins_with_what_it_is_for() {
    let mut faults = Vec::new();
    for path in sources() {
        let text = repo::text(&path).unwrap_or_default();
        let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
        if !(1..=6).contains(&lines) {
            faults.push(format!("{}: {lines} lines of //! at its head, wanted 1 to 6", path.display()));
        }
    }
    report(&faults);
}

/// Lines of a file without its inline tests.
fn length(text: &str) -> usize {
    text.lines().position(|line| line == "#[cfg(test)]").unwrap_or_else(|| text.lines().count())
}

#[test]
fn no_file_is_too_long() {
    let mut faults = Vec::new();
    for path in sources().into_iter().filter(|path| !repo::is_test(path)) {
        let lines = length(&repo::text(&path).unwrap_or_default());
        if lines > MAX_LINES && !LONGER.iter().any(|(longer, _)| path == Path::new(longer)) {
            faults.push(format!(
                "{}: {lines} lines without tests, at most {MAX_LINES}; split it along a seam",
                path.display()
            ));
        }
    }
    report(&faults);
}

#[test]
fn modules_are_files_beside_their_folder() {
    let faults: Vec<_> = sources()
        .into_iter()
        .filter(|path| path.ends_with("mod.rs"))
        .map(|path| format!("{}: name it after its module, beside the folder", path.display()))
        .collect();
    report(&faults);
}

#[test]
fn nothing_is_stubbed_or_ignored() {
    let mut faults = Vec::new();
    for path in sources() {
        let tokens = source::tokens(&path);
        for stub in STUBS {
            if let Some(line) = source::find(&tokens, stub) {
                faults.push(format!("{}:{line}: {}", path.display(), stub.concat()));
            }
        }
    }
    report(&faults);
}

/// True if the line holds one of the words: in Rust only behind `//`, so that data may speak of them, and nowhere in backticks,
/// so that prose may.
fn has_note(line: &str, is_rust: bool) -> bool {
    let looked_at = if is_rust { line.find("//").map_or("", |at| &line[at..]) } else { line };
    let words = |text: &str| {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|word| NOTES.contains(&word))
    };
    looked_at.split('`').step_by(2).any(words)
}

#[test]
fn no_note_to_oneself_is_left() {
    let mut faults = Vec::new();
    for path in repo::files() {
        let generated = path.ends_with("Cargo.lock") || path.ends_with("package-lock.json");
        let fixture = path.components().any(|part| part.as_os_str() == "fixtures");
        let excepted = SPEAKS_OF_NOTES.iter().any(|(excepted, _)| path == Path::new(excepted));
        let Some(text) = repo::text(&path).filter(|_| !generated && !fixture && !excepted) else {
            continue;
        };
        let is_rust = path.extension().is_some_and(|extension| extension == "rs");
        for (number, line) in text.lines().enumerate().filter(|(_, line)| has_note(line, is_rust)) {
            faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
        }
    }
    report(&faults);
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    let mut faults = Vec::new();
    for package in metadata::packages() {
        let manifest = package.folder.join("Cargo.toml");
        let text = repo::text(&manifest).unwrap_or_default();
        if !text.contains("[lints]\nworkspace = true") {
            faults.push(format!("{}: add [lints] workspace = true", manifest.display()));
        }
    }
    report(&faults);
}

#[test]
fn the_rules_find_what_they_are_for() {
    let note = format!("    let a = 1; // {}: later", NOTES[0]);
    assert!(has_note(&note, true) && has_note(&note, false));
    assert!(!has_note(&format!("let a = \"{}\";", NOTES[0]), true), "data in Rust");
    assert!(!has_note(&format!("no stub, no `{}`", NOTES[0]), false), "prose about it");
    assert!(!has_note("// a todo list, mktemp agentd.XXXXXX", true));
    assert_eq!(length("a\nb\n#[cfg(test)]\nmod tests {}\n"), 2);
}
