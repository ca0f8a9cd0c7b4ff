//! A length that must be counted, asked in the condition of a loop: C's `strlen(s)`, Rust's `chars().count()`, Swift's `count` of a
//! text. Each round counts the whole text, so n rounds cost n² steps. Write: count once before the loop, or stop at the end mark.
//! Wrong if the compiler can prove that the text does not change, which it seldom can once the loop writes or calls something.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-length-scan",
    version: 2,
    title: "length counted anew in each round",
    languages: &[Language::C, Language::Cpp, Language::Rust, Language::Swift],
    severity: Severity::High,
    why: "each round counts the whole text to decide whether to go on, so the cost grows with the square of its length",
    instead: "count once before the loop, or test for the end of the text itself",
    wrong_when: "the compiler sees that the text stays the same and counts once by itself",
    example_bad: "void f(char *s) { for (size_t i = 0; i < strlen(s); i++) s[i] = g(s[i]); }",
    example_good: "void f(char *s) { size_t n = strlen(s); for (size_t i = 0; i < n; i++) s[i] = g(s[i]); }",
    watches: &[
        Watch {
            languages: &[Language::C, Language::Cpp],
            on: On::Calls(&["strlen", "wcslen"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Rust], on: On::Calls(&["count"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Swift], on: On::Kinds(&["navigation_expression"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let of = match site.language {
        Language::Rust => {
            let chars = site.as_call(site.call?.receiver?).filter(|inner| inner.name == "chars")?;
            chars.receiver?
        }
        Language::Swift => {
            site.field("suffix").filter(|suffix| site.text(*suffix) == ".count")?;
            site.field("target")?
        }
        _ => *site.arguments().first()?,
    };
    let name = site.name_of(of)?;
    let condition = site.innermost()?.node.child_by_field_name("condition")?;
    let at = site.node.start_byte();
    if !(condition.start_byte() <= at && at < condition.end_byte()) || site.bound_in_loop(name) {
        return None;
    }
    if site.language == Language::Swift && site.shape_of_name(name) != Shape::Text {
        return None;
    }
    let looped = site.innermost()?.node;
    let body = looped.child_by_field_name("body").map(|body| site.text(body)).unwrap_or_default();
    // A loop that does nothing but read the text may be seen through by the compiler.
    let acts =
        site.language != Language::C && site.language != Language::Cpp || body.contains('(') || body.contains(" = ");
    let confidence = if acts { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("the condition counts all of `{name}` in each round")))
}
