//! What the daemon must keep hold of while it serves, and the look that tells whether it still does.

use std::{os::unix::net::UnixListener, sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{
    describe,
    lifecycle::{
        lock::{Loss, StateLock},
        premises::Premises,
        socket::Socket,
    },
    sabotage::{Point, is},
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
    /// Looks from time to time, and when somebody submits, until the state folder is gone: answers what became of it.
    pub(super) async fn watch(&mut self) -> String {
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.every) => {}
                () = self.premises.look.notified() => {}
            }
            if let Err(gone) = self.look().await {
                return gone;
            }
        }
    }

    async fn look(&mut self) -> Result<(), String> {
        match self.lock.look() {
            // What is at the paths may be another daemon's: nothing is made there.
            Err(Loss::Folder(gone)) if !is(Point::HoldLost) => return Err(gone),
            Err(Loss::Doubt(lost)) if !is(Point::HoldLost) => {
                self.premises.note(Some(lost), None);
                return Ok(());
            }
            _ => {}
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
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        fs,
        os::unix::{fs::MetadataExt as _, net::UnixStream},
        path::PathBuf,
    };

    use agentd_host::SystemClock;

    use super::*;
    use crate::{config::Watermarks, lifecycle::lock};

    /// A state folder, what a daemon holds of it, and where a server would take new listeners.
    struct Place {
        state: PathBuf,
        hold: Hold,
        next: mpsc::Receiver<UnixListener>,
        _dir: tempfile::TempDir,
    }

    impl Place {
        async fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let state = dir.path().join("state");
            fs::create_dir(&state).unwrap();
            let own_uid = state.metadata().unwrap().uid();
            let lock = lock::take(&state).unwrap();
            let mut socket = Socket::bind(&state.join("agentd.sock"), &lock, own_uid).await.unwrap();
            drop(socket.take_listener());
            let marks = Watermarks { low_percent: 0, low_bytes: 0, critical_bytes: 0 };
            let clock = Arc::new(SystemClock);
            let premises = Arc::new(Premises::new(state.clone(), marks, clock, agentd_host::disk_space));
            let (listeners, next) = mpsc::channel(1);
            let every = Duration::from_secs(3_600);
            Self { state, hold: Hold { socket, lock, premises, own_uid, every, listeners }, next, _dir: dir }
        }

        fn refusal(&self) -> Option<String> {
            self.hold.premises.refusal().map(|refusal| refusal.to_string())
        }
    }

    fn run<F: Future>(future: F) -> F::Output {
        agentd_host::current_thread_runtime().unwrap().block_on(future)
    }

    #[test]
    pub(crate) fn nothing_is_made_where_another_daemon_may_be_at_home() {
        run(async {
            let mut place = Place::new().await;
            let away = place.state.with_file_name("away");
            fs::rename(&place.state, &away).unwrap();
            fs::create_dir(&place.state).unwrap();
            let gone = place.hold.look().await.unwrap_err();
            assert_eq!(fs::read_dir(&place.state).unwrap().count(), 0, "it is another folder");
            assert!(gone.contains("something else stands"), "{gone}");
            fs::remove_dir(&place.state).unwrap();
            fs::rename(&away, &place.state).unwrap();
            fs::remove_file(place.state.join("agentd.lock")).unwrap();
            let other = lock::take(&place.state).unwrap();
            fs::remove_file(place.state.join("agentd.sock")).unwrap();
            place.hold.look().await.unwrap();
            assert!(place.refusal().is_some_and(|why| why.contains("another daemon")), "{:?}", place.refusal());
            assert!(!place.state.join("agentd.sock").exists(), "it may be another daemon's");
            drop(other);
            place.hold.look().await.unwrap();
            assert_eq!(place.refusal(), None, "the other one has gone");
        });
    }

    #[test]
    pub(crate) fn a_socket_that_was_deleted_is_bound_again() {
        run(async {
            let mut place = Place::new().await;
            let path = place.state.join("agentd.sock");
            place.hold.look().await.unwrap();
            assert!(place.next.try_recv().is_err(), "nothing has happened");
            fs::remove_file(&path).unwrap();
            place.hold.look().await.unwrap();
            let _listener = place.next.try_recv().expect("the server is given a new one");
            assert!(UnixStream::connect(&path).is_ok());
            assert!(place.hold.premises.warnings().is_empty());
        });
    }
}
