//! The only place that prints. Style: data goes to stdout, talk to stderr; every message is readable without colour;
//! colour, bars and rendered reports only on a terminal; a reader that went away (`| head -1`) is no error.
//! Text from the daemon is cleaned of control characters before it reaches a terminal; in JSON they are escaped.

pub mod event;
mod json;
pub mod markdown;
pub mod progress;
pub mod style;
pub mod table;
pub mod text;
pub mod transfer;

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::{
    env::Variables,
    error::Error,
    shape::FaultShape,
    ui::{
        style::{Label, Paint},
        table::Table,
    },
};

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`; `CLICOLOR_FORCE` turns it on everywhere.
    #[default]
    Auto,
    /// Also into a pipe.
    Always,
    /// Not at all.
    Never,
}

/// What the user asked for that changes how things are printed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Style {
    /// When to use colour.
    pub color: Color,
    /// Data as JSON.
    pub json: bool,
    /// No talk, only data and errors.
    pub quiet: bool,
}

/// One of the two outputs: whether it is a terminal, whether it takes colour, and how wide it is.
#[derive(Debug, Clone, Copy)]
pub struct Channel {
    /// A person reads along.
    pub terminal: bool,
    /// It can take back what it shows, so that bars can move; that needs no colour.
    pub redraws: bool,
    /// Turns labels into colour.
    pub paint: Paint,
    /// Columns; `None`: no limit (a pipe or file).
    pub width: Option<usize>,
}

impl Channel {
    fn of(terminal: bool, color: Color, variable: Variables<'_>) -> Self {
        let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        let forced = variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
        let dumb = variable("TERM").is_some_and(|value| value == "dumb");
        let on = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !set("NO_COLOR") && (forced || (terminal && !dumb)),
        };
        let columns = variable("COLUMNS").and_then(|value| value.parse().ok()).filter(|&columns: &usize| columns > 0);
        let width = if terminal || (on && columns.is_some()) { columns.or_else(measured).or(Some(80)) } else { None };
        Self { terminal, redraws: terminal && !dumb, paint: Paint::new(on), width: width.map(|width| width.max(20)) }
    }
}

fn measured() -> Option<usize> {
    terminal_size::terminal_size().map(|(width, _)| usize::from(width.0))
}

/// Prints.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Data as JSON.
    pub json: bool,
    /// No talk, only data and errors.
    pub quiet: bool,
    /// Standard output: data.
    pub out: Channel,
    /// Standard error: talk.
    pub err: Channel,
}

impl Ui {
    /// Finds out what the two outputs are.
    #[must_use]
    pub fn new(style: Style, variable: Variables<'_>) -> Self {
        Self {
            json: style.json,
            quiet: style.quiet,
            out: Channel::of(io::stdout().is_terminal(), style.color, variable),
            err: Channel::of(io::stderr().is_terminal(), style.color, variable),
        }
    }

    /// True if a report should be drawn for a person instead of being passed on as it is.
    #[must_use]
    pub const fn draws(&self) -> bool {
        self.out.terminal || self.out.paint.on()
    }

    /// Data, as it is, with one line end at its end.
    ///
    /// # Errors
    /// [`Error::Output`]; a broken pipe among it counts as success at the end.
    pub fn data(&self, text: &str) -> Result<(), Error> {
        if text.ends_with('\n') || text.is_empty() {
            return self.bytes(text.as_bytes());
        }
        // In one write: several commands may append to one file.
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Data, byte by byte.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let mut out = io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).map_err(Error::Output)
    }

    /// One JSON object on one line.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn object(&self, value: &impl Serialize) -> Result<(), Error> {
        let mut line = json::line(value).map_err(|error| Error::Output(error.into()))?;
        line.push(b'\n');
        self.bytes(&line)
    }

    /// A table on stdout that fits the width.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn table(&self, table: &Table) -> Result<(), Error> {
        self.data(&table.render(self.out.paint, self.out.width))
    }

    /// A report: drawn for a person, or the markdown as it is for a pipe.
    ///
    /// # Errors
    /// As [`data`](Self::data).
    pub fn report(&self, markdown: &str) -> Result<(), Error> {
        if self.draws() {
            let drawn = markdown::render(markdown, self.out.paint, self.out.width.unwrap_or(100).min(120));
            self.data(&drawn)
        } else {
            self.data(markdown)
        }
    }

    /// Talk; not under `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.talk(&self.fitted(text, 0));
        }
    }

    /// Talk on one line that is painted and cleaned already, on a terminal broken between words; not under `--quiet`.
    pub fn painted_note(&self, text: &str) {
        if self.quiet {
            return;
        }
        match self.err.width.filter(|_| self.err.terminal) {
            Some(width) => self.talk(&text::hang(text, width, 0, 2)),
            None => self.talk(text),
        }
    }

    /// Something works, but worse than it could.
    pub fn warn(&self, text: &str) {
        if !self.quiet {
            let text = self.fitted(text, "warning: ".len());
            self.talk(&format!("{} {text}", self.err.paint.text(Label::Warning, "warning:")));
        }
    }

    /// What to do next; not under `--quiet`.
    pub fn hint(&self, text: &str) {
        if !self.quiet {
            self.talk(&self.hint_line(text));
        }
    }

    /// What went wrong, why, and what to do next; as one JSON object under `--json`. Also under `--quiet`.
    pub fn error(&self, error: &Error) {
        if self.json {
            return self.talk_object(&FaultShape::from(error));
        }
        let text = self.fitted(&error.to_string(), "error: ".len());
        let mut lines = format!("{} {text}", self.err.paint.text(Label::Error, "error:"));
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            lines.push_str(&format!("\n  because: {}", text::clean(&cause.to_string())));
            source = cause.source();
        }
        for hint in error.hints() {
            lines.push('\n');
            lines.push_str(&self.hint_line(&hint));
        }
        self.talk(&lines);
    }

    /// A task did not end well. Also under `--quiet`.
    pub fn problem(&self, text: &str) {
        let text = self.fitted(text, "error: ".len());
        self.talk(&format!("{} {text}", self.err.paint.text(Label::Error, "error:")));
    }

    /// The text cleaned, and on a terminal broken between words instead of inside them; `before`: columns that its first
    /// line has given away. A line with a word that is too long stays whole, since it may be a path to be copied.
    fn fitted(&self, text: &str, before: usize) -> String {
        let text = text::clean(text);
        let Some(width) = self.err.width.filter(|_| self.err.terminal) else { return text };
        text::fit(&text, width, before)
    }

    fn hint_line(&self, text: &str) -> String {
        format!("{} {}", self.err.paint.text(Label::Hint, "hint:"), text::clean(text))
    }

    /// One JSON object on one line of stderr.
    pub fn talk_object(&self, value: &impl Serialize) {
        if let Ok(line) = json::line(value) {
            self.talk(&String::from_utf8_lossy(&line));
        }
    }

    /// Nobody is told when stderr is gone: there is no one left to tell.
    fn talk(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _gone = err.write_all(text.as_bytes()).and_then(|()| err.write_all(b"\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = &'static [(&'static str, &'static str)];

    fn channel(terminal: bool, color: Color, variables: Pairs) -> Channel {
        Channel::of(terminal, color, &move |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn colour_follows_terminal_flag_and_environment() {
        let cases: &[(bool, Color, Pairs, bool)] = &[
            (true, Color::Auto, &[], true),
            (false, Color::Auto, &[], false),
            (true, Color::Never, &[("CLICOLOR_FORCE", "1")], false),
            (false, Color::Always, &[("NO_COLOR", "1")], true),
            (true, Color::Auto, &[("NO_COLOR", "1")], false),
            (true, Color::Auto, &[("NO_COLOR", "")], true),
            (true, Color::Auto, &[("TERM", "dumb")], false),
            (false, Color::Auto, &[("CLICOLOR_FORCE", "1")], true),
            (false, Color::Auto, &[("CLICOLOR_FORCE", "0")], false),
            (true, Color::Auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
        ];
        for &(terminal, color, variables, on) in cases {
            let found = channel(terminal, color, variables).paint.on();
            assert_eq!(found, on, "{terminal} {color:?} {variables:?}");
        }
    }

    #[test]
    fn bars_move_on_a_terminal_with_or_without_colour() {
        assert!(channel(true, Color::Auto, &[("NO_COLOR", "1")]).redraws);
        assert!(channel(true, Color::Never, &[]).redraws);
        assert!(!channel(true, Color::Always, &[("TERM", "dumb")]).redraws);
        assert!(!channel(false, Color::Always, &[]).redraws);
    }

    #[test]
    fn width_is_that_of_the_terminal_and_a_pipe_has_none() {
        assert_eq!(channel(true, Color::Auto, &[("COLUMNS", "57")]).width, Some(57));
        assert_eq!(channel(false, Color::Auto, &[("COLUMNS", "57")]).width, None);
        assert_eq!(channel(false, Color::Always, &[("COLUMNS", "57")]).width, Some(57));
        assert_eq!(channel(true, Color::Auto, &[("COLUMNS", "3")]).width, Some(20));
    }
}
