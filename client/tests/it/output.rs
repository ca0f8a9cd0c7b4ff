//! What goes to which stream: data to stdout, talk to stderr, escape codes only where they belong.

use agentd_proto::v1::{Agent, AgentRecord, Health, Placement, TaskState};

use crate::{
    cli::Cli,
    fake::{Fake, TASK, ended, submitted, succeeded, task, with_success},
};

const OTHER: &str = "01JDAAAAAAAAAAAAAAAAAAAAB2";
const OLD: &str = "01HZZZZZZZZZZZZZZZZZZZZZZZ";

fn with_tasks() -> Fake {
    let fake = Fake::serving();
    fake.script().tasks = vec![task(OTHER), task(TASK), task(OLD)];
    fake
}

#[test]
fn a_pipe_gets_no_escape_codes_unless_asked_for() {
    let fake = with_tasks();
    for command in [&["list"][..], &["show", "last"], &["status"], &["agents"], &["list", "--state", "failed"]] {
        let output = Cli::new(fake.home(), command).run().expect(0);
        assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "{output:?}");
        let forced = Cli::new(fake.home(), command).env("CLICOLOR_FORCE", "1").run().expect(0);
        assert!(forced.stdout.contains('\u{1b}'), "{forced:?}");
        let never = Cli::new(fake.home(), command).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().expect(0);
        assert_eq!(never.stdout, output.stdout);
    }
}

#[test]
fn agents_have_one_line_each_on_a_narrow_terminal() {
    let fake = Fake::serving();
    let placement = Placement {
        asked: "any cpu, nice 5".into(),
        granted: "any cpu, nice 5".into(),
        unmeasured: "one tier of cores".into(),
        ..Placement::default()
    };
    let agent = |name: &str| Agent {
        name: name.into(),
        placement: Some(placement.clone()),
        record: Some(AgentRecord { steps_succeeded: 1_480, mean_step_ms: 849.0, ..AgentRecord::default() }),
        holding: vec![format!("{TASK}/structure")],
        ..Agent::default()
    };
    fake.script().agents = vec![agent("synthesizer"), agent("coordinator")];
    let narrow = Cli::new(fake.home(), &["agents", "--color", "always"]).env("COLUMNS", "80").run().expect(0);
    let lines: Vec<&str> = narrow.stdout.lines().collect();
    assert!(lines[1].contains("synthesizer") && lines[2].contains("coordinator"), "{narrow:?}");
    assert!(lines[1].contains("structure") && !narrow.stdout.contains(TASK), "{narrow:?}");
    assert_eq!(narrow.stdout.matches("one tier of cores").count(), 1, "{narrow:?}");
    let piped = Cli::new(fake.home(), &["agents"]).run().expect(0);
    assert!(piped.stdout.contains("ASKED") && piped.stdout.contains(&format!("{TASK}/structure")), "{piped:?}");
}

#[test]
fn a_daemon_that_cannot_write_is_shown_and_is_no_success() {
    let fake = Fake::serving();
    fake.script().status.health = Health::ReadOnly.into();
    fake.script().status.reasons = vec!["the disk is full".into()];
    let output = Cli::new(fake.home(), &["status"]).run().expect(4);
    assert!(output.stdout.contains("read-only"), "{output:?}");
    assert_eq!(output.stderr.matches("the disk is full").count(), 1, "{output:?}");
    let json = Cli::new(fake.home(), &["status", "--json"]).run().expect(4);
    assert!(
        json.stdout.contains(r#""health":"read_only""#) && json.stderr.contains(r#""kind":"read_only""#),
        "{json:?}"
    );
}

#[test]
fn reports_are_markdown_in_a_pipe_and_drawn_in_colour() {
    let plain = Cli::new(with_success().home(), &["submit", "measure"]).run().expect(0);
    assert_eq!(plain.stdout, crate::fake::REPORT);
    let drawn = Cli::new(with_success().home(), &["submit", "--color", "always", "measure"]).run().expect(0);
    assert!(drawn.stdout.contains('\u{1b}') && !drawn.stdout.contains("| ---") && !drawn.stdout.contains("**"));
}

#[test]
fn progress_in_a_pipe_is_one_line_per_finished_step_and_quiet_is_quiet() {
    let output = Cli::new(with_success().home(), &["submit", "measure"]).run().expect(0);
    let steps: Vec<&str> = output.stderr.lines().filter(|line| line.contains('✓')).collect();
    assert_eq!(steps, ["✓ survey (312 ms): 1,480 files, 17.4 MB", "✓ report (312 ms)"]);
    assert!(!output.stderr.contains("700"), "live progress is for terminals: {output:?}");
    let quiet = Cli::new(with_success().home(), &["--quiet", "submit", "measure"]).run().expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), (crate::fake::REPORT, ""));
}

