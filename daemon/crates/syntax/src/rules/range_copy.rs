//! A C++ loop over a container whose variable copies each element: `for (const std::string x : xs)`, and the trap
//! `for (const std::pair<K, V>& p : map)`, whose type is not the map's (its keys are const), so that each round makes a copy in
//! spite of the `&`. Write: `const auto&`. Wrong if the copy is changed, which is looked for by its `const`.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "range-copy",
    version: 2,
    title: "each element copied by the loop's variable",
    languages: &[Language::Cpp],
    severity: Severity::Medium,
    why: "each round copies an element, with its memory, only to read it",
    instead: "write `const auto&`",
    wrong_when: "the elements are small or the loop needs a copy of its own",
    example_bad: "void f(const std::vector<std::string>& v) { for (const std::string s : v) use(s.size()); }",
    example_good: "void f(const std::vector<std::string>& v) { for (const std::string& s : v) use(s.size()); }",
    watches: &[Watch { languages: &[Language::Cpp], on: On::Kinds(&["for_range_loop"]), only: Only::Anywhere, check }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let (ty, declarator) = (site.field("type")?, site.field("declarator")?);
    let over = site.field("right")?;
    let text = site.text(ty);
    let header = site.text(site.node);
    let is_const = header[..header.floor_char_boundary(200)]
        .split('(')
        .nth(1)
        .is_some_and(|rest| rest.trim_start().starts_with("const "));
    if declarator.kind() == "reference_declarator" {
        let pair = text.strip_prefix("std::pair<").filter(|rest| !rest.trim_start().starts_with("const ") && is_const);
        let name = site.name_of(over).filter(|_| pair.is_some())?;
        if site.shape_of_name(name) != Shape::Map {
            return None;
        }
        let message = format!("the keys of `{name}` are const, so this reference binds to a copy made in each round");
        return Some(hit(declarator, Confidence::High, message));
    }
    if declarator.kind() != "identifier" {
        return None;
    }
    let large = text == "std::string"
        || ["std::vector<", "std::map<", "std::set<", "std::pair<std::string"].iter().any(|s| text.starts_with(s));
    // From a list of plain texts each round makes a text in any case: what the container holds must be seen.
    let name = site.name_of(over);
    let element = text.trim_end_matches(['&', ' ']);
    let holds = name
        .is_some_and(|name| site.bindings(name).iter().any(|b| b.ty.is_some_and(|ty| site.text(ty).contains(element))));
    let confidence = match (large, is_const, text) {
        (true, true, _) if holds => Confidence::High,
        (true, true, _) => Confidence::Medium,
        (true, false, _) | (false, true, "auto") => Confidence::Low,
        _ => return None,
    };
    Some(hit(
        declarator,
        confidence,
        format!("`{}` copies each element of {}", site.text(declarator), site.shown(over)),
    ))
}
