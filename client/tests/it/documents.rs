//! Where `--output` leads: streams that the client was born with, and pipes whose reader is slow or never comes.

use std::{
    fs::{self, File},
    process::Command,
};

use crate::{
    cli::{Cli, Output},
    fake::{Fake, REPORT, task, with_success},
};

const SHOW: [&str; 5] = ["show", "last", "-d", "report.md", "-o"];

fn with_report() -> Fake {
    let fake = with_success();
    fake.script().tasks = vec![task(crate::fake::TASK)];
    fake
}

/// Runs the client in a shell that has done something before and goes on afterwards.
fn among(fake: &Fake, before: &str, arguments: &[&str], after: &str) -> Output {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{before} \"$0\" \"$@\"; {after}"), env!("CARGO_BIN_EXE_agentd-cli")]).args(arguments);
    shell.env_clear().env("AGENTD_HOME", fake.home()).env("PATH", "/usr/bin:/bin").current_dir(fake.home());
    let output = shell.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Output { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Whoever has the stream too goes on behind the report, and does not write over it.
#[test]
fn a_stream_is_written_on_where_it_stands() {
    let fake = with_report();
    std::os::unix::fs::symlink("/dev/stdout", fake.home().join("link")).unwrap();
    for (name, number) in [
        ("-", 1),
        ("/dev/stdout", 1),
        ("/dev/fd/1", 1),
        ("/proc/self/fd/1", 1),
        ("link", 1),
        ("/dev/fd/2", 2),
        ("/dev/stderr", 2),
        ("/dev/fd/7", 7),
    ] {
        if name.starts_with("/proc") && cfg!(not(target_os = "linux")) {
            continue;
        }
        let before = format!("exec {number}> file; echo before >&{number};");
        let after = format!("echo after >&{number}");
        let arguments = [&["--quiet"], &SHOW[..], &[name]].concat();
        let output = among(&fake, &before, &arguments, &after).expect(0);
        let written = fs::read_to_string(fake.home().join("file")).unwrap();
        assert_eq!(written, format!("before\n{REPORT}after\n"), "{name}: {output:?}");
    }
    let output = among(&fake, "", &["submit", "measure", "-o", "-"], ":").expect(0);
    assert_eq!(output.stdout, REPORT);
    assert!(!fake.home().join("-").exists(), "it is no name of a file");
}

/// Neither the command line nor agentd is to blame, and whoever reads no further is content.
#[test]
fn an_output_that_takes_no_more_has_one_code_however_it_is_named() {
    let fake = with_report();
    if cfg!(target_os = "linux") {
        let [quiet, list] = [&["--quiet", "submit", "measure"][..], &["list"]];
        let named = [["submit", "measure", "-o", "-"], ["submit", "measure", "-o", "/dev/full"]];
        let help = [&["--help"][..], &["submit", "-h"], &["--version"]];
        for arguments in [quiet, list, &named[0], &named[1]].into_iter().chain(help) {
            fake.script().watches.extend([crate::fake::success()]);
            among(&fake, "exec > /dev/full;", arguments, "").expect(4).says(&["cannot write", "No space left"]);
        }
    }
    fake.script().documents.insert("report.md".into(), vec![b'x'; 1 << 20]);
    let arguments = [&SHOW[..], &["-"]].concat();
    let script = "{ \"$0\" \"$@\"; echo $? >&2; } | true;";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_agentd-cli")]).args(arguments);
    shell.env_clear().env("AGENTD_HOME", fake.home()).env("PATH", "/usr/bin:/bin").current_dir(fake.home());
    let output = shell.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), "0", "{output:?}");
}

#[test]
fn what_is_said_goes_behind_a_report_on_the_same_stream() {
    let fake = with_success();
    let arguments = ["submit", "measure", "--output", "/dev/stderr"];
    let _said = among(&fake, "exec 2> log;", &arguments, ":").expect(0);
    let log = fs::read_to_string(fake.home().join("log")).unwrap();
    assert!(log.starts_with(&format!("task {}", crate::fake::TASK)), "{log}");
    assert!(log.ends_with(&format!("{REPORT}wrote /dev/stderr\n")), "{log}");
}

#[test]
fn what_the_daemon_lives_on_is_never_written_over() {
    let fake = with_report();
    let segment = fake.home().join("log/1.seg");
    fs::create_dir_all(segment.parent().unwrap()).unwrap();
    fs::write(&segment, "the journal").unwrap();
    std::os::unix::fs::symlink(&segment, fake.home().join("link")).unwrap();
    for name in ["log/1.seg", "log/2.seg", "link", "agentd.lock", "index"] {
        for arguments in [&SHOW[..], &["submit", "measure", "--output"]] {
            let output = among(&fake, "", &[arguments, &[name]].concat(), "").expect(2);
            output.says(&["is where agentd keeps its journal", "hint: name a file somewhere else"]);
        }
    }
    assert!(fake.script().submitted.is_empty());
    assert_eq!(fs::read(&segment).unwrap(), b"the journal");
    assert_eq!(fs::read_dir(segment.parent().unwrap()).unwrap().count(), 1);
    let _written = among(&fake, "", &[&SHOW[..], &["report.md"]].concat(), "").expect(0);
}

#[test]
fn a_stream_that_cannot_be_written_is_refused_before_any_work() {
    let fake = with_success();
    for before in ["", "exec 9< /dev/null;"] {
        let output = among(&fake, before, &["submit", "measure", "--output", "/dev/fd/9"], "").expect(2);
        output.says(&["cannot write /dev/fd/9"]);
    }
    assert!(fake.script().submitted.is_empty());
}

/// Nobody ever opens the first pipe, and nobody takes anything out of the second one, into which the report does not fit.
#[test]
fn a_pipe_without_a_reader_can_be_left() {
    let fake = with_success();
    let names = ["nobody", "stalled"];
    for name in names {
        assert!(Command::new("mkfifo").arg(fake.home().join(name)).status().unwrap().success());
    }
    // Open for both, so that it waits for nobody.
    let _stalled = File::options().read(true).write(true).open(fake.home().join("stalled")).unwrap();
    for name in names {
        fake.script().watches.extend([crate::fake::success()]);
        fake.script().documents.insert("report.md".into(), vec![b'x'; 1 << 20]);
        let mut running = Cli::new(fake.home(), &["submit", "measure", "--output", name]).spawn();
        running.until("succeeded");
        running.interrupt();
        running.end().expect(130).says(&["it is kept", "agentd-cli show "]);
    }
}
