//! The seam to the managers: a command, and what it answered. The real one starts the program; tests play transcripts.

use std::{
    io,
    process::{Command, Stdio},
};

/// A command of a manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The program: a name to be found, or a path.
    pub program: &'static str,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables beside those of this process.
    pub environment: Vec<(&'static str, String)>,
}

impl Call {
    /// A command without variables of its own.
    #[must_use]
    pub fn new(program: &'static str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        Self { program, arguments, environment: Vec::new() }
    }
}

impl std::fmt::Display for Call {
    /// As a person would type it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.program.rsplit('/').next().unwrap_or(self.program))?;
        for word in &self.arguments {
            if word.contains(char::is_whitespace) { write!(f, " '{word}'")? } else { write!(f, " {word}")? }
        }
        Ok(())
    }
}

/// How a command ended and what it said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Exit code; `None`: killed by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    /// Whether it did what it was told.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.code == Some(0)
    }

    /// Its words on one line: of standard error, else of standard output.
    #[must_use]
    pub fn words(&self) -> String {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// Runs commands of a manager.
pub trait Runner {
    /// Runs one to its end.
    ///
    /// # Errors
    /// It could not be started.
    fn run(&mut self, call: &Call) -> io::Result<Answer>;
}

/// Runs them for real.
#[derive(Debug, Clone, Copy)]
pub struct System;

impl Runner for System {
    #[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; managers answer and end")]
    fn run(&mut self, call: &Call) -> io::Result<Answer> {
        let mut command = Command::new(call.program);
        command.args(&call.arguments).stdin(Stdio::null());
        // Their words are read here, so they shall be the ones that we know.
        command.env("LC_ALL", "C").env("SYSTEMD_COLORS", "0").env("SYSTEMD_PAGER", "");
        command.envs(call.environment.iter().map(|(name, value)| (name, value)));
        let output = command.output()?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok(Answer { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_run_and_its_words_are_told() {
        let answer = System.run(&Call::new("sh", &["-c", "echo out; echo ' so '>&2; exit 3"])).unwrap();
        assert_eq!((answer.code, answer.is_ok(), answer.words().as_str()), (Some(3), false, "so"));
        let mut call = Call::new("/bin/sh", &["-c", "echo $AGENTD_WORD"]);
        call.environment.push(("AGENTD_WORD", "told".to_owned()));
        assert_eq!(System.run(&call).unwrap().words(), "told");
        assert_eq!(call.to_string(), "sh -c 'echo $AGENTD_WORD'");
        assert_eq!(System.run(&Call::new("/nowhere/manager", &[])).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
