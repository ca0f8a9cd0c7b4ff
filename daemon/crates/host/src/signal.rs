//! Requests to stop, as signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::sys;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM: from launchd, systemd or `agentd-cli stop`.
    Terminate,
    /// SIGINT: from a keyboard.
    Interrupt,
    /// SIGHUP: the terminal that a daemon runs in was closed.
    Hangup,
}

/// The stream of requests to stop. Once it exists, these signals no longer end the process by themselves. A SIGHUP or SIGINT
/// that was ignored from the start (`nohup`, `&` in a script) stays ignored: it is meant for others. A SIGTERM never is: it is
/// the last way to say it, and whoever says it means this process.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Option<Signal>,
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Starts to listen. Needs a runtime with descriptors enabled.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { terminate, interrupt: heeded(SignalKind::interrupt())?, hangup: heeded(SignalKind::hangup())? })
    }

    /// Waits for the next request. Signals of one kind that come at once count once.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            () = received(&mut self.interrupt) => StopSignal::Interrupt,
            () = received(&mut self.hangup) => StopSignal::Hangup,
        }
    }
}

/// `None` if it is ignored.
fn heeded(kind: SignalKind) -> io::Result<Option<Signal>> {
    if sys::ignores(kind.as_raw_value())? { Ok(None) } else { signal(kind).map(Some) }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            let _ = signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "what is ignored belongs to a whole process, so the test has others")]

    use std::process::Command;

    use super::*;
    use crate::current_thread_runtime;

    const PART: &str = "AGENTD_TEST_IGNORES";

    /// Sends this process all of them; it ends if one is neither ignored nor heard.
    fn heard() -> Vec<StopSignal> {
        current_thread_runtime().unwrap().block_on(async {
            let mut signals = StopSignals::new().unwrap();
            // SIGTERM comes last, and its number is the highest.
            for name in ["HUP", "INT", "TERM"] {
                let pid = std::process::id().to_string();
                assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
            }
            let mut heard = vec![signals.next().await];
            loop {
                tokio::select! {
                    biased;
                    signal = signals.next() => heard.push(signal),
                    () = std::future::ready(()) => return heard,
                }
            }
        })
    }

    #[test]
    fn what_was_ignored_from_the_start_stays_so_but_for_sigterm() {
        if std::env::var_os(PART).is_some() {
            assert_eq!(heard(), [StopSignal::Terminate]);
            return;
        }
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "trap '' HUP INT TERM; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        shell.args(["signal::tests::what_was_ignored_from_the_start_stays_so_but_for_sigterm", "--exact"]);
        let output = shell.env(PART, "").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    }
}
