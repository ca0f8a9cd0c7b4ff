//! `tsconfig.json`, `jsconfig.json` and what they extend: where the names that scripts import lead. JSON with comments and
//! trailing commas.

use std::{cmp::Reverse, slice};

use jsonc_parser::ParseOptions;
use serde_json::{Map, Value};

use super::{
    Pattern, ScriptConfig,
    builder::{Builder, MAX_PATTERNS},
};

/// Longest name or path that is kept, in bytes.
const MAX_TEXT: usize = 512;

/// Most items that are kept of a list: of targets of one pattern, of files that one extends or refers to.
const MAX_LIST: usize = 16;

impl Pattern {
    fn of(name: &str, targets: &Value) -> Option<Self> {
        let (start, end) = name.split_once('*').map_or((name, None), |(start, end)| (start, Some(end.to_owned())));
        let targets = texts(targets);
        (name.len() <= MAX_TEXT && !targets.is_empty()).then(|| Self { start: start.to_owned(), end, targets })
    }
}

impl ScriptConfig {
    fn of(path: &str, root: &Value) -> Self {
        let options = &root["compilerOptions"];
        let references = root["references"].as_array().into_iter().flatten().map(|reference| &reference["path"]);
        Self {
            file: path.to_owned(),
            extends: texts(&root["extends"]).into_iter().rev().collect(),
            references: references.filter_map(short).take(MAX_LIST).collect(),
            base: short(&options["baseUrl"]),
            patterns: options["paths"].as_object().map(patterns),
        }
    }
}

fn patterns(table: &Map<String, Value>) -> Vec<Pattern> {
    let mut patterns: Vec<Pattern> =
        table.iter().filter_map(|(name, targets)| Pattern::of(name, targets)).take(MAX_PATTERNS).collect();
    patterns.sort_by_cached_key(|it| (it.end.is_some(), Reverse(it.start.len()), it.start.clone()));
    patterns
}

fn short(value: &Value) -> Option<String> {
    value.as_str().filter(|text| text.len() <= MAX_TEXT).map(ToOwned::to_owned)
}

/// A text, or a list of some.
fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map_or_else(|| slice::from_ref(value), Vec::as_slice);
    list.iter().filter_map(short).take(MAX_LIST).collect()
}

/// Whether a file is one, by its name; those that others extend are known by their usual names (`tsconfig.base.json`) alone.
pub(super) fn is_one(name: &str) -> bool {
    (name.starts_with("tsconfig") || name.starts_with("jsconfig")) && name.ends_with(".json")
}

pub(super) fn read(builder: &mut Builder, path: &str, text: &str) {
    let text = text.trim_start_matches('\u{feff}');
    match jsonc_parser::parse_to_serde_value::<Value>(text, &ParseOptions::default()) {
        Ok(root) => builder.script_config(ScriptConfig::of(path, &root)),
        Err(error) => {
            let line = u32::try_from(error.line_display()).unwrap_or(1);
            builder.unread(path, line, &error.kind().to_string());
        }
    }
}
