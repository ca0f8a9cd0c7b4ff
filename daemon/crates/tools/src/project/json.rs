//! Keys of JSON with their lines, which JSON parsers do not keep.

use std::collections::HashMap;

use crate::document::Fault;

/// The lines of each `"key":` of a JSON text, by the key as it is written and its depth.
#[derive(Debug)]
pub(crate) struct JsonKeys<'t>(HashMap<(&'t str, usize), Vec<u32>>);

impl<'t> JsonKeys<'t> {
    /// Of a text that a parser understood. Goes over it once.
    pub(crate) fn of(text: &'t str) -> Self {
        let bytes = text.as_bytes();
        let mut keys: HashMap<_, Vec<u32>> = HashMap::new();
        let (mut line, mut depth, mut at) = (1, 0_usize, 0);
        while let Some(byte) = bytes.get(at) {
            at += 1;
            match byte {
                b'\n' => line += 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                b'"' => {
                    let Some(end) = end_of_string(bytes, at) else { break };
                    if text[end + 1..].trim_start().starts_with(':') {
                        keys.entry((&text[at..end], depth)).or_default().push(line);
                    }
                    at = end + 1;
                }
                _ => {}
            }
        }
        Self(keys)
    }

    /// The first line from `from` on with the key at this depth (1: a key of the whole); `from` if there is none.
    pub(crate) fn after(&self, from: u32, key: &str, depth: usize) -> u32 {
        let lines = self.0.get(&(key, depth)).map_or(&[][..], Vec::as_slice);
        lines.get(lines.partition_point(|line| *line < from)).copied().unwrap_or(from)
    }
}

/// The place of the quote that ends a string.
fn end_of_string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += bytes.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        if bytes[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// The place and the reason of a JSON error.
pub(crate) fn json_fault(error: &serde_json::Error) -> Fault {
    (u32::try_from(error.line()).unwrap_or(1).max(1), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_by_their_depth_however_the_text_is_laid_out() {
        let text = "{\"a\": {\"b\": \"x\\\"}, \\\"b\\\": {\",\n \"c\"\n : [\"b\", {\"b\": 1}]},\n\"b\": {}, \"b\":\n{\"b\": 2}}";
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(parsed["a"]["b"], "x\"}, \"b\": {");
        let keys = JsonKeys::of(text);
        for (from, key, depth, line) in [
            (1, "a", 1, 1),
            (1, "b", 2, 1),
            (1, "c", 2, 2),
            (1, "b", 4, 3),
            (1, "b", 1, 4),
            (2, "b", 2, 5),
            (2, "c", 1, 2),
            (9, "b", 2, 9),
        ] {
            assert_eq!(keys.after(from, key, depth), line, "{key} from line {from} on at depth {depth}");
        }
        for broken in ["\"a", "\"a\\", "}]}{\"é\":", "\"\\é\":"] {
            JsonKeys::of(broken);
        }
    }
}
