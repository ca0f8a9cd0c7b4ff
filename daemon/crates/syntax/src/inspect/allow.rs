//! From a hit to a finding, and comments that allow one: `agentd: allow(rule-id) reason`, on the line or alone on the line above. Of
//! a name that no rule has, the finding that stays says so.

use std::collections::{HashMap, HashSet};

use tree_sitter::Node;

use super::site::Hit;
use crate::{
    Finding,
    finding::RuleId,
    head::Head,
    lines::Span,
    rules::{self, Rule},
};

/// Longest text of a line in a finding, in bytes.
const MAX_TEXT: usize = 160;
/// Longest message, in bytes.
const MAX_MESSAGE: usize = 300;
/// Bytes of a line that are read for its text.
const MAX_LINE: usize = 2_048;
/// Longest name of no rule that is repeated, in bytes.
const MAX_STRANGE: usize = 40;
const MARK: &[u8] = b"agentd:";

/// At most so many bytes of a text, with an ellipsis if it was longer.
pub(super) fn bounded(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

pub(super) fn finding(head: &Head<'_>, rule: &Rule, hit: &Hit<'_>) -> Finding {
    let (start, end) = (hit.at.start_position(), hit.at.end_position());
    let number = |at: usize| u32::try_from(at + 1).unwrap_or(u32::MAX);
    Finding {
        rule: RuleId(rule.id),
        severity: hit.severity.unwrap_or(rule.severity),
        confidence: hit.confidence,
        line: number(start.row),
        column: number(start.column),
        end_line: number(end.row),
        end_column: number(end.column),
        text: bounded(line(head.source, hit.at).trim(), MAX_TEXT),
        message: bounded(&hit.message, MAX_MESSAGE),
    }
}

/// The line a node starts on.
fn line(source: &[u8], node: Node<'_>) -> String {
    let at = node.start_byte().min(source.len());
    let start = at - node.start_position().column.min(at).min(MAX_LINE);
    let rest = &source[start..source.len().min(start + 2 * MAX_LINE)];
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).into_owned()
}

/// Takes out what comments allow; how many that were. What stays is told of a name in a comment at it that no rule has.
pub(crate) fn settle(source: &[u8], comments: &[Span], findings: &mut Vec<Finding>) -> u32 {
    if findings.is_empty() {
        return 0;
    }
    let allowed = allowed(source, comments);
    let before = findings.len();
    findings.retain(|finding| !allowed.ids.contains(&(finding.line, finding.rule.0.to_owned())));
    for finding in findings.iter_mut() {
        let Some(strange) = allowed.strange.get(&finding.line) else { continue };
        let told = format!("; a comment here allows {strange}, but no rule is called so");
        // A message is not cut within code, so one that is long already stays as it is.
        if finding.message.len() + told.len() <= MAX_MESSAGE {
            finding.message.push_str(&told);
        }
    }
    u32::try_from(before - findings.len()).unwrap_or(u32::MAX)
}

/// What comments allow.
#[derive(Debug, Default)]
struct Allowed {
    /// Lines and the rules that are allowed on them.
    ids: HashSet<(u32, String)>,
    /// The first name on a line that no rule has, as it is shown.
    strange: HashMap<u32, String>,
}

impl Allowed {
    fn add(&mut self, line: u32, id: &str) {
        if rules::by_id(id).is_some() {
            self.ids.insert((line, id.to_owned()));
        } else {
            self.strange.entry(line).or_insert_with(|| shown(id));
        }
    }
}

/// A name that no rule has, if it looks like one.
fn shown(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let fits = !id.is_empty() && id.len() <= MAX_STRANGE && id.chars().all(plain);
    if fits { format!("`{id}`") } else { "a name".to_owned() }
}

fn allowed(source: &[u8], comments: &[Span]) -> Allowed {
    let mut found = Allowed::default();
    // Lines are counted up from comment to comment, so that all of it is one pass.
    let (mut line, mut counted) = (1_u32, 0_usize);
    for (start, end) in comments.iter().map(|(start, end)| (*start as usize, *end as usize)) {
        let comment = source.get(start..end).unwrap_or_default();
        let Some(ids) = ids(comment) else { continue };
        line += newlines(&source[counted..start]);
        counted = start;
        let last = line + newlines(comment.trim_ascii_end());
        // Many comments may share one long line; nobody indents by as much as a line is kept.
        let near = &source[start.saturating_sub(MAX_LINE)..start];
        let alone = match near.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => near[end..].trim_ascii().is_empty(),
            None => near.len() == start && near.trim_ascii().is_empty(),
        };
        for id in ids.split(',').map(str::trim) {
            found.add(line, id);
            if alone {
                found.add(last + 1, id);
            }
        }
    }
    found
}

fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.iter().filter(|byte| **byte == b'\n').count()).unwrap_or(u32::MAX)
}

/// The text between the parentheses of `agentd: allow(…)`.
fn ids(comment: &[u8]) -> Option<&str> {
    let at = comment.windows(MARK.len()).position(|window| window == MARK)?;
    let rest = comment[at + MARK.len()..].trim_ascii_start().strip_prefix(b"allow(")?;
    std::str::from_utf8(&rest[..rest.iter().position(|byte| *byte == b')')?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_allows_its_line_or_the_next() {
        // Source, span of the comment, lines that are allowed.
        let cases: [(&str, &[u32]); 6] = [
            ("x // agentd: allow(loop-sort) why\ny", &[1]),
            ("// agentd: allow(loop-sort)\ny", &[1, 2]),
            ("\n\n  # agentd: allow(c, loop-sort) why", &[3, 4]),
            ("/* agentd:allow(loop-sort)\n */\ny", &[1, 3]),
            ("// agentd: allow(a)", &[]),
            ("// allow(loop-sort)", &[]),
        ];
        for (source, expected) in cases {
            let start = source.find(['/', '#']).unwrap();
            let end = if source.contains("*/") {
                source.find("*/").unwrap() + 2
            } else {
                source[start..].find('\n').map_or(source.len(), |n| start + n)
            };
            let span = (u32::try_from(start).unwrap(), u32::try_from(end).unwrap());
            let mut lines: Vec<u32> = allowed(source.as_bytes(), &[span])
                .ids
                .into_iter()
                .filter(|(_, id)| id == "loop-sort")
                .map(|(line, _)| line)
                .collect();
            lines.sort_unstable();
            assert_eq!(lines, expected, "{source}");
        }
    }

    #[test]
    fn texts_are_cut_at_letters() {
        assert_eq!(bounded("äöü", 6), "äöü");
        assert_eq!(bounded("äöüß", 6), "ä…");
        assert_eq!(bounded("abcdef", 5), "ab…");
    }
}
