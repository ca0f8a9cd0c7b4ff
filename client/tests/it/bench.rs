//! `bench`: the shape of its JSON is committed, its page fits, and what it needs is named if it is missing.

use std::process::Command;

use agentd_cli::{
    bench::{Noops, Report, Residency, Samples, Scatter, Starts, head, table},
    shape::daemon::{MachineShape, TierShape},
    ui::{style::Paint, text},
};

use crate::{cli::Cli, fake::Fake, program, snapshot};

fn samples(values: &[f64]) -> Samples {
    values.iter().copied().collect()
}

fn report() -> Report {
    let tier = |name: &str, cores| TierShape { name: name.into(), cores };
    let residency = |agent: &str, class, fast_share: Option<f64>| Residency {
        agent: agent.into(),
        class,
        granted: "USER_INITIATED, base priority 37".into(),
        cpu_ms: 900,
        unmeasured: if fast_share.is_some() { String::new() } else { "it has not run yet".into() },
        fast_share,
    };
    Report {
        machine: MachineShape {
            os: "macOS 15.4".into(),
            chip: "Apple M4 Max".into(),
            memory_bytes: 64 << 30,
            tiers: vec![tier("Performance", 12), tier("Efficiency", 4)],
            gpu_cores: Some(40),
        },
        version: "0.1.0".into(),
        program: "/h/bin/agentd".into(),
        file_system: Some("apfs".into()),
        load_before: Some(1.25),
        load_after: None,
        at: Some("2026-11-18T11:06:40Z".into()),
        quick: true,
        start: Starts { after_end_ms: samples(&[3.0, 4.0, 5.0]), after_kill_ms: samples(&[6.0]) },
        noop: Noops {
            accepted_ms: samples(&[0.1, 0.2]),
            done_ms: samples(&[0.3, 0.4]),
            clients: 16,
            tasks_per_second: samples(&[12_000.0]),
        },
        scatter: Scatter {
            workspace: "/h/src/app".into(),
            summary: "2,188 functions in 263 files".into(),
            wall_ms: samples(&[1_441.0]),
            measure_ms: samples(&[1_200.0]),
            compute_busy: Samples::default(),
            unmeasured: "too short".into(),
            compute_cores: 8,
            agent_share: samples(&[0.998]),
            agents_with_pieces: 5,
        },
        residency: vec![residency("analyzer", "compute", Some(0.97)), residency("reporter", "coordinator", None)],
    }
}

#[test]
fn the_shape_is_as_committed() {
    let value = serde_json::to_value(report()).unwrap();
    snapshot::assert_matches("golden/bench.json", &(serde_json::to_string_pretty(&value).unwrap() + "\n"));
}

#[test]
fn the_page_fits_and_says_what_is_unmeasured() {
    let report = report();
    let page = table(&report).render(Paint::new(false), Some(80));
    assert!(page.lines().all(|line| text::width(line) <= 80), "{page}");
    for part in ["12,000", "unmeasured", "too short", "it has not run yet", "97 %", "100 %"] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let head = head(&report);
    for part in [
        "Apple M4 Max",
        "12 Performance + 4 Efficiency",
        "apfs",
        "load average 1.2 before and not known after",
        "quick look",
    ] {
        assert!(head.contains(part), "{part}\n{head}");
    }
}

#[test]
fn what_it_needs_is_named_and_nothing_is_left() {
    let fake = Fake::absent();
    let around = || std::fs::read_dir(fake.home()).unwrap().flatten().count();
    let before = around();
    let home = fake.home().to_str().unwrap();
    let run = |arguments: &[&str], code: i32| Cli::new(fake.home(), arguments).run().expect(code);
    run(&["bench", "--workspace", "/nowhere"], 2).says(&["/nowhere"]);
    run(&["bench", "--beside", home, "--daemon", "/nowhere/agentd"], 4).says(&["cannot start /nowhere/agentd"]);
    run(&["bench", "--beside", home, "--daemon", "/bin/false"], 4).says(&["/bin/false ended before it answered"]);
    let deep = fake.home().join("x".repeat(90));
    std::fs::create_dir(&deep).unwrap();
    run(&["bench", "--beside", deep.to_str().unwrap(), "--daemon", "/bin/false"], 2).says(&["the system allows 103"]);
    std::fs::remove_dir(&deep).unwrap();
    assert_eq!(around(), before);
}

