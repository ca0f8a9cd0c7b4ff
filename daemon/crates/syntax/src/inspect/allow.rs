//! From a hit to a finding, and comments that allow one: `agentd: allow(rule-id) reason`, on the line or alone on the line above.

use std::collections::HashSet;

use tree_sitter::Node;

use super::site::Hit;
use crate::{Finding, finding::RuleId, head::Head, lines::Span, rules::Rule};

/// Longest text of a line in a finding, in bytes.
const MAX_TEXT: usize = 160;
/// Longest message, in bytes.
const MAX_MESSAGE: usize = 300;
/// Bytes of a line that are read for its text.
const MAX_LINE: usize = 2_048;
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

/// Takes out what comments allow; how many that were.
pub(crate) fn settle(source: &[u8], comments: &[Span], findings: &mut Vec<Finding>) -> u32 {
    if findings.is_empty() {
        return 0;
    }
    let allowed = allowed(source, comments);
    let before = findings.len();
    findings.retain(|finding| !allowed.contains(&(finding.line, finding.rule.0.to_owned())));
    u32::try_from(before - findings.len()).unwrap_or(u32::MAX)
}

/// Lines and the rules that are allowed on them.
fn allowed(source: &[u8], comments: &[Span]) -> HashSet<(u32, String)> {
    let mut found = HashSet::new();
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
            found.insert((line, id.to_owned()));
            if alone {
                found.insert((last + 1, id.to_owned()));
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
            ("x // agentd: allow(a-b) why\ny", &[1]),
            ("// agentd: allow(a-b)\ny", &[1, 2]),
            ("\n\n  # agentd: allow(c, a-b) why", &[3, 4]),
            ("/* agentd:allow(a-b)\n */\ny", &[1, 3]),
            ("// agentd: allow(a)", &[]),
            ("// allow(a-b)", &[]),
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
                .into_iter()
                .filter(|(_, id)| id == "a-b")
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
