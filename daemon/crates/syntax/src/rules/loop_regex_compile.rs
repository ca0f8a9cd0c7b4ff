//! A regular expression that is compiled in each round of a loop though its pattern stays the same. Looks for the compiling call
//! with a pattern that is written out or bound outside of the loop. Compiling parses the pattern and builds an automaton, some
//! hundred to ten thousand times the cost of one match; Python and JavaScript keep the last ones, so there it costs little. Write:
//! compile before the loop. Wrong if the loop ends in its first round, or if the code around it keeps what it compiled.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, Steady, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-regex-compile",
    version: 3,
    title: "regular expression compiled in a loop",
    languages: &[
        Language::Rust,
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Cpp,
        Language::Java,
        Language::Swift,
    ],
    severity: Severity::High,
    why: "each round compiles the same pattern again, which costs hundreds of times what a match does; where the language keeps \
          the last patterns, as Python and JavaScript do, each round makes only the call and the search for what was kept",
    instead: "compile the pattern once, before the loop or in a constant, and use the compiled one inside",
    wrong_when: "the loop nearly always ends in its first round, or other code around the call keeps the compiled pattern",
    example_bad: "fn f(xs: &[&str]) { for x in xs { let re = Regex::new(\"a+\").unwrap(); re.is_match(x); } }",
    example_good: "fn f(xs: &[&str]) { let re = Regex::new(\"a+\").unwrap(); for x in xs { re.is_match(x); } }",
    watches: &[
        Watch { languages: &[Language::Rust], on: On::Calls(&["new"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Python, Language::Java],
            on: On::Calls(&["compile"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: SCRIPT, on: On::News(&["RegExp"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Go],
            on: On::Calls(&["MustCompile", "Compile", "MatchString", "MustCompilePOSIX"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Cpp], on: On::Calls(&["regex"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Cpp], on: On::Kinds(&["init_declarator"]), only: Only::InLoop, check: declared },
        Watch { languages: &[Language::Swift], on: On::Calls(&["NSRegularExpression"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Java],
            on: On::Calls(&["matches", "replaceAll", "replaceFirst", "split"]),
            only: Only::InLoop,
            check: by_text,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let path = site.call?.path;
    let compiles = match site.language {
        Language::Rust => path == "Regex::new" || path.ends_with("::Regex::new"),
        Language::Python => matches!(path, "re.compile" | "regex.compile"),
        Language::Java => site.receiver_name() == Some("Pattern"),
        Language::Go => path.starts_with("regexp."),
        Language::Cpp => path == "std::regex",
        _ => true,
    };
    let pattern = site.arguments().into_iter().find(|_| compiles)?;
    steady(site, pattern)
}

/// C++: `std::regex re("…")`.
fn declared<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let value = site.field("value").filter(|value| matches!(value.kind(), "argument_list" | "initializer_list"))?;
    let declaration = site.parent()?;
    let ty = declaration.child_by_field_name("type")?;
    if !matches!(site.text(ty), "std::regex" | "std::wregex") || site.text(declaration).starts_with("static") {
        return None;
    }
    steady(site, value.named_child(0)?)
}

fn steady<'t>(site: &mut Site<'_, '_, 't>, pattern: tree_sitter::Node<'t>) -> Option<Hit<'t>> {
    let steady = site.steady(pattern);
    if steady == Steady::No || !site.runs_each_round() || site.is_guarded_once() {
        return None;
    }
    // Python and the engines of JavaScript keep the last patterns they compiled.
    let cached = site.language == Language::Python || site.is_script();
    let confidence = if cached { Confidence::Medium } else { Confidence::High };
    let what = if steady == Steady::Literal { "is written out" } else { "does not change in the loop" };
    let round = if cached { "asks for it to be compiled, which a cache answers" } else { "compiles it" };
    let message = format!("the pattern {} {what}, yet each round {round}", site.shown(pattern));
    Some(Hit { severity: cached.then_some(Severity::Low), ..hit(site.node, confidence, message) })
}

/// Java's methods of `String` that compile their first argument, unless it is one plain letter.
fn by_text<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let receiver = call.receiver?;
    let arguments = site.arguments();
    let pattern = *arguments.first()?;
    let wanted = if call.name.starts_with("replace") { 2 } else { 1 };
    if arguments.len() != wanted || !site.is_literal_text(pattern) {
        return None;
    }
    let text = site.text(pattern).trim_matches('"');
    let meta = text.contains(['[', '(', '*', '+', '?', '|', '\\', '^', '$', '.', '{']);
    let fast = call.name == "split" && (text.len() <= 1 || (text.len() == 2 && text.starts_with('\\')));
    if !meta && call.name == "split" || fast || !site.runs_each_round() {
        return None;
    }
    let sure = site.shape(receiver) == crate::inspect::Shape::Text;
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    let message = format!("`{}` compiles the pattern {} in each round", call.name, site.shown(pattern));
    Some(Hit { severity: Some(Severity::Medium), ..hit(site.node, confidence, message) })
}