#[test]
fn a_line_of_a_list_stays_readable_in_a_pipe() {
    let fake = Fake::serving();
    let mut long = task(TASK);
    long.request = "word ".repeat(6000);
    fake.script().tasks = vec![long.clone()];
    let output = Cli::new(fake.home(), &["list"]).run().expect(0);
    let line = output.stdout.lines().nth(1).unwrap();
    assert!(line.ends_with('…') && line.chars().count() < 300, "{line}");
    let json = Cli::new(fake.home(), &["list", "--json"]).run().expect(0);
    assert!(json.stdout.contains(&long.request), "programs get all of it");
}

#[test]
fn a_step_of_less_than_a_millisecond_has_a_time_and_one_that_waits_has_none() {
    let fake = Fake::serving();
    let mut quick = task(TASK);
    quick.steps[0].duration_ms = 0;
    let mut ready = quick.steps[0].clone();
    (ready.name, ready.state) = ("later".into(), agentd_proto::v1::StepState::Ready.into());
    quick.steps.push(ready);
    fake.script().tasks = vec![quick];
    let shown = Cli::new(fake.home(), &["show", "last"]).run().expect(0).stdout;
    let times: Vec<bool> =
        shown.lines().filter(|line| line.contains("researcher")).map(|line| line.contains("< 1 ms")).collect();
    assert_eq!(times, [true, false], "{shown}");
}

#[test]
fn global_options_stand_before_or_behind_the_command() {
    let fake = with_tasks();
    for command in ["status", "list", "agents"] {
        let before = Cli::new(fake.home(), &["-q", command]).run().expect(0);
        let behind = Cli::new(fake.home(), &[command, "--quiet"]).run().expect(0);
        assert_eq!((&before.stdout, &before.stderr), (&behind.stdout, &behind.stderr));
    }
}

#[test]
fn a_setting_that_does_not_exist_is_refused_with_those_that_do() {
    let fake = Fake::serving();
    fake.script().settings = vec![agentd_proto::v1::Setting { key: "queue.max_tasks".into(), ..Default::default() }];
    for form in [&["config", "show", "qeue"][..], &["config", "show", "max_tasks", "--json"]] {
        let output = Cli::new(fake.home(), form).run().expect(3);
        assert_eq!(output.stdout, "");
        output.says(&["no setting whose key begins with", "near: queue"]);
    }
    assert!(Cli::new(fake.home(), &["config", "show", "queue."]).run().expect(0).stdout.contains("queue.max_tasks"));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let fake = with_tasks();
    fake.script().tasks = (0..400).map(|_| task(TASK)).collect();
    let mut running = Cli::new(fake.home(), &["list", "--limit", "0", "--json"]).spawn();
    drop(running.child.stdout.take());
    assert_eq!(running.end().expect(0).stderr, "");
}

