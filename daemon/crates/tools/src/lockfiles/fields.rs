//! Reading with line numbers: offsets to lines, TOML values that know their place, keys of JSON.

use std::collections::HashMap;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::model::{Fault, Read};

/// Where lines begin.
#[derive(Debug)]
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(place, _)| place).collect())
    }

    /// The line of a byte, from 1.
    pub(super) fn at(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset)).unwrap_or(u32::MAX - 1) + 1
    }
}

pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// A TOML file.
#[derive(Debug)]
pub(super) struct Toml<'t> {
    root: Spanned<DeTable<'t>>,
    lines: Lines,
}

impl<'t> Toml<'t> {
    pub(super) fn parse(text: &'t str) -> Read<Self> {
        let lines = Lines::of(text);
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { root, lines }),
            Err(error) => Err((lines.at(error.span().map_or(0, |span| span.start)), error.message().to_owned())),
        }
    }

    /// The value at a chain of keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Value<'t>> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.root.get_ref().get(*first)?, |value, key| value.get_ref().get(*key))
    }

    pub(super) fn line(&self, value: &Value<'t>) -> u32 {
        self.lines.at(value.span().start)
    }
}

/// The text at a key of a table.
pub(super) fn text<'v>(value: &'v Value<'_>, key: &str) -> Option<&'v str> {
    value.get_ref().get(key)?.get_ref().as_str()
}

/// The items of a list; none if it is no list.
pub(super) fn items<'v, 't>(value: Option<&'v Value<'t>>) -> impl Iterator<Item = &'v Value<'t>> {
    value.and_then(|value| value.get_ref().as_array()).into_iter().flatten()
}

/// The entries of a table; none if it is no table.
pub(super) fn entries<'v, 't>(value: Option<&'v Value<'t>>) -> impl Iterator<Item = (&'v str, &'v Value<'t>)> {
    let table = value.and_then(|value| value.get_ref().as_table());
    table.into_iter().flat_map(|table| table.iter().map(|(key, value)| (&**key.get_ref(), value)))
}

/// The lines of `"key":` in a JSON file that was written one key a line, by their depth. JSON parsers keep no places.
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
