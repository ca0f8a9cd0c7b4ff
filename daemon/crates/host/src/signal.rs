//! Requests to stop, as signals.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGTERM: from launchd, systemd or `agentd-cli stop`.
    Terminate,
    /// SIGINT: from a keyboard.
    Interrupt,
}

/// The stream of requests to stop. Once it exists, these signals no longer end the process by themselves.
#[derive(Debug)]
pub struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    /// Starts to listen. Needs a runtime with descriptors enabled.
    ///
    /// # Errors
    /// The system refuses the handler.
    pub fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next request. Signals of one kind that come at once count once.
    pub async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = self.interrupt.recv() => StopSignal::Interrupt,
        }
    }
}
