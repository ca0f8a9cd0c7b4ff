//! `doctor` in worlds that are broken on purpose: what is found, what to do about it, and how it ends.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use agentd_cli::{doctor::Findings, shape::DoctorShape};
use agentd_proto::v1::{DoctorCheck, ExamineResponse, Health, ThreadPlacement, Verdict};
use serde_json::Value;

use crate::{
    cli::{Cli, Output},
    fake::Fake,
    program, snapshot,
};

/// A stand-in for the daemon's program that knows what `--check-store` is asked for.
fn program(home: &Path) -> String {
    let path = home.join("bin").join("agentd");
    let version = env!("CARGO_PKG_VERSION");
    program::script(&path, &format!("printf 'version {version}\\nprotocol 1\\noldest-protocol 1\\n'"));
    path.to_str().unwrap().to_owned()
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A world in which all is well: folder and socket are private, the daemon answers.
fn well() -> Fake {
    let fake = Fake::serving();
    mode(fake.home(), 0o700);
    mode(&fake.socket(), 0o600);
    let check = DoctorCheck::of("disk", "sync", Verdict::Ok, "median 0.12 ms").with_figure("median_ms", 0.12);
    fake.script().examined = Some(ExamineResponse { checks: vec![check], threads: vec![thread()] });
    fake
}

fn thread() -> ThreadPlacement {
    ThreadPlacement {
        name: "analyzer".into(),
        asked: "any cpu, nice 5".into(),
        granted: "any cpu, nice 5".into(),
        unmeasured: "one tier of cores".into(),
        ..Default::default()
    }
}

fn doctor(home: &Path, arguments: &[&str]) -> Cli {
    let program = program(home);
    Cli::new(home, &[&["doctor"], arguments].concat()).env("AGENTD_DAEMON", &program)
}

fn object(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The verdict and the command of one check.
#[track_caller]
fn check<'a>(found: &'a Value, group: &str, name: &str) -> &'a Value {
    let checks = found["checks"].as_array().unwrap();
    let at = checks.iter().find(|check| check["group"] == group && check["name"] == name);
    at.unwrap_or_else(|| panic!("no {group}/{name}: {found:#}"))
}

/// Without what differs from machine to machine, and what a machine of tests may lack.
fn faults(found: &Value) -> Vec<String> {
    let ours = |check: &&Value| !["room", "file system", "git"].contains(&check["name"].as_str().unwrap());
    let bad = |check: &&Value| check["verdict"] == "failed" || check["verdict"] == "warning";
    let name = |check: &Value| format!("{}/{}: {}", check["group"], check["name"], check["found"]);
    found["checks"].as_array().unwrap().iter().filter(ours).filter(bad).map(name).collect()
}

#[test]
fn a_world_in_order_is_told_so() {
    let fake = well();
    let output = doctor(fake.home(), &["--json"]).run();
    let found = object(&output);
    assert_eq!(faults(&found), Vec::<String>::new());
    assert_eq!(
        (check(&found, "disk", "sync")["figures"]["median_ms"].as_f64(), output.stderr.as_str()),
        (Some(0.12), "")
    );
    assert_eq!(found["daemon_version"], "0.1.0");
    assert_eq!(found["threads"][0]["name"], "analyzer");
    let groups: Vec<&str> =
        found["checks"].as_array().unwrap().iter().map(|it| it["group"].as_str().unwrap()).collect();
    let mut once = groups.clone();
    once.dedup();
    assert_eq!(once, ["program", "state folder", "daemon", "disk", "tools"], "groups stand together, in order");
    let page = doctor(fake.home(), &[]).env("CLICOLOR_FORCE", "1").env("COLUMNS", "80").run();
    assert!(page.stdout.contains("✓\u{1b}[0m"), "{page:?}");
}

#[test]
fn an_open_folder_has_failed_with_the_command_that_closes_it() {
    let fake = Fake::absent();
    mode(fake.home(), 0o755);
    let output = doctor(fake.home(), &["--json"]).run().expect(1);
    let found = object(&output);
    let folder = check(&found, "state folder", "folder");
    assert_eq!(folder["verdict"], "failed");
    assert_eq!(folder["command"].as_str(), Some(format!("chmod 700 {}", fake.home().display()).as_str()));
    let page = doctor(fake.home(), &[]).run().expect(1).stdout;
    assert!(page.contains("✗ folder") && page.contains("has mode 755"), "{page}");
    assert!(page.lines().any(|line| line.trim() == format!("chmod 700 {}", fake.home().display())), "{page}");
    assert_eq!(fs::metadata(fake.home()).unwrap().permissions().mode() & 0o777, 0o755, "nothing is changed");
}

#[test]
fn an_open_socket_has_failed() {
    let fake = well();
    mode(&fake.socket(), 0o666);
    let found = object(&doctor(fake.home(), &["--json"]).run().expect(1));
    let socket = check(&found, "state folder", "socket");
    assert_eq!((socket["verdict"].as_str(), socket["figures"]["path_bytes"].is_f64()), (Some("failed"), true));
    assert_eq!(socket["command"].as_str(), Some(format!("chmod 600 {}", fake.socket().display()).as_str()));
    assert_eq!(faults(&found).len(), 1, "{:?}", faults(&found));
}

