//! Folders that vanish, lie, loop or are far too large: always a report or a failure in words, nothing from outside, and a
//! daemon that goes on.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use agentd_proto::v1::{TaskState, event::What};
use agentd_tests::{
    client::{Followed, analyze, noop},
    daemon::{Clients, Home, TestDaemon, runtime},
    fixture,
    gate::Gate,
    process, skip,
};
use serde_json::Value;

/// A function so heavy that it would come first in any report, in a file that lies outside.
const CANARY: &str = "pub fn canary_outside(x: u32) -> u32 { if x > 1 { if x > 2 { if x > 3 { return 9; } } } 1 }\n";

struct Done {
    seen: Followed,
    json: Value,
    page: String,
}

impl Done {
    /// How often something was left out for this reason.
    fn skipped(&self, reason: &str) -> u64 {
        let found = self.json["unseen"]["skipped"].as_array().unwrap().iter().find(|it| it["reason"] == reason);
        found.map_or(0, |it| it["count"].as_u64().unwrap())
    }
}

/// Analyses a folder; it must succeed.
async fn report(clients: &Clients, folder: &Path) -> Done {
    let (task, seen) = clients.run(analyze(folder)).await;
    assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
    let json = clients.document(&task, "report.json").await.unwrap();
    let page = String::from_utf8(clients.document(&task, "report.md").await.unwrap()).unwrap();
    let text = std::str::from_utf8(&json).unwrap();
    for (name, text) in [("report.json", text), ("report.md", page.as_str())] {
        assert!(!text.chars().any(|letter| letter.is_control() && letter != '\n'), "a control character in {name}");
        assert!(!text.contains("canary_outside"), "{name} holds what lies outside");
    }
    Done { seen, json: serde_json::from_slice(&json).unwrap(), page }
}

/// Runs a check against a daemon that must be the same and alive afterwards.
fn with_daemon<F: Future<Output = ()>>(home: &Home, check: impl FnOnce(Clients) -> F) {
    let mut daemon = TestDaemon::start(home);
    runtime().block_on(async {
        let clients = Clients::connect(home).await.unwrap();
        check(clients.clone()).await;
        assert_eq!(clients.status().await.pid, daemon.pid());
        assert_eq!(clients.run(noop("afterwards")).await.1.state(), TaskState::Succeeded);
    });
    assert!(daemon.stop().success(), "{}", daemon.words());
}

#[test]
fn folders_that_are_not_there_fail_with_their_name() {
    let home = Home::new();
    let missing = home.folder("x").join("not-there");
    let file = home.folder("x").join("a-file");
    fs::write(&file, "text").unwrap();
    let dangling = home.folder("x").join("dangling");
    symlink("nowhere", &dangling).unwrap();
    with_daemon(&home, async |clients| {
        for folder in [&missing, &file, &dangling, &file.join("below")] {
            let (_, seen) = clients.run(analyze(folder)).await;
            assert_eq!(seen.state(), TaskState::Failed, "{}", folder.display());
            let summary = &seen.end().summary;
            assert!(summary.contains(folder.to_str().unwrap()), "{summary}");
            let failed = seen.events.iter().filter_map(|event| match &event.what {
                Some(What::AttemptFailed(failed)) => Some(failed),
                _ => None,
            });
            let failed: Vec<_> = failed.collect();
            assert!(!failed.is_empty() && !failed.last().unwrap().will_retry);
            for failed in failed {
                assert!(
                    failed.step == "survey" && failed.class != "internal" && !failed.message.is_empty(),
                    "{failed:?}"
                );
            }
        }
    });
}

#[test]
fn folders_that_go_during_the_job_fail_with_their_name() {
    let home = Home::new();
    with_daemon(&home, async |clients| {
        for replace in [false, true] {
            let name = if replace { "swapped" } else { "gone" };
            let folder = home.folder(name);
            fs::write(folder.join("a.rs"), "fn main() {}\n").unwrap();
            let gate = Gate::new(home.folder(&format!("gate-{name}")));
            let task = clients.submit(gate.analyze(&folder)).await;
            gate.wait_for(1);
            fs::remove_dir_all(&folder).unwrap();
            if replace {
                let outside = home.folder("outside");
                fs::write(outside.join("canary.rs"), CANARY).unwrap();
                fs::write(&folder, "now a file").unwrap();
            }
            gate.open();
            let seen = clients.follow(&task.task_id, task.cursor).await;
            assert_eq!(seen.state(), TaskState::Failed, "{:#?}", seen.events);
            let summary = &seen.end().summary;
            assert!(summary.contains(folder.to_str().unwrap()), "{summary}");
        }
    });
}

