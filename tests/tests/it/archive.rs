//! Export and import as users meet them: beside a daemon that works, on another state folder, and with everything that can
//! be wrong with an archive.

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use agentd_proto::v1::TaskState;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, cli, command, eventually, pause, programs, runtime},
    fixture,
    gate::Gate,
    skip::skip,
};
use serde_json::Value;
use tonic::Code;

fn wants(home: &Home, exit: i32, args: &[&str]) -> Output {
    let output = cli(home, args);
    assert_eq!(output.status.code(), Some(exit), "{args:?}: {output:?}");
    output
}

fn object(home: &Home, args: &[&str]) -> Value {
    let output = wants(home, 0, &[args, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{args:?}: {error}: {output:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A project whose report is too long to stand in a record.
fn project(home: &Home) -> PathBuf {
    let folder = home.folder("project");
    let functions: String =
        (0..400).map(|n| format!("fn f{n}(x: i32) -> i32 {{ if x > {n} {{ x }} else {{ {n} }} }}\n")).collect();
    fixture::write(&folder, &[("Cargo.toml", "[package]\nname = \"small\"\n"), ("src/main.rs", &functions)]);
    folder
}

/// Path and content of every file below a folder but sockets.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files.extend(tree(&entry.path())),
            kind if kind.is_file() => drop(files.insert(entry.path(), fs::read(entry.path()).unwrap())),
            _ => {}
        }
    }
    files
}

/// A state folder with a task that analysed and some that did nothing, and no daemon.
fn furnished(home: &Home) -> String {
    let folder = project(home);
    let mut daemon = TestDaemon::start(home);
    let task = runtime().block_on(async {
        let clients = Clients::connect(home).await.unwrap();
        let (task, seen) = clients.run(analyze(&folder)).await;
        assert_eq!(seen.state(), TaskState::Succeeded);
        for number in 0..5 {
            clients.run(noop(&format!("number {number}"))).await;
        }
        task
    });
    assert!(daemon.stop().success());
    task
}

/// State and summary of every task.
fn listed(home: &Home) -> BTreeMap<String, (String, String)> {
    let tasks = object(home, &["list", "--limit", "0"]);
    let word = |task: &Value, name: &str| task[name].as_str().unwrap().to_owned();
    let tasks = tasks["tasks"].as_array().unwrap().clone();
    tasks.iter().map(|task| (word(task, "task_id"), (word(task, "state"), word(task, "request")))).collect()
}

#[test]
fn what_one_daemon_did_another_one_shows_and_what_is_open_goes_on() {
    let (old, new) = (Home::new(), Home::new());
    let done = furnished(&old);
    let gate = Gate::new(old.folder("gate"));
    let daemon = TestDaemon::start(&old);
    let open = runtime().block_on(async {
        let clients = Clients::connect(&old).await.unwrap();
        clients.submit(gate.analyze(&project(&old))).await.task_id
    });
    gate.wait_for(1);
    let archive = old.folder("out").join("archive.tar");
    let made = object(&old, &["journal", "export", text(&archive)]);
    assert_eq!((made["open_tasks"].as_u64(), made["file"].as_str()), (Some(1), Some(text(&archive))));
    assert_eq!(made["bytes"].as_u64(), Some(fs::metadata(&archive).unwrap().len()));
    assert_eq!(fs::metadata(&archive).unwrap().permissions().mode() & 0o777, 0o600, "tasks are private");
    assert_eq!(fs::read_dir(archive.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
    let report = wants(&old, 0, &["show", &done, "--document", "report.md"]).stdout;
    drop(daemon);

    let checked = object(&new, &["journal", "import", "--check", text(&archive)]);
    assert!(!new.state().exists(), "a check makes nothing");
    let imported = object(&new, &["journal", "import", text(&archive)]);
    for number in ["records", "documents", "open_tasks", "bytes"] {
        assert_eq!((&imported[number], &checked[number]), (&made[number], &made[number]), "{number}");
    }
    let _new = TestDaemon::start(&new);
    let tasks = listed(&new);
    assert_eq!(tasks.len(), 7, "{tasks:?}");
    assert_eq!(wants(&new, 0, &["show", &done, "--document", "report.md"]).stdout, report);
    assert_eq!(object(&new, &["journal", "verify"])["faults"], serde_json::json!([]));
    gate.open();
    let seen = runtime().block_on(async { Clients::connect(&new).await.unwrap().follow(&open, 0).await });
    assert_eq!(seen.state(), TaskState::Succeeded);
    let task = object(&new, &["show", &open]);
    assert_eq!(task["state"], "succeeded");
}

#[test]
fn open_tasks_are_left_out_on_request() {
    let (old, new) = (Home::new(), Home::new());
    let gate = Gate::new(old.folder("gate"));
    let folder = project(&old);
    let daemon = TestDaemon::start(&old);
    let finished = runtime().block_on(async {
        let clients = Clients::connect(&old).await.unwrap();
        let (finished, _) = clients.run(noop("finished")).await;
        clients.submit(gate.analyze(&folder)).await;
        finished
    });
    gate.wait_for(1);
    let archive = old.folder("out").join("archive.tar");
    wants(&old, 0, &["journal", "export", text(&archive)]);
    drop(daemon);
    gate.open();
    let imported = object(&new, &["journal", "import", "--finished-only", text(&archive)]);
    assert_eq!((imported["open_tasks"].as_u64(), imported["left_out"].as_u64()), (Some(0), Some(1)));
    let daemon = TestDaemon::start(&new);
    assert_eq!(listed(&new).into_keys().collect::<Vec<_>>(), std::slice::from_ref(&finished));
    // An index that is made anew does not know it either, and new work is done.
    wants(&new, 0, &["journal", "rebuild"]);
    assert_eq!(listed(&new).len(), 1);
    wants(&new, 0, &["submit", "--workflow", "noop", "-w", "/tmp", "more"]);
    drop(daemon);
}

/// Says that it is time to stop when it goes.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_export_beside_a_flood_of_tasks_has_every_task_that_was_answered_before() {
    let old = Home::new();
    let _daemon = TestDaemon::start(&old);
    let stop = AtomicBool::new(false);
    let answered = std::sync::Mutex::new(Vec::<String>::new());
    let archives: Vec<(PathBuf, Vec<String>)> = std::thread::scope(|scope| {
        // Also if one of us panics: the scope waits for all.
        let _stop = StopAtEnd(&stop);
        for client in 0..3 {
            let (old, stop, answered) = (&old, &stop, &answered);
            scope.spawn(move || {
                let _stop = StopAtEnd(stop);
                runtime().block_on(async {
                    let mut clients = Clients::connect(old).await.unwrap();
                    while !stop.load(Ordering::Relaxed) {
                        match clients.tasks.submit(noop(&format!("of {client} {}", "x".repeat(2000)))).await {
                            Ok(submitted) => answered.lock().unwrap().push(submitted.into_inner().task_id),
                            // The queue is full.
                            Err(status) if status.code() == Code::ResourceExhausted => pause(Duration::from_millis(20)),
                            Err(status) => panic!("{status:?}"),
                        }
                    }
                });
            });
        }
        let export = |number: usize| {
            eventually("some tasks", || {
                assert!(!stop.load(Ordering::Relaxed), "a client has ended");
                answered.lock().unwrap().len() > 200 * (number + 1)
            });
            let before = answered.lock().unwrap().clone();
            let archive = old.folder("out").join(format!("{number}.tar"));
            wants(&old, 0, &["journal", "export", text(&archive)]);
            (archive, before)
        };
        (0..4).map(export).collect()
    });
    for (archive, before) in archives {
        let new = Home::new();
        wants(&new, 0, &["journal", "import", text(&archive)]);
        let _daemon = TestDaemon::start(&new);
        let there = listed(&new);
        let gone: Vec<_> = before.iter().filter(|task| !there.contains_key(*task)).collect();
        assert!(gone.is_empty(), "{} of {} are missing", gone.len(), before.len());
    }
}

#[test]
fn an_archive_in_a_pipe_is_the_same_and_a_tar_file() {
    let old = Home::new();
    let done = furnished(&old);
    let archive = old.folder("out").join("archive.tar");
    wants(&old, 0, &["journal", "export", text(&archive)]);
    let piped = wants(&old, 0, &["journal", "export", "-"]);
    assert!(piped.stdout == fs::read(&archive).unwrap(), "not the same bytes");
    assert!(said(&piped).contains("exported"), "{piped:?}");
    // Any tar can take out what is in it, and what it takes out is a journal.
    let by_hand = Home::new();
    fs::create_dir(by_hand.state()).unwrap();
    fs::set_permissions(by_hand.state(), fs::Permissions::from_mode(0o700)).unwrap();
    let tar = Command::new("tar").arg("xf").arg(&archive).arg("-C").arg(by_hand.state()).output();
    match tar {
        Ok(output) if output.status.success() => {}
        other => return skip("an archive taken out by tar", &format!("{other:?}")),
    }
    let _daemon = TestDaemon::start(&by_hand);
    assert_eq!(listed(&by_hand).len(), 6);
    wants(&by_hand, 0, &["show", &done, "--document", "report.json"]);
}

#[test]
fn what_cannot_be_exported_or_imported_is_told_and_nothing_is_touched() {
    let (home, empty) = (Home::new(), Home::new());
    let out = home.folder("out");
    let archive = out.join("archive.tar");
    let none = wants(&empty, 3, &["journal", "export", text(&archive)]);
    assert!(said(&none).contains("no journal"), "{none:?}");
    furnished(&home);
    wants(&home, 0, &["journal", "export", text(&archive)]);
    let whole = fs::read(&archive).unwrap();

    // An archive that is there stays, unless it may be written over.
    fs::write(&archive, "precious").unwrap();
    let there = wants(&home, 2, &["journal", "export", text(&archive)]);
    assert!(said(&there).contains("--force") && fs::read(&archive).unwrap() == b"precious", "{there:?}");
    wants(&home, 0, &["journal", "export", "--force", text(&archive)]);
    assert!(fs::read(&archive).unwrap() == whole);
    let folder = wants(&home, 2, &["journal", "export", "--force", text(&out)]);
    assert!(said(&folder).contains("folder"), "{folder:?}");
    // Nor is it ever written over what it is made of.
    let log = tree(&home.state().join("log"));
    for inside in [log.keys().find(|path| path.extension().is_some()).unwrap(), &home.state().join("blobs/a.tar")] {
        let refused = wants(&home, 2, &["journal", "export", "--force", text(inside)]);
        assert!(said(&refused).contains("where the journal lies"), "{refused:?}");
    }
    assert!(tree(&home.state().join("log")) == log && !home.state().join("blobs/a.tar").exists());

    // A journal that is there stays, whether its daemon runs or not.
    for running in [false, true] {
        let daemon = running.then(|| TestDaemon::start(&home));
        let before = tree(&home.state().join("log"));
        let refused = wants(&home, 2, &["journal", "import", text(&archive)]);
        assert!(said(&refused).contains("mkdir -m 700"), "{refused:?}");
        assert!(tree(&home.state().join("log")) == before);
        drop(daemon);
    }

    // Whatever is wrong with an archive is said before there is even a state folder.
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let bad: [(&str, i32, &str, &[u8]); 4] = [
        ("flipped", 8, "checksum", &flipped),
        ("cut", 8, "cut", &whole[..whole.len() - 700]),
        ("other", 2, "no archive", b"something else"),
        ("empty", 2, "empty", b""),
    ];
    for (name, exit, word, bytes) in bad {
        let path = out.join(name);
        fs::write(&path, bytes).unwrap();
        let refused = wants(&empty, exit, &["journal", "import", text(&path)]);
        assert!(said(&refused).contains(word), "{name}: {refused:?}");
        assert!(!empty.state().exists(), "{name}");
    }
    wants(&empty, 3, &["journal", "import", text(&out.join("nowhere"))]);
    let json = wants(&empty, 8, &["journal", "import", "--json", text(&out.join("cut"))]);
    let fault: Value = serde_json::from_slice(&json.stderr).unwrap();
    assert_eq!(fault["error"]["kind"], "damaged");
}

#[test]
fn what_is_lost_is_left_out_of_an_archive_and_named_with_its_task() {
    let home = Home::new();
    let task = furnished(&home);
    let out = home.folder("out");
    let whole = out.join("whole.tar");
    wants(&home, 0, &["journal", "export", text(&whole)]);
    let kept = fs::read(&whole).unwrap();
    let (path, content) = tree(&home.state().join("blobs")).pop_first().expect("its report is too long for a record");
    let name = path.file_name().unwrap().to_str().unwrap();
    let tells = |home: &Home, args: &[&str]| {
        let output = wants(home, 8, args);
        let words = String::from_utf8_lossy(&output.stdout).into_owned() + &said(&output);
        assert!(words.contains(&task) && words.contains(name), "{args:?}: {output:?}");
        words
    };
    for flipped in [false, true] {
        fs::remove_file(&path).unwrap();
        if flipped {
            let mut other = content.clone();
            other[content.len() / 2] ^= 4;
            fs::write(&path, other).unwrap();
        }
        tells(&home, &["journal", "verify"]);
        let archive = out.join(format!("{flipped}.tar"));
        let written = tells(&home, &["journal", "export", text(&archive)]);
        assert!(written.contains(&format!("the archive was written as {}", text(&archive))), "{written}");
        tells(&home, &["journal", "import", "--check", text(&archive)]);
        // Programs read the same, and that there is an archive.
        let streamed = wants(&home, 8, &["journal", "export", "--json", "-"]);
        assert!(streamed.stdout == fs::read(&archive).unwrap());
        let again = out.join(format!("{flipped}-again.tar"));
        let exported = wants(&home, 8, &["journal", "export", "--json", text(&again)]);
        let checked = wants(&home, 8, &["journal", "import", "--check", "--json", text(&again)]);
        for (printed, file) in
            [(&streamed.stderr, None), (&exported.stdout, Some(text(&again))), (&checked.stdout, Some(text(&again)))]
        {
            let object: Value = serde_json::from_slice(printed).unwrap();
            let lost = object["lost"].as_array().unwrap();
            assert!(lost.len() == 1 && lost[0].as_str().unwrap().contains(name), "{object}");
            assert_eq!(object["file"].as_str(), file);
        }
        // One that may have what is lost is not written over by one that has not.
        let none = tells(&home, &["journal", "export", "--force", text(&whole)]);
        assert!(none.contains("no archive was written"), "{none}");
        assert!(fs::read(&whole).unwrap() == kept);
        let none = wants(&home, 8, &["journal", "export", "--json", "--force", text(&whole)]);
        assert!(none.stdout.is_empty() && said(&none).contains("\"damaged\""), "{none:?}");
        // It has all the rest, and is as whole as where it comes from.
        let other = Home::new();
        wants(&other, 0, &["journal", "import", text(&archive)]);
        tells(&other, &["journal", "verify"]);
        let daemons = [TestDaemon::start(&home), TestDaemon::start(&other)];
        assert_eq!(listed(&home), listed(&other));
        tells(&other, &["journal", "verify"]);
        drop(daemons);
        fs::write(&path, &content).unwrap();
    }
    wants(&home, 0, &["journal", "verify"]);
}

fn program(home: &Home, args: &[&str]) -> Command {
    let mut program = command(home, "agentd");
    program.args(args).stdout(Stdio::null()).stderr(Stdio::null());
    program
}

/// An export in a group of its own, as a shell begins it after what `line` does.
fn begun(home: &Home, line: &str, archive: &Path) -> Child {
    let mut shell = command(home, "/bin/sh");
    shell.args(["-c", &format!("{line} exec \"$0\" \"$@\"")]).arg(programs().join("agentd-cli"));
    shell.args(["journal", "export", text(archive)]).process_group(0);
    shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// As the keyboard does it. It may be over already.
fn signal_group(export: &Child, name: &str) {
    let mut kill = Command::new("kill");
    let _ = kill.args(["-s", name, "--", &format!("-{}", export.id())]).output().unwrap();
}

#[test]
fn an_export_that_the_keyboard_interrupts_leaves_nothing() {
    let home = Home::new();
    furnished(&home);
    let (mut none, mut cleared, mut whole) = (0, 0, 0);
    // The last one is not interrupted.
    for delay in (0..40).map(|step| Some(step * 4)).chain([None]) {
        let out = home.folder(&format!("out{delay:?}"));
        let archive = out.join("archive.tar");
        let export = begun(&home, "", &archive);
        if let Some(delay) = delay {
            pause(Duration::from_millis(delay));
            signal_group(&export, "INT");
        }
        let end = export.wait_with_output().unwrap();
        let left: Vec<_> = tree(&out).into_keys().collect();
        if end.status.success() {
            whole += 1;
            assert_eq!(left, [archive]);
        } else {
            none += 1;
            cleared += u32::from(said(&end).contains("nothing of it is left"));
            assert!(left.is_empty() && !said(&end).contains("may be left"), "{delay:?}: {left:?} {end:?}");
        }
    }
    println!("interrupted exports: {none} left nothing, {cleared} of them begun; {whole} were done");
    assert!(none > 0 && whole > 0);
}

/// As what a script runs with `&`, or under `nohup`.
#[test]
fn an_export_heeds_no_signal_that_was_ignored_when_it_began() {
    let home = Home::new();
    furnished(&home);
    for signal in ["INT", "HUP", "TERM"] {
        let archive = home.folder("out").join(signal);
        let mut export = begun(&home, &format!("trap '' {signal}; echo begins;"), &archive);
        let mut said = [0; 7];
        export.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
        eventually("its end", || {
            signal_group(&export, signal);
            export.try_wait().unwrap().is_some()
        });
        let end = export.wait_with_output().unwrap();
        assert!(end.status.success() && archive.exists(), "{signal}: {end:?}");
    }
}

#[test]
fn a_killed_import_leaves_no_journal_or_the_whole() {
    let old = Home::new();
    furnished(&old);
    let archive = old.folder("out").join("archive.tar");
    wants(&old, 0, &["journal", "export", text(&archive)]);
    let (mut none, mut whole) = (0, 0);
    // The last one is not killed.
    for delay in (0..40_u64).map(|step| Some(step * step / 4)).chain([None]) {
        let new = Home::new();
        let mut import = program(&new, &["--import-journal", text(&archive)]).spawn().unwrap();
        if let Some(delay) = delay {
            pause(Duration::from_millis(delay));
            // It may be done already.
            let _ = import.kill();
        }
        let end = import.wait().unwrap();
        assert!(delay.is_some() || end.success(), "{end}");
        if new.state().join("log").exists() {
            whole += 1;
        } else {
            none += 1;
            wants(&new, 0, &["journal", "import", text(&archive)]);
        }
        assert_eq!(object(&new, &["journal", "verify"])["records"], object(&old, &["journal", "verify"])["records"]);
    }
    println!("killed imports: {none} left no journal, {whole} the whole; {}", programs().display());
    assert!(none > 0, "not one was killed in time");
    assert!(whole > 0, "not one was done");
}

#[test]
fn of_two_imports_at_once_one_makes_the_journal_and_the_other_says_so() {
    let old = Home::new();
    furnished(&old);
    let archive = old.folder("out").join("archive.tar");
    wants(&old, 0, &["journal", "export", text(&archive)]);
    let new = Home::new();
    let imports: Vec<_> =
        (0..3).map(|_| program(&new, &["--import-journal", text(&archive)]).spawn().unwrap()).collect();
    let ends: Vec<_> = imports.into_iter().map(|mut import| import.wait().unwrap().code()).collect();
    assert_eq!(ends.iter().filter(|end| **end == Some(0)).count(), 1, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| **end == Some(2)).count(), 2, "{ends:?}");
    let _daemon = TestDaemon::start(&new);
    assert_eq!(listed(&new).len(), 6);
}
