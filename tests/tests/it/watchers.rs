//! Several terminals watch one task when its daemon is killed: all go on, one daemon is started, and whoever started it says so.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStderr, Stdio},
};

use agentd_tests::{
    daemon::{Clients, Home, TestDaemon, cli, command, runtime},
    fixture,
    gate::Gate,
};

/// A watcher that has seen the task run.
struct Watcher {
    child: Child,
    words: BufReader<ChildStderr>,
    said: String,
}

impl Watcher {
    fn start(home: &Home, task: &str) -> Self {
        let mut command = command(home, "agentd-cli");
        let mut child =
            command.args(["watch", task]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut words = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut said = String::new();
        words.read_line(&mut said).expect("it says what it watches");
        Self { child, words, said }
    }

    /// What it said until its end, and how it ended.
    fn end(mut self) -> (String, Option<i32>) {
        self.words.read_to_string(&mut self.said).expect("it ends");
        (self.said, self.child.wait().expect("it can be waited for").code())
    }
}

#[test]
fn of_three_who_watch_a_killed_daemon_one_starts_another_and_says_so() {
    let home = Home::new();
    let gate = Gate::new(home.folder("gate"));
    let project = home.folder("project");
    fixture::write(&project, &[("Cargo.toml", "[package]\nname = \"small\"\n"), ("src/main.rs", "fn main() {}\n")]);
    let mut daemon = TestDaemon::start(&home);
    // Its git waits at the gate, and the task with it.
    let task = runtime().block_on(async {
        let clients = Clients::connect(&home).await.expect("it listens");
        clients.submit(gate.analyze(&project)).await.task_id
    });
    gate.wait_for(1);
    let watchers: Vec<Watcher> = (0..3).map(|_| Watcher::start(&home, &task)).collect();
    daemon.kill();
    gate.open();
    let ends: Vec<(String, Option<i32>)> = watchers.into_iter().map(Watcher::end).collect();
    let stopped = cli(&home, &["stop", "--grace", "1ms"]);
    assert!(ends.iter().all(|(said, code)| *code == Some(0) && said.contains("is lost")), "{ends:#?}");
    let starters = ends.iter().filter(|(said, _)| said.contains("started agentd (pid")).count();
    assert_eq!(starters, 1, "{ends:#?}");
    assert!(stopped.status.success(), "no other start waits for its turn: {stopped:?}");
}
