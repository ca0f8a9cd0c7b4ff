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
        GitCommand, head_command,
        history::{
            Counts, History, LogParser, Underway, log_command, names_command, progress_command, shallow_command,
        },
    },
    hotspots::rank,
    measured::{FileSummary, Measured},
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

fn read(folder: &Path, counts: Counts) -> History {
    let command = if counts == Counts::Lines { log_command() } else { names_command() };
    let out = run(folder, &command);
    assert!(out.status.success(), "{out:?}");
    let mut parser = LogParser::new(counts);
    out.stdout.chunks(7).for_each(|piece| parser.feed(piece).unwrap());
    let (shallow, progress) = (run(folder, &shallow_command()), run(folder, &progress_command()));
    let answer = |out: &Output| out.status.success().then(|| out.stdout.clone());
    parser.finish(false).unwrap().with_state(answer(&shallow).as_deref(), answer(&progress).as_deref())
}

fn figures(history: &History, path: &str) -> (u32, u64, u64) {
    history.file(path).map_or((0, 0, 0), |file| (file.commits, file.added, file.deleted))
}

#[test]
fn commits_and_lines_of_each_file_are_counted() {
    let temp = repository();
    let history = read(temp.path(), Counts::Lines);
    assert_eq!((history.commits, history.authors, history.files.len()), (2, 1, 2));
    assert_eq!(figures(&history, "src/a.rs"), (2, 4, 1));
    assert_eq!(figures(&history, "docs/b.md"), (1, 1, 0));
    assert!(!history.limited && !history.cut && !history.shallow && !history.empty && history.underway.is_none());
    let names = read(temp.path(), Counts::Names);
    assert_eq!((names.commits, figures(&names, "src/a.rs")), (2, (2, 0, 0)));
    // A folder of the repository is a workspace of its own.
    let below = read(&temp.path().join("docs"), Counts::Lines);
    assert_eq!((below.commits, below.files.len(), figures(&below, "b.md")), (1, 1, (1, 1, 0)));
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
    let history = read(folder, Counts::Lines);
    assert_eq!(history.commits, 6, "five, the side's, and no merge");
    for (path, wanted) in [
        ("side.rs", (1, 1, 0)),
        ("odd\nna\"me\t.rs", (1, 1, 0)),
        ("größe.rs", (1, 1, 0)),
        ("logo.bin", (1, 0, 0)),
        ("src/a.rs", (3, 4, 4)),
        ("src/c.rs", (1, 3, 0)),
    ] {
        assert_eq!(figures(&history, path), wanted, "{path:?}");
    }
    assert_eq!(history.not_utf8, u64::from(raw));
    assert_eq!(figures(&read(folder, Counts::Names), "src/a.rs").0, 3);
}

#[test]
fn empty_shallow_and_partial_repositories_say_so() {
    let temp = tempfile::tempdir().unwrap();
    let folder = temp.path();
    assert_eq!(run(folder, &shallow_command()).status.code(), Some(128), "no repository");
    assert!(user(folder, &["init", "--quiet"]));
    assert!(run(folder, &shallow_command()).status.success());
    assert_eq!(run(folder, &head_command()).status.code(), Some(128));
    assert_eq!(run(folder, &log_command()).status.code(), Some(128));
    assert!(!run(folder, &progress_command()).status.success());
    let empty = History::of_empty().with_state(Some(b"false\n"), None);
    assert!(empty.empty && !empty.shallow && empty.files.is_empty());

    let origin = repository();
    assert!(user(origin.path(), &["config", "uploadpack.allowFilter", "true"]));
    let url = format!("file://{}", origin.path().display());
    let clones = tempfile::tempdir().unwrap();
    assert!(user(clones.path(), &["clone", "--quiet", "--depth=1", &url, "shallow"]));
    let shallow = read(&clones.path().join("shallow"), Counts::Lines);
    assert_eq!((shallow.shallow, shallow.commits, figures(&shallow, "src/a.rs")), (true, 1, (1, 3, 0)));
    assert!(user(clones.path(), &["clone", "--quiet", "--no-checkout", "--filter=blob:none", &url, "partial"]));
    let partial = clones.path().join("partial");
    assert!(!run(&partial, &log_command()).status.success(), "contents were fetched");
    assert_eq!(figures(&read(&partial, Counts::Names), "src/a.rs"), (2, 0, 0));
}

#[test]
fn a_rebase_and_a_bisect_under_way_are_seen_and_the_history_is_read() {
    for backend in ["--merge", "--apply"] {
        let temp = repository();
        let folder = temp.path();
        assert!(user(folder, &["checkout", "--quiet", "-b", "(no-branch,rebasing-x)", "HEAD~1"]));
        assert_eq!(read(folder, Counts::Lines).underway, None, "a branch of that name is no rebase");
        commit(folder, &[("src/a.rs", "other\n")], "other");
        assert!(!user(folder, &["rebase", backend, "main"]), "the rebase stops at a conflict");
        let history = read(folder, Counts::Lines);
        assert_eq!((history.underway, history.commits), (Some(Underway::Rebase), 2), "{backend}");
        assert!(user(folder, &["rebase", "--abort"]));
        assert_eq!(read(folder, Counts::Lines).underway, None);
    }
    let temp = repository();
    assert!(user(temp.path(), &["bisect", "start", "HEAD", "HEAD~1"]));
    assert!(user(temp.path(), &["checkout", "--quiet", "--detach"]));
    assert_eq!(read(temp.path(), Counts::Lines).underway, Some(Underway::Bisect));
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
    let history = read(folder, Counts::Lines);
    assert_eq!((history.commits, figures(&history, "src/a.rs")), (4, (3, 5, 4)));
    assert_eq!(figures(&read(folder, Counts::Names), "src/a.rs").0, 3);
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
    }
}

#[test]
fn hot_spots_are_code_that_changes_and_is_still_there() {
    let temp = repository();
    let folder = temp.path();
    for turn in 0..4 {
        commit(folder, &[("small.rs", &format!("{turn}\n")), ("table.rs", &format!("{turn}\n"))], "small");
    }
    commit(folder, &[("gone.rs", "1\n"), ("generated.rs", "1\n"), ("once.rs", "1\n")], "more");
    commit(folder, &[("gone.rs", "2\n"), ("generated.rs", "2\n")], "more");
    let history = read(folder, Counts::Lines);
    let paths = ["src/a.rs", "small.rs", "table.rs", "generated.rs", "once.rs", "never.rs"];
    let file = |path: &&str| SourceFile { path: (*path).into(), bytes: 1, language: Some(Language::Rust) };
    let manifest = Manifest { files: paths.iter().map(file).collect(), ..Manifest::default() };
    let mut files: Vec<FileSummary> = vec![
        summary(0, 100, 5),
        summary(1, 10, 5),
        summary(2, 900, 1),
        summary(3, 900, 5),
        summary(4, 900, 5),
        summary(5, 900, 5),
    ];
    files[3].generated = true;
    let measured = Measured { files: files.clone(), ..Measured::default() };
    let hot = rank(&manifest, &measured, &history);
    let rows: Vec<_> =
        hot.files.iter().map(|row| (&*row.path, row.score, row.commits, row.added, row.deleted)).collect();
    assert_eq!(rows, [("src/a.rs", 200, 2, 4, 1), ("small.rs", 40, 4, 4, 3)]);
    assert_eq!((hot.ranked, hot.commits), (2, 8));
    files.reverse();
    assert_eq!(rank(&manifest, &Measured { files, ..Measured::default() }, &history), hot);
}
