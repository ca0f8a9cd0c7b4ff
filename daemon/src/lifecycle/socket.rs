//! The socket: handed over by the service manager, or bound under the lock. Only what is certainly left over is removed,
//! and at the end only what is certainly ours.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

use super::lock::StateLock;
use crate::{
    Error, describe,
    sabotage::{Point, is},
};

/// A socket on which clients already may connect; they are answered once the server runs.
#[derive(Debug)]
pub struct Socket {
    /// Non-blocking; gone once the server has taken it.
    listener: Option<UnixListener>,
    path: PathBuf,
    /// Device and inode of the path, if we made it.
    own: Option<(u64, u64)>,
    /// The same of a socket that was handed over, as far as there was one at its path.
    held: Option<(u64, u64)>,
}

impl Socket {
    /// Takes a socket that the service manager opened. Its path is the service manager's and stays; that it is gone, as after its
    /// folder was taken away, is told.
    ///
    /// # Errors
    /// [`Error::Socket`].
    pub fn inherited(listener: UnixListener, configured: &Path) -> Result<Self, Error> {
        let path = listener.local_addr().ok().and_then(|address| address.as_pathname().map(Path::to_owned));
        let path = path.unwrap_or_else(|| configured.to_owned());
        let set = listener.set_nonblocking(true);
        set.map_err(|source| Error::Socket { path: path.clone(), source })?;
        let own = if is(Point::SocketInherited) { identity(&path) } else { None };
        let mut socket = Self { listener: Some(listener), path, own, held: None };
        if let Err(error) = socket.look_at_held() {
            tracing::warn!(error = describe(&error), "clients do not find the daemon");
        }
        Ok(socket)
    }

    /// Binds the socket. The lock shows that no other daemon of this state folder lives; whether one of another folder
    /// listens here is asked by connecting. Needs a runtime.
    ///
    /// # Errors
    /// [`Error::SocketTaken`] and [`Error::Socket`].
    pub async fn bind(path: &Path, _lock: &StateLock, own_uid: u32) -> Result<Self, Error> {
        remove_left_over(path, own_uid).await?;
        let fault = |source| Error::Socket { path: path.to_owned(), source };
        let listener = UnixListener::bind(path).map_err(fault)?;
        // The umask has kept others out since bind; this only takes away our own useless bits.
        if !is(Point::SocketMode) {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(fault)?;
        }
        listener.set_nonblocking(true).map_err(fault)?;
        let made = fs::symlink_metadata(path).map_err(fault)?;
        let own = Some((made.dev(), made.ino()));
        Ok(Self { listener: Some(listener), path: path.to_owned(), own, held: None })
    }

    /// Looks whether clients still find the socket, and binds it again if they do not; then there is a new listener to be
    /// taken. The old one goes on until it is dropped, its connections for as long as they like. One that was handed over is
    /// its holder's to bind.
    ///
    /// # Errors
    /// As [`bind`](Self::bind): something else is at the path, or its folder is gone. Another look may go better.
    /// [`Error::SocketAway`] for one that was handed over.
    pub async fn mend(&mut self, lock: &StateLock, own_uid: u32) -> Result<Option<UnixListener>, Error> {
        if self.own.is_none() {
            return self.look_at_held().map(|()| None);
        }
        if self.own == identity(&self.path) || is(Point::SocketGone) {
            return Ok(None);
        }
        if is(Point::SocketForeign) {
            let _ = fs::remove_file(&self.path);
        }
        let mut again = Self::bind(&self.path, lock, own_uid).await?;
        self.own = again.own.take(); // now it is not `again` that removes the path at the end
        tracing::warn!(path = %self.path.display(), "the socket was gone and is bound again");
        Ok(again.take_listener())
    }

    /// What was at the path at the first look that found a socket is the one that was handed over.
    fn look_at_held(&mut self) -> Result<(), Error> {
        let found = fs::symlink_metadata(&self.path).ok().filter(|found| found.file_type().is_socket());
        let found = found.map(|found| (found.dev(), found.ino()));
        self.held = self.held.or(found);
        if found.is_some() && found == self.held { Ok(()) } else { Err(Error::SocketAway { path: self.path.clone() }) }
    }