#[test]
fn foreign_text_cannot_command_the_terminal() {
    let fake = Fake::serving();
    let mut hostile = task(TASK);
    hostile.request = "\u{1b}]0;owned\u{7}".into();
    hostile.summary = "\u{1b}[2J".into();
    hostile.workspace = "/w\u{9b}2J\u{7f}\u{202e}".into();
    fake.script().tasks = vec![hostile];
    let course =
        vec![submitted(11), succeeded(12, "sur\u{1b}[2Jvey", "\u{9b}2J"), ended(13, TaskState::Succeeded, &[])];
    fake.script().watches.extend([course.clone(), course]);
    for command in [&["list"][..], &["show", "last"], &["watch", "last"]] {
        for json in [&[][..], &["--json"]] {
            let output = Cli::new(fake.home(), &[command, json].concat()).run().expect(0);
            let all = output.stdout + &output.stderr;
            assert!(!all.contains(['\u{1b}', '\u{7}', '\u{9b}', '\u{7f}', '\u{202e}']), "{command:?}: {all:?}");
        }
    }
    // An error names what it was given.
    let output = Cli::new(fake.home(), &["--json", "show", "\u{9b}2J"]).run().expect(2);
    output.says(&["\\u009b2J"]);
    assert!(!output.stderr.contains('\u{9b}'), "{output:?}");
}

#[test]
fn tasks_are_named_by_id_prefix_or_last() {
    let fake = with_tasks();
    let show = |name: &str| Cli::new(fake.home(), &["show", "--json", name]).run();
    for (name, id) in [("last", OTHER), ("01h", OLD), ("01JDAAAAAAAAAAAAAAAAAAAAA", TASK), (TASK, TASK)] {
        assert!(show(name).expect(0).stdout.contains(&format!("\"task_id\":\"{id}\"")), "{name}");
    }
    show("01JD").expect(2).says(&["beginning of 2 task ids", TASK, OTHER, "more characters"]);
    let many = |from: u32| (from..from + 10).map(|number| task(&format!("01HA{number:022}")));
    fake.script().tasks.extend(many(0).take(9));
    show("01HA").expect(2).says(&["beginning of 9 task ids"]);
    fake.script().tasks.extend(many(9));
    show("01HA").expect(2).says(&["beginning of 10 or more task ids"]);
    show("01JX").expect(3).says(&["no task whose id begins with `01JX`", "agentd-cli list"]);
    show("01JDAAAAAAAAAAAAAAAAAAAAA9").expect(3).says(&["there is no task"]);
    show("not an id").expect(2).says(&["`not an id` is no task id"]);
    fake.script().tasks.clear();
    show("last").expect(3).says(&["no task yet"]);
}

#[test]
fn cancel_tries_all_and_tells_the_first_fault() {
    let fake = with_tasks();
    let output = Cli::new(fake.home(), &["cancel", "01JX", "last", "01H"]).run().expect(3);
    output.says(&["01JX"]);
    assert_eq!(output.stdout, format!("{OTHER} cancelled\n{OLD} cancelled\n"));
    assert_eq!(fake.script().cancelled, [OTHER, OLD]);
}

#[test]
fn lists_are_read_in_pages_up_to_the_limit() {
    let fake = with_tasks();
    let all = Cli::new(fake.home(), &["list", "--limit", "0"]).run().expect(0);
    assert_eq!(all.stdout.lines().count(), 4, "{all:?}");
    let one = Cli::new(fake.home(), &["list", "-n", "1", "--state", "failed", "--workspace", "."]).run().expect(0);
    assert_eq!(one.stdout.lines().count(), 2);
    let listed = fake.script().listed.pop().unwrap();
    one.says(&["the newest 1, there are more", "--limit 2"]);
    assert_eq!(all.stderr, "");
    assert_eq!((listed.page_size, listed.states), (2, vec![i32::from(TaskState::Failed)]));
    assert_eq!(listed.workspace, fake.home().canonicalize().unwrap().to_str().unwrap());
}

#[test]
fn a_list_says_whether_nothing_matches_or_nothing_is_there() {
    let fake = Fake::serving();
    for (arguments, words) in [
        (&["list"][..], "no task yet"),
        (&["list", "--state", "failed"], "no task matches"),
        (&["list", "-w", "/"], "no task matches"),
    ] {
        let output = Cli::new(fake.home(), arguments).run().expect(0);
        assert_eq!((output.stdout.as_str(), output.stderr.trim_end()), ("", words));
    }
}

