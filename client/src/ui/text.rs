//! Text for terminals: cleaned, measured, wrapped; numbers, sizes and times as people read them.

use std::time::{Duration, SystemTime};

pub(super) use agentd_proto::doctor::is_treacherous;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text without characters that a terminal would obey, that turn the reading direction, or that nobody sees; line ends
/// and tabs excepted.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_treacherous(c) && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// The text on one line, cleaned.
#[must_use]
pub fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Columns that the text takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text cut to at most `columns`, with `…` at its end if something is missing.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        kept.push(c);
        used += wide;
    }
    kept.push('…');
    kept
}

/// A path as a shell's user writes it: `~` for his own folder, `home`, if that is known.
#[must_use]
pub fn tilde(path: &str, home: Option<&str>) -> String {
    let home = home.map(|home| home.trim_end_matches('/')).filter(|home| !home.is_empty());
    match home.and_then(|home| path.strip_prefix(home)) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => format!("~{rest}"),
        _ => path.to_owned(),
    }
}

/// The last parts of a path that at most `columns` hold, behind `…` if something is missing.
#[must_use]
pub fn last_parts(path: &str, columns: usize) -> String {
    if width(path) <= columns {
        return path.to_owned();
    }
    let ends = path.match_indices('/').map(|(at, _)| &path[at..]);
    let end = ends.into_iter().find(|end| end.len() > 1 && width(end) < columns);
    end.map_or_else(|| cut(path.rsplit('/').next().unwrap_or(path), columns), |end| format!("…{end}"))
}

/// The text in lines of at most `columns`, broken between words, and inside a word only if it is longer than a line.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let gap = usize::from(!line.is_empty());
            if width(&line) + gap + width(word) <= columns {
                line.push_str(&" "[..gap]);
                line.push_str(word);
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            let mut pieces = split_word(word, columns);
            line = pieces.pop().unwrap_or_default();
            lines.append(&mut pieces);
        }
        lines.push(line);
    }
    lines
}

/// Longer lines broken between words, each line with its own indent; `before` columns of the first line are taken. A line with a word
/// that is too long stays whole.
#[must_use]
pub fn fit(text: &str, columns: usize, before: usize) -> String {
    let fitted = text.split('\n').enumerate().map(|(at, line)| {
        let taken = if at == 0 { before } else { 0 };
        let indent = &line[..line.len() - line.trim_start().len()];
        let room = columns.saturating_sub(width(indent));
        if width(line) + taken <= columns || line.split_whitespace().any(|word| width(word) > room) {
            return line.to_owned();
        }
        let mut words = line.split_whitespace();
        let mut out = format!("{indent}{}", words.next().unwrap_or_default());
        let mut used = taken + width(&out);
        for word in words {
            if used + 1 + width(word) > columns {
                out.push_str(&format!("\n{indent}{word}"));
                used = width(indent) + width(word);
            } else {
                out.push_str(&format!(" {word}"));
                used += 1 + width(word);
            }
        }
        out
    });
    fitted.collect::<Vec<_>>().join("\n")
}

/// One line of text, painted or not, in lines of at most `columns`, broken between words; further lines are indented. `used` columns of the
/// first line are taken. A word that is longer than a line, as a path or an id may be, stays whole.
#[must_use]
pub fn hang(text: &str, columns: usize, used: usize, indent: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = used;
    for (number, word) in text.split(' ').enumerate() {
        let (gap, wide) = (usize::from(number > 0), seen_width(word));
        if number > 0 && at + gap + wide > columns {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent + wide;
        } else {
            out.push_str(&" "[..gap]);
            at += gap + wide;
        }
        out.push_str(word);
    }
    out
}

/// Columns that the text takes on a terminal that obeys the codes of colours in it.
fn seen_width(text: &str) -> usize {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().map_or(0, width);
    first + pieces.map(|piece| piece.split_once('m').map_or(0, |(_, seen)| width(seen))).sum::<usize>()
}

/// `12 Performance + 4 Efficiency`; where all cores are alike, the name of the tier says nothing.
#[must_use]
pub fn tiers<'a>(tiers: impl Iterator<Item = (u32, &'a str)>) -> String {
    let tiers: Vec<(u32, &str)> = tiers.collect();
    match tiers.as_slice() {
        [(cores, _)] => cores.to_string(),
        tiers => tiers.iter().map(|(cores, name)| format!("{cores} {name}")).collect::<Vec<_>>().join(" + "),
    }
}

fn split_word(word: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for c in word.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > columns && used > 0 {
            pieces.push(String::new());
            used = 0;
        }
        if let Some(last) = pieces.last_mut() {
            last.push(c);
        }
        used += wide;
    }
    pieces
}

/// `1480` as `1,480`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Bytes with a decimal unit: `17.4 MB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    let mut size = number as f64;
    let mut unit = "B";
    for bigger in ["kB", "MB", "GB", "TB"] {
        if size < 1000.0 {
            break;
        }
        size /= 1000.0;
        unit = bigger;
    }
    if unit == "B" { format!("{number} B") } else { format!("{size:.1} {unit}") }
}

