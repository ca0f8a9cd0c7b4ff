//! The described commands, run against real repositories, hostile ones included.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests play the host that starts git")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use agentd_tools::git::{self, GitCommand};

fn run(folder: &Path, command: &GitCommand) -> Output {
    let path = std::env::var_os("PATH").unwrap();
    Command::new("git")
        .args(&command.args)
        .env_clear()
        .env("PATH", path)
        .envs(command.env.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap()
}

fn repository() -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let git = |args: &[&str]| {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        let out = Command::new("git").args(identity).args(args).current_dir(temp.path()).output().unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
    };
    git(&["init", "--quiet", "--initial-branch=feature/x"]);
    fs::write(temp.path().join("a.txt"), "one").unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "first"]);
    temp
}

#[test]
fn head_and_branch_of_a_repository() {
    let temp = repository();
    let (head, branch) = (run(temp.path(), &git::head_command()), run(temp.path(), &git::branch_command()));
    assert!(head.status.success() && branch.status.success(), "{head:?} {branch:?}");
    let parsed = git::parse_head(&head.stdout, Some(&branch.stdout)).unwrap();
    assert_eq!((parsed.commit.len(), parsed.branch.as_deref()), (40, Some("feature/x")));
    let detach = Command::new("git").args(["checkout", "--quiet", "--detach"]).current_dir(temp.path()).status();
    assert!(detach.unwrap().success());
    assert_eq!(run(temp.path(), &git::branch_command()).status.code(), Some(1));
    assert_eq!(git::parse_head(&head.stdout, None).unwrap().branch, None);
}

#[test]
fn a_folder_without_repository_fails_with_128() {
    let temp = tempfile::tempdir().unwrap();
    assert_eq!(run(temp.path(), &git::head_command()).status.code(), Some(128));
}

#[test]
fn programs_named_by_the_repository_do_not_run() {
    let temp = repository();
    let canary = temp.path().join("canary");
    let touch = format!("touch '{}'; false", canary.display());
    for key in ["core.fsmonitor", "core.pager", "diff.external", "core.sshCommand", "core.editor", "gpg.program"] {
        assert!(Command::new("git").args(["config", key, &touch]).current_dir(temp.path()).status().unwrap().success());
    }
    let hook = temp.path().join(".git/hooks/post-index-change");
    fs::write(&hook, format!("#!/bin/sh\n{touch}\n")).unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(temp.path().join("a.txt"), "three").unwrap();
    for command in [git::head_command(), git::branch_command()] {
        assert!(run(temp.path(), &command).status.success(), "{command:?}");
    }
    assert!(!canary.exists(), "a program of the repository ran");
    // The trap works: without the flags the same repository runs its program.
    assert!(Command::new("git").arg("status").current_dir(temp.path()).output().is_ok());
    assert!(canary.exists(), "the trap itself is broken");
}

#[test]
fn answers_that_are_no_answers_are_errors() {
    assert!(git::parse_head(b"fatal: not a git repository", None).is_err());
    assert!(git::parse_head(b"", None).is_err());
    let odd = git::parse_head(&[b'a'; 40], Some(b"refs/heads/\x1b[31m")).unwrap();
    assert_eq!(odd.branch.as_deref(), Some("\\u{1b}[31m"));
}
