//! A regular expression with a fixed pattern that a function compiles each time it is called. Compiling costs hundreds of times
//! what a match costs. Write: a package variable, a `static` with `LazyLock`, a `static final` field. Wrong for functions that
//! run once, which cannot be seen here.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "regex-compile-per-call",
    version: 2,
    title: "regular expression compiled in each call",
    languages: &[Language::Go, Language::Rust, Language::Java],
    severity: Severity::Medium,
    why: "each call of the function parses the same pattern and builds its automaton again",
    instead: "keep the compiled pattern: a package variable in Go, a `static` `LazyLock` in Rust, a `static final` field in Java",
    wrong_when: "the function runs once in the life of the program",
    example_bad: "package p\nfunc ok(s string) bool { return regexp.MustCompile(`^a+$`).MatchString(s) }",
    example_good: "package p\nvar re = regexp.MustCompile(`^a+$`)\nfunc ok(s string) bool { return re.MatchString(s) }",
    watches: &[
        Watch {
            languages: &[Language::Go],
            on: On::Calls(&["MustCompile", "Compile", "MatchString"]),
            only: Only::Anywhere,
            check,
        },
        Watch { languages: &[Language::Rust], on: On::Calls(&["new"]), only: Only::Anywhere, check },
        Watch { languages: &[Language::Java], on: On::Calls(&["compile"]), only: Only::Anywhere, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let path = site.call?.path;
    let compiles = match site.language {
        Language::Go => path.starts_with("regexp."),
        Language::Rust => path == "Regex::new" || path.ends_with("::Regex::new"),
        _ => site.receiver_name() == Some("Pattern"),
    };
    let function = site.function().filter(|_| compiles)?.node;
    let pattern = *site.arguments().first()?;
    // A closure is how a pattern is compiled once: `LazyLock::new(|| …)`, `once.Do(func() …)`.
    let named = matches!(function.kind(), "function_declaration" | "method_declaration" | "function_item");
    if !named || site.innermost().is_some() || !site.is_literal_text(pattern) {
        return None;
    }
    let name = function.child_by_field_name("name").map(|name| site.text(name)).unwrap_or_default();
    let lower = name.to_lowercase();
    if ["main", "init", "new", "build", "setup", "register", "static"].iter().any(|word| lower.contains(word)) {
        return None;
    }
    let above = site.ancestors();
    let kept = above.iter().any(|node| matches!(node.kind(), "static_item" | "const_item" | "field_declaration"));
    if kept || above.iter().any(|node| node.kind() == "macro_invocation") {
        return None;
    }
    let message = format!("each call of `{name}` compiles the fixed pattern {}", site.shown(pattern));
    Some(hit(site.node, Confidence::Medium, message))
}
