//! `requirements*.txt` of pip: a manifest that is its own lock file if each line names one version.

use super::model::{Declaration, Declared, Proof, Read};
use crate::project::Ecosystem;

/// Files with constraints that are kept of one manifest.
const MAX_CONSTRAINTS: usize = 100;

pub(super) fn manifest(content: &str) -> Read<Declaration> {
    let mut declaration = Declaration::new(Ecosystem::Python);
    declaration.needs_lock = false;
    let mut lines = (1_u32..).zip(content.lines());
    while let Some((number, line)) = lines.next() {
        let mut whole = line.trim_end().to_owned();
        // A line goes on after `\`, as those with hashes do.
        while whole.ends_with('\\') {
            whole.pop();
            let Some((_, next)) = lines.next() else { break };
            whole.push_str(next.trim_end());
        }
        if let Some(declared) = parse(&whole, number) {
            declaration.add(Declared { checked: false, ..declared });
        } else if let Some(file) = constraint(&whole).filter(|_| declaration.constraints.len() < MAX_CONSTRAINTS) {
            declaration.constraints.push(file.into());
        }
    }
    Ok(declaration)
}

/// A file that narrows what others ask for.
pub(super) fn constraints(content: &str) -> Read<Declaration> {
    Ok(Declaration { constrains: true, ..manifest(content)? })
}

/// The file that an option of pip names to narrow requirements.
fn constraint(line: &str) -> Option<&str> {
    let rest = ["--constraint=", "--constraint ", "-c"].iter().find_map(|option| line.trim().strip_prefix(option))?;
    rest.split_whitespace().next()
}

/// One requirement after PEP 508, or an option of pip that names a source; `None`: neither.
pub(super) fn parse(line: &str, number: u32) -> Option<Declared> {
    // A comment begins at `#` after white space; without it, it is part of an address.
    let comment = line.find(" #").or_else(|| line.find("\t#")).or_else(|| line.starts_with('#').then_some(0));
    let text = line[..comment.unwrap_or(line.len())].trim();
    let editable = text.strip_prefix("-e ").or_else(|| text.strip_prefix("--editable ")).map(str::trim);
    let text = editable.unwrap_or(text);
    if text.is_empty() || text.starts_with('-') {
        return None;
    }
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    let end = text.bytes().position(|byte| !is_name(&byte)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(rest, |(_, rest)| rest).trim_start();
    if let Some(url) = rest.strip_prefix('@') {
        return Some(address(name, url.trim(), number));
    }
    if text.contains("://") && rest.starts_with([':', '+']) {
        return Some(address("", text, number));
    }
    // A path, or a line of something else.
    if name.is_empty() || text.starts_with('.') || rest.starts_with('/') || (name.ends_with(".whl") && rest.is_empty())
    {
        return None;
    }
    let options = rest.find("--hash").unwrap_or(rest.len());
    let requirement = rest[..options].split(';').next().unwrap_or_default().trim();
    let mut declared = Declared::new(name, requirement, number);
    declared.open = !names_one_version(requirement);
    Some(declared)
}

/// A package from an address: `text` begins with it; a marker or options may follow.
fn address(name: &str, text: &str, number: u32) -> Declared {
    let url = text.split_whitespace().next().unwrap_or(text);
    let (place, fragment) = url.split_once('#').unwrap_or((url, ""));
    let egg = fragment.split('&').find_map(|part| part.strip_prefix("egg=")).filter(|_| name.is_empty());
    let name = if name.is_empty() { egg.unwrap_or(url) } else { name };
    let is_commit = |reference: &str| reference.len() >= 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hashed = ["sha256=", "sha384=", "sha512=", "--hash"].iter().any(|hash| text.contains(hash));
    let mut declared = Declared::new(name, url, number);
    declared.proof = if place.starts_with("git+") || place.starts_with("git:") {
        let commit = place.rsplit_once('@').is_some_and(|(_, reference)| is_commit(reference));
        if commit { Proof::Commit } else { Proof::None }
    } else if hashed {
        Proof::Hash
    } else if place.starts_with("file:") {
        Proof::NotNeeded
    } else {
        Proof::None
    };
    declared
}

/// `==1.2` or `===1.2`, without `*`.
fn names_one_version(requirement: &str) -> bool {
    let exact = |part: &str| part.trim().starts_with("==") && !part.contains('*');
    requirement.trim_matches(['(', ')']).split(',').any(exact)
}
