//! The survey chooses what git would track, counts what it leaves out, and survives hostile trees.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests make FIFOs and run git as a reference")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use agentd_syntax::Language;
use agentd_tools::{
    Workspace,
    survey::{Limits, Manifest, Progress, SkipReason, Survey},
};

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = temp.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    temp
}

fn survey(root: &Path, limits: Limits, budget: usize) -> Manifest {
    let mut survey = Survey::start(&Workspace::open(root).unwrap(), limits).unwrap();
    while survey.step(budget) == Progress::More {}
    survey.finish()
}

fn names(manifest: &Manifest) -> Vec<&str> {
    manifest.files.iter().map(|file| &*file.path).collect()
}

const RULES: &[(&str, &str)] = &[
    (".gitignore", "target/\n*.log\n!keep.log\n/only_root.txt\ndocs/**/draft.md\n[bad\n"),
    (".git/config", ""),
    (".git/info/exclude", "private.rs\n"),
    (".github/workflows/ci.yml", "on: push"),
    (".hidden/x.rs", ""),
    ("a/.gitignore", "!again.log\nlocal.rs\n"),
    ("a/again.log", ""),
    ("a/local.rs", ""),
    ("a/only_root.txt", ""),
    ("docs/deep/er/draft.md", ""),
    ("docs/final.md", ""),
    ("keep.log", ""),
    ("local.rs", "fn main() {}"),
    ("only_root.txt", ""),
    ("private.rs", ""),
    ("target/debug/out.rs", ""),
    ("x.log", ""),
];

