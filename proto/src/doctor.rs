//! What both sides of `agentd-cli doctor` must agree on: the groups of checks and their order, and how a check is made.

use std::path::Path;

use crate::v1::{DoctorCheck, DoctorFigure, Verdict};

/// Groups of checks, in the order in which they are shown. One that is not here comes last.
pub const GROUPS: [&str; 11] =
    [PROGRAM, STATE_FOLDER, DAEMON, MACHINE, PLACEMENT, DISK, CLOCK, LIMITS, FOLDERS, SANDBOX, TOOLS];

/// The two programs, and the service.
pub const PROGRAM: &str = "program";
/// Folder, socket, file system, room.
pub const STATE_FOLDER: &str = "state folder";
/// Whether it runs, and how it does.
pub const DAEMON: &str = "daemon";
/// Cores, memory, load.
pub const MACHINE: &str = "machine";
/// Where threads were asked to run, and where they ran.
pub const PLACEMENT: &str = "placement";
/// Syncs, journal, index, cache.
pub const DISK: &str = "disk";
/// Sleep, and jumps of the wall clock.
pub const CLOCK: &str = "clock";
/// Of the daemon's process.
pub const LIMITS: &str = "limits";
/// Those that tasks were about.
pub const FOLDERS: &str = "folders";
/// What holds programs that tasks run.
pub const SANDBOX: &str = "sandbox";
/// Programs that tasks may run.
pub const TOOLS: &str = "tools";

/// A path as a shell takes it: in quotes if it has characters that a shell would act on.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

impl DoctorCheck {
    /// A check: what it belongs to and is about, how it ended, and what was found.
    #[must_use]
    pub fn of(group: &str, name: &str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self {
            group: group.to_owned(),
            name: name.to_owned(),
            verdict: verdict.into(),
            found: found.into(),
            ..Self::default()
        }
    }

    /// With what to do.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// With the exact command for it.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = command.into();
        self
    }

    /// With a measured value; its name ends with the unit.
    #[must_use]
    pub fn with_figure(mut self, name: &str, value: f64) -> Self {
        self.figures.push(DoctorFigure { name: name.to_owned(), value });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_a_shell() {
        for (path, word) in [
            ("/home/me/.agentd", "/home/me/.agentd"),
            ("/Users/me/My Code", "'/Users/me/My Code'"),
            ("/a'b;c", "'/a'\\''b;c'"),
            ("", "''"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
