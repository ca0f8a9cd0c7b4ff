//! Reads the configuration file: only if it can be trusted, never more than it may hold, every value with its line.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use agentd_proto::doctor::shell_word;
use toml::de::{DeTable, DeValue};

use super::{
    error::{ConfigError, Fault},
    table::{Setting, settings},
};

/// A commented file with every setting takes 10 KiB.
const LONGEST_FILE: u64 = 1024 * 1024;

/// A value of the file: its setting, the value, and the line on which it stands.
pub(super) struct Entry {
    pub(super) key: &'static str,
    pub(super) value: toml::Value,
}

/// Reads the file's text. `Ok(None)`: there is none.
///
/// # Errors
/// It cannot be read, others may write to it, it is too long, or it is no text.
pub(super) fn read(path: &Path, own_uid: u32) -> Result<Option<String>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let refused = |reason: String| ConfigError::Refused { path: path.to_owned(), reason };
    let no_file = || refused("it is no regular file; give a TOML file".to_owned());
    // Before it is opened: opening a pipe waits for who writes into it.
    let opened = fs::metadata(path).and_then(|found| found.is_file().then(|| File::open(path)).transpose());
    let file = match opened {
        Ok(Some(file)) => file,
        Ok(None) => return Err(no_file()),
        // A state folder that is no folder is refused later, with better words.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            let Ok(target) = fs::read_link(path) else { return Ok(None) };
            // Somebody has settings, and they are not where they should be.
            let target = target.display();
            return Err(refused(format!(
                "it is a link to {target}, where no file is; bring it back, or remove the link"
            )));
        }
        Err(error) => return Err(unreadable(error)),
    };
    // Of the opened file, not of the path: nobody can swap it in between.
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(no_file());
    }
    if found.uid() != own_uid && found.uid() != 0 {
        return Err(refused(format!("it belongs to user {}; only your own files and root's are trusted", found.uid())));
    }
    if found.mode() & 0o002 != 0 {
        return Err(refused(format!("everybody may write to it; run `chmod o-w {}`", shell_word(path))));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST_FILE {
        return Err(refused(format!("it is longer than {LONGEST_FILE} bytes; this is no file of settings")));
    }
    let text = String::from_utf8(bytes).map_err(|error| refused(format!("it is no UTF-8 text: {error}")))?;
    Ok(Some(text))
}

/// Finds the settings in the text. Every fault goes to `faults`.
pub(super) fn parse(path: &Path, text: &str, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let place = |offset: usize| format!("{}:{}", path.display(), line(text, offset));
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        faults.push(Fault { place: place(at), key: String::new(), problem: error.message().to_owned() });
    }
    let mut entries = Vec::new();
    let mut open = vec![(String::new(), table.get_ref())];
    while let Some((prefix, table)) = open.pop() {
        for (name, value) in table {
            let key =
                if prefix.is_empty() { name.get_ref().to_string() } else { format!("{prefix}.{}", name.get_ref()) };
            let mut fault = |problem| faults.push(Fault { place: place(name.span().start), key: key.clone(), problem });
            match (find(&key), value.get_ref()) {
                (Some(setting), value) => match setting.rule.of_toml(value) {
                    Ok(value) => entries.push(Entry { key: &setting.key, value }),
                    Err(problem) => fault(problem),
                },
                (None, DeValue::Table(inner)) if is_section(&key) => open.push((key, inner)),
                (None, _) => fault(unknown(&key)),
            }
        }
    }
    entries
}

/// The setting of a key.
pub(super) fn find(key: &str) -> Option<&'static Setting> {
    settings().iter().find(|setting| setting.key == key)
}

fn is_section(key: &str) -> bool {
    settings().iter().any(|setting| setting.key.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// Says what stands where the unknown key was looked for.
pub(super) fn unknown(key: &str) -> String {
    let (section, prefix) = match key.rsplit_once('.') {
        Some((section, _)) if is_section(section) => (format!("section `{section}`"), format!("{section}.")),
        _ => ("the file".to_owned(), String::new()),
    };
    let mut names: Vec<&str> = settings()
        .iter()
        .filter_map(|setting| setting.key.strip_prefix(&prefix))
        .filter_map(|rest| rest.split('.').next())
        .collect();
    names.dedup();
    format!("there is no such setting; {section} has {}", names.join(", "))
}

fn line(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
