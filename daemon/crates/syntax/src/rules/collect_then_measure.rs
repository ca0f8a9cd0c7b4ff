//! Collecting an iterator into a `Vec` only to ask for its length, whether it is empty, or to iterate again. It allocates and
//! stores what nobody reads. Write: `count()`, `next().is_none()`, or go on with the iterator. Wrong where collecting ends a
//! borrow or makes an error come first, which is why iterating again is never sure.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "collect-then-measure",
    version: 2,
    title: "collected into a Vec that is used once",
    languages: &[Language::Rust],
    severity: Severity::Low,
    why: "the elements are allocated and stored although only their number, or one walk over them, is wanted",
    instead: "use `count()`, `next().is_none()`, or the iterator itself",
    wrong_when: "collecting ends a borrow that the next step needs, or runs work on several threads",
    example_bad: "fn f(xs: &[u8]) -> usize { xs.iter().filter(|x| **x > 1).collect::<Vec<_>>().len() }",
    example_good: "fn f(xs: &[u8]) -> usize { xs.iter().filter(|x| **x > 1).count() }",
    watches: &[Watch {
        languages: &[Language::Rust],
        on: On::Calls(&["len", "is_empty", "iter", "into_iter"]),
        only: Only::Anywhere,
        check,
    }],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let inner = call.receiver.and_then(|receiver| site.as_call(receiver)).filter(|inner| inner.name == "collect")?;
    let receiver = call.receiver?;
    let text = site.text(receiver);
    if !text.ends_with("collect::<Vec<_>>()") || text.contains("par_iter") || inner.receiver.is_none() {
        return None;
    }
    let (confidence, instead) = match call.name {
        "len" => (Confidence::High, "count() needs no Vec"),
        "is_empty" => (Confidence::High, "next().is_none() needs no Vec and stops at the first element"),
        _ => (Confidence::Low, "the iterator could go on without it"),
    };
    Some(hit(site.node, confidence, format!("a Vec is made for `{}()` alone; {instead}", call.name)))
}