#[test]
fn a_missing_git_and_missing_tools_are_warnings() {
    let fake = well();
    let nothing = fake.home().join("nothing");
    fs::create_dir(&nothing).unwrap();
    fs::write(nothing.join("Cargo.toml"), "").unwrap();
    let arguments = ["--json", "--workspace", nothing.to_str().unwrap()];
    let output = doctor(fake.home(), &arguments).env("PATH", nothing.to_str().unwrap()).run();
    let found = object(&output);
    for (name, part) in [("git", "not on PATH"), ("cargo", "Cargo.toml asks for it")] {
        let tool = check(&found, "tools", name);
        assert_eq!(tool["verdict"], "warning", "{tool}");
        assert!(tool["found"].as_str().unwrap().contains(part) && tool["remedy"].is_string(), "{tool}");
    }
}

#[test]
fn without_a_daemon_it_does_what_it_can_and_starts_none() {
    let fake = Fake::absent();
    mode(fake.home(), 0o700);
    for arguments in [&["--json"][..], &["--json", "--no-start"]] {
        let found = object(&doctor(fake.home(), arguments).run());
        let running = check(&found, "daemon", "running");
        assert_eq!(
            (running["verdict"].as_str(), running["command"].as_str()),
            (Some("skipped"), Some("agentd-cli start"))
        );
        assert_eq!(check(&found, "daemon", "the rest")["verdict"], "skipped");
        assert_eq!(check(&found, "state folder", "folder")["verdict"], "ok");
        assert_eq!(found["daemon_version"], Value::Null);
        assert_eq!(faults(&found), Vec::<String>::new());
    }
    assert!(!fake.home().join("logs").exists(), "nothing was started");
    let mut fake = Fake::serving();
    mode(fake.home(), 0o700);
    fake.kill();
    let found = object(&doctor(fake.home(), &["--json"]).run());
    assert_eq!(check(&found, "daemon", "running")["verdict"], "warning", "it was killed");
}

/// Exactly when one asks: nothing runs, and nobody knows why.
#[test]
fn without_a_daemon_what_is_stored_is_checked_by_its_program() {
    let fake = Fake::absent();
    mode(fake.home(), 0o700);
    let well = program(fake.home());
    let doctor = || object(&doctor(fake.home(), &["--json"]).run());
    let named = |found: &Value| found["checks"].as_array().unwrap().iter().any(|it| it["name"] == "journal");
    assert!(!named(&doctor()), "nothing is stored");
    fs::create_dir(fake.home().join("log")).unwrap();
    let asked = fs::read_to_string(&well).unwrap();
    for (ends, verdict) in [("exit 0", "ok"), ("exit 8", "failed"), ("exit 75", "skipped"), ("kill $$", "skipped")] {
        let body = format!("case \"$1\" in --verify-journal) echo '{{}}'; {ends};; esac\n{asked}");
        program::script(Path::new(&well), &body);
        let found = object(&Cli::new(fake.home(), &["doctor", "--json"]).env("AGENTD_DAEMON", &well).run());
        let journal = check(&found, "disk", "journal");
        assert_eq!(journal["verdict"], verdict, "{ends}: {journal}");
        assert_eq!(
            journal["command"].as_str().is_some_and(|it| it.contains("agentd-cli")),
            verdict != "ok",
            "{journal}"
        );
    }
}

#[test]
fn a_daemon_that_is_too_old_or_unwell_is_told() {
    let fake = well();
    fake.script().examined = None;
    fake.script().status.health = Health::ReadOnly.into();
    fake.script().status.reasons = vec!["log/1.seg is damaged".into()];
    let found = object(&doctor(fake.home(), &["--json"]).run().expect(1));
    assert_eq!(check(&found, "daemon", "the rest")["verdict"], "unknown");
    assert_eq!(check(&found, "daemon", "health")["found"], "log/1.seg is damaged");
}

#[test]
fn no_program_is_a_failure_and_one_that_is_not_fit_too() {
    let fake = Fake::absent();
    mode(fake.home(), 0o700);
    let output = Cli::alone(fake.home(), &["doctor", "--json"]).run().expect(1);
    let found = object(&output);
    assert!(check(&found, "program", "agentd")["found"].as_str().unwrap().contains("no program `agentd`"));
    let program = program(fake.home());
    program::script(Path::new(&program), "echo 'agentd: the journal has format 9' >&2; exit 78");
    let output = Cli::new(fake.home(), &["doctor", "--json"]).env("AGENTD_DAEMON", &program).run().expect(1);
    assert!(check(&object(&output), "program", "agentd")["found"].as_str().unwrap().contains("format 9"));
}

#[test]
fn the_shape_is_as_committed() {
    let checks = vec![
        DoctorCheck::of("state folder", "folder", Verdict::Failed, "/h has mode 755")
            .with_remedy("close it")
            .with_command("chmod 700 /h")
            .with_figure("mode_decimal", 493.0),
        DoctorCheck::of("daemon", "running", Verdict::Skipped, "no socket"),
    ];
    let findings = Findings { checks, threads: vec![thread()], daemon_version: Some("0.1.0".into()) };
    let shape = serde_json::to_value(DoctorShape::from(findings)).unwrap();
    let pretty = serde_json::to_string_pretty(&shape).unwrap() + "\n";
    snapshot::assert_matches("golden/doctor.json", &pretty);
}
