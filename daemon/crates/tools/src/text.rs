//! Names and text from a repository, made safe to show: control, bidirectional and invisible characters are escaped.
//! And numbers as people read them.

use std::{borrow::Cow, fmt::Write, path::Path};

/// `text` with every character escaped that moves a cursor, turns the reading direction or cannot be seen.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_treacherous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_treacherous(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    Cow::Owned(safe)
}

/// Like [`shown`], for bytes: what is not UTF-8 becomes `\xNN`.
#[must_use]
pub fn shown_bytes(bytes: &[u8]) -> String {
    let mut safe = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        safe.push_str(&shown(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(safe, "\\x{byte:02x}");
        }
    }
    safe
}

/// Like [`shown_bytes`], for a path.
#[must_use]
pub fn path(path: &Path) -> String {
    shown_bytes(path.as_os_str().as_encoded_bytes())
}

/// A path as a relative URI (RFC 3986): everything but unreserved characters and `/` is escaped, byte by byte.
#[must_use]
pub fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// The day of a time in seconds since 1970, in UTC: `2026-11-21`. After Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
#[must_use]
pub fn day(seconds: i64) -> String {
    // Days since 0000-03-01, so that the leap day is the last one of a year; eras of 400 years.
    let days = seconds.div_euclid(86_400) + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A number with separators: 41,836.
#[must_use]
pub fn number(value: impl Into<u64>) -> String {
    let digits = value.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many things, with the plural where it belongs: `1 file`, `1,480 files`.
#[must_use]
pub fn count(value: impl Into<u64>, one: &str, many: &str) -> String {
    let value = value.into();
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// Control characters; zero-width and bidirectional marks; line and paragraph separators; variation selectors; tags
/// (U+E0000 to U+E0FFF), which carry text that no one sees.
fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn treacherous_characters_are_escaped_and_the_rest_is_kept() {
        for (raw, safe) in [
            ("src/größe.rs", "src/größe.rs"),
            ("a\nb", "a\\nb"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("abc\u{202e}sr.exe", "abc\\u{202e}sr.exe"),
            ("x\u{e0041}", "x\\u{e0041}"),
        ] {
            assert_eq!(shown(raw), safe);
        }
        assert_eq!(shown_bytes(b"caf\xe9.c"), "caf\\xe9.c");
    }

    #[test]
    fn paths_become_relative_references() {
        for (path, expected) in [
            ("src/main.rs", "src/main.rs"),
            ("a b/c#d?.py", "a%20b/c%23d%3F.py"),
            ("c:x.rs", "c%3Ax.rs"),
            ("größe.rs", "gr%C3%B6%C3%9Fe.rs"),
            ("a\u{200b}\n.rs", "a%E2%80%8B%0A.rs"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_219_199, "2026-11-20"),
            (1_795_219_200, "2026-11-21"),
            (4_107_542_400, "2100-03-01"),
            (-62_135_596_800, "0001-01-01"),
        ] {
            assert_eq!(day(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn numbers_read_well() {
        let numbers: [(u64, &str, &str); 5] = [
            (0, "0", "0 files"),
            (1, "1", "1 file"),
            (999, "999", "999 files"),
            (41_836, "41,836", "41,836 files"),
            (1_234_567, "1,234,567", "1,234,567 files"),
        ];
        for (value, alone, counted) in numbers {
            assert_eq!((number(value).as_str(), count(value, "file", "files").as_str()), (alone, counted));
        }
    }
}
