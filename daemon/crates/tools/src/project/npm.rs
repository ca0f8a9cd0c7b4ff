//! `package.json`.

use serde_json::Value;

use super::{
    Ecosystem, Neighbour, Purpose,
    builder::{Builder, line_at, purpose_of_name},
};

pub(super) fn read(builder: &mut Builder, path: &str, text: &str) {
    let root: Value = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(error) => {
            let line = u32::try_from(error.line()).unwrap_or(1);
            return builder.unread(path, line, &error.to_string());
        }
    };
    if let Some(name) = root["name"].as_str() {
        builder.package(Ecosystem::Npm, name, path, line_of(text, 0, "name"));
    }
    if let Some(description) = root["description"].as_str() {
        builder.description(description, path, line_of(text, 0, "description"));
    }
    let bins = place_of(text, 0, "bin").unwrap_or(0);
    match &root["bin"] {
        Value::String(file) => {
            builder.entry(root["name"].as_str().unwrap_or(file), file, path, line_at(text, bins));
        }
        Value::Object(programs) => {
            for (name, file) in programs {
                builder.entry(name, file.as_str().unwrap_or_default(), path, line_of(text, bins, name));
            }
        }
        _ => {}
    }
    if let Some(main) = root["main"].as_str() {
        builder.entry("main", main, path, line_of(text, 0, "main"));
    }
    scripts(builder, path, text, &root["scripts"]);
}

fn scripts(builder: &mut Builder, path: &str, text: &str, scripts: &Value) {
    let runners = [
        (Neighbour::PnpmLock, "pnpm"),
        (Neighbour::YarnLock, "yarn"),
        (Neighbour::BunLock, "bun"),
        (Neighbour::BunLockb, "bun"),
    ];
    let runner = runners.iter().find(|(lock, _)| builder.has_beside(*lock)).map_or("npm", |(_, runner)| runner);
    let start = place_of(text, 0, "scripts").unwrap_or(0);
    for name in scripts.as_object().into_iter().flat_map(serde_json::Map::keys) {
        // What `npm init` writes when there are no tests.
        let is_placeholder = scripts[name].as_str().is_some_and(|script| script.contains("no test specified"));
        if let Some(purpose) = purpose_of_name(name).filter(|_| !is_placeholder) {
            builder.stated(purpose, &format!("{runner} run {name}"), path, line_of(text, start, name));
        }
        if name == "start" && purpose_of_name(name) == Some(Purpose::Run) {
            let script = scripts[name].as_str().unwrap_or_default();
            builder.entry(name, script, path, line_of(text, start, name));
        }
    }
}

/// The offset of `"key"` followed by a colon, from `start`. JSON parsers keep no places.
fn place_of(text: &str, start: usize, key: &str) -> Option<usize> {
    let quoted = format!("\"{key}\"");
    let found = text[start..].match_indices(&quoted).find(|(place, _)| {
        let rest = &text[start + place + quoted.len()..];
        rest.trim_start().starts_with(':')
    });
    found.map(|(place, _)| start + place)
}

fn line_of(text: &str, start: usize, key: &str) -> u32 {
    line_at(text, place_of(text, start, key).unwrap_or(start))
}
