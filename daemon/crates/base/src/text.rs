//! Text with a bound: what comes from outside never grows without limit on its way in. And sizes as people read them.

use std::{fmt, ops::Deref};

use serde::{Deserialize, Serialize};

/// At most `MAX` bytes of text; longer text is cut at a character and ends in `…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text<const MAX: usize>(String);

const ELLIPSIS: char = '…';

impl<const MAX: usize> Text<MAX> {
    /// Takes `text` whole if it fits, else its beginning.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.len() > MAX {
            let room = MAX.saturating_sub(ELLIPSIS.len_utf8());
            text.truncate(text.floor_char_boundary(room));
            text.push(ELLIPSIS);
        }
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> From<String> for Text<MAX> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<const MAX: usize> From<Text<MAX>> for String {
    fn from(text: Text<MAX>) -> Self {
        text.0
    }
}

impl<const MAX: usize> Deref for Text<MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MAX: usize> fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number of bytes for people, with a decimal unit: `17.4 MB`. The client, which knows the contract alone, says it the same
/// way.
#[must_use]
pub fn bytes(number: u64) -> String {
    let mut size = number as f64;
    let mut unit = None;
    for bigger in ["kB", "MB", "GB", "TB"] {
        if size < 1_000.0 {
            break;
        }
        size /= 1_000.0;
        unit = Some(bigger);
    }
    unit.map_or_else(|| format!("{number} B"), |unit| format!("{size:.1} {unit}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_as_people_do() {
        for (number, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (17_400_000, "17.4 MB"),
            (1 << 30, "1.1 GB"),
            (1 << 52, "4503.6 TB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(Text::<5>::new("abcde").as_str(), "abcde");
        assert_eq!(Text::<5>::new("abcdef").as_str(), "ab…");
        assert_eq!(Text::<6>::new("ääää").as_str(), "ä…");
        assert!(Text::<6>::new("ääää").len() <= 6);
    }
}
