//! The described logs, run against real repositories: ordinary, empty, shallow, partial, in the middle of a rebase, hostile.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests play the host that starts git")]

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Output},
};

use agentd_syntax::Language;
use agentd_tools::{
    git::{
        Checkout, GitCommand, Place, checkout_command,
        history::{History, LogParser, NoHistory, Underway, log_command, progress_command},
    },
    hotspots::rank,
    measured::{FileSummary, FunctionCounts, Measured},
    structure::Links,
    survey::{Manifest, SourceFile},
};

fn run(folder: &Path, command: &GitCommand) -> Output {
    let path = std::env::var_os("PATH").unwrap();
    let mut git = Command::new("git");
    git.args(&command.args).env_clear().env("PATH", path).envs(command.env.iter().copied());
    git.current_dir(folder).output().unwrap()
}

/// Runs git as a user does; answers whether it succeeded.
fn user(folder: &Path, args: &[&str]) -> bool {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let out = Command::new("git").args(identity).args(args).current_dir(folder).output().unwrap();
    out.status.success()
}

fn commit(folder: &Path, files: &[(&str, &str)], message: &str) {
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    assert!(user(folder, &["add", "."]) && user(folder, &["commit", "--quiet", "-m", message]), "{message}");
}

fn repository() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    assert!(user(temp.path(), &["init", "--quiet", "--initial-branch=main"]));
    commit(temp.path(), &[("src/a.rs", "1\n2\n"), ("docs/b.md", "1\n")], "first");
    commit(temp.path(), &[("src/a.rs", "1\n3\n4\n")], "second");
    temp
}

fn read(folder: &Path) -> History {
    let out = run(folder, &log_command("HEAD"));
    assert!(out.status.success(), "{out:?}");
    let mut parser = LogParser::new();
    out.stdout.chunks(7).for_each(|piece| parser.feed(piece).unwrap());
    let progress = run(folder, &progress_command());
    let progress = progress.status.success().then_some(progress.stdout);
    parser.finish(false).unwrap().with_state(&place(folder), progress.as_deref())
}

fn place(folder: &Path) -> Place {
    Checkout::of(&run(folder, &checkout_command()).stdout).unwrap().place
}

/// The same log with added and deleted lines, which need the contents of old files.
fn with_lines(mut command: GitCommand) -> GitCommand {
    command.args.iter_mut().filter(|word| *word == "--name-only").for_each(|word| *word = "--numstat".to_owned());
    command
}

fn commits(history: &History, path: &str) -> u32 {
    history.file(path).map_or(0, |file| file.commits)
}

#[test]
fn commits_of_each_file_are_counted() {
    let temp = repository();
    let history = read(temp.path());
    assert_eq!((history.commits, history.authors, history.files.len()), (2, 1, 2));
    assert_eq!(commits(&history, "src/a.rs"), 2);
    assert_eq!(commits(&history, "docs/b.md"), 1);
    assert!(!history.limited && !history.cut && !history.shallow && !history.empty && history.underway.is_none());
    // A folder of the repository is a workspace of its own.
    let below = read(&temp.path().join("docs"));
    assert_eq!((place(temp.path()).prefix, place(&temp.path().join("docs")).prefix), (vec![], b"docs/".to_vec()));
    assert_eq!((below.commits, below.files.len(), commits(&below, "b.md")), (1, 1, 1));
}

#[test]
fn merges_binaries_and_odd_names_are_counted_as_they_are() {
    let temp = repository();
    let folder = temp.path();
    assert!(user(folder, &["checkout", "--quiet", "-b", "side", "HEAD~1"]));
    commit(folder, &[("side.rs", "1\n")], "side");
    assert!(user(folder, &["checkout", "--quiet", "main"]) && user(folder, &["merge", "--quiet", "--no-edit", "side"]));
    commit(folder, &[("odd\nna\"me\t.rs", "1\n"), ("größe.rs", "1\n")], "odd");
    fs::write(folder.join("logo.bin"), [0, 1, 2, 255]).unwrap();
    // Not every file system takes a name like this one.
    let raw = fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.rs")), "1\n").is_ok();
    commit(folder, &[], "bytes");
    assert!(user(folder, &["mv", "src/a.rs", "src/c.rs"]));
    commit(folder, &[], "moved");
    let history = read(folder);
    assert_eq!(history.commits, 6, "five, the side's, and no merge");
    for (path, wanted) in
        [("side.rs", 1), ("odd\nna\"me\t.rs", 1), ("größe.rs", 1), ("logo.bin", 1), ("src/a.rs", 3), ("src/c.rs", 1)]
    {
        assert_eq!(commits(&history, path), wanted, "{path:?}");
    }
    assert_eq!(history.not_utf8, u64::from(raw));
}