#[test]
fn a_list_for_people_has_ids_as_short_as_show_takes_them() {
    let fake = with_tasks();
    fake.script().tasks.remove(0);
    let listed = Cli::new(fake.home(), &["list", "--color", "always"]).env("COLUMNS", "80").run().expect(0);
    for (short, id) in [("01JDAAAA", TASK), ("01HZZZZZ", OLD)] {
        assert!(listed.stdout.contains(&format!("\n{short} ")), "{listed:?}");
        assert!(Cli::new(fake.home(), &["show", short]).run().expect(0).stdout.contains(id));
    }
    assert!(Cli::new(fake.home(), &["list"]).run().expect(0).stdout.contains(TASK), "a pipe gets whole ids");
}

/// A folder that is gone may have tasks: its name counts from the current folder on.
#[test]
fn a_folder_that_is_gone_is_asked_for_by_its_absolute_path() {
    let fake = with_tasks();
    for path in ["gone/dir", "./gone/dir"] {
        let _said = Cli::new(fake.home(), &["list", "-w", path]).run().expect(0);
        let asked = fake.script().listed.pop().unwrap().workspace;
        assert_eq!(asked, fake.home().canonicalize().unwrap().join("gone/dir").to_str().unwrap());
    }
}

/// A datagram is what one write has written: commands that append to one file at once do not mix their lines.
#[test]
fn an_id_and_its_line_end_are_one_write() {
    let fake = Fake::serving();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut submit = std::process::Command::new(env!("CARGO_BIN_EXE_agentd-cli"));
    submit.args(["submit", "-q", "-d", "x"]).env("AGENTD_HOME", fake.home()).current_dir(fake.home());
    submit.stdout(std::os::fd::OwnedFd::from(theirs)).stdin(std::process::Stdio::null());
    assert!(submit.status().unwrap().success());
    let mut written = [0; 64];
    let length = ours.recv(&mut written).unwrap();
    assert_eq!(std::str::from_utf8(&written[..length]), Ok(format!("{TASK}\n").as_str()));
}

#[test]
fn documents_are_shown_written_or_missed() {
    let fake = with_tasks();
    fake.script().documents.insert("report.md".into(), crate::fake::REPORT.into());
    let shown = Cli::new(fake.home(), &["show", "last", "-d", "report.md"]).run().expect(0);
    assert_eq!(shown.stdout, crate::fake::REPORT);
    let _said = Cli::new(fake.home(), &["show", "last", "-d", "report.md", "-o", "r.md"]).run().expect(0);
    assert_eq!(std::fs::read_to_string(fake.home().join("r.md")).unwrap(), crate::fake::REPORT);
    Cli::new(fake.home(), &["show", "last", "-d", "x.md"]).run().expect(3).says(&["`x.md`", "it has: report.md"]);
}

#[test]
fn config_init_writes_once_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let fake = Fake::serving();
    fake.script().settings = vec![agentd_proto::v1::Setting {
        key: "queue.max_tasks".into(),
        value: "1000".into(),
        source: "default".into(),
        help: "Most tasks that may wait".into(),
        ..Default::default()
    }];
    let path = fake.home().join("config.toml");
    let output = Cli::new(fake.home(), &["config", "init"]).run().expect(0);
    assert_eq!(output.stdout.trim_end(), path.to_str().unwrap());
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .contains("\n[queue]\n\n# Most tasks that may wait\n# max_tasks = 1000\n")
    );
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    Cli::new(fake.home(), &["config", "init"]).run().expect(2).says(&["already", "config.toml"]);
}

#[test]
fn journal_faults_end_with_their_own_code() {
    let fake = Fake::serving();
    let _well = Cli::new(fake.home(), &["journal", "verify"]).run().expect(0);
    fake.script().journal.faults = vec!["segment 3, record 17: checksum".into()];
    let output = Cli::new(fake.home(), &["journal", "verify"]).run().expect(8);
    assert!(output.stdout.contains("damaged: segment 3, record 17"));
}
