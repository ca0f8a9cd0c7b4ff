//! The checkout that the tests belong to: its root and its files, without what builds and tools leave in it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What systems and editors drop into any folder; no rule looks at it.
const JUNK: [&str; 5] = [".DS_Store", ".idea", ".vscode", ".zed", ".direnv"];

/// Folders of installed packages, never part of the repository at any depth.
const INSTALLED: [&str; 2] = ["node_modules", "__pycache__"];

/// Root of the repository. Panics if the package was moved away from it.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a folder of the repository")
}

/// Names in the root folder, sorted, without those that `.gitignore` names, `.git` and what editors drop there.
#[must_use]
pub fn top_level() -> Vec<String> {
    let ignored = ignored();
    let mut names: Vec<_> =
        names_in(root()).into_iter().filter(|name| name != ".git" && !ignored.contains(name)).collect();
    names.sort();
    names
}

/// Every file of the repository as a path relative to its root, sorted.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for name in top_level() {
        collect(Path::new(&name), &mut found);
    }
    found.sort();
    found
}

/// Files of the repository whose name ends so.
#[must_use]
pub fn files_with_extension(extension: &str) -> Vec<PathBuf> {
    files().into_iter().filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

/// Text of a file of the repository, or None if it is no text. Panics if it cannot be read at all.
#[must_use]
pub fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    String::from_utf8(bytes).ok()
}

/// True for code that only runs in tests: a `tests` folder, `tests.rs`, or anything of the package `tests`.
#[must_use]
pub fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    if !root().join(path).is_dir() {
        // A file that goes while we look (an editor's, another test's) is nobody's business here.
        if root().join(path).is_file() {
            found.push(path.to_owned());
        }
        return;
    }
    for name in names_in(&root().join(path)) {
        collect(&path.join(name), found);
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !JUNK.contains(&name.as_str()) && !INSTALLED.contains(&name.as_str()))
        .collect()
}

/// Root entries that `.gitignore` names as `/name`, the only form used there.
fn ignored() -> Vec<String> {
    let listed = fs::read_to_string(root().join(".gitignore")).unwrap_or_default();
    listed.lines().filter_map(|line| line.strip_prefix('/')).map(|name| name.trim_end_matches('/').to_owned()).collect()
}
