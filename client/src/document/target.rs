//! Where `--output` leads: a file, which is replaced in one go, or what is written to as it is: a pipe, a device, or a stream
//! that this process was born with.

use std::{
    fs::{File, Metadata, OpenOptions, Permissions},
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io::{self, Write},
    os::{
        fd::{AsFd, OwnedFd, RawFd},
        unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use agentd_proto::rendezvous::{is_stored, state_dir};
use rustix::{
    fs::{OFlags, fcntl_getfl},
    io::Errno,
};
use tokio::sync::oneshot;

use crate::{env::Variables, error::Error};

#[cfg(test)]
mod tests;

/// Names of temporary files that may be taken before that is an error.
const NAMES_TRIED: u32 = 8;

/// Links that a name may lead through; systems follow no more.
const LINKS: usize = 40;

/// The name of standard output.
const OUTPUT: &str = "/dev/stdout";

/// Folders in which a process finds what it has open, by number.
const OPENED: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/proc/thread-self/fd"];

/// Where a document is to be written.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Standard output, as it would be written to without a name: a reader that goes away is no fault.
    Output(File),
    /// Another stream of this process: written on where it stands, also if it is a file.
    Stream(File),
    /// A stream of another process: opened.
    Foreign,
    /// Whatever stands there when it is written.
    Named,
}

impl Target {
    /// Finds out before any work is done whether something can be written at `path`; `-` is standard output. What is stored in the
    /// state folder that `variable` gives is written by its daemon alone.
    pub(crate) fn check(path: PathBuf, variable: Variables<'_>) -> Result<Self, Error> {
        let path = if path.as_os_str() == "-" { OUTPUT.into() } else { path };
        let kind = match opened(&path) {
            Some(Opened::Here(1)) => Kind::Output(inherited(1).map_err(|error| refusal(error, &path))?),
            Some(Opened::Here(number)) => Kind::Stream(inherited(number).map_err(|error| refusal(error, &path))?),
            Some(Opened::Elsewhere) => Kind::Foreign,
            None => Kind::Named,
        };
        if path.is_dir() {
            return Err(Error::usage(format!("{} is a folder", path.display()), "name a file: --output report.md"));
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            let hint = format!("make it: mkdir -p {}", folder.display());
            return Err(Error::usage(format!("there is no folder {}", folder.display()), hint));
        }
        if matches!(kind, Kind::Named) {
            if state_dir(variable).is_ok_and(|state| is_stored(&state, &path)) {
                let message = format!("{} is where agentd keeps its journal", path.display());
                return Err(Error::usage(message, "name a file somewhere else: --output report.md"));
            }
            let _writable = look(&path).map_err(Error::file("write", &path))?;
        }
        Ok(Self { path, kind })
    }

    /// As it was named.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes. A file in one go: a reader sees the old content or the new one, never half. Links are followed, and mode, owner
    /// and group stay; another name of the file (a hard link) keeps the old content. Where they cannot stay, since the file
    /// is somebody else's, or where nothing can be made beside it, it is written over in place. A reader of a pipe may let this
    /// wait for ever; whoever drops it is free.
    pub(crate) async fn write(self, content: Vec<u8>) -> Result<(), Error> {
        let Self { path, kind } = self;
        let found = match kind {
            Kind::Output(stream) => {
                let written = aside(move || (&stream).write_all(&content)).await;
                return written.map_err(Error::Output);
            }
            Kind::Stream(stream) => {
                let written = aside(move || (&stream).write_all(&content)).await;
                return written.map_err(Error::file("write", path));
            }
            Kind::Foreign => Ok(Found::Other),
            Kind::Named => look(&path),
        };
        let written = match found {
            Ok(Found::Other) => {
                let path = path.clone();
                aside(move || append(&path, &content)).await
            }
            Ok(Found::Nothing) => replace(&path, None, &content),
            Ok(Found::File(old)) => replace(&path, Some(&old), &content),
            Err(error) => Err(error),
        };
        written.map_err(Error::file("write", path))
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Something that is open already.
#[derive(Debug, PartialEq)]
enum Opened {
    /// In this process, with this number.
    Here(RawFd),
    /// In another one.
    Elsewhere,
}

/// What is open and has this name, perhaps through links, as `/dev/stdout` is one.
fn opened(path: &Path) -> Option<Opened> {
    let own: Vec<PathBuf> = OPENED.iter().filter_map(|folder| Path::new(folder).canonicalize().ok()).collect();
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let folder = folder_of(&path).canonicalize().ok()?;
        if own.contains(&folder) {
            return path.file_name()?.to_str()?.parse().ok().map(Opened::Here);
        }
        if folder.starts_with("/proc") {
            return Some(Opened::Elsewhere);
        }
        path = folder.join(path.read_link().ok()?);
    }
    None
}

/// Another descriptor of the same opening: whoever else has it goes on behind what is written here. On Linux its name would
/// not do, since that opens the file anew, at its beginning.
fn inherited(number: RawFd) -> io::Result<File> {
    let descriptor = match number {
        0 => io::stdin().as_fd().try_clone_to_owned()?,
        1 => io::stdout().as_fd().try_clone_to_owned()?,
        2 => io::stderr().as_fd().try_clone_to_owned()?,
        _ => duplicate(number)?,
    };
    if fcntl_getfl(&descriptor)? & OFlags::RWMODE == OFlags::RDONLY {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let stream = File::from(descriptor);
    let kind = stream.metadata()?.file_type();
    // Sockets and what else a number may name are of this program's own making.
    if number > 2 && !(kind.is_file() || kind.is_fifo() || kind.is_char_device()) {
        return Err(Errno::BADF.into());
    }
    Ok(stream)
}

#[cfg(target_os = "linux")]
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
    Ok(pidfd_getfd(pidfd_open(getpid(), PidfdFlags::empty())?, number, PidfdGetfdFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    // Opening the name is just that here.
    OpenOptions::new().write(true).open(format!("/dev/fd/{number}")).map(Into::into)
}

/// An old kernel, or one that forbids it to a container, hands out no second descriptor.
fn refusal(error: io::Error, path: &Path) -> Error {
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::NOSYS) => Error::usage(
            format!("{} cannot be written to on this system ({error})", path.display()),
            "let the shell send it there: --output /dev/stdout >&N",
        ),
        _ => Error::file("write", path)(error),
    }
}

/// What stands at a path.
#[derive(Debug)]
enum Found {
    Nothing,
    /// A file, which gives way to a new one.
    File(Box<Old>),
    /// Anything that is opened to be written to. A link without its file is, too: that makes the file.
    Other,
}

fn look(path: &Path) -> io::Result<Found> {
    let found = match path.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(if path.is_symlink() { Found::Other } else { Found::Nothing });
        }
        found => found?,
    };
    if !found.is_file() {
        return Ok(Found::Other);
    }
    if found.permissions().readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    // Asks the system whether this user may write to it; nothing is.
    let file = OpenOptions::new().append(true).open(path)?;
    Ok(Found::File(Box::new(Old { is: file.metadata()?, real: path.canonicalize()?, file })))
}

