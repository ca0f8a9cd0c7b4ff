//! What both sides of `agentd-cli doctor` must agree on: the groups of checks and their order, and how a check is made.

use std::{os::unix::ffi::OsStrExt, path::Path};

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

/// A path as a shell takes it: in quotes if it has characters that a shell would act on. Bytes that no terminal shows as they are
/// stand as numbers (`$'\342\200\215'`, which bash and zsh know, dash not yet), so that what is copied names the same path.
#[must_use]
pub fn shell_word(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,%".contains(c);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Ok(text) if !text.chars().any(is_treacherous) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => numbered(bytes),
    }
}

fn numbered(bytes: &[u8]) -> String {
    let octal = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:03o}")).collect::<String>();
    let mut word = "$'".to_owned();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\'' | '\\' => word.extend(['\\', c]),
                c if is_treacherous(c) => word.push_str(&octal(c.encode_utf8(&mut [0; 4]).as_bytes())),
                c => word.push(c),
            }
        }
        word.push_str(&octal(chunk.invalid()));
    }
    word + "'"
}

/// Control characters; zero-width and bidirectional marks; line and paragraph separators; variation selectors; tags
/// (U+E0000 to U+E0FFF), which carry text that no one sees. The daemon's reports escape the same ones.
#[must_use]
pub fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
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
            ("/caf\u{e9}", "'/caf\u{e9}'"),
            ("/\u{2764}\u{fe0f} a'b\\c", "$'/\u{2764}\\357\\270\\217 a\\'b\\\\c'"),
            ("/a\n\u{200d}1", "$'/a\\012\\342\\200\\2151'"),
        ] {
            assert_eq!(shell_word(Path::new(path)), word);
        }
        let latin = std::ffi::OsStr::from_bytes(b"/caf\xe9");
        assert_eq!(shell_word(Path::new(latin)), "$'/caf\\351'");
    }
}
