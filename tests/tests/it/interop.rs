//! The official gRPC libraries of Node and Python against the daemon: they connect, submit, watch, read, and ask the standard
//! services. Runs where `scripts/test` has installed them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use agentd_tests::{
    client::analyze,
    daemon::{Clients, Home, TestDaemon, runtime},
    fixture, repo, skip,
};
use serde_json::{Value, json};

use crate::polyglot;

const NODE: &str = "AGENTD_INTEROP_NODE_MODULES";
const PYTHON: &str = "AGENTD_INTEROP_PYTHON";

/// What a client's variable names; says a skip if it is not set.
fn installed(variable: &str, what: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    match path {
        Some(path) if path.exists() => Some(path),
        Some(path) => panic!("{variable} names {}, which is not there", path.display()),
        None => {
            skip::skip(what, &format!("{variable} is not set; scripts/test installs the library and sets it"));
            None
        }
    }
}

fn program(name: &str) -> PathBuf {
    repo::root().join("tests/interop").join(name)
}

/// Runs a client to its end and gives the object that it prints.
fn run(mut command: Command) -> Value {
    let output = command.env_remove("http_proxy").env_remove("https_proxy").output().expect("the client starts");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn check(seen: &Value, home: &Home, folder: &Path, versions: &[&str]) {
    assert_eq!(seen["handshake"]["protocol"], 1);
    assert_eq!((&seen["health"], &seen["agents"]), (&json!(1), &json!(12)), "{seen}");
    for version in versions {
        let services = seen["services"][version].as_array().unwrap();
        for name in
            ["agentd.v1.TaskService", "agentd.v1.AgentService", "agentd.v1.DaemonService", "grpc.health.v1.Health"]
        {
            assert!(services.contains(&json!(name)), "{name} in {services:?}");
        }
    }
    for task in ["noop", "analysed"] {
        let task = &seen[task];
        assert_eq!(task["state"], "TASK_STATE_SUCCEEDED");
        let cursors: Vec<u64> = task["cursors"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        assert!(cursors[0] > task["first"].as_u64().unwrap() && cursors.is_sorted_by(|a, b| a < b), "{cursors:?}");
    }
    assert_eq!((&seen["again"]["task_id"], &seen["again"]["existing"]), (&seen["noop"]["task_id"], &json!(true)));
    assert_eq!(seen["refused"]["code"], 6, "ALREADY_EXISTS: {seen}");
    assert!(seen["refused"]["details"].as_str().unwrap().contains("new key"), "{seen}");
    let name = |document: &Value| document["name"].as_str().map(str::to_owned);
    let mut names: Vec<_> = seen["analysed"]["documents"].as_array().unwrap().iter().filter_map(name).collect();
    names.sort();
    assert_eq!(names, ["report.json", "report.md", "report.sarif"]);
    // The same analysis, seen by our own client, gives the same report.
    runtime().block_on(async {
        let clients = Clients::connect(home).await.unwrap();
        let theirs = clients.document(seen["analysed"]["task_id"].as_str().unwrap(), "report.json").await.unwrap();
        assert_eq!(seen["document"]["bytes"], theirs.len());
        assert_eq!(seen["report"], serde_json::from_slice::<Value>(&theirs).unwrap());
        let (ours, _) = clients.run(analyze(folder)).await;
        let ours: Value = serde_json::from_slice(&clients.document(&ours, "report.json").await.unwrap()).unwrap();
        assert_eq!(ours["complexity"], seen["report"]["complexity"]);
        assert_eq!(ours["languages"], seen["report"]["languages"]);
    });
}

fn workspace(home: &Home) -> PathBuf {
    let folder = home.folder("polyglot");
    let files = polyglot::files();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, content)| (*name, content.as_str())).collect();
    fixture::write(&folder, &files);
    folder
}

#[test]
fn node_speaks_with_the_daemon() {
    let Some(modules) = installed(NODE, "client in Node") else { return };
    let home = Home::new();
    let folder = workspace(&home);
    let _daemon = TestDaemon::start(&home);
    let mut command = Command::new("node");
    command
        .env(NODE, modules)
        .arg(program("client.mjs"))
        .arg(home.socket())
        .arg(&folder)
        .arg(repo::root().join("proto"));
    let seen = run(command);
    check(&seen, &home, &folder, &["v1", "v1alpha"]);
}

#[test]
fn python_speaks_with_the_daemon() {
    let Some(python) = installed(PYTHON, "client in Python") else { return };
    let home = Home::new();
    let folder = workspace(&home);
    let _daemon = TestDaemon::start(&home);
    let mut command = Command::new(python);
    command.arg(program("client.py")).arg(home.socket()).arg(&folder);
    let seen = run(command);
    check(&seen, &home, &folder, &["v1alpha"]);
}
