//! On a real pseudo-terminal, made by util-linux's `script`: bars, colour, and everything within the width.

use std::process::{Command, Stdio};

use crate::fake::{Fake, TASK, progress, succeeded, success, task};

const REPORT: &str = "# Report\n\nFound **1,480** files with a rather long sentence that wraps somewhere around here.\n\n\
    | File | What is wrong with it |\n| --- | --- |\n\
    | src/very/long/path/to/file.rs | this function is much too long and nests too deeply to be read by anyone |\n";

fn on_terminal(fake: &Fake, command: &str) -> String {
    let command = format!("{} {command}", env!("CARGO_BIN_EXE_agentd-cli"));
    let output = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_clear()
        .envs([
            ("AGENTD_HOME", fake.home().to_str().unwrap()),
            ("TERM", "xterm"),
            ("PATH", "/usr/bin:/bin"),
            ("COLUMNS", "70"),
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Columns of a line without its escape codes.
fn columns(line: &str) -> usize {
    let mut columns = 0;
    let mut inside = false;
    for c in line.chars() {
        match c {
            '\u{1b}' => inside = true,
            c if inside => inside = !c.is_ascii_alphabetic(),
            _ => columns += 1,
        }
    }
    columns
}

#[test]
fn a_task_is_shown_live_and_its_report_drawn() {
    let fake = Fake::serving();
    let mut course = success();
    course.insert(3, progress("survey", 1400));
    fake.script().watches.push_back(course);
    fake.script().documents.insert("report.md".into(), REPORT.into());
    let shown = on_terminal(&fake, "submit x");
    for part in ["━", "1,400/1,480 files", "/2 steps", "✓\u{1b}[0m survey (312 ms): 1,480 files, 17.4 MB"] {
        assert!(shown.contains(part), "`{part}` is missing: {shown:?}");
    }
    let report = shown.split("\u{1b}[1mReport").nth(1).unwrap();
    assert!(report.contains("\u{1b}[1m1,480\u{1b}[0m files") && !report.contains("| ---"), "{report:?}");
    assert!(report.lines().all(|line| columns(line) <= 70), "{report:?}");
}

/// What a step found may be long: its line is broken between words, and never by the terminal inside of one.
#[test]
fn lines_of_steps_are_broken_between_words() {
    let fake = Fake::serving();
    let summary = "3 functions in 2 files; pieces: analyzer 7, architect 4, synthesizer 8, integrator 1, optimizer 3";
    let mut course = success();
    course[3] = succeeded(13, "survey", summary);
    fake.script().watches.push_back(course);
    fake.script().documents.insert("report.md".into(), REPORT.into());
    let shown = on_terminal(&fake, "submit --color never x");
    let begin = shown.find("survey (312 ms)").unwrap();
    let lines: Vec<&str> =
        shown[begin..].lines().take(2).map(|line| line.split('\u{1b}').next().unwrap().trim_end()).collect();
    let expected = [
        "survey (312 ms): 3 functions in 2 files; pieces: analyzer 7,",
        "  architect 4, synthesizer 8, integrator 1, optimizer 3",
    ];
    assert_eq!(lines, expected, "{shown:?}");
}

/// Colour is one thing, movement another: without colour the bars are still drawn.
#[test]
fn bars_need_no_colour() {
    let fake = Fake::serving();
    fake.script().watches.push_back(success());
    fake.script().documents.insert("report.md".into(), REPORT.into());
    let shown = on_terminal(&fake, "submit --color never x");
    assert!(shown.contains("━") && shown.contains("700/1,480 files"), "{shown:?}");
    let painted = shown.split("\u{1b}[").skip(1).any(|code| {
        code.split(|c: char| !c.is_ascii_digit() && c != ';')
            .next()
            .is_some_and(|digits| code[digits.len()..].starts_with('m'))
    });
    assert!(!painted, "{shown:?}");
}

#[test]
fn a_list_has_one_line_per_task_within_the_width() {
    let fake = Fake::serving();
    let mut long = task(TASK);
    long.request = "find every caller of the parser and tell which of them are slow ".repeat(3);
    fake.script().tasks = vec![long, task(TASK)];
    let shown = on_terminal(&fake, "list");
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.lines().all(|line| columns(line) <= 70) && shown.matches(TASK).count() == 2, "{shown}");
}
