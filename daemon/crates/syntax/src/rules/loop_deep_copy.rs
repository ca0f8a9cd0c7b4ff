//! A deep copy, in each round, that is only read, and read before anything can have changed what was copied: `copy.deepcopy(x)`,
//! `JSON.parse(JSON.stringify(x))`, `structuredClone(x)`, `cloneDeep(x)`. It walks and allocates the whole structure. Write: read
//! the structure itself. Looks only at copies that are read where they are made or under one name in the same block. Whatever is
//! not known to leave the structure alone, any call first, ends the search: the copy may be there to tell what it was.

use std::ops::Range;

use tree_sitter::Node;

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, Steady, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-deep-copy",
    version: 4,
    title: "the same structure copied deeply in each round",
    languages: &[Language::Python, Language::JavaScript, Language::TypeScript, Language::Tsx],
    severity: Severity::Medium,
    why: "each round walks and allocates the whole structure again",
    instead: "read the structure itself, since the copy is only read",
    wrong_when: "another thread changes the structure meanwhile, or reading it runs code that does; or a copy by way of JSON is there to turn \
                 dates and the like into texts",
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
    "hash",
    "any",
    "all",
    "isinstance",
    "json.dumps",
    "copy.deepcopy",
    "deepcopy",
    "structuredClone",
    "cloneDeep",
    "_.cloneDeep",
    "JSON.stringify",
    "String",
    "Number",
    "Boolean",
    "Object.keys",
    "Array.isArray",
];

/// Calls that change nothing either, though what they give may be, or hold, what they are given.
const QUIET: &[&str] =
    &["abs", "enumerate", "JSON.parse", "list", "max", "min", "range", "round", "sorted", "sum", "zip"];
/// Calls on these change nothing. A console may show what it is given as it is later, so it keeps what it gets.
const QUIET_ON: &[&str] = &["console.", "log.", "logger.", "logging.", "Math."];

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
    /// It is compared, shown, counted: nothing holds it when this node is done.
    Read(Node<'t>),
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
    let (above, rounds) = (site.ancestors(), site.innermost()?.node);
    // What is copied under a lock is read without it.
    let within = above.iter().take_while(|node| node.id() != rounds.id());
    if within.into_iter().any(|node| node.kind() == "with_statement") {
        return None;
    }
    let around = *above.iter().rev().find(|node| is_function(node.kind())).or_else(|| above.last())?;
    let until = read_until(site, around, name)?;
    if may_change(site, rounds, &(site.node.end_byte()..until)) {
        return None;
    }
    let message =
        format!("its copy is only read, before anything changes {}, and each round copies all of it", site.shown(of));
    Some(hit(site.node, Confidence::Medium, message))
}

fn is_function(kind: &str) -> bool {
    kind.contains("function") || matches!(kind, "method_definition" | "lambda")
}

fn is_loop(kind: &str) -> bool {
    matches!(kind, "while_statement" | "do_statement" | "for_statement" | "for_in_statement")
}

/// Where the copy is read for the last time before it is made anew: where it is made, or by the one name that it gets. None if more is
/// done with it, or if that is not known. A comparison with `source`, which was copied, is there to find a difference.
fn read_until<'t>(site: &mut Site<'_, '_, 't>, around: Node<'t>, source: &str) -> Option<usize> {
    let made = site.node;
    let own = path(site, around, made.start_byte(), Some(made));
    let target = match fate(site, &own) {
        Fate::Read(by) => return (!tells(site, by, source)).then_some(by.end_byte()),
        Fate::Named(target) => target,
        Fate::Bound | Fate::Other => return None,
    };
    let name = site.name_of(target)?;
    // Whoever reads it in the block of its statement reads what was made in the same round.
    let statement = own.iter().rposition(|node| is_statement(node.kind()))?;
    let block = own.get(statement.checked_sub(1)?).filter(|block| is_block(block.kind()))?.byte_range();
    let mut until = made.end_byte();
    let only_read = |site: &mut Site<'_, '_, 't>, path: &[Node<'t>]| match fate(site, path) {
        Fate::Read(by) => {
            let since = || path.iter().filter(|node| made.end_byte() <= node.start_byte());
            let rounds = since().filter(|node| is_loop(node.kind())).map(Node::end_byte);
            until = rounds.chain([by.end_byte(), until]).max().unwrap_or(until);
            let later = since().any(|node| is_function(node.kind()));
            !later && made.end_byte() <= by.start_byte() && by.end_byte() <= block.end && !tells(site, by, source)
        }
        Fate::Bound => path.last().is_some_and(|node| node.id() == target.id()),
        Fate::Named(_) | Fate::Other => false,
    };
    all_uses(site, around, name, only_read).then_some(until)
}

/// Whether a node that reads the copy names what was copied too.
fn tells<'t>(site: &mut Site<'_, '_, 't>, by: Node<'t>, source: &str) -> bool {
    let made = site.node.byte_range();
    let Some(text) = site.scan(by) else { return true };
    let is_own = |at: usize| made.contains(&(by.start_byte() + at));
    words(text, source).any(|at| !is_own(at))
}

/// Whether anything that runs in a range may change the structure, by whatever name.
fn may_change<'t>(site: &mut Site<'_, '_, 't>, rounds: Node<'t>, range: &Range<usize>) -> bool {
    let mut waiting = vec![rounds];
    while let Some(node) = waiting.pop() {
        site.charge(1 + node.child_count() as u64);
        if range.start <= node.start_byte() && changes(site, node, range.end) {
            return true;
        }
        let mut cursor = node.walk();
        let inside = |child: &Node<'_>| range.start < child.end_byte() && child.start_byte() < range.end;
        waiting.extend(node.named_children(&mut cursor).filter(inside));
    }
    false
}

