//! The title of a change that a rule asks for: what to do instead, in the words of the rule, begun as a sentence is. Code is no
//! word, keeps its letters, and stands between backticks, as all code in titles does.

use crate::findings::by_id;

/// The title, safe to show; `None`: this build does not know the rule.
pub(super) fn of(rule: &str) -> Option<String> {
    by_id(rule).map(|rule| begun(rule.instead))
}

fn begun(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::all;

    #[test]
    fn words_get_a_large_letter_and_code_stays_as_it_is() {
        for (words, title) in [
            ("", ""),
            ("sort once", "Sort once"),
            ("ändere nichts", "Ändere nichts"),
            ("write `const auto&`", "Write `const auto&`"),
            ("`write!(s, …)` formats", "`write!(s, …)` formats"),
        ] {
            assert_eq!(begun(words), title);
        }
    }

    #[test]
    fn the_title_of_each_rule_begins_with_a_large_letter_or_with_its_code() {
        for rule in all() {
            let title = of(rule.id).unwrap();
            assert!(title.starts_with(|c: char| c == '`' || c.is_uppercase()), "{}: {title}", rule.id);
            assert_eq!(title.to_lowercase(), rule.instead.to_lowercase(), "{}: the words of the rule", rule.id);
        }
    }
}
