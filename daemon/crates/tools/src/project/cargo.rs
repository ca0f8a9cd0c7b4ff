//! `Cargo.toml`, and the reading of TOML with line numbers that `pyproject.toml` shares.

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    Ecosystem, Purpose,
    builder::{Builder, line_at},
};

/// A TOML file whose values know their lines.
pub(super) struct Toml<'t> {
    text: &'t str,
    table: Spanned<DeTable<'t>>,
}

impl<'t> Toml<'t> {
    /// Parses; a file that is no TOML is reported as unread.
    pub(super) fn parse(builder: &mut Builder<'_>, path: &str, text: &'t str) -> Option<Self> {
        match DeTable::parse(text) {
            Ok(table) => Some(Self { text, table }),
            Err(error) => {
                let line = line_at(text, error.span().map_or(0, |span| span.start));
                builder.unread(path, line, error.message());
                None
            }
        }
    }

    /// The value at a chain of keys.
    pub(super) fn at(&self, keys: &[&str]) -> Option<&Spanned<DeValue<'t>>> {
        let (first, rest) = keys.split_first()?;
        let mut value = self.table.get_ref().get(*first)?;
        for key in rest {
            value = value.get_ref().get(*key)?;
        }
        Some(value)
    }

    /// The text at a chain of keys, with its line.
    pub(super) fn text(&self, keys: &[&str]) -> Option<(&str, u32)> {
        let value = self.at(keys)?;
        Some((value.get_ref().as_str()?, self.line(value)))
    }

    /// The entries of the table at a chain of keys, those with text values, with their lines.
    pub(super) fn texts(&self, keys: &[&str]) -> Vec<(&str, &str, u32)> {
        let Some(table) = self.at(keys).and_then(|value| value.get_ref().as_table()) else {
            return Vec::new();
        };
        table
            .iter()
            .filter_map(|(key, value)| Some((&**key.get_ref(), value.get_ref().as_str()?, self.line(value))))
            .collect()
    }

    pub(super) fn line(&self, value: &Spanned<DeValue<'t>>) -> u32 {
        line_at(self.text, value.span().start)
    }
}

pub(super) fn read(builder: &mut Builder<'_>, path: &str, text: &str) {
    let Some(toml) = Toml::parse(builder, path, text) else { return };
    if let Some((name, line)) = toml.text(&["package", "name"]) {
        builder.package(Ecosystem::Cargo, name, path, line);
        if builder.has_beside(path, "src/main.rs") {
            builder.entry(name, "src/main.rs", path, line);
        }
    } else if toml.at(&["workspace"]).is_some() {
        builder.workspace(path, toml.text(&["workspace", "package", "repository"]));
        if let Some((description, line)) = toml.text(&["workspace", "package", "description"]) {
            builder.description(description, path, line);
        }
    }
    if let Some((description, line)) = toml.text(&["package", "description"]) {
        builder.description(description, path, line);
    }
    for program in toml.at(&["bin"]).and_then(|bins| bins.get_ref().as_array()).into_iter().flatten() {
        let of = |key: &str| program.get_ref().get(key).and_then(|value| value.get_ref().as_str());
        if let Some(name) = of("name") {
            let usual = format!("src/bin/{name}.rs");
            builder.entry(name, of("path").unwrap_or(&usual), path, toml.line(program));
        }
    }
    builder.conventional(Purpose::Build, "cargo build", path);
    builder.conventional(Purpose::Test, "cargo test", path);
}
