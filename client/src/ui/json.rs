//! JSON that may reach a terminal: nothing in it is obeyed there. Programs read the same text.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::ui::text::is_treacherous;

/// The value on one line, without a line end. JSON itself asks only for characters below a blank to be escaped; here all
/// that [`text::clean`](super::text::clean) replaces are.
pub(super) fn line(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut line, Harmless))?;
    Ok(line)
}

struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut from = 0;
        for (at, treacherous) in fragment.char_indices().filter(|(_, c)| is_treacherous(*c)) {
            writer.write_all(&fragment.as_bytes()[from..at])?;
            for unit in treacherous.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            from = at + treacherous.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[from..])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_a_terminal_obeys_or_nobody_sees_is_escaped_and_read_back_as_it_was() {
        for (text, written) in [
            ("plain, caf\u{e9} \u{1f980}", "plain, caf\u{e9} \u{1f980}"),
            ("\u{9b}2J", "\\u009b2J"),
            ("a\u{7f}\u{202e}\u{feff}b", "a\\u007f\\u202e\\ufeffb"),
            ("\u{e0041}", "\\udb40\\udc41"),
            ("\u{1b}\"\n\\", "\\u001b\\\"\\n\\\\"),
        ] {
            let value = BTreeMap::from([(text, text)]);
            let line = String::from_utf8(line(&value).unwrap()).unwrap();
            assert_eq!(line, format!("{{\"{written}\":\"{written}\"}}"));
            assert_eq!(serde_json::from_str::<BTreeMap<String, String>>(&line).unwrap()[text], text);
        }
    }
}
