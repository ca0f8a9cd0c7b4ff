//! What the daemon must keep hold of while it serves, and the look that tells whether it still does.

use std::{convert::Infallible, os::unix::net::UnixListener, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    describe,
    lifecycle::{lock::StateLock, premises::Premises, socket::Socket},
};

/// The socket and the lock, and whoever is told what became of them.
pub(super) struct Hold {
    pub(super) socket: Socket,
    pub(super) lock: StateLock,
    pub(super) premises: Arc<Premises>,
    pub(super) own_uid: u32,
    /// The longest time between two looks.
    pub(super) every: Duration,
    /// Where the server takes a new listener.
    pub(super) listeners: mpsc::Sender<UnixListener>,
}

impl Hold {
    /// Looks from time to time, and when somebody submits.
    pub(super) async fn watch(&mut self) -> Infallible {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = self.premises.look.notified() => {}
            }
            self.look().await;
        }
    }

    async fn look(&mut self) {
        if let Err(lost) = self.lock.look() {
            // What is at the paths may be another daemon's: nothing is made there.
            return self.premises.note(Some(lost), None);
        }
        let socket = match self.socket.mend(&self.lock, self.own_uid).await {
            Ok(None) => None,
            Ok(Some(listener)) => {
                drop(self.listeners.send(listener).await); // no server: the stop has begun
                None
            }
            Err(error) => Some(format!("clients do not find the daemon: {}", describe(&error))),
        };
        self.premises.note(None, socket);
    }
}
