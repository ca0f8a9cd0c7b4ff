//! Keys of JSON with their lines, which JSON parsers do not keep.

use std::collections::HashMap;

use crate::document::Fault;

/// The lines of `"key":` in a JSON file that was written one key a line, by their depth.
#[derive(Debug)]
pub(super) struct JsonKeys<'t> {
    /// Line and blanks before it.
    keys: HashMap<&'t str, Vec<(u32, usize)>>,
    /// Blanks per level.
    step: usize,
}

impl<'t> JsonKeys<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut keys: HashMap<&str, Vec<(u32, usize)>> = HashMap::new();
        let mut step = 0;
        for (number, line) in (1_u32..).zip(text.lines()) {
            let rest = line.trim_start();
            let key = rest.strip_prefix('"').and_then(|rest| rest.split_once('"'));
            if let Some((key, _)) = key.filter(|(_, rest)| rest.trim_start().starts_with(':')) {
                let indent = line.len() - rest.len();
                step = if step == 0 { indent } else { step };
                keys.entry(key).or_default().push((number, indent));
            }
        }
        Self { keys, step }
    }

    /// The first line from `from` on with the key at this depth (1: a key of the whole); `from` if there is none.
    pub(super) fn after(&self, from: u32, key: &str, depth: usize) -> u32 {
        let lines = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let later = &lines[lines.partition_point(|(line, _)| *line < from)..];
        later.iter().find(|(_, indent)| *indent == depth * self.step).map_or(from, |(line, _)| *line)
    }
}

/// The place and the reason of a JSON error.
pub(super) fn json_fault(error: &serde_json::Error) -> Fault {
    (u32::try_from(error.line()).unwrap_or(1).max(1), error.to_string())
}
