//! Histories that take too long, and what older agents handed on: nothing of it fails a task.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use agentd_base::Role;
use agentd_tools::{
    git::history::{NoHistory, Past},
    report::Report,
};
use agentd_workflow::Action;
use tempfile::TempDir;

use super::{
    actions::{analyse, content, output, repository},
    support::{LONG, Rig},
};
use crate::StepFault;

fn git(folder: &Path, args: &[&str]) -> String {
    let identity = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false"];
    #[expect(clippy::disallowed_methods, reason = "a test prepares its repository")]
    let output = Command::new("git").args(identity).args(args).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn committed() -> TempDir {
    let folder = repository();
    git(folder.path(), &["init", "-q", "-b", "trunk"]);
    for turn in 0..3 {
        fs::write(folder.path().join("src/a.rs"), format!("pub fn one() -> u32 {{ {turn} }}\n")).unwrap();
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", "turn"]);
    }
    folder
}

/// A folder with a `git` that does `instead` where the words of its command line hold `when`.
fn slow_git(cases: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|file| file.is_file()).unwrap();
    let cases: String = cases.iter().map(|(when, instead)| format!("*{when}*) {instead};;\n")).collect();
    let script = format!("#!/bin/sh\ncase \"$*\" in\n{cases}esac\nexec '{}' \"$@\"\n", real.display());
    let (written, git) = (folder.path().join("written"), folder.path().join("git"));
    fs::write(&written, script).unwrap();
    fs::set_permissions(&written, fs::Permissions::from_mode(0o755)).unwrap();
    // A file that this process has open for writing goes with every child that another thread starts meanwhile, and nobody
    // can run it then ("text file busy"). So another process writes the one that is run.
    #[expect(clippy::disallowed_methods, reason = "a test prepares its programs")]
    let copied = Command::new("cp").arg(&written).arg(&git).status().unwrap();
    assert!(copied.success());
    folder
}

/// Whether the history step has to ask itself what is checked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    /// The survey has told it.
    Not,
    /// The survey was that of an older agentd, or had no answer.
    Again,
}

/// What the history step finds with this git, and what it says. A log may take a quarter of the step's `limit`.
fn asked(folder: &TempDir, git: &TempDir, (limit, asks): (Duration, Asks)) -> Result<(Past, String), StepFault> {
    let mut rig = Rig::real_with_children(folder.path());
    let survey = analyse(&mut rig, "survey");
    let mut assignment = rig.assignment(2, "history", Action::History);
    let mut path = std::ffi::OsString::from(git.path());
    path.push(":/usr/bin:/bin");
    let mut task = (*assignment.task).clone();
    task.path = Some(path.into_string().unwrap());
    assignment.task = std::sync::Arc::new(task);
    assignment.limit = limit;
    let mut surveyed = Rig::input("survey", output(&survey, "survey"));
    if asks == Asks::Again {
        let mut older: serde_json::Value = serde_json::from_slice(&content(&rig, &surveyed.output)).unwrap();
        assert!(older.as_object_mut().unwrap().remove("place").is_some_and(|place| place.is_object()));
        surveyed.output = crate::PayloadRef::Inline(serde_json::to_vec(&older).unwrap().into());
    }
    assignment.inputs = vec![surveyed];
    let done = rig.run(Role::Researcher, assignment).0?;
    Ok((serde_json::from_slice(&content(&rig, &done.output)).unwrap(), done.summary.to_string()))
}

/// With a git that answers.
fn past(folder: &TempDir, git: &TempDir) -> (Past, String) {
    asked(folder, git, (LONG, Asks::Not)).unwrap()
}

/// With a git that hangs. How far it comes before, and in which time, is the machine's business: one that is busy gets more.
fn hanging(folder: &TempDir, git: &TempDir, far_enough: impl Fn(&Past) -> bool) -> (Past, String) {
    let mut found = None;
    for seconds in [6, 24, 80] {
        found = Some(asked(folder, git, (Duration::from_secs(seconds), Asks::Not)));
        if let Some(Ok((past, said))) = &found
            && far_enough(past)
        {
            return (past.clone(), said.clone());
        }
    }
    panic!("it did not come so far: {found:?}");
}

const SLEEP: &str = "exec sleep 600";

#[test]
fn a_log_that_takes_too_long_is_read_as_far_as_it_came_and_fails_nothing() {
    let folder = committed();
    let (nothing, said) = hanging(&folder, &slow_git(&[("--name-only", SLEEP)]), |_| true);
    assert_eq!((nothing, said.as_str()), (Past::Unknown(NoHistory::Late), "not known: git took longer than it may"));

    // Two commits came before it was ended; the second may miss files.
    let head = git(folder.path(), &["rev-parse", "HEAD"]);
    let commit = |file: &str| format!("\\001{head}\\00020\\000a@x\\000\\n{file}\\000");
    let some = format!("printf '{}{}'; {SLEEP}", commit("src/a.rs"), commit("src/b.rs"));
    let (partial, said) = hanging(&folder, &slow_git(&[("--name-only", &some)]), |past| matches!(past, Past::Read(_)));
    let Past::Read(history) = partial else { panic!("{said}") };
    assert_eq!((history.commits, history.late, history.files.len()), (1, true, 1), "{history:?}");
    assert!(said.contains("git took longer than it may, so that older commits miss"), "{said}");
}

#[test]
fn what_git_prints_in_another_form_is_told_and_fails_nothing() {
    let folder = committed();
    for (printed, expected) in [("echo hello", "git could not tell"), ("echo 'fatal: broken' >&2; exit 3", "(broken)")]
    {
        let odd = format!("{printed}; exit");
        let (nothing, said) = past(&folder, &slow_git(&[("--name-only", &odd)]));
        assert!(matches!(nothing, Past::Unknown(_)) && said.contains(expected), "{said}");
    }
    let (again, said) = asked(&folder, &slow_git(&[]), (LONG, Asks::Again)).unwrap();
    assert!(matches!(again, Past::Read(_)), "{said}");
    let odd = slow_git(&[("--show-prefix", "echo what; exit")]);
    let (nothing, said) = asked(&folder, &odd, (LONG, Asks::Again)).unwrap();
    assert!(matches!(nothing, Past::Unknown(_)) && said.contains("unexpected to `rev-parse`: what"), "{said}");
}

#[test]
fn inputs_of_an_older_agentd_make_a_report_that_says_what_it_lacks() {
    let folder = committed();
    let mut rig = Rig::real(folder.path());
    let done = analyse(&mut rig, "structure");
    let mut merge = rig.assignment(4, "merge", Action::Merge);
    merge.inputs =
        ["survey", "measure", "project", "structure"].map(|step| Rig::input(step, output(&done, step))).into();
    // As it was before lock files were read.
    let mut project: serde_json::Value =
        serde_json::from_slice(&content(&rig, &output(&done, "project").output)).unwrap();
    assert!(project.as_object_mut().unwrap().remove("locks").is_some());
    merge.inputs[2].output = crate::PayloadRef::Inline(serde_json::to_vec(&project).unwrap().into());
    let merged = rig.run(Role::Synthesizer, merge).0.unwrap();
    let report: Report = serde_json::from_slice(&content(&rig, &merged.output)).unwrap();
    assert_eq!((report.subject.name.as_str(), report.duplicates, report.dependencies), ("sample", None, None));
    assert!(report.history.was_not_asked());
}
