//! A deep copy, in each round, of something that the loop does not change, and of which nobody changes the copy: `copy.deepcopy(x)`,
//! `JSON.parse(JSON.stringify(x))`, `structuredClone(x)`, `cloneDeep(x)`. It walks and allocates the whole structure. Write: read
//! the structure itself. Looks only at copies that are read where they are made or under one name: what is changed, given to a call,
//! kept or given out needs a copy, or may. Wrong if what the loop calls changes the structure by another name.

use std::ops::Range;

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, Steady, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-deep-copy",
    version: 3,
    title: "the same structure copied deeply in each round",
    languages: &[Language::Python, Language::JavaScript, Language::TypeScript, Language::Tsx],
    severity: Severity::Medium,
    why: "each round walks and allocates the whole structure again",
    instead: "read the structure itself, since nothing here changes the copy",
    wrong_when: "what the loop calls changes the structure by another name, so that the copy is needed to tell what it was",
    example_bad: "import copy\ndef f(xs, base):\n    for x in xs:\n        y = copy.deepcopy(base)\n        if y[\"limit\"] > x:\n            use(x)\n",
    example_good: "import copy\ndef f(xs, base):\n    for x in xs:\n        if base[\"limit\"] > x:\n            use(x)\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Calls(&["deepcopy"]), only: Only::InLoop, check },
        Watch {
            languages: SCRIPT,
            on: On::Calls(&["structuredClone", "cloneDeep", "parse"]),
            only: Only::InLoop,
            check,
        },
    ],
};

/// Uses of a name that are looked at; a name that is used more often is not reasoned about.
const MAX_USES: usize = 64;
/// Nodes above one that are looked at.
const MAX_DEPTH: usize = 256;

/// Calls that only read what they are given, and keep nothing of it.
const PURE: &[&str] = &[
    "len",
    "print",
    "str",
    "repr",
    "bool",
    "int",
    "float",
    "isinstance",
    "json.dumps",
    "copy.deepcopy",
    "deepcopy",
    "structuredClone",
    "cloneDeep",
    "_.cloneDeep",
    "JSON.stringify",
    "console.log",
    "String",
    "Number",
    "Boolean",
    "Object.keys",
    "Array.isArray",
];

/// Methods that change nothing; what they give may be a part of what they are called on.
const READS: &[&str] = &[
    "get",
    "keys",
    "values",
    "items",
    "count",
    "index",
    "has",
    "hasOwnProperty",
    "includes",
    "indexOf",
    "at",
    "join",
    "startswith",
    "startsWith",
    "toString",
];

/// What becomes of a value at one of its uses.
enum Fate<'t> {
    /// It is compared, shown, counted: nothing holds it afterwards.
    Read,
    /// It, or a part of it, gets this name.
    Named(Node<'t>),
    /// This is where its own name is bound.
    Bound,
    /// It is changed, given away, or that is not known.
    Other,
}

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let mut of = *site.arguments().first()?;
    if call.name == "parse" {
        let inner = site.as_call(of).filter(|inner| inner.path == "JSON.stringify" && call.path == "JSON.parse")?;
        of = *site.arguments_of(of).first().filter(|_| inner.receiver.is_some())?;
    }
    let name = site.name_of(of)?;
    if site.steady(of) != Steady::Names || !site.runs_each_round() {
        return None;
    }
    let above = site.ancestors();
    let around = *above.iter().rev().find(|node| is_function(node.kind())).or_else(|| above.last())?;
    if !is_read_only(site, around) || may_change(site, around, name) {
        return None;
    }
    let message = format!("nothing here changes {} or its copy, and each round copies all of it", site.shown(of));
    Some(hit(site.node, Confidence::Medium, message))
}

fn is_function(kind: &str) -> bool {
    kind.contains("function") || kind == "method_definition"
}

/// Whether the copy is only read: where it is made, or wherever the one name that it gets is used.
fn is_read_only<'t>(site: &mut Site<'_, '_, 't>, around: Node<'t>) -> bool {
    let made = site.node;
    let path = path(site, around, made.start_byte(), Some(made));
    match fate(site, &path) {
        Fate::Read => true,
        Fate::Named(target) => {
            let Some(name) = site.name_of(target) else { return false };
            let only_read = |site: &mut Site<'_, '_, 't>, path: &[Node<'t>]| match fate(site, path) {
                Fate::Read => true,
                Fate::Bound => path.last().is_some_and(|node| node.id() == target.id()),
                Fate::Named(_) | Fate::Other => false,
            };
            all_uses(site, around, name, only_read)
        }
        Fate::Bound | Fate::Other => false,
    }
}

/// Whether what is copied may change while the loop runs: it does more there than read it, or something else holds it or a part of it.
fn may_change<'t>(site: &mut Site<'_, '_, 't>, around: Node<'t>, name: &str) -> bool {
    let Some(rounds) = site.innermost().map(|scope| scope.node.byte_range()) else { return true };
    let is_part = |kind: &str| {
        matches!(kind, "identifier" | "subscript" | "subscript_expression" | "attribute" | "member_expression")
    };
    if site.bindings(name).iter().filter_map(|binding| binding.value).any(|value| is_part(value.kind())) {
        return true;
    }
    let made = site.node.byte_range();
    let is_steady = |site: &mut Site<'_, '_, 't>, path: &[Node<'t>]| {
        let strict = is_strict(path, &rounds, &made);
        match fate(site, path) {
            Fate::Read => true,
            Fate::Named(_) => false,
            Fate::Bound | Fate::Other => !strict,
        }
    };
    !all_uses(site, around, name, is_steady)
}

