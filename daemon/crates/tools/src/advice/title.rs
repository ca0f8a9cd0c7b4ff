//! The title of a change that a rule asks for: what to do instead, in the words of the rule, begun as a sentence is. Code is no
//! word: at the beginning it keeps its letters and stands between backticks, as all code in titles does.

use super::PerformanceSeen;
use crate::findings::by_id;

/// The title, safe to show.
pub(super) fn of(seen: &PerformanceSeen) -> String {
    by_id(&seen.rule).map_or_else(|| seen.what.clone(), |rule| begun(rule.instead))
}

fn begun(words: &str) -> String {
    let (first, rest) = words.split_at(first_end(words));
    if first.starts_with('`') {
        return words.to_owned();
    }
    if is_code(first) {
        return format!("`{first}`{rest}");
    }
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Where the first word ends, in bytes; with code, what its brackets hold belongs to it: `write!(s, …)`.
fn first_end(words: &str) -> usize {
    let mut open = 0_u32;
    let end = words.find(|c: char| {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0 && c.is_whitespace()
    });
    words[..end.unwrap_or(words.len())].trim_end_matches([',', ';', ':']).len()
}

/// Whether this is no word of a sentence: it has signs or a hump, `io.Copy`, `len()`, `entrySet`.
fn is_code(word: &str) -> bool {
    let has_sign = word.contains(|c: char| !c.is_alphanumeric() && c != '-' && c != '\'');
    let has_hump = word.starts_with(char::is_lowercase) && word.contains(char::is_uppercase);
    has_sign || has_hump
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::all;

    #[test]
    fn words_get_a_large_letter_and_code_gets_backticks() {
        for (words, title) in [
            ("", ""),
            ("sort once", "Sort once"),
            ("search: then sort", "Search: then sort"),
            ("pre-size the list", "Pre-size the list"),
            ("don't", "Don't"),
            ("ändere nichts", "Ändere nichts"),
            ("write `const auto&`", "Write `const auto&`"),
            ("`write!(s, …)` formats", "`write!(s, …)` formats"),
            ("`a b` formats", "`a b` formats"),
            ("write!(s, …) formats", "`write!(s, …)` formats"),
            ("map[key(a, b)] != nil", "`map[key(a, b)]` != nil"),
            ("len(), or a count", "`len()`, or a count"),
            ("std::string_view is enough", "`std::string_view` is enough"),
            ("entrySet, not keySet", "`entrySet`, not keySet"),
        ] {
            assert_eq!(begun(words), title);
        }
    }

    #[test]
    fn the_title_of_each_rule_begins_with_a_large_letter_or_with_its_code() {
        for rule in all() {
            let title = begun(rule.instead);
            assert!(title.starts_with(|c: char| c == '`' || c.is_uppercase()), "{}: {title}", rule.id);
            assert!(title.matches('`').count().is_multiple_of(2), "{}: {title}", rule.id);
            let bare = |text: &str| text.replace('`', "").to_lowercase();
            assert_eq!(bare(&title), bare(rule.instead), "{}: the words of the rule", rule.id);
        }
    }
}