/// A file that is there.
#[derive(Debug)]
struct Old {
    /// Behind all links.
    real: PathBuf,
    /// Open at its end.
    file: File,
    is: Metadata,
}

impl Old {
    fn mode(&self) -> u32 {
        self.is.mode() & 0o777
    }

    /// Gives a new file the owner, the group and the mode of this one.
    fn pass_on(&self, new: &File) -> io::Result<()> {
        let made = new.metadata()?;
        if (made.uid(), made.gid()) != (self.is.uid(), self.is.gid()) {
            // Only root gives files away, and a group has to be one of this user's.
            fchown(new, Some(self.is.uid()), Some(self.is.gid()))?;
        }
        if made.mode() & 0o7777 != self.mode() {
            new.set_permissions(Permissions::from_mode(self.mode()))?;
        }
        Ok(())
    }

    fn write_over(&self, content: &[u8]) -> io::Result<()> {
        self.file.set_len(0)?;
        (&self.file).write_all(content)
    }
}

fn replace(path: &Path, old: Option<&Old>, content: &[u8]) -> io::Result<()> {
    let Some(old) = old else { return Temporary::beside(path, 0o666)?.put(path, content) };
    match Temporary::beside(&old.real, old.mode()) {
        Ok(new) if old.pass_on(&new.file).is_ok() => new.put(&old.real, content),
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => old.write_over(content),
    }
}

/// A new file, which is gone again if it does not get its name.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    /// Nobody can know its name beforehand, and what stands there already, a link too, is never opened: the folder may be one
    /// that others write to.
    fn beside(path: &Path, mode: u32) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(format!(".{:016x}.tmp", RandomState::new().build_hasher().finish()));
            let path = path.with_file_name(name);
            match OpenOptions::new().write(true).create_new(true).mode(mode).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < NAMES_TRIED => tries += 1,
                made => return made.map(|file| Self { path, file }),
            }
        }
    }

    fn put(mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content)?;
        std::fs::rename(&self.path, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // One that got its name is no longer at this one, which nobody else knows.
        let _renamed = std::fs::remove_file(&self.path);
    }
}

fn append(path: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().append(true).create(!path.exists()).open(path)?.write_all(content)
}

/// Does what may wait for a reader on a thread that nobody waits for: it ends with the process.
#[expect(clippy::disallowed_methods, reason = "the client cannot depend on host; its only runtime may not block")]
async fn aside(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    let (told, end) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        // Who asked may have left.
        let _left = told.send(work());
    })?;
    end.await.unwrap_or_else(|_| Err(io::Error::other("the writing broke off")))
}
