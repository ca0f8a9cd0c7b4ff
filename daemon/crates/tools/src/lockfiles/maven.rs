//! `pom.xml`: the versions that dependencies ask for. Maven has no lock file, so a version is fixed here or nowhere.

use std::collections::HashMap;

use quick_xml::{Reader, events::Event};

use super::model::{Declaration, Declared, Read};
use crate::{document::Lines, project::Ecosystem};

/// Elements nested deeper than a POM ever has them.
const MAX_DEPTH: usize = 64;

/// Longest name and value of a property, in bytes: any number of dependencies may name it.
const MAX_PROPERTY: usize = 300;

#[derive(Default)]
struct Dependency {
    group: String,
    artifact: String,
    version: String,
    line: u32,
}

pub(super) fn manifest(content: &str) -> Read<Declaration> {
    let lines = Lines::of(content);
    let mut reader = Reader::from_str(content);
    let mut declaration = Declaration::new(Ecosystem::Jvm);
    declaration.needs_lock = false;
    let mut path: Vec<String> = Vec::new();
    let mut found: Vec<Dependency> = Vec::new();
    let mut properties: HashMap<String, String> = HashMap::new();
    loop {
        let offset = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match reader.read_event().map_err(|error| (lines.at(offset), error.to_string()))? {
            Event::Eof => break,
            Event::Start(tag) => {
                path.push(tag.local_name().into_inner().to_owned());
                if path.len() > MAX_DEPTH {
                    return Err((lines.at(offset), "elements are nested too deep for a POM".to_owned()));
                }
                if is_artifact(&path) {
                    let line = lines.at(usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX));
                    found.push(Dependency { line, ..Dependency::default() });
                }
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(text) => {
                let text = text.xml10_content();
                take(&path, text.trim(), lines.at(offset), &mut found, &mut properties);
            }
            _ => {}
        }
    }
    for dependency in found {
        // Plugins without a group are Maven's own.
        let group = if dependency.group.is_empty() { "org.apache.maven.plugins" } else { &dependency.group };
        let name = format!("{group}:{}", dependency.artifact);
        let property = dependency.version.strip_prefix("${").and_then(|version| version.strip_suffix('}'));
        let version = property.and_then(|name| properties.get(name)).unwrap_or(&dependency.version);
        let mut declared = Declared::new(&name, version, dependency.line);
        declared.checked = false;
        declared.open = is_open(version);
        declaration.add(declared);
    }
    Ok(declaration)
}

fn is_artifact(path: &[String]) -> bool {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    names.ends_with(&["dependencies", "dependency"]) || names.ends_with(&["plugins", "plugin"])
}

fn take(path: &[String], text: &str, line: u32, found: &mut [Dependency], properties: &mut HashMap<String, String>) {
    let Some((field, above)) = path.split_last().filter(|_| !text.is_empty()) else { return };
    let is_short = field.len() <= MAX_PROPERTY && text.len() <= MAX_PROPERTY;
    if is_short && above.last().is_some_and(|name| name == "properties") {
        properties.insert(field.clone(), text.to_owned());
    }
    if !is_artifact(above) {
        return;
    }
    let Some(last) = found.last_mut() else { return };
    match field.as_str() {
        "groupId" => text.clone_into(&mut last.group),
        "artifactId" => text.clone_into(&mut last.artifact),
        "version" => {
            text.clone_into(&mut last.version);
            last.line = line;
        }
        _ => {}
    }
}

/// A range, a name for the newest one, or a snapshot: what is built changes without a change of the file. None at all
/// comes from a parent, which is another file's business.
fn is_open(version: &str) -> bool {
    let range = version.starts_with(['[', '(']) && version.contains(',');
    range || version == "LATEST" || version == "RELEASE" || version.ends_with("-SNAPSHOT")
}
