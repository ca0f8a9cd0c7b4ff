//! Two texts compared by making both lower (or upper) case. It allocates two copies and folds all letters before the first is
//! compared. Write: `strings.EqualFold`, `equalsIgnoreCase`, `eq_ignore_ascii_case`. Wrong where full Unicode folding is meant
//! and the other function folds less, which is why only Go, where the two agree closely, is sure.

use crate::{
    Confidence, Language, Severity,
    inspect::{Call, Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "case-fold-compare",
    version: 2,
    title: "texts copied in lower case to compare them",
    languages: &[Language::Go, Language::Java, Language::Rust],
    severity: Severity::Low,
    why: "both texts are copied and folded as a whole, though mostly the first letters already differ",
    instead: "use `strings.EqualFold` (Go), `equalsIgnoreCase` (Java), `eq_ignore_ascii_case` (Rust, for ASCII)",
    wrong_when: "the folding of the other function differs for the letters in question",
    example_bad: "package p\nfunc f(a, b string) bool { return strings.ToLower(a) == strings.ToLower(b) }",
    example_good: "package p\nfunc f(a, b string) bool { return strings.EqualFold(a, b) }",
    watches: &[
        Watch {
            languages: &[Language::Go, Language::Rust],
            on: On::Kinds(&["binary_expression"]),
            only: Only::Anywhere,
            check,
        },
        Watch { languages: &[Language::Java], on: On::Calls(&["equals"]), only: Only::Anywhere, check: java },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let operator = site.field("operator").map(|o| site.text(o))?;
    let left = site.field("left").filter(|_| matches!(operator, "==" | "!="))?;
    let left = site.as_call(left)?;
    let right = site.as_call(site.field("right")?)?;
    let folds = |name: &str| {
        matches!(
            name,
            "ToLower" | "ToUpper" | "to_lowercase" | "to_uppercase" | "to_ascii_lowercase" | "to_ascii_uppercase"
        )
    };
    let texts = is_text(site, left) || is_text(site, right);
    let confidence = match site.language {
        Language::Go if left.path.starts_with("strings.") && right.path.starts_with("strings.") => Confidence::High,
        // Of a letter no copy is made.
        Language::Rust if left.name.starts_with("to_ascii") && texts => Confidence::High,
        Language::Rust => Confidence::Low,
        _ => return None,
    };
    (left.name == right.name && folds(left.name))
        .then(|| hit(site.node, confidence, format!("`{}` copies both texts to compare them", left.name)))
}

fn java<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let left = site.as_call(site.call?.receiver?)?;
    let right = site.as_call(*site.arguments().first()?)?;
    let folds = left.name == right.name && matches!(left.name, "toLowerCase" | "toUpperCase");
    folds.then(|| hit(site.node, Confidence::Medium, format!("`{}` copies both texts to compare them", left.name)))
}

fn is_text<'t>(site: &mut Site<'_, '_, 't>, folded: Call<'_, 't>) -> bool {
    folded.receiver.is_some_and(|of| site.shape(of) == Shape::Text)
}