#[test]
fn files_that_go_during_the_job_are_counted() {
    let home = Home::new();
    with_daemon(&home, async |clients| {
        let folder = home.folder("work");
        fixture::write(&folder, &[("a.rs", "fn a() {}\n"), ("b.rs", "fn b() {}\n"), ("deep/c.rs", "fn c() {}\n")]);
        let gate = Gate::new(home.folder("gate"));
        let task = clients.submit(gate.analyze(&folder)).await;
        gate.wait_for(1);
        fs::remove_file(folder.join("b.rs")).unwrap();
        fs::remove_dir_all(folder.join("deep")).unwrap();
        gate.open();
        let seen = clients.follow(&task.task_id, task.cursor).await;
        assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
        let json = clients.document(&task.task_id, "report.json").await.unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        // The walk may have begun after they went.
        let (measured, failed) = (&json["totals"]["measured_files"], json["unseen"]["failed_count"].as_u64().unwrap());
        assert_eq!(*measured, 1, "{json}");
        assert!(failed == 2 || json["totals"]["files"] == 1, "{json}");
    });
}

/// Puts everything into a folder that is no ordinary file; gives what must be held open.
fn strange(folder: &Path, outside: &Path) -> UnixListener {
    fs::write(outside.join("canary.rs"), CANARY).unwrap();
    fs::write(folder.join("kept.rs"), "fn kept() {}\n").unwrap();
    fs::create_dir(folder.join("sub")).unwrap();
    for (target, name) in [
        (outside.join("canary.rs").as_path(), "absolute.rs"),
        (Path::new("../outside/canary.rs"), "relative.rs"),
        (Path::new("../outside"), "folder"),
        (Path::new(".."), "up"),
        (Path::new("."), "self"),
        (Path::new("loop-b.rs"), "loop-a.rs"),
        (Path::new("loop-a.rs"), "loop-b.rs"),
        (Path::new("/dev/zero"), "zero.rs"),
        (Path::new("/proc/self/environ"), "environ.rs"),
        (Path::new("nowhere.rs"), "dangling.rs"),
        (Path::new("../sub"), "sub/again"),
        (Path::new("../../outside"), "sub/out"),
        // Files that the daemon reads by name.
        (outside.join("canary.rs").as_path(), "README.md"),
        (outside.join("canary.rs").as_path(), "Cargo.toml"),
        (outside.join("canary.rs").as_path(), ".gitignore"),
    ] {
        symlink(target, folder.join(name)).unwrap();
    }
    for pipe in ["pipe.rs", "Makefile"] {
        assert!(Command::new("mkfifo").arg(folder.join(pipe)).status().unwrap().success());
    }
    UnixListener::bind(folder.join("socket.rs")).unwrap()
}

#[test]
fn links_pipes_and_sockets_are_left_out_and_nothing_outside_is_read() {
    let home = Home::new();
    let (folder, outside) = (home.folder("work"), home.folder("outside"));
    let _socket = strange(&folder, &outside);
    with_daemon(&home, async |clients| {
        let done = report(&clients, &folder).await;
        assert_eq!(
            (done.skipped("link"), done.skipped("special"), done.skipped("hidden")),
            (14, 3, 1),
            "{}",
            done.json
        );
        assert_eq!((&done.json["totals"]["files"], &done.json["totals"]["functions"]), (&1.into(), &1.into()));
        assert_eq!(done.json["commands"], serde_json::json!([]));
        // The folder itself may be a link: the user named it.
        let link = home.folder("links").join("work");
        symlink(&folder, &link).unwrap();
        let again = report(&clients, &link).await;
        assert_eq!(again.json["totals"], done.json["totals"]);
    });
}

#[test]
fn a_folder_swapped_for_a_link_again_and_again_leads_nowhere() {
    let home = Home::new();
    let (folder, outside) = (home.folder("work"), home.folder("outside"));
    fs::write(outside.join("canary.rs"), CANARY).unwrap();
    let (real, spare) = (folder.join("swapped"), folder.join("spare"));
    fs::create_dir(&real).unwrap();
    for number in 0..50 {
        fs::write(real.join(format!("m{number}.rs")), "fn inside() {}\n").unwrap();
    }
    fs::write(real.join("canary.rs"), "fn inside() {}\n").unwrap();
    let link = home.folder("link").join("link");
    symlink(&outside, &link).unwrap();
    let (over, swaps) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                fs::rename(&real, &spare).unwrap();
                fs::rename(&link, &real).unwrap();
                fs::rename(&real, &link).unwrap();
                fs::rename(&spare, &real).unwrap();
                swaps.fetch_add(1, Ordering::Relaxed);
            }
        });
        // Whatever happens, the other thread must end.
        let outcome = std::panic::catch_unwind(|| {
            with_daemon(&home, async |clients| {
                for _ in 0..30 {
                    let done = report(&clients, &folder).await;
                    let heavy = done.json["complexity"]["by_cyclomatic"].as_array().unwrap();
                    assert!(heavy.is_empty(), "{heavy:?}");
                }
            });
        });
        over.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
    eprintln!("{} swaps during 30 analyses", swaps.into_inner());
}

