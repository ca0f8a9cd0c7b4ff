//! One file that says something about packages. Whoever wants to know something of it shares its text, and what was parsed of
//! it; TOML values know their lines.

use std::cell::OnceCell;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Why a file cannot be read: its line, and the reason.
pub(crate) type Fault = (u32, String);

/// Where lines begin.
#[derive(Debug)]
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(place, _)| place).collect())
    }

    /// The line of a byte, from 1.
    pub(crate) fn at(&self, offset: usize) -> u32 {
        u32::try_from(self.0.partition_point(|end| *end < offset)).unwrap_or(u32::MAX - 1) + 1
    }
}

pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// A TOML file.
#[derive(Debug)]
pub(crate) struct Toml<'t> {
    root: Spanned<DeTable<'t>>,
    lines: Lines,
}

impl<'t> Toml<'t> {
    pub(crate) fn parse(text: &'t str) -> Result<Self, Fault> {
        let lines = Lines::of(text);
        match DeTable::parse(text) {
            Ok(root) => Ok(Self { root, lines }),
            Err(error) => Err((lines.at(error.span().map_or(0, |span| span.start)), error.message().to_owned())),
        }
    }

    /// The value at a chain of keys.
    pub(crate) fn at(&self, keys: &[&str]) -> Option<&Value<'t>> {
        let (first, rest) = keys.split_first()?;
        rest.iter().try_fold(self.root.get_ref().get(*first)?, |value, key| value.get_ref().get(*key))
    }

    /// The text at a chain of keys, with its line.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<(&str, u32)> {
        let value = self.at(keys)?;
        Some((value.get_ref().as_str()?, self.line(value)))
    }

    pub(crate) fn line(&self, value: &Value<'t>) -> u32 {
        self.lines.at(value.span().start)
    }
}

/// The text at a key of a table.
pub(crate) fn text<'v>(value: &'v Value<'_>, key: &str) -> Option<&'v str> {
    value.get_ref().get(key)?.get_ref().as_str()
}

/// The items of a list; none if it is no list.
pub(crate) fn items<'v, 't>(value: Option<&'v Value<'t>>) -> impl Iterator<Item = &'v Value<'t>> {
    value.and_then(|value| value.get_ref().as_array()).into_iter().flatten()
}

/// The entries of a table; none if it is no table.
pub(crate) fn entries<'v, 't>(value: Option<&'v Value<'t>>) -> impl Iterator<Item = (&'v str, &'v Value<'t>)> {
    let table = value.and_then(|value| value.get_ref().as_table());
    table.into_iter().flat_map(|table| table.iter().map(|(key, value)| (&**key.get_ref(), value)))
}

/// The text of a file; what is no UTF-8 is replaced.
pub(crate) fn text_of(content: Vec<u8>) -> String {
    String::from_utf8(content).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The text of a file, parsed by the first who asks for that.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(crate) text: &'t str,
    toml: OnceCell<Result<Toml<'t>, Fault>>,
}

impl<'t> Document<'t> {
    pub(crate) const fn new(text: &'t str) -> Self {
        Self { text, toml: OnceCell::new() }
    }

    pub(crate) fn toml(&self) -> Result<&Toml<'t>, Fault> {
        self.toml.get_or_init(|| Toml::parse(self.text)).as_ref().map_err(Clone::clone)
    }
}
