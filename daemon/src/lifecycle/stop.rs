//! The order in which the daemon stops. Nothing that was acknowledged depends on it: a kill at any moment loses no task.

use std::{future::Future, time::Duration};

use agentd_proto::limits::MAX_GRACE_MS;

use crate::{
    Error,
    sabotage::{Point, is},
};

/// Longest time that running steps get to end by themselves.
pub const LONGEST_GRACE: Duration = Duration::from_millis(MAX_GRACE_MS as u64);

/// How long answers that are under way may take to reach their clients. They are on this machine, so whoever reads at all has
/// read by then; one that was stopped (Ctrl-Z) in the middle of a watch never will.
pub const ANSWER_LIMIT: Duration = Duration::from_millis(400);

/// How long the suspending of what still runs may take beyond the grace. It is one sync: a disk that takes longer does not
/// answer, and then the flush is tried without it.
pub const SUSPEND_LIMIT: Duration = Duration::from_secs(2);

/// The whole stop. The job file asks launchd for 30 s, since its own limit may be no more than 5; and a person does not wait
/// that long either.
pub const HARD_LIMIT: Duration = Duration::from_secs(10);

/// What a stop consists of, in order. The daemon implements it, and tests that watch the order.
pub trait Stages {
    /// Takes no new connections and says so to whoever asks for health. Calls on open connections are still answered.
    fn close_door(&mut self);
    /// Refuses new tasks at once, lets running steps end within `grace`, suspends the others durably.
    fn drain(&mut self, grace: Duration) -> impl Future<Output = ()>;
    /// Ends watches with their final cursor and tells clients to go. More than once is harmless.
    fn end_streams(&mut self);
    /// Returns when the last call is answered.
    fn answered(&mut self) -> impl Future<Output = ()>;
    /// Writes what is left, closes the journal as cleanly stopped, ends the threads.
    fn flush(&mut self) -> impl Future<Output = Result<(), Error>>;
}

/// Stops in order. When `hurry` is ready (a second signal), running steps get no more time and clients are not waited for;
/// what is in flight is suspended all the same, since a stop without a record looks like a crash to the next start.
///
/// # Errors
/// What [`Stages::flush`] says, or [`Error::StopTooLong`].
pub async fn in_order(stages: &mut impl Stages, grace: Duration, hurry: impl Future<Output = ()>) -> Result<(), Error> {
    if !is(Point::StopDoor) {
        stages.close_door();
    }
    let stop = async {
        if is(Point::StopOrder) {
            stages.flush().await?;
        }
        tokio::select! {
            biased;
            () = hurry => {
                tracing::warn!("told to stop again: running steps get no more time");
                if !is(Point::StopHurry) {
                    suspended(stages, Duration::ZERO).await;
                }
            }
            () = calmly(stages, grace) => {}
        }
        end_streams(stages);
        if is(Point::StopFlush) { Ok(()) } else { stages.flush().await }
    };
    let outcome = tokio::time::timeout(unless(Point::StopLimit, HARD_LIMIT), stop).await;
    outcome.unwrap_or_else(|_| Err(Error::StopTooLong(HARD_LIMIT.as_secs())))
}

async fn calmly(stages: &mut impl Stages, grace: Duration) {
    suspended(stages, grace.min(unless(Point::StopGrace, LONGEST_GRACE))).await;
    end_streams(stages);
    if tokio::time::timeout(unless(Point::StopAnswers, ANSWER_LIMIT), stages.answered()).await.is_err() {
        tracing::info!("some clients did not take their last answers");
    }
}

fn end_streams(stages: &mut impl Stages) {
    if !is(Point::StopStreams) {
        stages.end_streams();
    }
}

/// The limit, or one that no stop reaches if a switch leaves it out.
fn unless(point: Point, limit: Duration) -> Duration {
    if is(point) { limit * 1_000 } else { limit }
}