#[test]
fn names_that_would_fool_a_reader_are_shown_escaped() {
    let home = Home::new();
    let folder = home.folder("work");
    let code = "fn f(x: u32) { if x > 1 {} if x > 2 {} }\n";
    let names: [(&str, &str); 7] = [
        ("new\nline.rs", "new\\nline.rs"),
        ("esc\x1b[2Jape.rs", "esc\\u{1b}[2Jape.rs"),
        ("bidi\u{202e}sr.rs", "bidi\\u{202e}sr.rs"),
        ("bell\x07.rs", "bell\\u{7}.rs"),
        ("-rf.rs", "-rf.rs"),
        ("pipe|`tick.rs", "pipe|`tick.rs"),
        ("\u{fc}ber.rs", "\u{fc}ber.rs"),
    ];
    for (name, _) in names {
        fs::write(folder.join(name), code).unwrap();
    }
    // Not every file system takes such a name.
    let foreign = fs::write(folder.join(OsStr::from_bytes(b"caf\xe9.rs")), code).is_ok();
    with_daemon(&home, async |clients| {
        let done = report(&clients, &folder).await;
        assert_eq!(done.skipped("not_utf8"), u64::from(foreign));
        assert!(!foreign || done.page.contains("caf\\xe9.rs") || done.json.to_string().contains("caf\\\\xe9.rs"));
        let shown: Vec<&str> = done.json["complexity"]["by_cyclomatic"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|it| it["file"].as_str())
            .collect();
        for (name, safe) in names {
            assert!(shown.contains(&safe), "{name:?} in {shown:?}");
        }
    });
}

#[test]
fn large_and_deep_things_are_bounded() {
    let home = Home::new();
    let folder = home.folder("work");
    let line = vec![b'a'; 1 << 20];
    let mut huge = fs::File::create(folder.join("huge.js")).unwrap();
    for _ in 0..100 {
        std::io::Write::write_all(&mut huge, &line).unwrap();
    }
    fs::File::create(folder.join("sparse.py")).unwrap().set_len(1 << 40).unwrap();
    let minified = format!("var x=[{}];\n", "1,".repeat(900_000));
    fs::write(folder.join("minified.js"), minified).unwrap();
    fs::write(folder.join("small.js"), format!("var x=[{}];\n", "1,".repeat(10_000))).unwrap();
    fs::write(folder.join("kept.rs"), "fn kept() {}\n").unwrap();
    let mut deep = folder.clone();
    for _ in 0..1_000 {
        deep.push("d");
    }
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom.rs"), "fn bottom() {}\n").unwrap();
    let mut daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let done = report(&clients, &folder).await;
        assert_eq!((done.skipped("too_large"), done.skipped("too_deep")), (2, 1), "{}", done.json["unseen"]);
        // A megabyte on one line would cost the parser a gigabyte: it is named instead.
        let left_out = serde_json::json!([{"file": "minified.js", "why": "minified or data"}]);
        assert_eq!(done.json["unseen"]["failed"], left_out);
        assert_eq!(done.json["unseen"]["long_line_files"], 1);
        assert_eq!(done.json["totals"]["measured_files"], 2);
        assert!(done.json["totals"]["folders"].as_u64().unwrap() <= 65);
    });
    let peak = process::peak_kib(daemon.pid());
    eprintln!("huge files and 1,000 levels: peak {peak:?} KiB");
    assert!(peak.is_none_or(|peak| peak <= 150 << 10), "{peak:?} KiB");
    assert!(daemon.stop().success(), "{}", daemon.words());
}