/// Whether a node may change anything but its own variables, or lets others do so, before a place.
fn changes(site: &Site<'_, '_, '_>, node: Node<'_>, until: usize) -> bool {
    let field = |name: &str| node.child_by_field_name(name);
    match node.kind() {
        "with_statement" => true,
        // What it goes over may compute its elements.
        "for_statement" | "for_in_statement" => field("right").is_some(),
        _ if node.end_byte() > until => false,
        "call" | "call_expression" => !field("function").is_some_and(|called| is_quiet(site, called)),
        "assignment" | "assignment_expression" | "augmented_assignment" | "augmented_assignment_expression" => {
            field("left").is_none_or(|left| left.kind() != "identifier")
        }
        "update_expression" => field("argument").is_none_or(|of| of.kind() != "identifier"),
        "unary_expression" => field("operator").is_some_and(|o| site.text(o) == "delete"),
        kind => {
            matches!(
                kind,
                "new_expression" | "await" | "await_expression" | "yield" | "yield_expression" | "delete_statement"
            )
        }
    }
}

/// Whether a call of this changes nothing.
fn is_quiet(site: &Site<'_, '_, '_>, called: Node<'_>) -> bool {
    let text = site.text(called);
    PURE.contains(&text)
        || QUIET.contains(&text)
        || QUIET_ON.iter().any(|on| text.starts_with(on))
        || reads(site, called)
}

/// Whether all uses of a name in a function pass; false if there are too many to tell.
fn all_uses<'a, 't>(
    site: &mut Site<'_, 'a, 't>,
    around: Node<'t>,
    name: &str,
    mut pass: impl FnMut(&mut Site<'_, 'a, 't>, &[Node<'t>]) -> bool,
) -> bool {
    let Some(text) = site.scan(around) else { return false };
    let places: Vec<usize> = words(text, name).take(MAX_USES + 1).collect();
    let few = places.len() <= MAX_USES;
    few && places.into_iter().all(|at| {
        let path = path(site, around, around.start_byte() + at, None);
        !is_use(&path) || pass(site, &path)
    })
}

/// Where a text has a name in it, not as a part of a longer one.
fn words<'x>(text: &'x str, name: &'x str) -> impl Iterator<Item = usize> + use<'x> {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
    let places = text.match_indices(name).map(|(at, _)| at);
    places.filter(move |at| !text[..*at].ends_with(word) && !text[at + name.len()..].starts_with(word))
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
        let outer = index.checked_sub(1).map(|index| path[index]);
        // The value of an assignment that is no statement goes on to somewhere else.
        let named = |name: &str| match field(name).filter(|_| outer.is_some_and(|outer| is_statement(outer.kind()))) {
            Some(target) => Fate::Named(target),
            None => Fate::Other,
        };
        match above.kind() {
            // A script makes a text of what stands between the brackets; Python may keep it as a key.
            "subscript_expression" if !is("object") => return Fate::Read(*above),
            "subscript" | "subscript_expression" | "attribute" | "member_expression" => {}
            "call" | "call_expression" if is("function") && reads(site, part) => {}
            "argument_list" | "arguments" => {
                let call = outer.and_then(|outer| outer.child_by_field_name("function"));
                let pure = call.is_some_and(|call| PURE.contains(&site.text(call)));
                return outer.filter(|_| pure).map_or(Fate::Other, Fate::Read);
            }
            "assignment" | "assignment_expression" if is("right") => return named("left"),
            "variable_declarator" if is("value") => return named("name"),
            "assignment" | "assignment_expression" if is("left") && part.id() == own.id() => return Fate::Bound,
            "variable_declarator" if is("name") => return Fate::Bound,
            kind if passes(kind) => {}
            "conditional_expression" if above.named_child(1).is_none_or(|asked| asked.id() != part.id()) => {}
            "ternary_expression" if !is("condition") => {}
            "binary_expression" if field("operator").is_some_and(|o| matches!(site.text(o), "&&" | "||" | "??")) => {}
            "unary_expression" if field("operator").is_some_and(|o| site.text(o) == "delete") => return Fate::Other,
            // A tag gets the value itself, and not a text.
            "template_substitution" if index.checked_sub(2).is_some_and(|at| path[at].kind() == "call_expression") => {
                return Fate::Other;
            }
            kind if ends(kind) => return Fate::Read(*above),
            _ if is("condition") => return Fate::Read(part),
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

fn is_statement(kind: &str) -> bool {
    matches!(kind, "expression_statement" | "lexical_declaration" | "variable_declaration")
}

fn is_block(kind: &str) -> bool {
    matches!(kind, "block" | "statement_block" | "module" | "program" | "switch_case" | "switch_default")
}

/// Kinds whose value is one of those in them, or may hold it: Python's operators join lists and more.
fn passes(kind: &str) -> bool {
    matches!(
        kind,
        "parenthesized_expression"
            | "binary_operator"
            | "boolean_operator"
            | "unary_operator"
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
            | "binary_expression"
            | "not_operator"
            | "unary_expression"
            | "conditional_expression"
            | "interpolation"
            | "template_substitution"
            | "expression_statement"
            | "assert_statement"
    )
}
