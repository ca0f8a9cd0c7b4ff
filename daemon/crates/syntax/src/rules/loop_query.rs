//! A request to a database or server in each round of a loop over elements ("N + 1"). Each round pays a whole round trip, which is
//! some thousand times the cost of the work itself. Write: one query for all (`IN`, a join, `select_related`), a batch, or the
//! requests side by side. Wrong if each answer decides what is asked next. Never more than likely: names tell, types are not known.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Role, Site, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-query",
    version: 2,
    title: "a request in each round of a loop",
    languages: &[
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Java,
        Language::Rust,
    ],
    severity: Severity::High,
    why: "each round waits for a round trip to a database or server, so the time grows with the number of elements",
    instead: "ask once for all elements (`IN`, a join, a batch), or send the requests side by side",
    wrong_when: "each answer decides what is asked next, or the loop is over pages",
    example_bad: "def f(ids):\n    for i in ids:\n        print(User.objects.get(pk=i))\n",
    example_good: "def f(ids):\n    for user in User.objects.filter(pk__in=ids):\n        print(user)\n",
    watches: &[
        Watch {
            languages: &[Language::Python],
            on: On::Calls(&["get", "filter", "create", "execute", "post", "put", "delete", "request", "urlopen"]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: SCRIPT,
            on: On::Calls(&["fetch", "findOne", "findUnique", "query", "findById", "get", "post"]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: &[Language::Go],
            on: On::Calls(&[
                "Query",
                "QueryRow",
                "QueryContext",
                "QueryRowContext",
                "Exec",
                "ExecContext",
                "Get",
                "Post",
            ]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: &[Language::Java],
            on: On::Calls(&["executeQuery", "executeUpdate", "findById", "queryForObject", "getForObject"]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: &[Language::Rust],
            on: On::Calls(&["fetch_one", "fetch_optional", "fetch_all"]),
            only: Only::InLoop,
            check,
        },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let path = call.path;
    let owner = call.receiver.map(|of| site.text(of)).unwrap_or_default();
    let arguments = site.arguments();
    let first = arguments.first().map(|first| site.text(*first).to_ascii_lowercase()).unwrap_or_default();
    let sql = ["select ", "insert ", "update ", "delete "]
        .iter()
        .any(|word| first.trim_start_matches(['"', '\'', '`', 'f', 'r', '(']).trim_start().starts_with(word));
    let asks = match site.language {
        Language::Python => {
            (owner.ends_with(".objects") && owner.starts_with(char::is_uppercase))
                || owner == "requests"
                || path == "urllib.request.urlopen"
                || owner.starts_with("session.query(")
                || (call.name == "execute" && sql)
        }
        Language::Go => {
            let db = owner.ends_with("db") || owner.ends_with("DB") || owner.ends_with("tx") || owner.ends_with("conn");
            (db && !matches!(call.name, "Get" | "Post")) || (owner == "http" && matches!(call.name, "Get" | "Post"))
        }
        Language::Java => {
            let lower = owner.to_lowercase();
            call.name.starts_with("execute") && (lower.ends_with("statement") || lower.ends_with("stmt"))
                || call.name == "findById" && lower.ends_with("repository")
                || matches!(call.name, "queryForObject" | "getForObject") && lower.ends_with("template")
        }
        Language::Rust => true,
        _ => {
            let waits = site.parent().is_some_and(|above| above.kind() == "await_expression");
            let http = path == "fetch"
                || (matches!(call.name, "get" | "post") && matches!(owner, "axios" | "got" | "superagent"));
            let database = matches!(call.name, "findOne" | "findUnique" | "findById") || (call.name == "query" && sql);
            waits && (http || database)
        }
    };
    let each = site.innermost()?;
    let over = each.role == Role::Loop && each.pattern().is_some();
    if !asks || !over || !depends(site) || !site.runs_each_round() {
        return None;
    }
    Some(hit(site.node, Confidence::Medium, format!("`{path}` waits for an answer in each round of the loop")))
}

/// Whether what is asked depends on the loop's element.
fn depends(site: &mut Site<'_, '_, '_>) -> bool {
    let Some(pattern) = site.innermost().and_then(|scope| scope.pattern()) else { return false };
    let names = site
        .text(pattern)
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|name| name.len() > 1 || name.starts_with(char::is_alphabetic));
    let text = site.text(site.node);
    let mut names = names.filter(|name| !matches!(*name, "const" | "let" | "var" | "mut" | "_"));
    names.any(|name| text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
}
