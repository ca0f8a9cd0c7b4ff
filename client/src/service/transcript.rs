//! A runner that plays a transcript: commands as a person would type them, in order, with their answers.
//!
//! `$ command` is expected next; `! 5` is its exit code (0 if absent), `! missing`: there is no such program; `> ` begins a
//! line of its output, `2> ` one of its standard error.

use std::io;

use super::runner::{Answer, Call, Runner};

/// A transcript, and how far it has been played.
#[derive(Debug)]
pub(super) struct Transcript {
    rest: std::collections::VecDeque<(String, Option<Answer>)>,
    /// Its last command may come again and again.
    stubborn: bool,
}

impl Transcript {
    pub(super) fn new(text: &str) -> Self {
        let mut rest: std::collections::VecDeque<(String, Option<Answer>)> = std::collections::VecDeque::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            if let Some(command) = line.strip_prefix("$ ") {
                rest.push_back((command.to_owned(), Some(Answer { code: Some(0), ..Answer::default() })));
                continue;
            }
            let (_, answer) = rest.back_mut().expect("a transcript begins with a command");
            if line == "! missing" {
                *answer = None;
                continue;
            }
            let answer = answer.as_mut().expect("a program that is missing says nothing");
            if let Some(code) = line.strip_prefix("! ") {
                answer.code = Some(code.parse().expect("an exit code is a number"));
            } else if let Some(words) = line.strip_prefix("2> ") {
                answer.err.push_str(&format!("{words}\n"));
            } else if let Some(words) = line.strip_prefix('>') {
                answer.out.push_str(&format!("{}\n", words.strip_prefix(' ').unwrap_or(words)));
            } else {
                panic!("what is `{line}` in a transcript?");
            }
        }
        Self { rest, stubborn: false }
    }

    pub(super) fn stubborn(text: &str) -> Self {
        Self { stubborn: true, ..Self::new(text) }
    }

    /// Holds that nothing was left out.
    #[track_caller]
    pub(super) fn is_played(&self) {
        assert!(self.rest.is_empty(), "never asked: {:?}", self.rest);
    }
}

impl Runner for Transcript {
    fn run(&mut self, call: &Call) -> io::Result<Answer> {
        let stays = self.stubborn && self.rest.len() == 1;
        let next = if stays { self.rest.front().cloned() } else { self.rest.pop_front() };
        let (command, answer) = next.unwrap_or_else(|| panic!("not in the transcript: {call}"));
        assert_eq!(call.to_string(), command);
        answer.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// A runtime for managers that wait.
#[expect(clippy::disallowed_methods, reason = "a test has a runtime of its own")]
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}
