//! `journal export` and `journal import` against a scripted program: what it is told, and what is made of its words.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    cli::{Cli, Running},
    program, snapshot,
};

const DONE: &str = r#"{"records":12,"open_tasks":1,"left_out":0,"segments":2,"documents":3,"bytes":70000}"#;

/// A program that notes its arguments, and then does what the script says.
fn program(home: &Path, script: &str) -> String {
    let path = home.join("scripted");
    program::script(&path, &format!("echo \"$@\" > '{}'\n{script}", home.join("told").display()));
    path.to_str().unwrap().to_owned()
}

fn told(home: &Path) -> String {
    fs::read_to_string(home.join("told")).unwrap().trim().replace(home.to_str().unwrap(), "[HOME]")
}

#[test]
fn the_program_is_told_what_to_do_and_its_result_is_shown() {
    let home = TempDir::new().unwrap();
    let well = program(home.path(), &format!("echo '{{\"done\":1,\"total\":2}}' >&2; echo '{DONE}' >&2"));
    let cases: [(&[&str], &str, &str); 7] = [
        (&["export", "a.tar"], "--export-journal=a.tar", "a.tar: 12 records, 3 documents, "),
        (&["export", "--force", "a.tar"], "--export-journal=a.tar --force", "1 task open"),
        (&["export", "--", "-x.tar"], "--export-journal=-x.tar", "-x.tar: 12 records"),
        (&["import", "a.tar"], "--import-journal=a.tar", "imported: 12 records"),
        (&["import", "--", "-x.tar"], "--import-journal=-x.tar", "imported: 12 records"),
        (&["import", "--finished-only", "a.tar"], "--import-journal=a.tar --finished-only", "imported"),
        (&["import", "--check", "a.tar"], "--import-journal=a.tar --check-only", "all is well: 12 records"),
    ];
    for (arguments, expected, shown) in cases {
        let all = [&["journal", "--daemon", &well], arguments].concat();
        let output = Cli::new(home.path(), &all).run().expect(0);
        assert_eq!(told(home.path()), format!("{expected} --state-dir [HOME]"));
        assert!(output.stdout.contains(shown), "{output:?}");
    }
    for (name, verb) in [("journal-export", "export"), ("journal-import", "import")] {
        let output = Cli::new(home.path(), &["journal", "--json", "--daemon", &well, verb, "a.tar"]).run().expect(0);
        let value: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
        snapshot::assert_matches(&format!("golden/{name}.json"), &pretty);
        assert!(!output.stderr.contains("done"), "{output:?}");
    }
    let lacking = DONE.replace('}', r#","lost":["ab, a document of task 01"]}"#);
    let lacking = program(home.path(), &format!("echo '{lacking}' >&2"));
    let output = Cli::new(home.path(), &["journal", "--daemon", &lacking, "import", "a.tar"]).run().expect(0);
    assert!(output.stdout.contains("; 1 thing lost before"), "{output:?}");
    let streams = program(home.path(), &format!("printf archive; echo '{DONE}' >&2"));
    let output = Cli::new(home.path(), &["journal", "--daemon", &streams, "export", "-"]).run().expect(0);
    assert_eq!(output.stdout, "archive", "nothing else may be in it");
    output.says(&["exported 12 records"]);
    let output = Cli::new(home.path(), &["journal", "--json", "--daemon", &streams, "export", "-"]).run().expect(0);
    assert_eq!(output.stdout, "archive", "nothing else may be in it");
    let object: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
    assert_eq!((&object["file"], &object["records"]), (&serde_json::Value::Null, &12.into()));
}

/// The archive is there all the same: with one object, as always, and in words that say so and name all of it.
#[test]
fn what_an_archive_lacks_is_named_and_that_it_is_there() {
    let home = TempDir::new().unwrap();
    let lost = ["ab of task 01", "cd of task 02", "ef of task 03", "01 of task 04"];
    let done = DONE.replace('}', &format!(r#","lost":{}}}"#, serde_json::to_string(&lost).unwrap()));
    let lacking = |first: &str| {
        let script = format!("{first} echo '{done}' >&2; echo 'agentd: the archive lacks ab and more' >&2; exit 8");
        program(home.path(), &script)
    };
    let cases: [(&str, &[&str], &str, &str); 3] = [
        ("", &["export", "a.tar"], "a.tar: 12 records", "the archive was written as a.tar, and lacks 4 things"),
        ("", &["import", "--check", "a.tar"], "not all is in it: 12 records", "can be imported, and lacks 4 things"),
        ("printf archive;", &["export", "-"], "archive", "the archive was written to standard output, and lacks"),
    ];
    for (first, arguments, shown, said) in cases {
        let lacking = lacking(first);
        let all = [&["journal", "--quiet", "--daemon", &lacking], arguments].concat();
        let output = Cli::new(home.path(), &all).run().expect(8);
        assert!(output.stdout.contains(shown) && !output.stdout.contains("all is well"), "{output:?}");
        output.says(&[said]);
        output.says(&lost);
        let all = [&["journal", "--json", "--daemon", &lacking], arguments].concat();
        let output = Cli::new(home.path(), &all).run().expect(8);
        let (object, other, file) = match first {
            "" => (&output.stdout, &output.stderr, Some("a.tar")),
            _ => (&output.stderr, &output.stdout, None),
        };
        let object: serde_json::Value = serde_json::from_str(object).unwrap();
        assert_eq!((object["file"].as_str(), &object["lost"]), (file, &serde_json::json!(lost)), "{output:?}");
        assert_eq!(other, &first.replace("printf archive;", "archive"), "nothing else is said");
    }
    // An older program has no such list, and its words are all there is.
    let old = program(home.path(), &format!("echo '{DONE}' >&2; echo 'agentd: the archive lacks ab' >&2; exit 8"));
    let output = Cli::new(home.path(), &["journal", "--daemon", &old, "import", "--check", "a.tar"]).run().expect(8);
    output.says(&["the archive lacks ab"]);
    // Where there is none, it says so.
    let none = program(home.path(), "echo 'agentd: the log is damaged' >&2; exit 8");
    for (name, said) in [("a.tar", "the log is damaged; no archive was written"), ("-", "or one that is cut off")] {
        let output = Cli::new(home.path(), &["journal", "--daemon", &none, "export", name]).run().expect(8);
        output.says(&[said]);
        assert_eq!(output.stdout, "");
    }
}

/// The program gives its archive the name that it is told, whatever has it; and who opens a pipe waits.
#[test]
fn what_is_no_file_is_neither_replaced_nor_waited_for() {
    let home = TempDir::new().unwrap();
    let well = program(home.path(), &format!("echo '{DONE}' >&2"));
    let at = |name: &str| home.path().join(name);
    assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
    fs::write(at("old.tar"), "old").unwrap();
    for (link, target) in [("to-pipe", "pipe"), ("to-nothing", "gone"), ("to-file", "old.tar")] {
        std::os::unix::fs::symlink(target, at(link)).unwrap();
    }
    fs::create_dir(at("folder")).unwrap();
    let refused: [(&[&str], &str); 9] = [
        (&["export", "--force", "pipe"], "is no regular file"),
        (&["export", "--force", "to-pipe"], "is no regular file"),
        (&["export", "to-nothing"], "is a link to what is not there"),
        (&["export", "folder"], "folder is a folder"),
        (&["import", "pipe"], "is no regular file"),
        (&["import", "--check", "pipe"], "is no regular file"),
        (&["import", "to-pipe"], "is no regular file"),
        (&["import", "folder"], "folder is a folder"),
        (&["export", "--force", "folder"], "folder is a folder"),
    ];
    for (arguments, why) in refused {
        let all = [&["journal", "--daemon", &well], arguments].concat();
        Cli::new(home.path(), &all).run().expect(2).says(&[why, "hint:"]);
        assert!(!at("told").exists(), "{arguments:?}");
    }
    Cli::new(home.path(), &["journal", "--daemon", &well, "import", "-"])
        .run()
        .expect(2)
        .says(&["standard input", "backup.tar"]);
    assert!(!at("told").exists());
    let all = ["journal", "--daemon", &well, "export", "--force", "to-file"];
    assert!(Cli::new(home.path(), &all).run().expect(0).stdout.starts_with("to-file: "));
    let real = home.path().canonicalize().unwrap().join("old.tar");
    let expected = format!("--export-journal={} --force --state-dir [HOME]", real.display());
    assert_eq!(told(home.path()), expected.replace(home.path().to_str().unwrap(), "[HOME]"));
}

/// The standard library opens `/dev/null` for an output that was closed.
#[test]
fn an_archive_for_nobody_is_refused() {
    let home = TempDir::new().unwrap();
    let well = program(home.path(), &format!("echo '{DONE}' >&2"));
    for redirection in [">&-", "> /dev/null"] {
        let mut shell = std::process::Command::new("/bin/sh");
        let export = format!("exec \"$@\" {redirection}");
        shell.args(["-c", &export, "export", env!("CARGO_BIN_EXE_agentd-cli"), "journal", "--daemon", &well]);
        let output = shell.args(["export", "-"]).env("AGENTD_HOME", home.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("leads nowhere"), "{output:?}");
    }
}

#[test]
fn what_the_program_says_and_how_it_ends_is_passed_on() {
    let home = TempDir::new().unwrap();
    let cases = [
        (
            "echo 'agentd: the archive is damaged: it is cut' >&2; exit 8",
            8,
            "damaged",
            "the archive: the archive is damaged",
        ),
        ("echo 'agentd: there is a journal in /s already' >&2; exit 2", 2, "conflict", "there is a journal"),
        ("echo 'agentd: no room' >&2; exit 5", 5, "archive", "no room"),
        (
            "echo \"error: unexpected argument '--import-journal' found\" >&2; exit 2",
            2,
            "conflict",
            "this client's version",
        ),
        (
            "printf 'agentd: caf\\351 is damaged\\nlook into it\\n' >&2; exit 8",
            8,
            "damaged",
            "caf\u{fffd} is damaged\\nlook",
        ),
        ("exit 9", 70, "archive", "code 9"),
        ("exit 0", 70, "archive", "said nothing"),
        ("kill -9 $$", 70, "archive", "was killed"),
    ];
    for (script, exit, kind, words) in cases {
        let bad = program(home.path(), script);
        let arguments = ["journal", "--json", "--daemon", &bad, "import", "a.tar"];
        let output = Cli::new(home.path(), &arguments).run().expect(exit);
        let fault: serde_json::Value = serde_json::from_str(&output.stderr).unwrap();
        assert_eq!(fault["error"]["kind"], kind, "{script}");
        output.says(&[words]);
    }
}

/// A scripted program that says when it works, then waits until it may go on or is ended, and how it ends then.
struct Waiting {
    home: TempDir,
    program: String,
}

impl Waiting {
    fn new(on_end: &str) -> Self {
        let home = TempDir::new().unwrap();
        let [ready, go] = ["ready", "go"].map(|name| home.path().join(name));
        assert!(std::process::Command::new("mkfifo").args([&ready, &go]).status().unwrap().success());
        let (ready, go) = (ready.display(), go.display());
        // What it waits with holds no stream of its own.
        let wait = format!("cat '{go}' > /dev/null 2>&1 & cat=$!; {on_end} echo $$ > '{ready}'; wait $cat");
        let program = program(home.path(), &format!("{wait}; echo '{DONE}' >&2"));
        Self { home, program }
    }

    fn export(&self, within: &str) -> Running {
        let arguments = ["journal", "--daemon", &self.program, "export", "a.tar"];
        let running = Cli::new(self.home.path(), &arguments).within(within).spawn();
        assert!(fs::read_to_string(self.home.path().join("ready")).unwrap().trim().parse::<u32>().is_ok());
        running
    }

    fn go_on(&self) {
        fs::write(self.home.path().join("go"), "on").unwrap();
    }
}

#[test]
fn who_ends_the_client_ends_the_program_and_hears_of_it() {
    let said = "trap 'kill $cat; echo agentd: nothing was written >&2; exit 130' TERM;";
    let silent = "trap 'kill $cat; trap - TERM; kill $$' TERM;";
    for (on_end, words) in [(said, "nothing was written"), (silent, "interrupted")] {
        for signal in ["TERM", "INT", "HUP"] {
            let waiting = Waiting::new(on_end);
            let running = waiting.export(":");
            running.signal(signal);
            let output = running.end().expect(130);
            output.says(&[&format!("cannot export the journal: {words}")]);
            assert_eq!(output.stdout, "", "{signal}");
        }
    }
}

/// A terminal tells the whole group.
#[test]
fn the_program_is_told_once_and_by_the_client_alone() {
    for signal in ["INT", "TERM", "HUP"] {
        let traps = ["INT", "HUP"].map(|other| format!("trap 'echo {other} >> heard' {other};")).concat();
        let waiting = Waiting::new(&format!("{traps} trap 'echo TERM >> heard; kill $cat; exit 130' TERM;"));
        let running = waiting.export(":");
        running.signal_group(signal);
        running.end().expect(130).says(&["ended with code 130"]);
        assert_eq!(fs::read_to_string(waiting.home.path().join("heard")).unwrap(), "TERM\n", "{signal}");
    }
}

#[test]
fn what_was_ignored_at_the_start_stays_so() {
    for signal in ["HUP", "INT", "TERM"] {
        let waiting = Waiting::new("");
        let running = waiting.export(&format!("trap '' {signal}"));
        running.signal_group(signal);
        waiting.go_on();
        assert!(running.end().expect(0).stdout.contains("12 records"), "{signal}");
    }
}

/// As while its disk does not answer: it has heard, and goes on; with the pipe through which it talks, or without.
#[test]
fn who_ends_the_client_again_leaves_a_program_that_does_not_end() {
    for closing in ["", "exec 2>&-;"] {
        let waiting = Waiting::new(&format!("{closing} trap 'echo heard > ready; wait $cat' TERM;"));
        let mut running = waiting.export(":");
        running.signal("INT");
        assert_eq!(fs::read_to_string(waiting.home.path().join("ready")).unwrap(), "heard\n");
        // What comes at once is taken for the same wish.
        while running.child.try_wait().unwrap().is_none() {
            running.signal("TERM");
        }
        let output = running.end().expect(130);
        output.says(&["interrupted", "has not ended yet", "ps -p ", "a.tar.agentd-partial may be left"]);
        waiting.go_on();
    }
}

/// On a real pseudo-terminal, made by util-linux's `script`.
#[cfg(target_os = "linux")]
#[test]
fn a_terminal_sees_how_far_it_is_and_gets_no_archive() {
    let home = TempDir::new().unwrap();
    let steps = "echo '{\"done\":30000,\"total\":70000}' >&2";
    let well = program(home.path(), &format!("{steps}; echo '{DONE}' >&2"));
    let shown = |rest: &str| {
        let command = format!("{} journal --daemon {well} export {rest}", env!("CARGO_BIN_EXE_agentd-cli"));
        let mut script = std::process::Command::new("script");
        script.args(["-qec", &command, "/dev/null"]).env_clear().stdin(std::process::Stdio::null());
        script.env("AGENTD_HOME", home.path()).env("TERM", "xterm").env("PATH", "/usr/bin:/bin");
        let output = script.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = shown("a.tar");
    assert!(code == Some(0) && text.contains("KiB/68.36 KiB") && text.contains("12 records"), "{text:?}");
    let (code, text) = shown("-");
    assert!(code == Some(2) && text.contains("nothing for a terminal"), "{text:?}");
    assert!(!shown("--quiet a.tar").1.contains("KiB/"));
}
