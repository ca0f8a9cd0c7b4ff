//! `agentd-cli bench` with the real daemon: what it measures, and that nothing of it is left.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use agentd_tests::{
    daemon::{Home, TestDaemon, cli, command},
    fixture,
};
use serde_json::Value;

use crate::{
    cli::wants,
    doctor::{text, tree},
};

/// The fresh folder is gone afterwards, and the user's own daemon was not touched.
#[test]
fn bench_measures_a_daemon_of_its_own_and_leaves_nothing() {
    let home = Home::new();
    let project = home.folder("project");
    fixture::write(&project, &[("Cargo.toml", "[package]\nname = \"small\"\n"), ("src/main.rs", "fn main() {}\n")]);
    let daemon = TestDaemon::start(&home);
    let before = tree(&home.state().join("log"));
    let around = |home: &Home| fs::read_dir(home.folder(".")).unwrap().flatten().count();
    let entries = around(&home);
    let args = ["bench", "--quick", "--quiet", "--json", "--workspace", project.to_str().unwrap()];
    let output = cli(&home, &args);
    assert!(output.status.success(), "{}", text(&output));
    let found: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    for (pointer, least) in [
        ("/start/after_end_ms/count", 5.0),
        ("/start/after_kill_ms/p50", 0.001),
        ("/noop/done_ms/count", 200.0),
        ("/noop/accepted_ms/p99", 0.001),
        ("/noop/tasks_per_second/p50", 1.0),
        ("/scatter/wall_ms/p50", 0.001),
        ("/machine/memory_bytes", 1.0),
    ] {
        let value = found.pointer(pointer).and_then(Value::as_f64);
        assert!(value.is_some_and(|value| value >= least), "{pointer}: {found:#}");
    }
    let residency = found["residency"].as_array().unwrap();
    assert_eq!(residency.len(), 12);
    for agent in residency {
        let measured = agent["fast_share"].is_f64();
        assert_ne!(
            measured,
            agent["unmeasured"].as_str().is_some_and(|why| !why.is_empty()),
            "one or the other: {agent}"
        );
    }
    assert_eq!(tree(&home.state().join("log")), before, "the user's own journal");
    assert_eq!(around(&home), entries, "the fresh folder is gone");
    assert!(home.socket().exists() && daemon.pid() > 0);
}

/// A measurement; it and the daemon in its folder do not outlive their test.
struct Bench<'a>(&'a Home, Child);

impl Bench<'_> {
    fn folder(&self) -> PathBuf {
        self.0.state().with_file_name(format!(".agentd-bench-{}", self.1.id()))
    }

    fn kill(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        self.kill();
        let mut stop = command(self.0, "agentd-cli");
        let _ = stop.args(["stop", "--grace", "1ms"]).env("AGENTD_HOME", self.folder()).output();
    }
}

#[test]
fn what_a_killed_bench_leaves_goes_with_the_next_one() {
    let home = Home::new();
    let mut bench = command(&home, "agentd-cli");
    let bench = bench.args(["bench", "--quick", "-w", "/tmp"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut bench = Bench(&home, bench);
    let said = BufReader::new(bench.1.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.into_iter().any(|line| line == "no-op tasks"), "its daemon runs by then");
    bench.kill();
    let around = home.state().parent().unwrap().to_owned();
    let left = bench.folder();
    assert!(left.join("log").is_dir());
    let output = wants(&home, 4, &["bench", "-w", "/tmp", "--daemon", "/bin/false"]);
    assert!(text(&output).contains(&format!("had left: {}", left.display())), "{}", text(&output));
    let entries = fs::read_dir(&around).unwrap().flatten().map(|entry| entry.file_name());
    let ours: Vec<_> = entries.filter(|name| name.to_string_lossy().starts_with(".agentd-bench")).collect();
    assert!(ours.is_empty() && UnixStream::connect(left.join("agentd.sock")).is_err(), "{ours:?}");
}
