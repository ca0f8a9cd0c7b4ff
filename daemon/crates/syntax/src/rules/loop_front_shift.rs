//! Taking from, or putting to, the front of an array in a loop. All other elements move by one place each time, so emptying a list
//! of n costs about n² / 2 moves. Write: a double-ended queue, an index that walks, or work from the end. Wrong if the list is
//! short. JavaScript's engines move fast, so there it is never sure.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Shape, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-front-shift",
    version: 3,
    title: "front of an array changed in a loop",
    languages: &[
        Language::Python,
        Language::Rust,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Cpp,
        Language::Java,
        Language::Swift,
    ],
    severity: Severity::Medium,
    why: "all other elements move by one place each time, so the loop's cost grows with the square of the length",
    instead: "use a deque (`collections.deque`, `VecDeque`, `std::deque`, `ArrayDeque`), walk an index, or work from the end",
    wrong_when: "the list is known to stay short",
    example_bad: "def f(xs):\n    work = list(xs)\n    while work:\n        print(work.pop(0))\n",
    example_good: "def f(xs):\n    work = deque(xs)\n    while work:\n        print(work.popleft())\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Calls(&["pop", "insert"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Rust], on: On::Calls(&["remove", "insert"]), only: Only::InLoop, check },
        Watch { languages: SCRIPT, on: On::Calls(&["shift", "unshift"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Cpp], on: On::Calls(&["erase", "insert"]), only: Only::InLoop, check },
        Watch { languages: &[Language::Java], on: On::Calls(&["remove", "add"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Swift],
            on: On::Calls(&["removeFirst", "insert", "remove"]),
            only: Only::InLoop,
            check,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let name = site.receiver_name()?;
    let arguments = site.arguments();
    let method = site.call?.name;
    let first = arguments.first().map(|first| site.text(*first));
    let front = match (site.language, method) {
        (Language::Python, "pop") => first == Some("0") && arguments.len() == 1,
        (Language::Cpp, _) => {
            first == Some(&format!("{name}.begin()")) && (method == "insert") == (arguments.len() == 2)
        }
        (Language::Swift, "removeFirst") => arguments.is_empty(),
        (Language::Swift, "insert") => arguments.get(1).is_some_and(|at| site.text(*at) == "0"),
        (_, "insert" | "add") => first == Some("0") && arguments.len() == 2,
        (_, "remove") => first == Some("0") && arguments.len() == 1,
        (_, "shift") => arguments.is_empty(),
        (_, "unshift") => !arguments.is_empty(),
        _ => false,
    };
    let takes = matches!(method, "pop" | "remove" | "erase" | "removeFirst" | "shift");
    if !front || site.shape_of_name(name) != Shape::List || !site.outlives_loop(name) || !site.runs_each_round() {
        return None;
    }
    // A loop that goes on until the list is empty, or from the end of the work: a queue. Other lists are mostly short.
    let condition = site.innermost().and_then(|scope| scope.node.child_by_field_name("condition"));
    let drains = condition.is_some_and(|condition| {
        site.text(condition).split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    });
    // JavaScript's engines move short arrays fast, and large ones seldom.
    let confidence = match (drains && takes, site.is_script()) {
        (true, false) => site.if_many(),
        (false, true) => Confidence::Low,
        _ => Confidence::Medium,
    };
    let message = format!("`{name}` is an array; `{method}` at its front moves all other elements in each round");
    Some(hit(site.node, confidence, message))
}
