//! Labels instead of colours: code says what a piece of text is, this table says how it looks.

use anstyle::{AnsiColor, Style};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The word `error:`.
    Error,
    /// The word `warning:`, and things that wait.
    Warning,
    /// The word `hint:`.
    Hint,
    /// Column heads, names of fields, headings.
    Heading,
    /// Went well.
    Good,
    /// Went wrong.
    Bad,
    /// Is going on.
    Busy,
    /// Of less weight.
    Dim,
    /// Something to type, or code.
    Code,
    /// Emphasis in a text.
    Emphasis,
    /// Strong emphasis in a text.
    Strong,
}

impl Label {
    const fn style(self) -> Style {
        let plain = Style::new();
        match self {
            Self::Error | Self::Bad => plain.bold().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))),
            Self::Warning => plain.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))),
            Self::Hint | Self::Code => plain.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan))),
            Self::Heading | Self::Strong => plain.bold(),
            Self::Good => plain.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green))),
            Self::Busy => plain.fg_color(Some(anstyle::Color::Ansi(AnsiColor::Blue))),
            Self::Dim => plain.dimmed(),
            Self::Emphasis => plain.italic(),
        }
    }
}

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(bool);

impl Paint {
    /// A painter that paints if `on`.
    #[must_use]
    pub const fn new(on: bool) -> Self {
        Self(on)
    }

    /// Whether escape codes are written at all.
    #[must_use]
    pub const fn on(self) -> bool {
        self.0
    }

    /// The text, painted as its label asks.
    #[must_use]
    pub fn text(self, label: Label, text: &str) -> String {
        if !self.0 || text.is_empty() {
            return text.to_owned();
        }
        let style = label.style();
        format!("{style}{text}{style:#}")
    }
}
