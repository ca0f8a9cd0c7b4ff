//! A task as it goes: live bars on a terminal, one line per finished step in a pipe, JSON lines, or nothing.

use std::{collections::HashMap, time::Duration};

use agentd_proto::v1::{Event, Progress, event::What};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    error::Error,
    shape::WatchShape,
    ui::{
        Ui,
        event::{self, Cancelled},
        style::Paint,
        text,
    },
};

/// Time between two pictures of a spinner.
pub const TICK: Duration = Duration::from_millis(120);

/// How to show a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For a person, on stderr.
    People,
    /// Each event as a JSON line on stdout.
    Json,
    /// Not at all.
    Silent,
}

/// Shows what happens to one task.
#[derive(Debug)]
pub struct TaskView {
    ui: Ui,
    mode: Mode,
    live: Option<Live>,
    cancelled: Cancelled,
}

impl TaskView {
    /// A view; bars appear only if stderr is a terminal.
    #[must_use]
    pub fn new(ui: Ui, mode: Mode) -> Self {
        let live = (mode == Mode::People && ui.err.redraws && !ui.quiet).then(|| Live::new(ui));
        Self { ui, mode, live, cancelled: Cancelled::default() }
    }

    /// True if [`tick`](Self::tick) has something to move.
    #[must_use]
    pub const fn moves(&self) -> bool {
        self.live.is_some()
    }

    /// Moves the spinners on.
    pub fn tick(&self) {
        if let Some(live) = &self.live {
            live.tick();
        }
    }

    /// Shows an event.
    ///
    /// # Errors
    /// [`Error::Output`], in JSON mode.
    pub fn event(&mut self, event: Event) -> Result<(), Error> {
        match self.mode {
            Mode::Silent => {}
            Mode::Json => self.ui.object(&WatchShape::from(event))?,
            Mode::People => {
                if let Some(live) = &mut self.live {
                    live.event(&event);
                }
                if !self.cancelled.cuts_off(&event)
                    && is_milestone(&event)
                    && let Some(line) = event::line(&event, self.ui.err.paint)
                {
                    self.say(&line);
                }
            }
        }
        Ok(())
    }

    /// Shows how far a step is.
    ///
    /// # Errors
    /// [`Error::Output`], in JSON mode.
    pub fn progress(&mut self, progress: Progress) -> Result<(), Error> {
        match (self.mode, &mut self.live) {
            (Mode::Json, _) => self.ui.object(&WatchShape::from(progress))?,
            (_, Some(live)) => live.progress(&progress),
            _ => {}
        }
        Ok(())
    }

    /// Says something beside the bars; `line` is painted and clean.
    pub fn say(&self, line: &str) {
        self.aside(|| self.ui.painted_note(line));
    }

    /// Lets `print` print while the bars are away: whoever prints between them garbles them.
    pub fn aside(&self, print: impl FnOnce()) {
        match &self.live {
            Some(live) => live.bars.suspend(print),
            None => print(),
        }
    }

    /// Takes the bars away.
    pub fn close(&mut self) {
        if let Some(live) = self.live.take() {
            live.close();
        }
    }
}

/// What a pipe gets: ends of attempts, and what is out of the ordinary; no starts, no effects.
const fn is_milestone(event: &Event) -> bool {
    !matches!(event.what, None | Some(What::AttemptStarted(_) | What::Effect(_) | What::Ended(_)))
}

#[derive(Debug)]
struct Live {
    bars: MultiProgress,
    /// Last line: how many steps are done.
    whole: ProgressBar,
    running: HashMap<String, ProgressBar>,
    paint: Paint,
    width: usize,
}

const SPINNER: &str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ";

impl Live {
    fn new(ui: Ui) -> Self {
        let bars = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(15));
        let whole = bars.add(ProgressBar::new(0).with_style(style(WHOLE, ui.err.paint)));
        whole.set_message("total");
        Self { bars, whole, running: HashMap::new(), paint: ui.err.paint, width: ui.err.width.unwrap_or(80) }
    }

    fn tick(&self) {
        for bar in self.running.values() {
            bar.tick();
        }
        self.whole.tick();
    }

    fn event(&mut self, event: &Event) {
        match &event.what {
            Some(What::Submitted(task)) => self.whole.set_length(task.steps.len() as u64),
            Some(What::AttemptStarted(start)) => {
                let bar =
                    self.bars.insert_before(&self.whole, ProgressBar::no_length().with_style(style(SPIN, self.paint)));
                bar.set_prefix(text::cut(&text::one_line(&start.step), self.width / 3));
                bar.set_message(text::cut(&text::one_line(&start.agent), self.width / 4));
                if let Some(old) = self.running.insert(start.step.clone(), bar) {
                    old.finish_and_clear();
                }
            }
            Some(What::StepSucceeded(step)) => {
                self.remove(&step.step);
                self.whole.inc(1);
            }
            Some(What::AttemptFailed(failed)) => self.remove(&failed.step),
            Some(What::Suspended(step)) => self.remove(&step.step),
            Some(What::Recovered(back)) => back.steps.iter().for_each(|step| self.remove(step)),
            _ => {}
        }
    }

    fn remove(&mut self, step: &str) {
        if let Some(bar) = self.running.remove(step) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
    }

    fn progress(&self, progress: &Progress) {
        let Some(bar) = self.running.get(&progress.step) else { return };
        let agent = text::one_line(&progress.agent);
        let unit = text::one_line(&progress.unit);
        if progress.total > 0 {
            // Bytes tell better than files how much is left.
            let of_bytes = progress.bytes_total > 0;
            let (done, total) =
                if of_bytes { (progress.bytes_done, progress.bytes_total) } else { (progress.done, progress.total) };
            if bar.length() != Some(total) {
                bar.set_length(total);
                bar.set_style(style(if self.width < NARROW { SHORT_BAR } else { BAR }, self.paint));
            }
            bar.set_position(done);
            let bytes =
                if of_bytes { format!(", {} of {}", text::bytes(done), text::bytes(total)) } else { String::new() };
            let (files, all) = (text::count(progress.done), text::count(progress.total));
            bar.set_message(format!("{files}/{all} {unit}{bytes}  {agent}"));
        } else {
            bar.set_message(format!("{} {unit}  {agent}", text::count(progress.done)));
        }
    }

    fn close(self) {
        for bar in self.running.values() {
            bar.finish_and_clear();
        }
        self.whole.finish_and_clear();
    }
}

/// Columns below which a bar is short.
const NARROW: usize = 80;

// A line never wraps, also when the terminal is made narrower: the message is last, and is cut to what is left.
const SPIN: &str = "{spinner:.blue} {prefix}  {elapsed:.dim}  {wide_msg:.dim}";
const BAR: &str = "{spinner:.blue} {prefix}  {bar:20.blue/dim}  {elapsed:.dim}  {wide_msg:.dim}";
const SHORT_BAR: &str = "{spinner:.blue} {prefix}  {bar:8.blue/dim}  {elapsed:.dim}  {wide_msg:.dim}";
const WHOLE: &str = "{msg:.dim}  {pos}/{len} steps  {elapsed:.dim}";

fn style(template: &str, paint: Paint) -> ProgressStyle {
    let plain = if paint.on() {
        template.to_owned()
    } else {
        template.replace(".blue/dim", "").replace(":.blue", "").replace(":.dim", "")
    };
    ProgressStyle::with_template(&plain)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .tick_chars(SPINNER)
        .progress_chars("━╸─")
}
