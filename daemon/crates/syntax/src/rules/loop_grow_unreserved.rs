//! A list made empty right before a loop over elements that adds one in each round. It is moved to larger memory about log n times.
//! Write: reserve first (`make([]T, 0, n)`, `reserve`, `with_capacity`). Only a hint: memory is cheap to move and lengths are seldom
//! large, so it is always of low confidence.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Role, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-grow-unreserved",
    version: 2,
    title: "list grows to a length that is known before",
    languages: &[Language::Go, Language::Cpp, Language::Rust],
    severity: Severity::Low,
    why: "the list is moved to larger memory again and again, about log n times for n elements",
    instead: "reserve the length first: `make([]T, 0, len(xs))`, `reserve(xs.size())`, `Vec::with_capacity(xs.len())`",
    wrong_when: "the lists are short or the function is seldom run",
    example_bad: "package p\nfunc f(xs []int) []int { var out []int; for _, x := range xs { out = append(out, x*2) }; return out }",
    example_good: "package p\nfunc f(xs []int) []int { out := make([]int, 0, len(xs)); for _, x := range xs { out = append(out, x*2) }; return out }",
    watches: &[
        Watch { languages: &[Language::Go], on: On::Calls(&["append"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Cpp], on: On::Calls(&["push_back", "emplace_back"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Rust], on: On::Calls(&["push"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let arguments = site.arguments();
    let name = if site.language == Language::Go {
        site.name_of(*arguments.first().filter(|_| arguments.len() == 2)?)?
    } else {
        site.receiver_name()?
    };
    if site.loops().count() != 1 {
        return None;
    }
    let each = site.innermost().filter(|scope| scope.role == Role::Loop && scope.pattern().is_some())?;
    let range = each.node.byte_range();
    let over = crate::inspect::source_of(each.node)?;
    // The length must be known: a name, or a walk over one.
    let known = site.text(over).trim_start_matches(['&', '*']).trim_end_matches(".iter()");
    let known = !known.is_empty() && known.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    // In each round for sure: the statement stands in the loop's own block.
    let above = site.ancestors();
    let block = above.iter().find(|node| matches!(node.kind(), "block" | "compound_statement"))?;
    let direct = above.iter().find(|node| node.id() == range_id(site)).is_some() && block.end_byte() == range.end;
    if !known || !direct {
        return None;
    }
    let bindings = site.bindings(name);
    let declared = bindings.first().filter(|b| b.at < range.start)?;
    let empty = match (declared.value, site.language) {
        (None, Language::Rust) => return None,
        (None, _) => declared.ty.is_some_and(|ty| {
            let ty = site.text(ty);
            ty.starts_with("[]") || ty.starts_with("std::vector<")
        }),
        (Some(value), _) => {
            let text = site.text(value);
            text == "Vec::new()" || text == "vec![]" || (text.starts_with("[]") && text.ends_with("{}"))
        }
    };
    let parameter = declared.kind == crate::inspect::BindKind::Param;
    if !empty || parameter || !site.calls_on(name, &["reserve"], false).is_empty() {
        return None;
    }
    let message = format!("`{name}` starts empty and gets one element for each of {}", site.shown(over));
    Some(hit(site.node, Confidence::Low, message))
}

fn range_id(site: &Site<'_, '_, '_>) -> usize {
    site.innermost().map_or(0, |scope| scope.node.id())
}
