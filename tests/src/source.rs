//! Rust sources as tokens, so that a rule sees code and never a comment or a string.

use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::repo;

/// One token: a word, a sign, a literal, or one half of a pair of brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// As written.
    pub text: String,
    /// Line of the file, from 1.
    pub line: usize,
}

/// Tokens of a file of the repository. Panics, naming the file, if it is not Rust.
#[must_use]
pub fn tokens(path: &Path) -> Vec<Token> {
    let text = repo::text(path).unwrap_or_else(|| panic!("{} is not UTF-8", path.display()));
    parse(&text, false).unwrap_or_else(|error| panic!("{} is not Rust: {error}", path.display()))
}

/// The same without the items that stand under `#[cfg(test)]`.
#[must_use]
pub fn tokens_without_tests(path: &Path) -> Vec<Token> {
    let text = repo::text(path).unwrap_or_else(|| panic!("{} is not UTF-8", path.display()));
    parse(&text, true).unwrap_or_else(|error| panic!("{} is not Rust: {error}", path.display()))
}

/// Line where `pattern` begins, if it occurs as consecutive tokens: `&["std", ":", ":", "fs"]`.
#[must_use]
pub fn find(tokens: &[Token], pattern: &[&str]) -> Option<usize> {
    tokens
        .windows(pattern.len())
        .find(|window| window.iter().zip(pattern).all(|(token, wanted)| token.text == *wanted))
        .map(|window| window[0].line)
}

fn parse(text: &str, without_tests: bool) -> Result<Vec<Token>, proc_macro2::LexError> {
    let mut found = Vec::new();
    flatten(text.parse()?, without_tests, &mut found);
    Ok(found)
}

fn flatten(stream: TokenStream, without_tests: bool, found: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    while let Some(tree) = trees.next() {
        if without_tests && is_sign(&tree, '#') && trees.peek().is_some_and(is_cfg_test) {
            // The item ends with its body, or with a semicolon if it has none.
            for rest in trees.by_ref().skip(1) {
                if is_sign(&rest, ';')
                    || matches!(&rest, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
                {
                    break;
                }
            }
            continue;
        }
        push(tree, without_tests, found);
    }
}

fn push(tree: TokenTree, without_tests: bool, found: &mut Vec<Token>) {
    let line = tree.span().start().line;
    let TokenTree::Group(group) = tree else {
        found.push(Token { text: tree.to_string(), line });
        return;
    };
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    };
    found.push(Token { text: open.to_owned(), line });
    flatten(group.stream(), without_tests, found);
    found.push(Token { text: close.to_owned(), line: group.span_close().start().line });
}

fn is_sign(tree: &TokenTree, sign: char) -> bool {
    matches!(tree, TokenTree::Punct(found) if found.as_char() == sign)
}

fn is_cfg_test(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, without_tests: bool) -> Vec<String> {
        parse(text, without_tests).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_are_no_code() {
        let text =
            "//! unsafe\n/* unsafe /* unsafe */ */\nfn a() { let b = \"unsafe\"; r#\"unsafe\"#; 'u'; } // unsafe";
        assert!(!words(text, false).contains(&"unsafe".to_owned()));
        assert!(words("fn a() { unsafe { b() } }", false).contains(&"unsafe".to_owned()));
    }

    #[test]
    fn items_under_cfg_test_can_be_left_out() {
        let text = "use a;\n#[cfg(test)]\n#[path = \"x\"]\nmod tests { fn gone() {} }\n#[cfg(test)]\nuse also_gone;\nfn kept() {}";
        assert_eq!(words(text, true), ["use", "a", ";", "fn", "kept", "(", ")", "{", "}"]);
        assert!(words(text, false).contains(&"gone".to_owned()));
    }

    #[test]
    fn a_pattern_is_found_with_its_line() {
        let found = parse("fn a() {\n    std::fs::read(\"x\");\n}", false).unwrap();
        assert_eq!(find(&found, &["std", ":", ":", "fs"]), Some(2));
        assert_eq!(find(&found, &["std", ":", ":", "net"]), None);
    }
}
