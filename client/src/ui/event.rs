//! One event as one line for people.

use std::collections::HashSet;

use agentd_proto::v1::{Event, event::What};

use crate::{
    shape,
    ui::{
        style::{Label, Paint},
        text,
    },
};

/// The line, painted; `None` for an event that is news to nobody (an effect's intent).
#[must_use]
pub fn line(event: &Event, paint: Paint) -> Option<String> {
    let (mark, label, words) = words(event.what.as_ref()?)?;
    Some(format!("{} {}", paint.text(label, mark), words))
}

fn words(what: &What) -> Option<(&'static str, Label, String)> {
    let clean = text::one_line;
    Some(match what {
        What::Submitted(task) => {
            let steps = text::things(task.steps.len() as u64, "step", "steps");
            ("+", Label::Busy, format!("{} in {} with {steps}", clean(&task.workflow), clean(&task.workspace)))
        }
        What::AttemptStarted(start) => {
            let again = if start.attempt > 1 { format!(", attempt {}", start.attempt) } else { String::new() };
            ("▸", Label::Busy, format!("{} on {}{again}", clean(&start.step), clean(&start.agent)))
        }
        What::StepSucceeded(step) => {
            let summary = clean(&step.summary);
            let gap = if summary.is_empty() { "" } else { ": " };
            ("✓", Label::Good, format!("{} ({}){gap}{summary}", clean(&step.step), text::span_ms(step.duration_ms)))
        }
        What::AttemptFailed(failed) => {
            let next = match (failed.will_retry, failed.retry_in_ms) {
                (false, _) => String::new(),
                (true, 0) => "; again at once".to_owned(),
                (true, ms) => format!("; again in {}", text::span_ms(ms)),
            };
            let head = format!("{} attempt {}", clean(&failed.step), failed.attempt);
            ("✗", Label::Bad, format!("{head}: {} ({}){next}", clean(&failed.message), clean(&failed.class)))
        }
        What::CancelRequested(_) => ("■", Label::Warning, "cancelling".to_owned()),
        What::Ended(end) => {
            let name = shape::task_state(end.state);
            (state_mark(name), state_label(name), format!("{name}{}", after_state(name, &clean(&end.summary))))
        }
        What::Recovered(back) if back.steps.is_empty() => ("↻", Label::Warning, "agentd came back and goes on".into()),
        What::Recovered(back) => {
            ("↻", Label::Warning, format!("agentd came back and starts again: {}", clean(&back.steps.join(", "))))
        }
        What::Suspended(step) => {
            ("‖", Label::Warning, format!("{} goes on after agentd's next start", clean(&step.step)))
        }
        What::Effect(effect) if effect.done => ("·", Label::Dim, clean(&effect.what)),
        What::Effect(_) => return None,
    })
}

/// Tasks that are being cancelled: what is cut off in them does not go on, though records of older daemons say so.
#[derive(Debug, Default)]
pub struct Cancelled(HashSet<String>);

impl Cancelled {
    /// Takes note of an event. True if it says of a step that is cut off for good that it goes on.
    pub fn cuts_off(&mut self, event: &Event) -> bool {
        match &event.what {
            Some(What::CancelRequested(_)) => drop(self.0.insert(event.task_id.clone())),
            Some(What::Ended(_)) => drop(self.0.remove(&event.task_id)),
            Some(What::Suspended(_)) => return self.0.contains(&event.task_id),
            _ => {}
        }
        false
    }
}

/// What follows the state: `: summary`, or the rest of a summary that begins with it (`cancelled on request`).
#[must_use]
pub fn after_state(state: &str, summary: &str) -> String {
    match summary.strip_prefix(state) {
        Some(rest) => rest.to_owned(),
        None if summary.is_empty() => String::new(),
        None => format!(": {summary}"),
    }
}

/// How the state of a task or step is painted.
#[must_use]
pub fn state_label(state: &str) -> Label {
    match state {
        "succeeded" => Label::Good,
        "failed" => Label::Bad,
        "running" | "ready" => Label::Busy,
        "waiting" | "cancelled" => Label::Warning,
        _ => Label::Dim,
    }
}

fn state_mark(state: &str) -> &'static str {
    match state {
        "succeeded" => "✓",
        "failed" => "✗",
        _ => "■",
    }
}
