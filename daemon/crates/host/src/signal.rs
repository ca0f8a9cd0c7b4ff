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

/// The stream of requests to stop. Once it exists, these signals no longer end the process by themselves. A SIGHUP that was
/// ignored from the start (`nohup`) stays ignored.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl StopSignals {
    /// Starts to listen. Needs a runtime with descriptors enabled.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        let hangup = if sys::ignores_hangup()? { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())?, hangup })
    }

    /// Waits for the next request. Signals of one kind that come at once count once.
    pub async fn next(&mut self) -> StopSignal {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = hangup => StopSignal::Hangup,
        }
    }
}
