//! The changes worth making first: what, where, why, and how much is touched.

use std::fmt::Write;

use super::table::{count, mixed, number, place};
use crate::{
    advice::{Change, Effort},
    report::Report,
};

/// Further places of a change that the page names.
const ALSO: usize = 3;

pub(super) fn render(page: &mut String, report: &Report) {
    if report.history.was_not_asked() && report.dependencies.is_none() && report.duplicates.is_none() {
        // The task is older than this part of a report.
        return;
    }
    page.push_str("## What to change first\n\n");
    let advice = &report.advice;
    if advice.changes.is_empty() {
        let _ = match advice.considered {
            0 => writeln!(page, "Nothing was found that asks for a change.\n"),
            some => {
                let among = count(some, "thing that could be changed", "things that could be changed");
                writeln!(page, "Nothing stands out among {among}.\n")
            }
        };
        return;
    }
    for (number, it) in (1..).zip(&advice.changes) {
        change(page, number, it);
    }
    let _ = writeln!(
        page,
        "\nOut of {}, ordered by what they are worth for their effort, counted in what is named here: S is one file and at \
         most 50 lines, M at most 5 files and 200 lines, L more. Callers and tests come on top.\n",
        count(advice.considered, "candidate", "candidates")
    );
}

fn change(page: &mut String, number: usize, it: &Change) {
    let _ = writeln!(page, "{number}. **{}**", mixed(&it.what));
    let _ = writeln!(page, "   - {}, effort {}{}", place(&it.place.file, it.place.line), it.effort.word(), touched(it));
    let _ = writeln!(page, "   - {}", mixed(&it.why));
    if !it.also.is_empty() {
        let also: Vec<String> = it.also.iter().take(ALSO).map(|at| place(&at.file, at.line)).collect();
        // An older agentd did not count them.
        let all = it.place_count.max(it.also.len() as u64 + 1);
        let left = all - 1 - also.len() as u64;
        let least = if it.more_places { "at least " } else { "" };
        let more = if left > 0 { format!(" and {least}{} more", super::table::number(left)) } else { String::new() };
        let _ = writeln!(page, "   - also {}{more}", also.join(", "));
    }
}

/// How much is touched, where it is more than a place.
fn touched(it: &Change) -> String {
    if it.effort == Effort::S && it.lines <= 1 {
        return String::new();
    }
    let files = if it.files > 1 { format!(" in {} files", number(it.files)) } else { String::new() };
    format!(" ({}{files})", count(it.lines, "line", "lines"))
}