    /// Where clients connect.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the service manager keeps it.
    #[must_use]
    pub const fn is_inherited(&self) -> bool {
        self.own.is_none()
    }

    /// The listener, for the server; `None` if it was taken.
    pub const fn take_listener(&mut self) -> Option<UnixListener> {
        self.listener.take()
    }
}

impl Drop for Socket {
    /// Removes the path if it is still the socket that we made.
    fn drop(&mut self) {
        if self.own.is_some()
            && (self.own == identity(&self.path) || is(Point::SocketEnd))
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket could not be removed");
        }
    }
}

/// Device and inode of what is at a path.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

async fn remove_left_over(path: &Path, own_uid: u32) -> Result<(), Error> {
    let taken = |reason: String| Err(Error::SocketTaken { path: path.to_owned(), reason });
    let fault = |source| Error::Socket { path: path.to_owned(), source };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fault(error)),
    };
    if !found.file_type().is_socket() && !is(Point::SocketKind) {
        return taken("something that is no socket is there; move it away, or set AGENTD_SOCKET".to_owned());
    }
    if found.uid() != own_uid && !is(Point::SocketOwner) {
        return taken(format!(
            "a socket of user {} is there; set AGENTD_SOCKET to a path in a folder of yours",
            found.uid()
        ));
    }
    if is(Point::SocketAlive) {
        return fs::remove_file(path).map_err(fault);
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(fault),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Connected, or its queue is full: somebody listens.
        Ok(_) => taken("another program listens there; stop it, or set AGENTD_SOCKET".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            taken("another program listens there and is busy; stop it, or set AGENTD_SOCKET".to_owned())
        }
        Err(error) => Err(fault(error)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{future::Future, os::unix::net::UnixStream as StdStream};

    use super::{super::lock, *};

    fn run<F: Future>(future: F) -> F::Output {
        agentd_host::current_thread_runtime().unwrap().block_on(future)
    }

    struct Place {
        dir: tempfile::TempDir,
        lock: StateLock,
        uid: u32,
    }

    impl Place {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let (lock, uid) = (lock::take(dir.path()).unwrap(), dir.path().metadata().unwrap().uid());
            Self { dir, lock, uid }
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("agentd.sock")
        }

        fn bind(&self, uid: u32) -> Result<Socket, Error> {
            run(Socket::bind(&self.path(), &self.lock, uid))
        }
    }

    #[test]
    pub(crate) fn a_socket_is_private_and_goes_with_its_owner() {
        let place = Place::new();
        let mut socket = place.bind(place.uid).unwrap();
        assert_eq!(place.path().metadata().unwrap().mode() & 0o777, 0o600);
        assert!(socket.take_listener().is_some() && !socket.is_inherited());
        drop(socket);
        assert!(!place.path().exists());
    }

    #[test]
    fn a_left_over_socket_is_replaced() {
        let place = Place::new();
        drop(UnixListener::bind(place.path()).unwrap()); // as after a kill: the path stays, nobody listens
        assert!(place.path().exists());
        assert!(StdStream::connect(place.path()).is_err());
        let _socket = place.bind(place.uid).unwrap();
        assert!(StdStream::connect(place.path()).is_ok());
    }

    #[test]
    pub(crate) fn what_is_not_left_over_stays() {
        let place = Place::new();
        let taken = |uid: u32, part: &str| match place.bind(uid) {
            Err(error @ Error::SocketTaken { .. }) => assert!(error.to_string().contains(part), "{error}"),
            other => panic!("{part}: {other:?}"),
        };
        fs::write(place.path(), "data").unwrap();
        taken(place.uid, "no socket");
        assert_eq!(fs::read(place.path()).unwrap(), b"data");
        fs::remove_file(place.path()).unwrap();
        let _alive = UnixListener::bind(place.path()).unwrap();
        taken(place.uid, "another program listens");
        taken(place.uid + 1, "a socket of user");
        assert!(place.path().exists());
    }

    #[test]
    pub(crate) fn the_path_of_another_is_not_removed_at_the_end() {
        let place = Place::new();
        let socket = place.bind(place.uid).unwrap();
        let other = UnixListener::bind(place.dir.path().join("other")).unwrap();
        fs::rename(place.dir.path().join("other"), place.path()).unwrap();
        drop(socket);
        assert!(place.path().exists(), "another socket took the path in the meantime");
        let inherited = Socket::inherited(other, &place.path()).unwrap();
        assert!(inherited.is_inherited());
        drop(inherited);
        assert!(place.path().exists(), "the service manager's socket stays");
        let managed = place.dir.path().join("managed");
        drop(Socket::inherited(UnixListener::bind(&managed).unwrap(), &place.path()).unwrap());
        assert!(managed.exists(), "also where it was bound");
    }

    #[test]
    pub(crate) fn a_socket_that_vanished_is_bound_again_and_a_foreign_one_is_left() {
        let place = Place::new();
        let mut socket = place.bind(place.uid).unwrap();
        let old = socket.take_listener().unwrap();
        let mend = |socket: &mut Socket| run(socket.mend(&place.lock, place.uid));
        assert!(mend(&mut socket).unwrap().is_none(), "nothing has happened");
        fs::remove_file(place.path()).unwrap();
        let again = mend(&mut socket).unwrap().unwrap();
        assert!(StdStream::connect(place.path()).is_ok() && mend(&mut socket).unwrap().is_none());
        drop(old);
        // Another program takes the place: it is told, and not driven away.
        let other = UnixListener::bind(place.dir.path().join("other")).unwrap();
        fs::rename(place.dir.path().join("other"), place.path()).unwrap();
        assert!(matches!(mend(&mut socket), Err(Error::SocketTaken { .. })));
        drop(other);
        let last = mend(&mut socket).unwrap();
        assert!(last.is_some() && StdStream::connect(place.path()).is_ok(), "it left its path behind");
        drop((again, socket));
        assert!(!place.path().exists());
    }

    #[test]
    fn a_socket_that_was_handed_over_and_is_gone_is_told_until_it_is_back() {
        let place = Place::new();
        let (path, away) = (place.path(), place.dir.path().join("away"));
        let listener = || UnixListener::bind(&path).unwrap();
        let mut socket = Socket::inherited(listener(), &path).unwrap();
        let gone = |socket: &mut Socket| match run(socket.mend(&place.lock, place.uid)) {
            Ok(None) => false,
            Err(error @ Error::SocketAway { .. }) => {
                assert!(describe(&error).contains("agentd-cli service restart"), "{error}");
                true
            }
            other => panic!("{other:?}"),
        };
        assert!(!gone(&mut socket), "it is there");
        fs::rename(&path, &away).unwrap();
        assert!(gone(&mut socket) && !path.exists(), "its holder alone may bind it");
        let _other = listener();
        assert!(gone(&mut socket), "another one");
        fs::rename(&away, &path).unwrap();
        assert!(!gone(&mut socket), "put back");
        // It went with its folder before this daemon was started.
        let held = UnixListener::bind(place.dir.path().join("held")).unwrap();
        fs::rename(place.dir.path().join("held"), &away).unwrap();
        let mut socket = Socket::inherited(held, &path).unwrap();
        assert!(gone(&mut socket));
        fs::write(place.dir.path().join("held"), "no socket").unwrap();
        assert!(gone(&mut socket));
        fs::rename(&away, place.dir.path().join("held")).unwrap();
        assert!(!gone(&mut socket), "put back");
    }

    #[test]
    fn a_path_that_cannot_be_bound_is_named() {
        let place = Place::new();
        let long = place.dir.path().join("x".repeat(120));
        let error = run(Socket::bind(&long, &place.lock, place.uid)).unwrap_err();
        assert!(matches!(&error, Error::Socket { path, .. } if *path == long));
    }
}