#[test]
fn what_a_dying_daemon_said_is_told_though_its_folder_is_gone() {
    let fake = Fake::absent();
    let home = fake.home().to_str().unwrap();
    let program = fake.home().join("bin/agentd");
    // Nobody holds its claim.
    let left = fake.home().join(".agentd-bench-2147483647/log");
    std::fs::create_dir_all(&left).unwrap();
    std::fs::write(left.with_file_name("bench.lock"), "").unwrap();
    program::script(&program, "echo 'agentd: there is no room' >&2; exit 5");
    let arguments = ["bench", "--beside", home, "--daemon", program.to_str().unwrap()];
    let output = Cli::new(fake.home(), &arguments).run().expect(4);
    output.says(&["ended before it answered", "there is no room", "a killed measurement had left"]);
    assert!(!output.stderr.contains("all it said is in"), "{output:?}");
    assert!(!left.exists() && std::fs::read_dir(fake.home()).unwrap().flatten().count() == 1, "{output:?}");
}

#[test]
fn a_signal_ends_it_with_its_daemon_and_its_folder() {
    let fake = Fake::absent();
    let [program, pipe] = ["bin/agentd", "pipe"].map(|name| fake.home().join(name));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    program::script(&program, &format!("echo $$ > '{}'; exec sleep 600", pipe.display()));
    let around = || std::fs::read_dir(fake.home()).unwrap().count();
    let before = around();
    let arguments = ["bench", "--beside", fake.home().to_str().unwrap(), "--daemon", program.to_str().unwrap()];
    for signal in ["INT", "TERM", "HUP"] {
        let running = Cli::new(fake.home(), &arguments).spawn();
        let daemon = std::fs::read_to_string(&pipe).unwrap();
        assert_eq!(around(), before + 1);
        running.signal(signal);
        running.end().expect(130).says(&["no figures"]);
        assert_eq!(around(), before, "{signal}");
        let lives = Command::new("kill").args(["-0", daemon.trim()]).output().unwrap().status.success();
        assert!(!lives, "{signal}: the daemon is left");
    }
}

/// Whoever runs this may be one for whom no mode counts, so the folder gives way to a file.
#[test]
fn a_folder_that_cannot_be_removed_is_named() {
    let fake = Fake::absent();
    let program = fake.home().join("bin/agentd");
    program::script(&program, "mv \"$AGENTD_HOME\" \"$AGENTD_HOME.away\"; echo mine > \"$AGENTD_HOME\"; exit 5");
    let arguments = ["bench", "--beside", fake.home().to_str().unwrap(), "--daemon", program.to_str().unwrap()];
    let output = Cli::new(fake.home(), &arguments).run().expect(4);
    let at = fake.home().join(".agentd-bench-").display().to_string();
    output.says(&["ended before it answered", "could not be removed (", &format!("): {at}")]);
}

/// Its daemon ends when the hangup is over, so the measurement does too, and not before.
#[test]
fn a_hangup_that_is_ignored_does_not_cut_it_off() {
    let fake = Fake::absent();
    let [program, ready, go] = ["bin/agentd", "ready", "go"].map(|name| fake.home().join(name));
    assert!(Command::new("mkfifo").args([&ready, &go]).status().unwrap().success());
    program::script(&program, &format!("echo $$ > '{}'; cat '{}'; exit 5", ready.display(), go.display()));
    let arguments = ["bench", "--beside", fake.home().to_str().unwrap(), "--daemon", program.to_str().unwrap()];
    let running = Cli::new(fake.home(), &arguments).within("trap '' HUP").spawn();
    assert!(std::fs::read_to_string(&ready).unwrap().trim().parse::<u32>().is_ok());
    running.signal("HUP");
    std::fs::write(&go, "on").unwrap();
    running.end().expect(4).says(&["ended before it answered"]);
}
