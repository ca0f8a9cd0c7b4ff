//! The small parts of a page: cells, tables, numbers.

use std::fmt::Write;

pub(super) use crate::text::{count, number};

/// Text from the repository as a code span that nothing inside it can end.
pub(super) fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let blank = if longest > 0 { " " } else { "" };
    format!("{fence}{blank}{text}{blank}{fence}")
}

/// A place that editors and terminals can jump to.
pub(super) fn place(file: &str, line: u32) -> String {
    code(&format!("{file}:{line}"))
}

/// Prose from the repository, with everything escaped that Markdown would act on.
pub(super) fn prose(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    let (mut before, mut rest) = (None, text.chars().peekable());
    while let Some(c) = rest.next() {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let acts = match c {
            '\\' | '`' | '*' | '{' | '}' | '[' | ']' | '<' | '>' | '#' | '|' | '~' | '&' => true,
            // One inside of a name is a letter, and only before a bracket an exclamation mark begins anything.
            '_' => !(inside(before) && inside(rest.peek().copied())),
            '!' => rest.peek() == Some(&'['),
            _ => false,
        };
        if acts {
            safe.push('\\');
        }
        safe.push(c);
        before = Some(c);
    }
    safe
}

/// A sentence of ours with text from the repository between backticks: that becomes code, and nothing in the rest is markup.
pub(super) fn mixed(words: &str) -> String {
    if !words.matches('`').count().is_multiple_of(2) || words.contains("``") {
        // A name with a backtick of its own: which part is whose cannot be told.
        return prose(words);
    }
    let parts = words.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { code(part) } else { prose(part) }).collect()
}

/// How a column stands.
#[derive(Clone, Copy)]
pub(super) enum Column {
    /// Words, to the left.
    Words(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

/// A table; nothing if it has no rows.
pub(super) fn table(page: &mut String, columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        return;
    }
    let names = columns.iter().map(|column| match column {
        Column::Words(name) | Column::Number(name) => *name,
    });
    let lines = columns.iter().map(|column| match column {
        Column::Words(_) => ":--",
        Column::Number(_) => "--:",
    });
    let _ = writeln!(page, "| {} |", names.collect::<Vec<_>>().join(" | "));
    let _ = writeln!(page, "|{}|", lines.collect::<Vec<_>>().join("|"));
    for row in rows {
        // A bar ends a cell even inside a code span.
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        let _ = writeln!(page, "| {} |", cells.join(" | "));
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_repository_cannot_become_markup() {
        let mut page = String::new();
        table(&mut page, &[Column::Words("X")], [vec![code("a|b")]]);
        assert_eq!(page, "| X |\n|:--|\n| `a\\|b` |\n\n");
        assert_eq!(code("x `y` z"), "`` x `y` z ``");
        assert_eq!(mixed("Split `a*b` <up>"), "Split `a*b` \\<up\\>");
        assert_eq!(mixed("Split `a`b` up"), "Split \\`a\\`b\\` up");
        assert_eq!(prose("![x](http://y) <b>"), "\\!\\[x\\](http://y) \\<b\\>");
        assert_eq!(prose("a_b write!(_x_ 1_) !"), "a_b write!(\\_x\\_ 1\\_) !");
        assert_eq!(mixed("survives `kill -9` ``*"), "survives \\`kill -9\\` \\`\\`\\*");
    }
}
