//! Reaching an element by its number, in a loop, in something that can only be walked: characters of a text (`s.chars().nth(i)`), a
//! linked list (`list.get(i)`). Each look walks from the start, so n looks cost about n² / 2 steps. Write: iterate, or collect
//! into an array once. Wrong if the numbers stay small.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-index-walk",
    version: 2,
    title: "element reached by walking from the start in each round",
    languages: &[Language::Rust, Language::Java, Language::Swift, Language::Cpp],
    severity: Severity::High,
    why: "each look walks from the start to the element, so the loop's cost grows with the square of the length",
    instead: "iterate over the elements, or copy them into an array once and index that",
    wrong_when: "the index is small in all rounds",
    example_bad: "fn f(s: &str, n: usize) { for i in 0..n { use_it(s.chars().nth(i)); } }",
    example_good: "fn f(s: &str, n: usize) { for c in s.chars().take(n) { use_it(c); } }",
    watches: &[
        Watch { languages: &[Language::Rust], on: On::Calls(&["nth"]), only: Only::InLoop, check: rust },
        Watch { languages: &[Language::Java], on: On::Calls(&["get"]), only: Only::InLoop, check: linked },
        Watch { languages: &[Language::Cpp], on: On::Calls(&["next", "advance"]), only: Only::InLoop, check: linked },
        Watch { languages: &[Language::Swift], on: On::Calls(&["index"]), only: Only::InLoop, check: swift },
    ],
};

fn rust<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let walked = site
        .as_call(site.call?.receiver?)
        .filter(|inner| matches!(inner.name, "chars" | "char_indices" | "graphemes"))?;
    let index = *site.arguments().first()?;
    let of = walked.receiver?;
    varies(site, index, of)
}

fn linked<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let arguments = site.arguments();
    let (of, index) = if site.language == Language::Java {
        (site.call?.receiver?, *arguments.first()?)
    } else {
        let begin = site
            .as_call(*arguments.first()?)
            .filter(|begin| begin.name == "begin" && site.call.is_some_and(|c| c.path == "std::next"))?;
        (begin.receiver?, *arguments.get(1)?)
    };
    let name = site.name_of(of)?;
    if site.shape_of_name(name) != Shape::Linked {
        return None;
    }
    varies(site, index, of)
}

fn swift<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let of = site.call?.receiver?;
    let name = site.name_of(of)?;
    let arguments = site.arguments();
    let start = format!("{name}.startIndex");
    let index = *arguments.get(1).filter(|_| site.text(arguments[0]) == start)?;
    if site.shape_of_name(name) != Shape::Text {
        return None;
    }
    varies(site, index, of)
}

/// A hit if the index is a name that the loop binds and the walked thing is not.
fn varies<'t>(site: &mut Site<'_, '_, 't>, index: tree_sitter::Node<'t>, of: tree_sitter::Node<'t>) -> Option<Hit<'t>> {
    let name = site.name_of(index).or_else(|| index.named_child(0).and_then(|inner| site.name_of(inner)))?;
    if !site.bound_in_loop(name) || site.name_of(of).is_some_and(|of| site.bound_in_loop(of)) || !site.runs_each_round()
    {
        return None;
    }
    let message = format!("each round walks {} from its start to element `{name}`", site.shown(of));
    Some(hit(site.node, Confidence::High, message))
}
