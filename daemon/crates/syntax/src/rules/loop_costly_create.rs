//! Making, in each round, a thing that is dear to make and meant to be kept: date and number formatters, JSON mappers, HTTP clients
//! with their pools, database clients. Write: make it once before the loop. Wrong if each round needs other settings, which is
//! looked for: all arguments must stay the same.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, Steady, hit},
    rules::{On, Only, Rule, SCRIPT, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "loop-costly-create",
    version: 2,
    title: "dear object made in each round",
    languages: &[
        Language::Java,
        Language::Swift,
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Rust,
    ],
    severity: Severity::Medium,
    why: "it reads locale data, builds tables or opens connections, which costs far more than using it",
    instead: "make it once before the loop, or keep it in a constant",
    wrong_when: "it is changed in each round, or one may not be shared",
    example_bad: "class A { void f(List<Date> ds) { for (Date d : ds) { out(new SimpleDateFormat(\"yyyy\").format(d)); } } }",
    example_good: "class A { void f(List<Date> ds) { SimpleDateFormat f = new SimpleDateFormat(\"yyyy\"); for (Date d : ds) { out(f.format(d)); } } }",
    watches: &[
        Watch {
            languages: &[Language::Java],
            on: On::News(&[
                "SimpleDateFormat",
                "DecimalFormat",
                "ObjectMapper",
                "Gson",
                "OkHttpClient",
                "SecureRandom",
            ]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Java], on: On::Calls(&["ofPattern"]), only: Only::InLoop, check },
        Watch {
            languages: &[Language::Swift],
            on: On::Calls(&[
                "DateFormatter",
                "NumberFormatter",
                "ISO8601DateFormatter",
                "JSONDecoder",
                "JSONEncoder",
                "ByteCountFormatter",
            ]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: &[Language::Python],
            on: On::Calls(&["Session", "client", "resource"]),
            only: Only::InLoop,
            check,
        },
        Watch {
            languages: SCRIPT,
            on: On::News(&["PrismaClient", "DateTimeFormat", "NumberFormat", "Collator", "PluralRules"]),
            only: Only::InLoop,
            check,
        },
        Watch { languages: &[Language::Rust], on: On::Calls(&["new"]), only: Only::InLoop, check },
    ],
};

fn check<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let call = site.call?;
    let wanted = match site.language {
        Language::Python => {
            matches!(call.path, "requests.Session" | "boto3.client" | "boto3.resource" | "httpx.Client")
        }
        Language::Rust => matches!(call.path, "reqwest::Client::new" | "reqwest::blocking::Client::new"),
        Language::Java if call.name == "ofPattern" => {
            call.path == "ofPattern" && site.receiver_name() == Some("DateTimeFormatter")
        }
        Language::Swift => call.receiver.is_none(),
        _ => true,
    };
    if !wanted || !site.runs_each_round() || site.is_guarded_once() {
        return None;
    }
    for argument in site.arguments() {
        let plain = matches!(argument.kind(), "true" | "false" | "field_access" | "scoped_identifier");
        if !plain && site.steady(argument) == Steady::No {
            return None;
        }
    }
    let named = site.is_script() && !matches!(call.name, "PrismaClient") && !call.path.starts_with("Intl.");
    if named {
        return None;
    }
    let confidence = if is_set_up(site) { Confidence::Medium } else { Confidence::High };
    Some(hit(site.node, confidence, format!("each round makes a `{}` with the same settings", call.path)))
}

/// Whether the round sets up what it made with a value of its own: `f.dateFormat = format`, `f.setTimeZone(zone)`.
fn is_set_up(site: &mut Site<'_, '_, '_>) -> bool {
    let Some(looped) = site.innermost().map(|scope| scope.node) else { return false };
    let Some(text) = site.scan(looped) else { return true };
    let at = site.node.start_byte() - looped.start_byte();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let (Some(before), Some(after)) = (text.get(..at), text.get(at..)) else { return true };
    let before = before.trim_end().trim_end_matches("new").trim_end();
    let Some(made) = before.strip_suffix('=').map(|rest| rest.trim_end()) else { return false };
    let name = made.rsplit(|c| !word(c)).next().unwrap_or_default();
    let of = format!("{name}.");
    let sets = after.split(['\n', ';']).map(str::trim).filter_map(|line| line.strip_prefix(&of)).filter_map(|rest| {
        let called = rest.strip_prefix("set").and_then(|rest| rest.split_once('('));
        called.or_else(|| rest.split_once(" = ")).map(|(_, value)| value)
    });
    let values: Vec<&str> = sets.take(16).collect();
    values
        .into_iter()
        .flat_map(|value| value.split(|c| !word(c)))
        .any(|name| !name.is_empty() && site.bound_in_loop(name))
}
