//! `agentd-cli rules`: the performance rules, and what one of them means.

use std::fmt::Write as _;

use agentd_proto::{
    codes::Exit,
    v1::{ListRulesRequest, ListRulesResponse, Rule},
};
use clap::{Args, Subcommand};

use crate::{
    connect::within_limit,
    context::Context,
    error::Error,
    near::near,
    shape::{RuleShape, RulesShape, severity},
    told,
    ui::{
        style::Label,
        table::{Cell, Table},
        text,
    },
};

const EXAMPLES: &str = "Examples:
  agentd-cli rules
  agentd-cli rules --language rust
  agentd-cli rules explain loop-regex-compile
  agentd-cli rules --json | jq -r '.rules[] | select(.severity == \"high\") | .id'

The rules look at every file that `submit` measures; what they find stands in its report. Asks the daemon that runs, or \
else its program, and starts none. With --json: {min_confidence, rules: [{id, title, severity, languages, on, why, instead, wrong_when, …}]}.";

/// Show the performance rules, or explain one
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct RulesArgs {
    /// Only rules that read this language, e.g. rust, python, cpp
    #[arg(long, short, value_name = "NAME")]
    language: Option<String>,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Say why a rule is there, what to write instead, and when it is wrong
    #[command(after_help = "Examples:
  agentd-cli rules explain loop-regex-compile
  agentd-cli rules explain loop-sort --json | jq -r .instead

A finding goes away with a comment `agentd: allow(RULE) why` on its line or alone on the line above, a rule with the \
setting rules.off.")]
    Explain {
        /// Id of the rule, as `agentd-cli rules` and reports show it
        #[arg(value_name = "RULE")]
        id: String,
    },
}

/// Lists or explains.
///
/// # Errors
/// [`Error::Call`], [`Error::NoRule`], [`Error::Usage`] (language), and those of connecting.
pub async fn run(context: &Context<'_>, args: RulesArgs) -> Result<Exit, Error> {
    let answer = match context.connect().await {
        Err(error) if error.is_absence() => told::ask(context, "rules").ok_or(error)?,
        connection => {
            let answer = connection?.rules().list(within_limit(ListRulesRequest {})).await;
            answer.map_err(Error::call("list the rules"))?.into_inner()
        }
    };
    match args.verb {
        None => list(context, answer, args.language.as_deref())?,
        Some(Verb::Explain { id }) => explain(context, answer.rules, &id)?,
    }
    Ok(Exit::Success)
}

fn list(context: &Context<'_>, mut answer: ListRulesResponse, language: Option<&str>) -> Result<(), Error> {
    if let Some(language) = language {
        let language = known_language(&answer.rules, language)?;
        answer.rules.retain(|rule| rule.languages.contains(&language));
    }
    if context.ui.json {
        return context.ui.object(&RulesShape::from(answer));
    }
    // Where they would need further lines the languages go; `explain` has them.
    let mut table = Table::new(&["RULE", "SEVERITY", "LANGUAGES", "WHAT"]).dispensable(&[2]).one_line().last_below();
    for rule in &answer.rules {
        let label = if rule.on { Label::Strong } else { Label::Dim };
        let off = if rule.on { "" } else { " (switched off)" };
        table.row([
            Cell::labelled(&rule.id, label),
            severity(rule.severity).into(),
            rule.languages.join(", ").into(),
            format!("{}{off}", text::one_line(&rule.title)).into(),
        ]);
    }
    context.ui.table(&table)?;
    context.ui.hint("what one means: agentd-cli rules explain RULE");
    Ok(())
}

/// The language as the rules name it.
fn known_language(rules: &[Rule], asked: &str) -> Result<String, Error> {
    let mut known: Vec<&str> = rules.iter().flat_map(|rule| rule.languages.iter().map(String::as_str)).collect();
    known.sort_unstable();
    known.dedup();
    let asked = asked.to_lowercase();
    let name = match asked.as_str() {
        "c++" => "cpp",
        "golang" => "go",
        "js" => "javascript",
        "py" => "python",
        "rs" => "rust",
        "ts" => "typescript",
        other => other,
    };
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    let message = format!("no rule reads a language `{}`", text::one_line(&asked));
    Err(Error::usage(message, format!("there are: {}", known.join(", "))))
}

fn explain(context: &Context<'_>, rules: Vec<Rule>, id: &str) -> Result<(), Error> {
    let near = near(id, rules.iter().map(|rule| rule.id.as_str()));
    let Some(rule) = rules.into_iter().find(|rule| rule.id == id) else {
        return Err(Error::NoRule { id: id.to_owned(), near });
    };
    if context.ui.json { context.ui.object(&RuleShape::from(rule)) } else { context.ui.report(&page(&rule)) }
}

fn page(rule: &Rule) -> String {
    let mut page = format!("# {}\n\n{}\n\n", rule.id, rule.title);
    let off = if rule.on { "" } else { "; switched off here" };
    let _ = writeln!(page, "{} severity; reads {}{off}.\n", severity(rule.severity), rule.languages.join(", "));
    let _ = writeln!(page, "- **Why it costs**: {}.", rule.why);
    let _ = writeln!(page, "- **Instead**: {}.", rule.instead);
    let _ = writeln!(page, "- **Not so if** {}.\n", rule.wrong_when);
    let language = rule.languages.first().map_or("", String::as_str);
    for (head, example) in [("Costs", &rule.example_bad), ("Better", &rule.example_good)] {
        let _ = writeln!(page, "## {head}\n\n```{language}\n{}\n```\n", example.trim_end());
    }
    let _ = writeln!(
        page,
        "To keep such code: a comment `agentd: allow({})` with the reason, on its line or alone on the line above. To switch \
         the rule off: `rules.off` in the configuration.",
        rule.id
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<Rule> {
        let rule = |id: &str, languages: &[&str]| Rule {
            id: id.into(),
            languages: languages.iter().map(|language| (*language).to_owned()).collect(),
            ..Rule::default()
        };
        vec![rule("loop-regex-compile", &["rust", "go"]), rule("loop-sort", &["cpp"]), rule("unbounded-read", &["go"])]
    }

    #[test]
    fn languages_have_their_usual_names() {
        for (asked, known) in [("rust", "rust"), ("C++", "cpp"), ("golang", "go")] {
            assert_eq!(known_language(&rules(), asked).unwrap(), known);
        }
        assert!(known_language(&rules(), "cobol").is_err());
    }
}
