//! The described commands, run against real repositories, hostile ones included.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests play the host that starts git")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use agentd_tools::git::{Checkout, GitCommand, Head, Place, checkout_command, history::log_command, is_unborn};

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

fn user(folder: &Path, args: &[&str]) {
    assert!(Command::new("git").args(args).current_dir(folder).status().unwrap().success(), "{args:?}");
}

fn checkout(folder: &Path) -> Checkout {
    let out = run(folder, &checkout_command());
    assert!(out.status.success(), "{out:?}");
    Checkout::of(&out.stdout).unwrap()
}

#[test]
fn commit_branch_and_place_of_a_repository() {
    let temp = repository();
    let Checkout { head, place } = checkout(temp.path());
    let head = head.unwrap();
    assert_eq!((head.commit.len(), head.branch.as_deref()), (40, Some("feature/x")));
    assert_eq!(place, Place::default());
    let odd = temp.path().join("--\nodd");
    fs::create_dir(&odd).unwrap();
    assert_eq!(checkout(&odd).place, Place { shallow: false, prefix: b"--\nodd/".to_vec() });
    assert_eq!(checkout(&odd).head, Some(head.clone()), "and a file of that name is none");
    fs::write(temp.path().join("HEAD"), "").unwrap();
    user(temp.path(), &["checkout", "--quiet", "--detach"]);
    let detached = Head { branch: None, ..head };
    assert_eq!(checkout(temp.path()).head, Some(detached.clone()));
    user(temp.path(), &["tag", "HEAD"]);
    assert_eq!(checkout(temp.path()).head, Some(detached), "a name of two things has a commit and no branch");
}

#[test]
fn no_repository_and_no_commit_are_told_apart() {
    let temp = tempfile::tempdir().unwrap();
    let outside = run(temp.path(), &checkout_command());
    assert_eq!((outside.status.code(), is_unborn(&outside.stderr)), (Some(128), false));
    user(temp.path(), &["init", "--quiet"]);
    let below = temp.path().join("below");
    fs::create_dir(&below).unwrap();
    fs::write(below.join("HEAD"), "").unwrap();
    let unborn = run(&below, &checkout_command());
    assert_eq!((unborn.status.code(), is_unborn(&unborn.stderr)), (Some(128), true));
    let place = Place { shallow: false, prefix: b"below/".to_vec() };
    assert_eq!(Checkout::of(&unborn.stdout).unwrap(), Checkout { head: None, place });
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
    checkout(temp.path());
    assert!(!canary.exists(), "a program of the repository ran");
    // The trap works: without the flags the same repository runs its program.
    assert!(Command::new("git").arg("status").current_dir(temp.path()).output().is_ok());
    assert!(canary.exists(), "the trap itself is broken");
}

/// What a repository from elsewhere may hold: a tree is missing, and a program is named that would fetch it.
#[test]
fn nothing_is_fetched_even_by_a_git_that_does_not_know_how_to_leave_it() {
    let temp = repository();
    let folder = temp.path();
    let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    for text in ["two", "three", "four"] {
        fs::create_dir_all(folder.join("d")).unwrap();
        fs::write(folder.join("d/a.txt"), text).unwrap();
        user(folder, &["add", "."]);
        user(folder, &[&identity[..], &["commit", "--quiet", "-m", text]].concat());
    }
    let tree = Command::new("git").args(["rev-parse", "HEAD~1:d"]).current_dir(folder).output().unwrap().stdout;
    let tree = String::from_utf8(tree).unwrap();
    fs::remove_file(folder.join(".git/objects").join(&tree[..2]).join(tree[2..].trim())).unwrap();
    let canary = folder.join("canary");
    let url = format!("ext::touch {}", canary.display());
    for (key, value) in [
        ("core.repositoryformatversion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", &url),
        ("protocol.ext.allow", "always"),
    ] {
        user(folder, &["config", key, value]);
    }
    let without = |names: &[&str]| {
        let mut command = log_command("HEAD");
        command.env.retain(|(name, _)| !names.contains(name));
        assert!(!run(folder, &command).status.success(), "a tree is missing");
        canary.exists()
    };
    assert!(!without(&[]) && !without(&["GIT_NO_LAZY_FETCH"]), "a program of the repository ran");
    assert!(without(&["GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"]), "the trap itself is broken");
}

#[test]
fn answers_that_are_no_answers_are_errors() {
    let id = "a".repeat(40);
    for answer in
        ["", "false\n", "maybe\n\n", "fatal: not a git repository\n", "false\n\n--\n", "false\n\nx\nHEAD\n--\n"]
    {
        assert!(Checkout::of(answer.as_bytes()).is_err(), "{answer:?}");
    }
    let cut = format!("false\n\n{id}\nrefs/heads/main\n--\n");
    assert!(Checkout::of(cut.as_bytes()).is_ok());
    let odd = Checkout::of(format!("true\nsub/\n{id}\nrefs/heads/\u{1b}[31m\n--\n").as_bytes()).unwrap();
    assert_eq!(odd.head.unwrap().branch.as_deref(), Some("\\u{1b}[31m"));
    assert_eq!(odd.place, Place { shallow: true, prefix: b"sub/".to_vec() });
}