/// `n` things, with the plural where it belongs.
#[must_use]
pub fn things(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A span as people read it: below a second there are milliseconds, below a minute tenths. The contract counts whole
/// milliseconds, so 0 is less than one.
#[must_use]
pub fn span_ms(ms: u64) -> String {
    match ms {
        0 => "< 1 ms".to_owned(),
        1..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1000.0),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms / 1000 % 60),
        3_600_000..86_400_000 => format!("{} h {} min", ms / 3_600_000, ms / 60_000 % 60),
        _ => format!("{} d {} h", ms / 86_400_000, ms / 3_600_000 % 24),
    }
}

/// As [`span_ms`].
#[must_use]
pub fn span(span: Duration) -> String {
    span_ms(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
}

/// How long ago `at` was: `3 min 2 s ago`, `now`.
#[must_use]
pub fn ago(at: SystemTime, now: SystemTime) -> String {
    let since = now.duration_since(at).unwrap_or(Duration::ZERO);
    if since < Duration::from_secs(1) {
        return "now".to_owned();
    }
    let whole = Duration::from_secs(since.as_secs());
    let words = match whole.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds @ 3_600..86_400 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    };
    format!("{words} ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_never_reach_a_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\r\u{7}\tc\n"), "a\u{fffd}[31mb\u{fffd}\u{fffd}\tc\n");
        assert_eq!(one_line(" a\n b\u{9b}1m "), "a b\u{fffd}1m");
        let (turned, unseen) = (clean("abc\u{202e}sr.exe"), clean("o\u{200b}k\u{feff}\u{e0041}"));
        assert_eq!((turned.as_str(), unseen.as_str()), ("abc\u{fffd}sr.exe", "o\u{fffd}k\u{fffd}\u{fffd}"));
        assert_eq!(clean("größe 日本語 🦀"), "größe 日本語 🦀");
    }

    #[test]
    fn text_fits_the_columns_it_is_given() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("", 4), [""]);
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 3), "abc");
    }

    #[test]
    fn a_path_is_named_by_its_last_parts() {
        for (path, home, short) in [
            ("/h/u", Some("/h/u/"), "~"),
            ("/h/u/src", Some("/h/u"), "~/src"),
            ("/h/u2", Some("/h/u"), "/h/u2"),
            ("/w", None, "/w"),
            ("/w", Some("/"), "/w"),
        ] {
            assert_eq!(tilde(path, home), short, "{path}");
        }
        for (path, short) in [
            ("~/src/agentd", "~/src/agentd"),
            ("/srv/code/src/agentd", "…/src/agentd"),
            ("/srv/code/src/agentd2", "…/agentd2"),
            ("/srv/rust-analyzer-2", "rust-analyz…"),
        ] {
            let found = last_parts(path, 12);
            assert_eq!(found, short, "{path}");
        }
    }

    #[test]
    fn lines_are_broken_between_words_or_not_at_all() {
        for (text, before, expected) in [
            ("one two three", 0, "one two\nthree"),
            ("one two", 0, "one two"),
            ("one two", 3, "one\ntwo"),
            ("a /very/long/path b", 0, "a /very/long/path b"),
            ("one two\n  one two", 0, "one two\n  one\n  two"),
        ] {
            assert_eq!(fit(text, 8, before), expected, "{text}");
        }
    }

    #[test]
    fn painted_lines_hang_below_their_mark() {
        for (text, used, expected) in [
            ("+ one two three", 0, "+ one two\n  three"),
            ("one two", 5, "one\n  two"),
            ("a /a/very/long/path b", 0, "a\n  /a/very/long/path\n  b"),
            ("one  two", 0, "one  two"),
            (
                "\u{1b}[32m+\u{1b}[0m one \u{1b}[1mtwo\u{1b}[0m three",
                0,
                "\u{1b}[32m+\u{1b}[0m one \u{1b}[1mtwo\u{1b}[0m\n  three",
            ),
            ("", 3, ""),
        ] {
            assert_eq!(hang(text, 9, used, 2), expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!((bytes(999), bytes(17_400_000)), ("999 B".to_owned(), "17.4 MB".to_owned()));
        assert_eq!((span_ms(0), span_ms(1)), ("< 1 ms".to_owned(), "1 ms".to_owned()));
        assert_eq!((span_ms(12), span_ms(1_250)), ("12 ms".to_owned(), "1.2 s".to_owned()));
        assert_eq!((span_ms(61_000), span_ms(90_000_000)), ("1 min 1 s".to_owned(), "1 d 1 h".to_owned()));
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        assert_eq!(ago(now - Duration::from_secs(125), now), "2 min ago");
        assert_eq!(ago(now + Duration::from_secs(125), now), "now");
    }
}