/// Whether a use runs with the rounds: it stands in them, or in a function beside them that they may call.
fn is_strict(path: &[Node<'_>], rounds: &Range<usize>, made: &Range<usize>) -> bool {
    let beside = |node: &Node<'_>| is_function(node.kind()) && !node.byte_range().contains(&made.start);
    path.last().is_none_or(|used| rounds.contains(&used.start_byte())) || path.iter().any(beside)
}

/// Whether all uses of a name in a function pass; false if there are too many to tell.
fn all_uses<'a, 't>(
    site: &mut Site<'_, 'a, 't>,
    around: Node<'t>,
    name: &str,
    pass: impl Fn(&mut Site<'_, 'a, 't>, &[Node<'t>]) -> bool,
) -> bool {
    let Some(text) = site.scan(around) else { return false };
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let whole = |at: &usize| !text[..*at].ends_with(word) && !text[at + name.len()..].starts_with(word);
    let places = text.match_indices(name).map(|(at, _)| at).filter(whole);
    let places: Vec<usize> = places.take(MAX_USES + 1).collect();
    let few = places.len() <= MAX_USES;
    few && places.into_iter().all(|at| {
        let path = path(site, around, around.start_byte() + at, None);
        !is_use(&path) || pass(site, &path)
    })
}

/// The nodes around a place, the outermost first; the last is the one that is sought, or a leaf. Empty if they are too many.
fn path<'t>(site: &mut Site<'_, '_, 't>, around: Node<'t>, at: usize, sought: Option<Node<'t>>) -> Vec<Node<'t>> {
    let mut cursor = around.walk();
    let mut path = vec![around];
    loop {
        let within = cursor.node();
        site.charge(4 + within.child_count() as u64 / 4);
        if sought.is_some_and(|sought| sought.id() == within.id())
            || cursor.goto_first_child_for_byte(at).is_none()
            || cursor.node().start_byte() > at
        {
            return path;
        }
        path.push(cursor.node());
        if path.len() > MAX_DEPTH {
            return Vec::new();
        }
    }
}

/// Whether a leaf is a variable, and not a text, or the name of an attribute or argument. What is not known is one.
fn is_use(path: &[Node<'_>]) -> bool {
    let [.., above, leaf] = path else { return true };
    let named = match above.kind() {
        "attribute" => above.child_by_field_name("attribute"),
        "keyword_argument" => above.child_by_field_name("name"),
        _ => None,
    };
    let names_other = named.is_some_and(|named| named.id() == leaf.id());
    !names_other
        && matches!(
            leaf.kind(),
            "identifier" | "shorthand_property_identifier" | "shorthand_property_identifier_pattern"
        )
}

/// What becomes of the last node of a path. Follows what it is a part of, or gives a part of, upwards.
fn fate<'t>(site: &Site<'_, '_, 't>, path: &[Node<'t>]) -> Fate<'t> {
    let Some((own, above)) = path.split_last() else { return Fate::Other };
    let mut part = *own;
    for (index, above) in above.iter().enumerate().rev() {
        let field = |name: &str| above.child_by_field_name(name);
        let is = |name: &str| field(name).is_some_and(|child| child.id() == part.id());
        match above.kind() {
            "subscript" | "subscript_expression" if !is("value") && !is("object") => return Fate::Read,
            "subscript" | "subscript_expression" | "attribute" | "member_expression" => {}
            "call" | "call_expression" if is("function") && reads(site, part) => {}
            "argument_list" | "arguments" => {
                let call = index.checked_sub(1).and_then(|index| path[index].child_by_field_name("function"));
                let pure = call.is_some_and(|call| PURE.contains(&site.text(call)));
                return if pure { Fate::Read } else { Fate::Other };
            }
            "assignment" | "assignment_expression" if is("right") => {
                return field("left").map_or(Fate::Other, Fate::Named);
            }
            "variable_declarator" if is("value") => return field("name").map_or(Fate::Other, Fate::Named),
            "assignment" | "assignment_expression" if is("left") && part.id() == own.id() => return Fate::Bound,
            "variable_declarator" if is("name") => return Fate::Bound,
            kind if passes(kind) => {}
            "conditional_expression" if above.named_child(1).is_none_or(|asked| asked.id() != part.id()) => {}
            "ternary_expression" if !is("condition") => {}
            "binary_expression" if field("operator").is_some_and(|o| matches!(site.text(o), "&&" | "||" | "??")) => {}
            "unary_expression" if field("operator").is_some_and(|o| site.text(o) == "delete") => return Fate::Other,
            kind if ends(kind) || is("condition") => return Fate::Read,
            _ => return Fate::Other,
        }
        part = *above;
    }
    Fate::Other
}

/// Whether what is called is a method that changes nothing.
fn reads(site: &Site<'_, '_, '_>, called: Node<'_>) -> bool {
    let method = called.child_by_field_name("attribute").or_else(|| called.child_by_field_name("property"));
    method.is_some_and(|method| READS.contains(&site.text(method)))
}

/// Kinds whose value is one of those in them.
fn passes(kind: &str) -> bool {
    matches!(
        kind,
        "parenthesized_expression"
            | "boolean_operator"
            | "await"
            | "await_expression"
            | "as_expression"
            | "satisfies_expression"
            | "non_null_expression"
            | "type_assertion"
    )
}

/// Kinds that only read what is in them.
fn ends(kind: &str) -> bool {
    matches!(
        kind,
        "comparison_operator"
            | "binary_operator"
            | "binary_expression"
            | "not_operator"
            | "unary_operator"
            | "unary_expression"
            | "conditional_expression"
            | "interpolation"
            | "template_substitution"
            | "expression_statement"
            | "assert_statement"
    )
}