#[test]
fn ignore_rules_are_those_of_git() {
    let temp = tree(RULES);
    let manifest = survey(temp.path(), Limits::default(), 1_000);
    let expected =
        [".github/workflows/ci.yml", "a/again.log", "a/only_root.txt", "docs/final.md", "keep.log", "local.rs"];
    assert_eq!(names(&manifest), expected);
    assert_eq!(manifest.total_bytes, 20);
    assert_eq!(manifest.skipped_for(SkipReason::Ignored), 6);
    assert!(!manifest.truncated);

    // git itself, as the reference: what it would add, without hidden names outside `.github`.
    fs::remove_dir_all(temp.path().join(".git")).unwrap();
    let git = |args: &[&str]| {
        let out = Command::new("git").args(args).current_dir(temp.path()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    fs::write(temp.path().join(".git/info/exclude"), "private.rs\n").unwrap();
    let listed = git(&["ls-files", "--others", "--exclude-standard"]);
    let shown = |path: &&str| path.starts_with(".github") || !path.split('/').any(|part| part.starts_with('.'));
    let mut listed: Vec<&str> = listed.lines().filter(shown).collect();
    listed.sort_unstable();
    assert_eq!(names(&manifest), listed);
}

#[test]
fn steps_of_any_size_give_the_same_manifest() {
    let temp = tree(RULES);
    let whole = survey(temp.path(), Limits::default(), 1_000_000);
    for budget in [0, 1, 2, 7] {
        assert_eq!(survey(temp.path(), Limits::default(), budget), whole);
    }
    let mut cut = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
    assert_eq!(cut.step(10), Progress::More);
    assert!(cut.finish().truncated, "a survey that was cut says so");
}

#[test]
fn hostile_trees_are_counted_and_not_followed() {
    let temp = tree(&[
        ("ok.rs", "x"),
        ("large.bin", &"x".repeat(101)),
        ("node_modules/p/index.js", ""),
        ("cache/CACHEDIR.TAG", ""),
        ("cache/x.py", ""),
        ("venv/pyvenv.cfg", ""),
        ("a\nb\u{1b}[2J.rs", ""),
        ("d1/d2/d3/d4/deep.rs", ""),
        ("locked/x.rs", ""),
    ]);
    let root = temp.path();
    symlink(".", root.join("loop")).unwrap();
    symlink("/dev/zero", root.join("zero.rs")).unwrap();
    symlink("/", root.join("everything")).unwrap();
    let _socket = UnixListener::bind(root.join("socket.rs")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo.rs")).arg(root.join(".gitignore")).status().unwrap().success());
    fs::write(root.join(OsStr::from_bytes(b"caf\xe9.rs")), "").unwrap();
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_root = fs::read_dir(root.join("locked")).is_ok();

    let limits = Limits { max_file_bytes: 100, max_depth: 4, ..Limits::default() };
    let manifest = survey(root, limits, 5);
    fs::set_permissions(root.join("locked"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut expected = vec!["a\nb\u{1b}[2J.rs", "ok.rs"];
    if is_root {
        expected.insert(1, "locked/x.rs");
    }
    assert_eq!(names(&manifest), expected);
    for (reason, count, example) in [
        (SkipReason::Hidden, 1, ".gitignore"),
        (SkipReason::Dependencies, 1, "node_modules"),
        (SkipReason::Cache, 2, "cache/"),
        (SkipReason::Link, 3, "everything"),
        (SkipReason::Special, 2, "fifo.rs"),
        (SkipReason::NotUtf8, 1, "caf\\xe9.rs"),
        (SkipReason::TooLarge, 1, "large.bin"),
        (SkipReason::TooDeep, 1, "d1/d2/d3/d4"),
        (SkipReason::Unreadable, u64::from(!is_root), "locked/"),
    ] {
        assert_eq!(manifest.skipped_for(reason), count, "{reason:?} {manifest:?}");
        let example_is_there =
            manifest.skipped.iter().any(|skipped| skipped.examples.iter().any(|path| path == example));
        assert!(example_is_there || count == 0, "{reason:?} {manifest:?}");
    }
}

#[test]
fn a_folder_that_vanishes_in_the_middle_is_counted() {
    let temp = tree(&[("a/x.rs", ""), ("b/y.rs", ""), ("c.rs", "")]);
    let mut survey = Survey::start(&Workspace::open(temp.path()).unwrap(), Limits::default()).unwrap();
    // Lists the three entries of the root and turns to visiting them.
    assert_eq!(survey.step(4), Progress::More);
    fs::remove_dir_all(temp.path().join("a")).unwrap();
    fs::remove_dir_all(temp.path().join("b")).unwrap();
    symlink("/etc", temp.path().join("b")).unwrap();
    while survey.step(1) == Progress::More {}
    let manifest = survey.finish();
    assert_eq!((names(&manifest), manifest.skipped_for(SkipReason::Vanished)), (vec!["c.rs"], 2), "{manifest:?}");
}

#[test]
fn limits_end_the_walk_and_say_so() {
    let temp = tree(&[]);
    for number in 0..50 {
        fs::write(temp.path().join(format!("{number:02}.c")), "").unwrap();
    }
    let files = survey(temp.path(), Limits { max_files: 10, ..Limits::default() }, 1_000);
    assert_eq!((files.files.len(), files.truncated), (10, true));
    let entries = survey(temp.path(), Limits { max_folder_entries: 20, ..Limits::default() }, 1_000);
    assert_eq!((entries.files.len(), entries.truncated), (20, true));
    assert_eq!(survey(tree(&[]).path(), Limits::default(), 1).files.len(), 0);
}

#[test]
fn a_program_without_an_extension_tells_its_language_by_its_first_line() {
    let scripts: [(&str, &str, u32, Option<Language>); 6] = [
        ("bin/tool", "#!/usr/bin/env python3\nimport x\n", 0o755, Some(Language::Python)),
        ("bin/serve", "#!/usr/bin/env node\n", 0o744, Some(Language::JavaScript)),
        ("bin/shell", "#!/bin/sh\n", 0o755, None),
        ("bin/empty", "", 0o755, None),
        ("notes", "#!/usr/bin/env python3\n", 0o644, None),
        ("run.txt", "#!/usr/bin/env python3\n", 0o755, None),
    ];
    let temp = tree(&scripts.map(|(path, content, _, _)| (path, content)));
    for (path, _, mode, _) in scripts {
        fs::set_permissions(temp.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    let manifest = survey(temp.path(), Limits::default(), 100);
    for (path, _, _, language) in scripts {
        let file = manifest.files.iter().find(|file| &*file.path == path).unwrap();
        assert_eq!(file.language, language, "{path}");
    }
}