async fn suspended(stages: &mut impl Stages, grace: Duration) {
    if is(Point::StopDrain) {
        return;
    }
    let limit = grace + unless(Point::StopSuspend, SUSPEND_LIMIT);
    if tokio::time::timeout(limit, stages.drain(grace)).await.is_err() {
        tracing::error!("running steps could not be suspended in time; the next start takes this stop for a crash");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::disallowed_methods, reason = "tests with a clock of their own need tokio's test runtime")]

    use std::future::{pending, ready};

    use super::*;

    /// Writes down what happens. A stage that hangs never ends by itself.
    #[derive(Default)]
    struct Recorder {
        seen: Vec<String>,
        hangs: &'static [&'static str],
    }

    impl Recorder {
        async fn stage(&mut self, name: &str) {
            self.seen.push(name.to_owned());
            if self.hangs.contains(&name) {
                pending::<()>().await;
            }
        }
    }

    impl Stages for Recorder {
        fn close_door(&mut self) {
            self.seen.push("door".to_owned());
        }
        async fn drain(&mut self, grace: Duration) {
            self.seen.push(format!("grace {}", grace.as_millis()));
            self.stage("drain").await;
        }
        fn end_streams(&mut self) {
            self.seen.push("streams".to_owned());
        }
        async fn answered(&mut self) {
            self.stage("answered").await;
        }
        async fn flush(&mut self) -> Result<(), Error> {
            self.stage("flush").await;
            Ok(())
        }
    }

    async fn stopped(hangs: &'static [&'static str], hurry: impl Future<Output = ()>) -> (Vec<String>, bool, Duration) {
        let mut recorder = Recorder { hangs, ..Recorder::default() };
        let start = tokio::time::Instant::now();
        let outcome = in_order(&mut recorder, Duration::from_secs(60), hurry).await;
        (recorder.seen, outcome.is_ok(), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    pub(crate) async fn stages_come_in_order_and_the_grace_is_bounded() {
        let (seen, well, took) = stopped(&[], pending()).await;
        assert_eq!(seen, ["door", "grace 3000", "drain", "streams", "answered", "streams", "flush"]);
        assert!(well && took.is_zero());
    }

    #[tokio::test(start_paused = true)]
    pub(crate) async fn clients_that_do_not_listen_hold_nothing_up() {
        let (seen, well, took) = stopped(&["answered"], pending()).await;
        assert_eq!(seen.last().map(String::as_str), Some("flush"));
        assert!(well && took >= ANSWER_LIMIT && took < HARD_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    pub(crate) async fn a_second_signal_suspends_at_once_and_flushes() {
        let (seen, well, took) = stopped(&[], ready(())).await;
        assert_eq!(seen, ["door", "grace 0", "drain", "streams", "flush"]);
        assert!(well && took.is_zero());
        let later = tokio::time::sleep(Duration::from_millis(10));
        let (seen, well, took) = stopped(&["answered"], later).await;
        assert_eq!(
            seen,
            ["door", "grace 3000", "drain", "streams", "answered", "grace 0", "drain", "streams", "flush"]
        );
        assert!(well && took < ANSWER_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    pub(crate) async fn what_cannot_be_suspended_is_flushed_without_it() {
        for hurry in [Duration::ZERO, Duration::from_secs(60)] {
            let (seen, well, took) = stopped(&["drain"], tokio::time::sleep(hurry)).await;
            assert_eq!(seen.last().map(String::as_str), Some("flush"));
            assert!(well && took >= SUSPEND_LIMIT && took < HARD_LIMIT, "{hurry:?}: {took:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    pub(crate) async fn whatever_hangs_the_stop_ends() {
        for hangs in [&["flush"][..], &["drain", "answered", "flush"]] {
            let (_, well, took) = stopped(hangs, pending()).await;
            assert!(!well && took >= HARD_LIMIT && took < HARD_LIMIT * 2, "{hangs:?}: {took:?}");
        }
    }
}