#[test]
fn empty_shallow_and_partial_repositories_say_so() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    let outside = run(folder, &checkout_command());
    assert_eq!((outside.status.code(), NoHistory::of_errors(&outside.stderr)), (Some(128), NoHistory::NoRepository));
    assert!(user(folder, &["init", "--quiet"]));
    assert_eq!(run(folder, &log_command("HEAD")).status.code(), Some(128));
    assert!(!run(folder, &progress_command()).status.success());
    let empty = History::of_empty().with_state(&place(folder), None);
    assert!(empty.empty && !empty.shallow && empty.files.is_empty());

    let origin = repository();
    assert!(user(origin.path(), &["config", "uploadpack.allowFilter", "true"]));
    let url = format!("file://{}", origin.path().display());
    let clones = tempfile::tempdir().unwrap();
    assert!(user(clones.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]));
    let shallow = read(&clones.path().join("shallow"));
    assert_eq!((shallow.shallow, shallow.commits, commits(&shallow, "src/a.rs")), (true, 1, 1));
    assert!(user(clones.path(), &["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, "partial"]));
    let partial = clones.path().join("partial");
    // What it lacks is neither needed nor fetched.
    let contents = run(&partial, &with_lines(log_command("HEAD")));
    assert!(!contents.status.success(), "contents are there");
    assert_eq!(commits(&read(&partial), "src/a.rs"), 2);
}

#[test]
fn a_rebase_and_a_bisect_under_way_are_seen_and_the_history_is_read() {
    for backend in ["--merge", "--apply"] {
        let temp = repository();
        let folder = temp.path();
        assert!(user(folder, &["checkout", "--quiet", "-b", "(no-branch,rebasing-x)", "HEAD~1"]));
        assert_eq!(read(folder).underway, None, "a branch of that name is no rebase");
        commit(folder, &[("src/a.rs", "other\n")], "other");
        assert!(!user(folder, &["rebase", backend, "main"]), "the rebase stops at a conflict");
        let history = read(folder);
        assert_eq!((history.underway, history.commits), (Some(Underway::Rebase), 2), "{backend}");
        assert!(user(folder, &["rebase", "--abort"]));
        assert_eq!(read(folder).underway, None);
    }
    let temp = repository();
    assert!(user(temp.path(), &["bisect", "start", "HEAD", "HEAD~1"]));
    assert!(user(temp.path(), &["checkout", "--quiet", "--detach"]));
    assert_eq!(read(temp.path()).underway, Some(Underway::Bisect));
}

#[test]
fn programs_and_files_named_by_the_repository_are_not_used() {
    let temp = repository();
    let folder = temp.path();
    let canary = folder.join("canary");
    let touch = format!("touch '{}'; cat", canary.display());
    commit(
        folder,
        &[(".gitattributes", "* diff=evil filter=evil\n"), (".mailmap", "X <x@example.org> <t@example.org>\n")],
        "trap",
    );
    commit(folder, &[("src/a.rs", "5\n")], "third");
    let order = folder.join("order");
    fs::write(&order, "").unwrap();
    let order = order.display().to_string();
    for (key, value) in [
        ("diff.evil.textconv", touch.as_str()),
        ("diff.evil.command", &touch),
        ("filter.evil.smudge", &touch),
        ("filter.evil.clean", &touch),
        ("diff.external", &touch),
        ("core.pager", &touch),
        ("pager.log", &touch),
        ("pager.branch", &touch),
        ("core.fsmonitor", &touch),
        ("gpg.program", &touch),
        ("core.alternateRefsCommand", &touch),
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("log.follow", "true"),
        ("log.diffMerges", "on"),
        ("log.mailmap", "true"),
        ("diff.renames", "copies"),
        ("diff.relative", "false"),
        ("diff.orderFile", &order),
        ("format.pretty", "raw"),
        ("color.ui", "always"),
        ("column.ui", "always"),
    ] {
        assert!(user(folder, &["config", key, value]), "{key}");
    }
    let history = read(folder);
    assert_eq!((history.commits, commits(&history, "src/a.rs")), (4, 3));
    assert!(!canary.exists(), "a program of the repository ran");
    // The trap works: without the flags the same repository runs its programs.
    user(folder, &["-c", "log.showSignature=false", "log", "-p", "--ext-diff"]);
    assert!(canary.exists(), "the trap itself is broken");
}

fn summary(file: u32, code: u32, max_cyclomatic: u32) -> FileSummary {
    FileSummary {
        file,
        language: Language::Rust,
        code,
        comment: 0,
        blank: 0,
        functions: 1,
        types: 0,
        tests: 0,
        max_cyclomatic,
        max_cognitive: 3,
        syntax_errors: 0,
        generated: false,
        long_line: false,
        entry_points: Box::default(),
        links: Links::default(),
        for_tests: false,
        vendored: false,
        counts: FunctionCounts::default(),
    }
}

#[test]
fn hot_spots_are_code_that_changes_and_is_still_there() {
    let temp = repository();
    let folder = temp.path();
    for turn in 0..4 {
        let text = format!("{turn}\n");
        commit(
            folder,
            &[("small.rs", &text), ("table.rs", &text), ("tests/b.rs", &text), ("vendor/c.rs", &text)],
            "small",
        );
    }
    commit(folder, &[("gone.rs", "1\n"), ("generated.rs", "1\n"), ("once.rs", "1\n")], "more");
    commit(folder, &[("gone.rs", "2\n"), ("generated.rs", "2\n")], "more");
    let history = read(folder);
    let paths =
        ["src/a.rs", "small.rs", "table.rs", "generated.rs", "once.rs", "never.rs", "tests/b.rs", "vendor/c.rs"];
    let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 1, language: Some(Language::Rust) };
    let manifest = Manifest { files: paths.iter().map(file).collect(), ..Manifest::default() };
    let mut files: Vec<FileSummary> = vec![
        summary(0, 100, 5),
        summary(1, 10, 5),
        summary(2, 900, 1),
        summary(3, 900, 5),
        summary(4, 900, 5),
        summary(5, 900, 5),
        summary(6, 900, 5),
        summary(7, 900, 5),
    ];
    files[3].generated = true;
    files[6].for_tests = true;
    files[7].vendored = true;
    let measured = Measured { files: files.clone(), ..Measured::default() };
    let hot = rank(&manifest, &measured, &history);
    let rows: Vec<_> = hot.files.iter().map(|row| (&*row.path, row.score, row.commits)).collect();
    assert_eq!(rows, [("src/a.rs", 200, 2), ("small.rs", 40, 4)]);
    assert_eq!((hot.ranked, hot.commits), (2, 8));
    files.reverse();
    assert_eq!(rank(&manifest, &Measured { files, ..Measured::default() }, &history), hot);
}
