//! Runs the client with an environment of its own.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

use crate::program;

/// The client, ready to be run in a state folder.
pub struct Cli {
    command: Command,
    input: Vec<u8>,
}

/// How it ended.
#[derive(Debug)]
#[must_use = "look at the output or the exit code"]
pub struct Output {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    #[track_caller]
    pub fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.stderr.contains(word), "`{word}` is missing in stderr: {self:#?}");
        }
    }
}

impl Cli {
    pub fn new(home: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agentd-cli"));
        command.args(arguments).env_clear().env("HOME", home).env("AGENTD_HOME", home).env("PATH", "/usr/bin:/bin");
        command.current_dir(home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, input: Vec::new() }
    }

    /// A client that was installed alone: no daemon lies beside it, as in the folder of a build.
    pub fn alone(home: &Path, arguments: &[&str]) -> Self {
        let program = home.join("alone/agentd-cli");
        program::link(Path::new(env!("CARGO_BIN_EXE_agentd-cli")), &program);
        let Self { command, input } = Self::new(home, arguments);
        let mut alone = Command::new(program);
        alone.args(command.get_args()).env_clear().current_dir(home);
        for (name, value) in command.get_envs() {
            alone.env(name, value.unwrap_or_default());
        }
        alone.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command: alone, input }
    }

    /// Started by a shell that has done something before, and whose place it takes.
    pub fn within(self, script: &str) -> Self {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &format!("{script}; exec \"$0\" \"$@\"")]).arg(self.command.get_program());
        shell.args(self.command.get_args()).env_clear();
        for (name, value) in self.command.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        if let Some(folder) = self.command.get_current_dir() {
            shell.current_dir(folder);
        }
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command: shell, input: self.input }
    }

    pub fn env(self, name: &str, value: &str) -> Self {
        self.raw_env(name, OsStr::new(value))
    }

    /// The value may be no text.
    pub fn raw_env(mut self, name: &str, value: &OsStr) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    pub fn spawn(mut self) -> Running {
        // A group of its own, as a shell gives it in a terminal.
        let mut child = self.command.process_group(0).spawn().unwrap();
        // A client that does not read its input may be gone already.
        let _unread = child.stdin.take().unwrap().write_all(&self.input);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stderr, said: String::new() }
    }

    pub fn run(self) -> Output {
        self.spawn().end()
    }
}

/// A client that runs.
pub struct Running {
    pub child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    /// Waits until a line on stderr contains `word`.
    pub fn until(&mut self, word: &str) {
        loop {
            let mut line = String::new();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended without `{word}`: {}", self.said);
            self.said.push_str(&line);
            if line.contains(word) {
                return;
            }
        }
    }

    /// Waits for so many lines on stdout, and takes them.
    pub fn stdout_lines(&mut self, number: usize) -> String {
        let mut pipe = BufReader::new(self.child.stdout.as_mut().unwrap());
        let mut lines = String::new();
        for _ in 0..number {
            assert_ne!(pipe.read_line(&mut lines).unwrap(), 0, "it ended after: {lines}");
        }
        lines
    }

    pub fn interrupt(&self) {
        self.signal("INT");
    }

    /// To the client alone, as from `kill`.
    pub fn signal(&self, name: &str) {
        self.kill(name, &self.child.id().to_string());
    }

    /// To the client and all that it started and left in its group, as from the keyboard.
    pub fn signal_group(&self, name: &str) {
        self.kill(name, &format!("-{}", self.child.id()));
    }

    fn kill(&self, name: &str, whom: &str) {
        assert!(Command::new("kill").args(["-s", name, "--", whom]).status().unwrap().success());
    }

    pub fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.child.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        self.stderr.read_to_string(&mut self.said).unwrap();
        let code = self.child.wait().unwrap().code();
        Output { code, stdout: String::from_utf8(stdout).unwrap(), stderr: self.said }
    }
}
