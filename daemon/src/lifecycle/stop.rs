//! The order in which the daemon stops. Nothing that was acknowledged depends on it: a kill at any moment loses no task.

use std::{future::Future, time::Duration};

use crate::Error;

/// Longest time that running steps get to end by themselves.
pub const LONGEST_GRACE: Duration = Duration::from_millis(3_000);

/// How long answers that are under way may take to reach slow clients.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The whole stop; launchd kills after about 20 s, and a person does not wait that long either.
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

/// Stops in order. When `hurry` is ready (a second signal), everything but the flush is skipped.
///
/// # Errors
/// What [`Stages::flush`] says, or [`Error::StopTooLong`].
pub async fn in_order(stages: &mut impl Stages, grace: Duration, hurry: impl Future<Output = ()>) -> Result<(), Error> {
    stages.close_door();
    let stop = async {
        tokio::select! {
            biased;
            () = hurry => tracing::warn!("told to stop again: running steps are left to the next start"),
            () = calmly(stages, grace) => {}
        }
        stages.end_streams();
        stages.flush().await
    };
    let outcome = tokio::time::timeout(HARD_LIMIT, stop).await;
    outcome.unwrap_or_else(|_| Err(Error::StopTooLong(HARD_LIMIT.as_secs())))
}

async fn calmly(stages: &mut impl Stages, grace: Duration) {
    stages.drain(grace.min(LONGEST_GRACE)).await;
    stages.end_streams();
    if tokio::time::timeout(ANSWER_LIMIT, stages.answered()).await.is_err() {
        tracing::info!("some clients did not take their last answers");
    }
}

#[cfg(test)]
mod tests {
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
    async fn stages_come_in_order_and_the_grace_is_bounded() {
        let (seen, well, took) = stopped(&[], pending()).await;
        assert_eq!(seen, ["door", "grace 3000", "drain", "streams", "answered", "streams", "flush"]);
        assert!(well && took.is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn clients_that_do_not_listen_hold_nothing_up() {
        let (seen, well, took) = stopped(&["answered"], pending()).await;
        assert_eq!(seen.last().map(String::as_str), Some("flush"));
        assert!(well && took >= ANSWER_LIMIT && took < HARD_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_signal_jumps_to_the_flush() {
        let (seen, well, _) = stopped(&["drain"], ready(())).await;
        assert_eq!((seen, well), (vec!["door".into(), "streams".into(), "flush".into()], true));
        let later = tokio::time::sleep(Duration::from_millis(10));
        let (seen, well, took) = stopped(&["drain"], later).await;
        assert_eq!(seen, ["door", "grace 3000", "drain", "streams", "flush"]);
        assert!(well && took < ANSWER_LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_hangs_the_stop_ends() {
        for hangs in [&["drain"][..], &["flush"], &["drain", "answered", "flush"]] {
            let (_, well, took) = stopped(hangs, pending()).await;
            assert!(!well && took >= HARD_LIMIT, "{hangs:?}");
        }
    }
}
