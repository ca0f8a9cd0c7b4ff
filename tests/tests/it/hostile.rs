//! Sources made to cost a parser all memory, beside good ones: those are named in the report, the good ones measured, and the daemon is
//! the same and small afterwards.

use std::fs;

use agentd_proto::v1::TaskState;
use agentd_tests::{
    client::{analyze, noop},
    daemon::{Clients, Home, TestDaemon, runtime},
    process,
};
use serde_json::Value;

/// (name, unit, bytes). The first would take 16 GB, the others 100 MB to 3 GB.
const HOSTILE: [(&str, &str, usize); 6] = [
    ("open.rs", "$ & ; ", 240_000),
    ("conditions.rs", "if x\n", 1 << 20),
    ("generic.cpp", "x<\n", 1 << 20),
    ("generic.java", "x<\n", 1 << 20),
    ("conditions.py", "if x\n", 1 << 20),
    ("dangling.ts", "x <\n", 400_000),
];

/// Peak of the whole daemon while two files at once are parsed on two cores, in KiB.
const MOST_KIB: u64 = 512 << 10;

#[test]
fn sources_that_want_all_memory_are_named_and_the_others_measured() {
    let home = Home::new();
    let folder = home.folder("work");
    for (name, unit, bytes) in HOSTILE {
        fs::write(folder.join(name), unit.repeat(bytes / unit.len())).unwrap();
    }
    for (end, code) in [("rs", "fn good() {}\n"), ("c", "int good(void) { return 1; }\n"), ("py", "def good(): pass\n")]
    {
        for number in 0..20 {
            fs::write(folder.join(format!("good{number}.{end}")), code).unwrap();
        }
    }
    let mut daemon = TestDaemon::start(&home);
    runtime().block_on(async {
        let clients = Clients::connect(&home).await.unwrap();
        let (task, seen) = clients.run(analyze(&folder)).await;
        assert_eq!(seen.state(), TaskState::Succeeded, "{:#?}", seen.events);
        let json = clients.document(&task, "report.json").await.unwrap();
        let json: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            (&json["totals"]["measured_files"], &json["totals"]["functions"]),
            (&60.into(), &60.into()),
            "{json}"
        );
        let page = String::from_utf8(clients.document(&task, "report.md").await.unwrap()).unwrap();
        let failed = json["unseen"]["failed"].as_array().unwrap();
        assert_eq!(failed.len(), HOSTILE.len(), "{failed:?}");
        for (name, _, _) in HOSTILE {
            let why = failed.iter().find(|it| it["file"] == name).and_then(|it| it["why"].as_str());
            assert!(why.is_some_and(|why| why.starts_with("too costly to parse: ")), "{name}: {why:?}");
            assert!(page.contains(name), "{name} is not on the page");
        }
        assert!(page.contains("too costly to parse"), "{page}");
        assert_eq!(clients.status().await.pid, daemon.pid());
        assert_eq!(clients.run(noop("afterwards")).await.1.state(), TaskState::Succeeded);
    });
    let peak = process::peak_kib(daemon.pid());
    eprintln!("hostile sources: peak {peak:?} KiB");
    assert!(peak.is_none_or(|peak| peak <= MOST_KIB), "{peak:?} KiB");
    assert!(daemon.stop().success(), "{}", daemon.words());
}
