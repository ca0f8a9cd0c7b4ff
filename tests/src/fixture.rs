//! Folders that jobs are about: files written from a table, and a git repository made of them.

use std::{fs, path::Path, process::Command};

/// Writes files below a folder and makes the folders on the way.
pub fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder can be made");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Makes the folder a git repository with one commit of everything in it, on branch `trunk`; gives the commit's id.
pub fn commit(folder: &Path) -> String {
    git(folder, &["init", "--quiet", "--initial-branch=trunk"]);
    git(folder, &["add", "--all"]);
    let author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org", "-c", "commit.gpgsign=false"];
    git(folder, &[&author[..], &["commit", "--quiet", "--message=all of it"]].concat());
    git(folder, &["rev-parse", "HEAD"])
}

/// Runs git without the user's configuration; gives what it printed.
#[expect(clippy::disallowed_methods, reason = "tests make repositories with the real git")]
fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(args)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("git prints text").trim().to_owned()
}
