//! `package.json`.

use serde_json::Value;

use super::{
    Ecosystem, Neighbour, Purpose,
    builder::{Builder, purpose_of_name},
    json::{JsonKeys, json_fault},
};

pub(super) fn read(builder: &mut Builder, path: &str, text: &str) {
    let root: Value = match serde_json::from_str(text) {
        Ok(root) => root,
        Err(error) => {
            let (line, why) = json_fault(&error);
            return builder.unread(path, line, &why);
        }
    };
    let keys = JsonKeys::of(text);
    let line = |key| keys.after(1, key, 1);
    if let Some(name) = root["name"].as_str() {
        builder.package(Ecosystem::Npm, name, path, line("name"));
    }
    if let Some(description) = root["description"].as_str() {
        builder.description(description, path, line("description"));
    }
    match &root["bin"] {
        Value::String(file) => builder.entry(root["name"].as_str().unwrap_or(file), file, path, line("bin")),
        Value::Object(programs) => {
            for (name, file) in programs {
                builder.entry(name, file.as_str().unwrap_or_default(), path, keys.after(line("bin"), name, 2));
            }
        }
        _ => {}
    }
    if let Some(main) = root["main"].as_str() {
        builder.entry("main", main, path, line("main"));
    }
    scripts(builder, path, &keys, &root["scripts"]);
}

fn scripts(builder: &mut Builder, path: &str, keys: &JsonKeys<'_>, scripts: &Value) {
    let runners = [
        (Neighbour::PnpmLock, "pnpm"),
        (Neighbour::YarnLock, "yarn"),
        (Neighbour::BunLock, "bun"),
        (Neighbour::BunLockb, "bun"),
    ];
    let runner = runners.iter().find(|(lock, _)| builder.has_beside(*lock)).map_or("npm", |(_, runner)| runner);
    let start = keys.after(1, "scripts", 1);
    for (name, script) in scripts.as_object().into_iter().flatten() {
        let script = script.as_str().unwrap_or_default();
        let line = keys.after(start, name, 2);
        // What `npm init` writes when there are no tests.
        let is_placeholder = script.contains("no test specified");
        if let Some(purpose) = purpose_of_name(name).filter(|_| !is_placeholder) {
            builder.stated(purpose, &format!("{runner} run {name}"), path, line);
        }
        if name == "start" && purpose_of_name(name) == Some(Purpose::Run) {
            builder.entry(name, script, path, line);
        }
    }
}
