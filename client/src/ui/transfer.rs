//! How far something is that is read or written from end to end: a bar on a terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::ui::Ui;

const BAR: &str = "{msg}  {bar:30}  {bytes}/{total_bytes}  {elapsed}";

/// A bar that is gone when this is.
#[derive(Debug)]
pub struct Transfer(Option<ProgressBar>);

impl Transfer {
    /// `what` is being done; the bar appears only if stderr is a terminal.
    #[must_use]
    pub fn new(ui: Ui, what: &'static str) -> Self {
        let draws = ui.err.redraws && !ui.quiet && !ui.json;
        Self(draws.then(|| {
            let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_message(what);
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.with_style(style.progress_chars("━╸─"))
        }))
    }

    /// So many bytes are done, of so many.
    pub fn at(&self, done: u64, total: u64) {
        if let Some(bar) = &self.0 {
            bar.set_length(total);
            bar.set_position(done);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
