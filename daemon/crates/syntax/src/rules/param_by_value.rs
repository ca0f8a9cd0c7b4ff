//! A C++ parameter of a container or text type that is passed by value and only read. Each call copies the whole container. Write:
//! a reference to const, or `std::string_view` and `std::span`. Wrong if the copy is moved on or changed, which is looked for, or if
//! callers only pass temporaries.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "param-by-value",
    version: 2,
    title: "container passed by value and only read",
    languages: &[Language::Cpp],
    severity: Severity::Medium,
    why: "each call copies the whole container with all its elements",
    instead: "take it by reference to const, or as std::string_view or std::span",
    wrong_when: "the function keeps the copy, or callers pass temporaries only",
    example_bad: "int f(const std::vector<int> v) { int n = 0; for (int x : v) n += x; return n; }",
    example_good: "int f(const std::vector<int>& v) { int n = 0; for (int x : v) n += x; return n; }",
    watches: &[Watch {
        languages: &[Language::Cpp],
        on: On::Kinds(&["parameter_declaration"]),
        only: Only::Anywhere,
        check,
    }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let declarator = site.field("declarator").filter(|declarator| declarator.kind() == "identifier")?;
    let ty = site.text(site.field("type")?);
    let container = ["std::vector<", "std::map<", "std::unordered_map<", "std::set<", "std::list<", "std::deque<"];
    if !(ty == "std::string" || container.iter().any(|start| ty.starts_with(start))) {
        return None;
    }
    let above = site.ancestors();
    let function = *above.iter().take(6).find(|node| node.kind() == "function_definition")?;
    let own = above
        .iter()
        .take_while(|node| node.id() != function.id())
        .filter(|node| node.kind().ends_with("declarator"))
        .count()
        == 1;
    let body = function.child_by_field_name("body").filter(|body| own && body.kind() == "compound_statement")?;
    if above.iter().take(4).any(|node| node.kind() == "lambda_expression") {
        return None;
    }
    let name = site.text(declarator);
    let text = site.scan(body)?;
    // Constructors hand over in the list before the body.
    let list = function.named_child_count() > 3 && site.text(function).contains("std::move");
    let uses: Vec<&str> = text
        .match_indices(name)
        .filter(|(at, _)| whole(text, *at, name.len()))
        .map(|(at, _)| &text[at + name.len()..])
        .collect();
    let before = |at: usize| text[..at].trim_end();
    let keeps = text.match_indices(name).filter(|(at, _)| whole(text, *at, name.len())).any(|(at, _)| {
        let before = before(at);
        ["std::move(", "move(", "&", "return", "= ", "=", "std::forward("]
            .iter()
            .any(|end| before.ends_with(end.trim_end()))
    });
    let reads = uses.iter().all(|after| {
        let after = after.trim_start();
        let method = after
            .strip_prefix('.')
            .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default());
        matches!(
            method,
            Some(
                "size"
                    | "empty"
                    | "length"
                    | "c_str"
                    | "data"
                    | "at"
                    | "find"
                    | "count"
                    | "substr"
                    | "front"
                    | "back"
                    | "compare"
                    | "rfind"
                    | "find_first_of"
            )
        ) || after.starts_with("[")
            && !after.split(']').nth(1).is_some_and(|rest| {
                rest.trim_start().starts_with(['=', '.', '[', '+', '-']) && !rest.trim_start().starts_with("==")
            })
            || (method.is_none() && after.starts_with([')']) && text.contains(&format!(": {name})")))
            || after.starts_with("==")
            || after.starts_with("!=")
    });
    if keeps || list || uses.is_empty() || !reads {
        return None;
    }
    let is_const = site.text(site.node).starts_with("const ");
    // Texts are short mostly, and many are handed over once: names of files, headings.
    let sure = is_const && ty != "std::string";
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("{name} is a {ty} that is copied in each call and only read")))
}

fn whole(text: &str, at: usize, length: usize) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    !text[..at].ends_with(word) && !text[at + length..].starts_with(word)
}
