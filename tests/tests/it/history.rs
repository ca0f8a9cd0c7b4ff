//! The past of a folder in whole tasks: real repositories in every state that people leave them in, hostile and huge ones
//! among them. A history that cannot be had is told in the report and fails nothing; one that was read is read once.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use agentd_proto::v1::{TaskState, event::What};
use agentd_tests::{
    client::analyze,
    daemon::{Clients, Home, TestDaemon, runtime},
    fixture,
};
use serde_json::{Value, json};

/// A source file with decisions in it, that differs from turn to turn.
fn source(turn: usize) -> String {
    format!("fn f(x: u32) -> u32 {{\n    if x > {turn} {{\n        return 1;\n    }}\n    {turn}\n}}\n")
}

/// Runs git as its user does; gives whether it succeeded, and what it printed.
fn try_git(folder: &Path, args: &[&str]) -> (bool, String) {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git")
        .args(identity)
        .args(["-c", "protocol.file.allow=always"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_EDITOR", "true")
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn git(folder: &Path, args: &[&str]) -> String {
    let (success, printed) = try_git(folder, args);
    assert!(success, "git {args:?} in {}", folder.display());
    printed
}

/// Writes `hot.rs` and commits everything.
fn commit(folder: &Path, turn: usize) {
    fs::write(folder.join("hot.rs"), source(turn)).unwrap();
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "-m", &format!("turn {turn}")]);
}

/// A repository with three commits to `hot.rs` and one to `sub/cold.rs`.
fn repository(home: &Home, name: &str) -> PathBuf {
    let folder = home.folder(name);
    git(&folder, &["init", "--quiet", "--initial-branch=trunk"]);
    fixture::write(&folder, &[("sub/cold.rs", &source(7))]);
    (0..3).for_each(|turn| commit(&folder, turn));
    folder
}

struct Done {
    json: Value,
    page: String,
    /// What the history step said.
    said: String,
}

impl Done {
    fn history(&self) -> &Value {
        &self.json["history"]
    }

    /// What the report says of a past that is known: commits, the gaps, and the hot spots as `file commits`.
    fn known(&self) -> (u64, Vec<String>, Vec<String>) {
        let history = self.history();
        assert_eq!(history["unknown"], Value::Null, "{history}");
        let words = |value: &Value| value.as_str().unwrap().to_owned();
        let gaps: Vec<String> = history["gaps"].as_array().unwrap().iter().map(words).collect();
        for gap in &gaps {
            assert!(self.page.contains(&format!("of the past: {gap}")), "{gap} is missing in\n{}", self.page);
        }
        let hot = self.json["hotspots"]["files"].as_array().unwrap();
        let hot = hot.iter().map(|row| format!("{} {}", words(&row["file"]), row["commits"]));
        (history["commits"].as_u64().unwrap(), gaps, hot.collect())
    }

    /// Why nothing is known.
    fn unknown(&self) -> &str {
        let why = self.history()["unknown"].as_str().unwrap_or_else(|| panic!("{}", self.history()));
        assert_eq!((&self.history()["commits"], &self.json["hotspots"]["files"]), (&json!(0), &json!([])));
        assert!(self.page.contains("How often files change is not known: "), "{}", self.page);
        assert!(self.said.starts_with("not known: "), "{}", self.said);
        why
    }
}

/// Analyses a folder; it must succeed, whatever its past is like.
async fn analysed_with(clients: &Clients, folder: &Path, path: Option<&Path>) -> Done {
    let mut request = analyze(folder);
    if let Some(path) = path {
        request.path = path.to_str().unwrap().to_owned();
    }
    let (task, seen) = clients.run(request).await;
    assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
    let said = seen.events.iter().find_map(|event| match &event.what {
        Some(What::StepSucceeded(step)) if step.step == "history" => Some(step.summary.clone()),
        _ => None,
    });
    let json = serde_json::from_slice(&clients.document(&task, "report.json").await.unwrap()).unwrap();
    let page = String::from_utf8(clients.document(&task, "report.md").await.unwrap()).unwrap();
    Done { json, page, said: said.unwrap() }
}

async fn analysed(clients: &Clients, folder: &Path) -> Done {
    analysed_with(clients, folder, None).await
}

/// Runs a check against a daemon of its own.
fn with_daemon(home: &Home, check: impl AsyncFnOnce(Clients)) {
    let _daemon = TestDaemon::start(home);
    runtime().block_on(async { check(Clients::connect(home).await.unwrap()).await });
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn a_history_is_read_once_for_a_commit_and_told_in_the_report() {
    let home = Home::new();
    let folder = repository(&home, "ordinary");
    with_daemon(&home, async |clients: Clients| {
        let first = analysed(&clients, &folder).await;
        assert_eq!(first.known(), (3, vec![], strings(&["hot.rs 3"])));
        assert_eq!(first.said, "3 commits of 1 author changed 2 source files");
        let row = &first.json["hotspots"]["files"][0];
        assert_eq!((&row["code"], &row["authors"]), (&json!(6), &json!(1)));
        assert!(first.page.contains("| 3 | 1 | 6 | 2 | `hot.rs` |"), "{}", first.page);
        // From now on git's log would not even answer.
        let bin = logless(&home);
        for _ in 0..2 {
            let again = analysed_with(&clients, &folder, Some(&bin)).await;
            assert_eq!((again.known(), again.history()), (first.known(), first.history()));
            assert_eq!(again.said, "3 commits of 1 author changed 2 source files (from the cache)");
        }
        // The folder below is another question, and so is the next commit.
        let below = analysed(&clients, &folder.join("sub")).await;
        assert_eq!(
            (below.known(), below.said.as_str()),
            ((1, vec![], vec![]), "1 commit of 1 author changed 1 source file")
        );
        commit(&folder, 3);
        assert!(analysed_with(&clients, &folder, Some(&bin)).await.unknown().contains("git could not tell"));
        let next = analysed(&clients, &folder).await;
        assert_eq!((next.known(), next.said.contains("cache")), ((4, vec![], strings(&["hot.rs 4"])), false));
        // What is kept is derived data: damaged, it is read again.
        for file in fs::read_dir(home.state().join("cache")).unwrap() {
            let file = file.unwrap().path();
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x20;
            fs::write(&file, bytes).unwrap();
        }
        let mended = analysed(&clients, &folder).await;
        assert_eq!((mended.known(), mended.said.contains("cache")), (next.known(), false));
    });
}

/// A `git` that answers everything but logs.
fn logless(home: &Home) -> PathBuf {
    let folder = home.folder("logless");
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file()).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \" $* \" in *' log '*) echo 'fatal: no log today' >&2; exit 128;; esac\nexec '{}' \"$@\"\n",
        real.display()
    );
    fs::write(folder.join("git"), script).unwrap();
    fs::set_permissions(folder.join("git"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn what_cannot_be_known_is_told_and_fails_nothing() {
    let home = Home::new();
    let (plain, ordinary, unborn) = (home.folder("plain"), repository(&home, "ordinary"), home.folder("unborn"));
    fs::write(plain.join("hot.rs"), source(1)).unwrap();
    fs::write(unborn.join("hot.rs"), source(1)).unwrap();
    git(&unborn, &["init", "--quiet"]);
    let empty = home.folder("no-programs");
    // A folder below a bare repository: whoever made that could name programs in its settings.
    let bare = home.folder("bare.git");
    git(&bare, &["init", "--quiet", "--bare"]);
    let inside = bare.join("inside");
    fixture::write(&inside, &[("hot.rs", &source(1))]);
    // A HEAD that leads to no object.
    let broken = repository(&home, "broken");
    fs::write(broken.join(".git/HEAD"), "0123456789012345678901234567890123456789\n").unwrap();
    let bin = logless(&home);
    with_daemon(&home, async |clients: Clients| {
        let done = analysed(&clients, &plain).await;
        assert_eq!(done.unknown(), "the folder is in no git repository");
        let done = analysed_with(&clients, &ordinary, Some(&empty)).await;
        assert_eq!(done.unknown(), "git was not found on the path of the client that submitted the task");
        let done = analysed_with(&clients, &ordinary, Some(&bin)).await;
        assert_eq!(done.unknown(), "git could not tell (no log today)");
        let done = analysed(&clients, &inside).await;
        assert!(done.unknown().contains("cannot use bare repository"), "{}", done.unknown());
        let done = analysed(&clients, &broken).await;
        assert!(done.unknown().contains("git could not tell"), "{}", done.unknown());
        let done = analysed(&clients, &unborn).await;
        assert_eq!(done.known(), (0, strings(&["the repository has no commit yet"]), vec![]));
    });
}

#[test]
fn shallow_and_partial_clones_say_what_they_lack() {
    let home = Home::new();
    let origin = repository(&home, "origin");
    git(&origin, &["config", "uploadpack.allowFilter", "true"]);
    let (url, clones) = (format!("file://{}", origin.display()), home.folder("clones"));
    git(&clones, &["clone", "--quiet", "--depth=2", &url, "shallow"]);
    git(&clones, &["clone", "--quiet", "--filter=blob:none", &url, "partial"]);
    let (shallow, partial) = (clones.join("shallow"), clones.join("partial"));
    let without_older =
        "the repository was fetched without its older commits, and the oldest one seems to add all its files";
    with_daemon(&home, async |clients: Clients| {
        for _ in 0..2 {
            let done = analysed(&clients, &shallow).await;
            assert_eq!(done.known(), (2, strings(&[without_older]), strings(&["hot.rs 2"])));
            assert!(!done.said.contains("cache"), "older commits may come under the same commit: {}", done.said);
        }
        git(&shallow, &["fetch", "--quiet", "--unshallow"]);
        assert_eq!(analysed(&clients, &shallow).await.known(), (3, vec![], strings(&["hot.rs 3"])));
        let done = analysed(&clients, &partial).await;
        assert_eq!(done.known(), (3, vec![], strings(&["hot.rs 3"])));
        assert!(analysed(&clients, &partial).await.said.contains("(from the cache)"));
    });
}

#[test]
fn rebases_bisections_and_detached_heads_are_read_where_they_stand() {
    let home = Home::new();
    let (rebase, bisect, detached) =
        (repository(&home, "rebase"), repository(&home, "bisect"), repository(&home, "detached"));
    git(&rebase, &["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    commit(&rebase, 9);
    assert!(!try_git(&rebase, &["rebase", "trunk"]).0, "the rebase stops at a conflict");
    git(&bisect, &["bisect", "start", "HEAD", "HEAD~2"]);
    git(&detached, &["checkout", "--quiet", "--detach", "HEAD~1"]);
    let rebasing = "a rebase is under way, and commits that it has yet to put on top are not seen";
    let bisecting = "a bisection is under way, and commits after the one under test are not seen";
    with_daemon(&home, async |clients: Clients| {
        let done = analysed(&clients, &rebase).await;
        let (commits, gaps, _) = done.known();
        assert_eq!((commits, gaps), (3, strings(&[rebasing])));
        assert_eq!(analysed(&clients, &bisect).await.known(), (2, strings(&[bisecting]), strings(&["hot.rs 2"])));
        assert_eq!(analysed(&clients, &detached).await.known(), (2, vec![], strings(&["hot.rs 2"])));
        // The commit is the same afterwards, and so is what is kept under it; what is under way is asked anew.
        git(&rebase, &["rebase", "--abort"]);
        git(&rebase, &["checkout", "--quiet", "trunk"]);
        let done = analysed(&clients, &rebase).await;
        assert_eq!((done.known(), done.said.contains("cache")), ((3, vec![], strings(&["hot.rs 3"])), true));
    });
}

#[test]
fn submodules_and_second_work_trees_have_a_past_too() {
    let home = Home::new();
    let (library, host) = (repository(&home, "library"), repository(&home, "host"));
    git(&host, &["submodule", "--quiet", "add", library.to_str().unwrap(), "vendored"]);
    git(&host, &["commit", "--quiet", "-m", "a submodule"]);
    git(&host, &["worktree", "add", "--quiet", "../second", "HEAD~1"]);
    let (submodule, second) = (host.join("vendored"), home.folder("second"));
    assert!(submodule.join(".git").is_file() && second.join(".git").is_file(), "both have a file, not a folder");
    with_daemon(&home, async |clients: Clients| {
        for folder in [&submodule, &second] {
            assert_eq!(
                analysed(&clients, folder).await.known(),
                (3, vec![], strings(&["hot.rs 3"])),
                "{}",
                folder.display()
            );
        }
        assert_eq!(analysed(&clients, &host).await.known().0, 4);
    });
}

#[test]
fn settings_of_a_repository_start_no_program_and_change_no_figure() {
    let home = Home::new();
    let folder = repository(&home, "hostile");
    let canary = home.folder("canaries").join("ran");
    let touch = format!("touch '{}'; cat", canary.display());
    fixture::write(
        &folder,
        &[(".gitattributes", "* diff=evil filter=evil\n"), (".mailmap", "X <x@x> <t@example.org>\n")],
    );
    commit(&folder, 3);
    for key in [
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.external",
        "core.pager",
        "pager.log",
        "pager.branch",
        "core.fsmonitor",
        "gpg.program",
        "core.sshCommand",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "credential.helper",
        "alias.log",
        "alias.rev-parse",
    ] {
        git(&folder, &["config", key, &touch]);
    }
    for (key, value) in [
        ("log.showSignature", "true"),
        ("log.showRoot", "false"),
        ("log.follow", "true"),
        ("log.diffMerges", "on"),
        ("diff.renames", "copies"),
        ("diff.relative", "false"),
        ("diff.orderFile", "/etc/passwd"),
        ("format.pretty", "raw"),
        ("color.ui", "always"),
        ("column.ui", "always"),
        ("core.quotePath", "true"),
        ("status.showUntrackedFiles", "all"),
    ] {
        git(&folder, &["config", key, value]);
    }
    // Another history in the place of this one: what HEAD says is what counts.
    let (head, old) = (git(&folder, &["rev-parse", "HEAD"]), git(&folder, &["rev-parse", "HEAD~2"]));
    git(&folder, &["replace", &head, &old]);
    with_daemon(&home, async |clients: Clients| {
        let done = analysed(&clients, &folder).await;
        assert_eq!(done.known(), (4, vec![], strings(&["hot.rs 4"])));
        assert!(!canary.exists(), "a program of the repository ran");
        try_git(&folder, &["log", "-p", "--ext-diff"]);
        assert!(canary.exists(), "the trap itself is broken");
    });
}

/// A repository from a stream of git's own import format.
fn imported(home: &Home, name: &str, stream: &str) -> PathBuf {
    let folder = home.folder(name);
    git(&folder, &["init", "--quiet", "--initial-branch=trunk"]);
    let import =
        Command::new("git").args(["fast-import", "--quiet"]).current_dir(&folder).stdin(Stdio::piped()).spawn();
    let mut import = import.unwrap();
    import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
    assert!(import.wait().unwrap().success(), "{name} was not imported");
    // The work tree stays small: what counts here is the past.
    fs::write(folder.join("hot.rs"), source(1)).unwrap();
    folder
}

/// One commit of the stream; `changes` are its lines.
fn import_commit(stream: &mut String, number: usize, changes: &str) {
    let message = format!("commit {number}");
    let author = number % 3;
    let _ = write!(
        stream,
        "commit refs/heads/trunk\ncommitter a{author} <a{author}@example.org> {} +0000\ndata {}\n{message}\n{changes}\n",
        1_700_000_000 + number,
        message.len()
    );
}

#[test]
fn long_and_wide_histories_are_bounded_and_the_bound_is_told() {
    let home = Home::new();
    let mut long = String::new();
    for number in 0..1_300 {
        let content = source(number);
        import_commit(&mut long, number, &format!("M 644 inline hot.rs\ndata {}\n{content}", content.len()));
    }
    let long = imported(&home, "long", &long);
    let mut wide = format!("blob\nmark :1\ndata 2\nx\n\nblob\nmark :2\ndata {}\n{}\n", source(9).len(), source(9));
    let files = |numbers: std::ops::Range<usize>| -> String {
        numbers.fold(String::new(), |mut lines, number| {
            let _ = writeln!(lines, "M 644 :1 d{}/f{number}.rs", number % 100);
            lines
        })
    };
    import_commit(&mut wide, 0, &(files(0..100_000) + "M 644 :2 hot.rs\n"));
    for number in 1..4 {
        import_commit(
            &mut wide,
            number,
            &format!("M 644 inline hot.rs\ndata {}\n{}", source(number).len(), source(number)),
        );
    }
    let wide = imported(&home, "wide", &wide);
    with_daemon(&home, async |clients: Clients| {
        let done = analysed(&clients, &long).await;
        assert_eq!(done.known(), (1_000, vec![], strings(&["hot.rs 1000"])));
        assert_eq!((&done.history()["limited"], &done.history()["authors"]), (&json!(true), &json!(3)));
        assert!(done.page.contains("From the last 1,000 commits of 3 authors"), "{}", done.page);
        let done = analysed(&clients, &wide).await;
        let (commits, gaps, hot) = done.known();
        assert_eq!((commits, gaps.len(), hot.len()), (4, 1, 1));
        assert!(gaps[0].ends_with("changes of files beyond the limit are counted for no file"), "{gaps:?}");
        assert!(analysed(&clients, &wide).await.said.contains("(from the cache)"));
    });
}
