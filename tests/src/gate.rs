//! Holds a task in its first step for as long as a test likes (up to the 10 s that the step gives to git): the task's PATH
//! leads to a `git` that waits for a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use agentd_proto::v1::SubmitRequest;

use crate::{client, daemon::eventually};

/// A gate that tasks cannot pass until it is opened.
#[derive(Debug)]
pub struct Gate {
    folder: PathBuf,
}

impl Gate {
    /// A closed gate in a folder of its own.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        let (waiting, open) = (folder.join("waiting"), folder.join("open"));
        fs::create_dir_all(&waiting).expect("a folder can be made");
        let script = format!(
            "#!/bin/sh\n: > '{}'/$$\nwhile [ ! -e '{}' ]; do sleep 0.02; done\nexit 1\n",
            waiting.display(),
            open.display()
        );
        fs::write(folder.join("git"), script).expect("a script can be written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.join("git"), mode).expect("the script is ours");
        Self { folder }
    }

    /// An analysis of `workspace` that stops at the gate.
    #[must_use]
    pub fn analyze(&self, workspace: &Path) -> SubmitRequest {
        let path = std::env::var("PATH").unwrap_or_default();
        SubmitRequest { path: format!("{}:{path}", self.folder.display()), ..client::analyze(workspace) }
    }

    /// Waits until so many tasks have come to the gate.
    pub fn wait_for(&self, tasks: usize) {
        let come = || fs::read_dir(self.folder.join("waiting")).map_or(0, Iterator::count);
        eventually(&format!("{tasks} tasks at the gate"), || come() >= tasks);
    }

    /// Process ids of the waiting programs.
    #[must_use]
    pub fn waiting(&self) -> Vec<u32> {
        let names = fs::read_dir(self.folder.join("waiting")).expect("the folder is there").flatten();
        names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Lets everybody through.
    pub fn open(&self) {
        fs::write(self.folder.join("open"), "").expect("a file can be written");
    }
}
