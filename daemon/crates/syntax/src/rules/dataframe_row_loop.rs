//! A pandas table that is walked row by row (`iterrows`) or grown row by row (`df = pd.concat([df, …])`, `df = df.append(…)`) in a loop.
//! `iterrows` makes an object for each row, some thousand times slower than a column operation; growing copies the table each
//! time. Write: column operations, `itertuples`, or gather rows in a list and make one table. Wrong for small tables.

use crate::{
    Confidence, Language, Severity,
    inspect::{Hit, Site, hit},
    rules::{On, Only, Rule, Watch},
};

pub(super) static RULE: Rule = Rule {
    id: "dataframe-row-loop",
    version: 3,
    title: "table walked or grown row by row",
    languages: &[Language::Python],
    severity: Severity::Medium,
    why: "each row becomes an object of its own, or the whole table is copied for one row more",
    instead: "work on columns, use `itertuples()`, or gather rows in a list and make the table once",
    wrong_when: "the table is small",
    example_bad: "def f(df):\n    for i, row in df.iterrows():\n        print(row)\n",
    example_good: "def f(df):\n    for row in df.itertuples():\n        print(row)\n",
    watches: &[
        Watch { languages: &[Language::Python], on: On::Kinds(&["for_statement"]), only: Only::Anywhere, check: rows },
        Watch { languages: &[Language::Python], on: On::Kinds(&["assignment"]), only: Only::InLoop, check: grows },
    ],
};

fn rows<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let over = site.field("right")?;
    let call = site.as_call(over).filter(|call| call.name == "iterrows")?;
    let of = site.shown(call.receiver?);
    Some(hit(over, Confidence::High, format!("`iterrows` makes a Series of each row of {of}")))
}

fn grows<'t>(site: &mut Site<'_, '_, 't>) -> Option<Hit<'t>> {
    let name = site.name_of(site.field("left")?)?;
    let right = site.field("right")?;
    let call = site.as_call(right)?;
    let squeezed: String = site.text(right).chars().take(120).filter(|c| !c.is_whitespace()).collect();
    let concat =
        matches!(call.path, "pd.concat" | "pandas.concat" | "np.append" | "np.concatenate" | "np.vstack" | "np.hstack");
    let own = squeezed.starts_with(&format!("{}([{name},", call.path))
        || squeezed.starts_with(&format!("{}(({name},", call.path))
        || (call.path == "np.append" && squeezed.starts_with(&format!("np.append({name},")));
    let appends = call.name == "append" && call.receiver.is_some_and(|of| site.text(of) == name);
    if !(concat && own || appends) || !site.runs_each_round() {
        return None;
    }
    let range = site.innermost()?.node.byte_range();
    let at = site.node.start_byte();
    let bindings = site.bindings(name);
    if bindings.is_empty() || bindings.iter().any(|b| range.contains(&b.at) && b.at != at) {
        return None;
    }
    // Other things have an `append` that returns, too, and arrays of numbers may be points that get one more.
    let table = call.name == "concat" && concat
        || bindings
            .iter()
            .filter_map(|b| b.value)
            .any(|v| site.text(v).contains("DataFrame(") || site.text(v).starts_with("pd."));
    let confidence = if table { Confidence::High } else { Confidence::Medium };
    Some(hit(site.node, confidence, format!("each round copies all of `{name}` to add to it")))
}
