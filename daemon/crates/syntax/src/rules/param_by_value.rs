//! A C++ parameter of a container or text type that is passed by value and only read. Each call copies the whole container. Write:
//! a reference to const, or `std::string_view` and `std::span`. Wrong if the copy is moved on or changed, which is looked for, or if
//! callers only pass temporaries.

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "param-by-value",
    version: 3,
    title: "container passed by value and only read",
    languages: &[Language::Cpp],
    severity: Severity::Medium,
    why: "each call copies the whole container with all its elements",
    instead: "take it by reference to const, or as `std::string_view` or `std::span`",
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

/// What is copied element by element, beside `std::string`.
const CONTAINERS: [&str; 6] =
    ["std::vector<", "std::map<", "std::unordered_map<", "std::set<", "std::list<", "std::deque<"];

/// Methods that only look.
const READERS: [&str; 14] = [
    "size",
    "empty",
    "length",
    "c_str",
    "data",
    "at",
    "find",
    "count",
    "substr",
    "front",
    "back",
    "compare",
    "rfind",
    "find_first_of",
];

/// What stands before a name that is handed on, kept or changed through a reference.
const KEEPERS: [&str; 6] = ["std::move(", "move(", "&", "return", "=", "std::forward("];

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let declarator = site.field("declarator").filter(|declarator| declarator.kind() == "identifier")?;
    let ty = site.text(site.field("type")?);
    if !(ty == "std::string" || CONTAINERS.iter().any(|start| ty.starts_with(start))) {
        return None;
    }
    let function = function(site)?;
    let body = function.child_by_field_name("body").filter(|body| body.kind() == "compound_statement")?;
    let name = site.text(declarator);
    let text = site.scan(body)?;
    // Constructors hand over in the list before the body.
    let list = hands_over(site, function);
    let mut uses = uses(text, name).peekable();
    uses.peek()?;
    if list || !uses.all(|(before, after)| !keeps(before) && reads(after, text, name)) {
        return None;
    }
    let is_const = site.text(site.node).starts_with("const ");
    // Texts are short mostly, and many are handed over once: names of files, headings.
    let sure = is_const && ty != "std::string";
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("`{name}` is a `{ty}` that is copied in each call and only read")))
}

/// The function whose parameter it is: not one of a function that it takes or gives, and not of a closure.
fn function<'t>(site: &mut Site<'_, '_, 't>) -> Option<Node<'t>> {
    let above = site.ancestors();
    let function = *above.iter().take(6).find(|node| node.kind() == "function_definition")?;
    let inside = above.iter().take_while(|node| node.id() != function.id());
    let own = inside.filter(|node| node.kind().ends_with("declarator")).count() == 1;
    let in_closure = above.iter().take(4).any(|node| node.kind() == "lambda_expression");
    (own && !in_closure).then_some(function)
}

/// Whether a constructor moves something on before its body begins.
fn hands_over<'t>(site: &Site<'_, '_, 't>, function: Node<'t>) -> bool {
    let mut cursor = function.walk();
    function
        .named_children(&mut cursor)
        .any(|part| part.kind() == "field_initializer_list" && site.text(part).contains("move("))
}

/// What stands before and behind each place where a name is used.
fn uses<'s>(text: &'s str, name: &'s str) -> impl Iterator<Item = (&'s str, &'s str)> {
    let places = text.match_indices(name).filter(|(at, _)| whole(text, *at, name.len()));
    places.map(|(at, _)| (text[..at].trim_end(), text[at + name.len()..].trim_start()))
}

fn keeps(before: &str) -> bool {
    KEEPERS.iter().any(|end| before.ends_with(end))
}

/// Whether what stands behind a name does no more than look: a method that reads, an element that is not changed, a comparison, or
/// the end of a loop over it.
fn reads(after: &str, text: &str, name: &str) -> bool {
    if let Some(rest) = after.strip_prefix('.') {
        let method = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        return READERS.contains(&method);
    }
    let changes = |rest: &str| rest.starts_with(['=', '.', '[', '+', '-']) && !rest.starts_with("==");
    after.starts_with('[') && !after.split(']').nth(1).is_some_and(|rest| changes(rest.trim_start()))
        || after.starts_with(')') && text.contains(&format!(": {name})"))
        || after.starts_with("==")
        || after.starts_with("!=")
}

fn whole(text: &str, at: usize, length: usize) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    !text[..at].ends_with(word) && !text[at + length..].starts_with(word)
}