#[test]
fn folders_that_may_not_be_read_are_counted() {
    let home = Home::new();
    let folder = home.folder("work");
    fixture::write(
        &folder,
        &[("kept.rs", "fn kept() {}\n"), ("closed/a.rs", "fn a() {}\n"), ("shut.rs", "fn b() {}\n")],
    );
    let close = |mode| {
        for name in ["closed", "shut.rs"] {
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    close(0o000);
    if fs::read_dir(folder.join("closed")).is_ok() {
        close(0o700);
        return skip::skip("folders without permission", "this user may read everything (root)");
    }
    with_daemon(&home, async |clients| {
        let done = report(&clients, &folder).await;
        assert_eq!(done.skipped("unreadable"), 1, "{}", done.json["unseen"]);
        assert_eq!(done.json["unseen"]["failed_count"], 1);
        assert_eq!(done.json["totals"]["measured_files"], 1);
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o000)).unwrap();
        let (_, seen) = clients.run(analyze(&folder)).await;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(seen.state(), TaskState::Failed);
        assert!(seen.end().summary.contains(folder.to_str().unwrap()), "{}", seen.end().summary);
    });
    close(0o700);
}

#[test]
fn hostile_sources_break_nothing() {
    let home = Home::new();
    let folder = home.folder("work");
    let deep = |open: &str, close: &str, times: usize| format!("{}{}", open.repeat(times), close.repeat(times));
    let ends = ["rs", "py", "js", "ts", "tsx", "go", "c", "cpp", "java", "swift"];
    for end in ends {
        fs::write(folder.join(format!("brackets.{end}")), deep("(", ")", 100_000)).unwrap();
        fs::write(folder.join(format!("open.{end}")), "{[(".repeat(50_000)).unwrap();
        fs::write(folder.join(format!("blocks.{end}")), deep("if (x) {", "}", 20_000)).unwrap();
        fs::write(folder.join(format!("empty.{end}")), "").unwrap();
        let noise: Vec<u8> = (0_u32..40_000).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        fs::write(folder.join(format!("binary.{end}")), noise).unwrap();
        let wide: Vec<u8> = "fn main() { }\r\n".repeat(500).encode_utf16().flat_map(u16::to_le_bytes).collect();
        fs::write(folder.join(format!("utf16.{end}")), [&[0xff, 0xfe][..], &wide].concat()).unwrap();
    }
    let manifests: [(&str, String); 5] = [
        ("Cargo.toml", deep("[", "]", 50_000)),
        ("package.json", deep("[", "]", 50_000)),
        ("pyproject.toml", "a.".repeat(50_000)),
        (
            ".github/workflows/bomb.yml",
            "a: &a [x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n".to_owned(),
        ),
        ("pom.xml", "<a>".repeat(50_000)),
    ];
    for (name, content) in &manifests {
        fixture::write(&folder, &[(name, content)]);
    }
    with_daemon(&home, async |clients| {
        let done = report(&clients, &folder).await;
        let failed = done.json["unseen"]["failed_count"].as_u64().unwrap();
        eprintln!("{failed} files failed: {}", done.seen.end().summary);
        assert!(failed >= 10, "what is no text is said to be none: {}", done.json["unseen"]);
        assert!(!done.json["unseen"]["manifests"].as_array().unwrap().is_empty());
    });
}

#[test]
fn two_hundred_thousand_files_fit() {
    let home = Home::new();
    let folder = home.folder("work");
    many(&folder, 200, 1_000);
    let daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let done = report(&clients, &folder).await;
        assert_eq!((&done.json["totals"]["files"], &done.json["totals"]["folders"]), (&200_000.into(), &201.into()));
        assert_eq!(done.json["unseen"]["truncated"], false);
        let measured = done.json["totals"]["measured_files"].as_u64().unwrap();
        assert_eq!((measured, &done.json["totals"]["functions"]), (50_000, &50_000.into()));
        assert_eq!(clients.run(noop("afterwards")).await.1.state(), TaskState::Succeeded);
    });
    let Some(peak) = process::peak_kib(daemon.pid()) else {
        return skip::skip("peak memory of a job over 200,000 files", "this system does not keep it");
    };
    let now = process::resident_kib(daemon.pid());
    eprintln!("200,000 files: peak {peak} KiB, afterwards {now} KiB");
    assert!(peak <= 150 << 10, "{peak} KiB");
}

/// Folders of files; every fourth file is source. Links of one content are made faster than files.
fn many(folder: &Path, folders: usize, files: usize) {
    let (code, text) = (folder.with_extension("code"), folder.with_extension("text"));
    fs::write(&code, "fn f() {}\n").unwrap();
    fs::write(&text, "text\n").unwrap();
    let make = |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let inner: PathBuf = folder.join(format!("folder{number:03}"));
            fs::create_dir(&inner).unwrap();
            for file in 0..files {
                let (content, end) = if file % 4 == 0 { (&code, "rs") } else { (&text, "txt") };
                let path = inner.join(format!("file{file:04}.{end}"));
                // A file system bounds the links of one file.
                if fs::hard_link(content, &path).is_err() {
                    fs::copy(content, &path).unwrap();
                }
            }
        }
    };
    make(0..folders);
}
