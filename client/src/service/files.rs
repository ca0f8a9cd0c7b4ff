//! The files of a service: where they are, what stands in them, and how they are written so that nobody ever reads half.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{
    fault::Fault,
    job::{Installed, Job, LABEL, Place, unmarked},
    manager::Kind,
    plist, units,
};
use crate::error::Error;

/// Longest service file that is read, in bytes.
const LONGEST: u64 = 256 << 10;

/// The service files of one manager at one place.
#[derive(Debug, Clone)]
pub struct Files {
    kind: Kind,
    /// The file that starts the daemon comes first.
    paths: Vec<PathBuf>,
    /// Links that systemd makes for enabled units.
    links: Vec<PathBuf>,
}

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A whole service of ours.
    Ours(Installed),
    /// Some of our files; these are missing.
    Half(Option<Installed>, Vec<PathBuf>),
    /// A file of somebody else.
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is.
        why: String,
    },
}

impl Found {
    /// What our files say, if they do.
    #[must_use]
    pub const fn installed(&self) -> Option<&Installed> {
        match self {
            Self::Ours(installed) | Self::Half(Some(installed), _) => Some(installed),
            Self::Nothing | Self::Half(None, _) | Self::Foreign { .. } => None,
        }
    }
}

impl Files {
    /// Where this manager looks for the files of this user.
    #[must_use]
    pub fn of(kind: Kind, place: &Place) -> Self {
        match kind {
            Kind::Launchd => {
                let path = place.user_home.join("Library/LaunchAgents").join(format!("{LABEL}.plist"));
                Self { kind, paths: vec![path], links: Vec::new() }
            }
            Kind::Systemd => {
                let folder = place.config_home.join("systemd/user");
                let links = vec![
                    folder.join("default.target.wants").join(units::SERVICE),
                    folder.join("sockets.target.wants").join(units::SOCKET),
                ];
                Self { kind, paths: vec![folder.join(units::SERVICE), folder.join(units::SOCKET)], links }
            }
        }
    }

    /// The paths, the one that starts the daemon first.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// What each file is to hold, in the order of [`paths`](Self::paths).
    ///
    /// # Errors
    /// [`Fault::Render`].
    pub fn contents(&self, job: &Job) -> Result<Vec<String>, Fault> {
        match self.kind {
            Kind::Launchd => Ok(vec![plist::render(job)?]),
            Kind::Systemd => Ok(vec![units::service(job), units::socket(job)]),
        }
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn find(&self) -> Result<Found, Error> {
        let mut contents = Vec::new();
        for path in &self.paths {
            contents.push(read(path)?);
        }
        let missing: Vec<PathBuf> = self
            .paths
            .iter()
            .zip(&contents)
            .filter(|(_, content)| content.is_none())
            .map(|(path, _)| path.clone())
            .collect();
        if missing.len() == self.paths.len() {
            return Ok(Found::Nothing);
        }
        let Some(main) = &contents[0] else {
            // A socket without its service starts nothing; whose it is tells its mark.
            let mut texts = contents.iter().flatten().map(|bytes| String::from_utf8_lossy(bytes));
            let marked = texts.any(|text| super::job::marked_version(&text).is_some());
            let (path, why) = (self.paths[self.paths.len() - 1].clone(), "it does not bear our mark".to_owned());
            return Ok(if marked { Found::Half(None, missing) } else { Found::Foreign { path, why } });
        };
        // A socket of somebody else is not ours because a service of ours stands beside it.
        if let Some(Some(socket)) = contents.get(1)
            && super::job::marked_version(&String::from_utf8_lossy(socket)).is_none()
        {
            let why = "it does not bear our mark".to_owned();
            return Ok(Found::Foreign { path: self.paths[1].clone(), why });
        }
        let said = match self.kind {
            Kind::Launchd => plist::read(main),
            Kind::Systemd => {
                let socket =
                    contents.get(1).cloned().flatten().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                units::read(&String::from_utf8_lossy(main), socket.as_deref())
            }
        };
        Ok(match said {
            Err(why) => Found::Foreign { path: self.paths[0].clone(), why },
            Ok(installed) if missing.is_empty() => Found::Ours(installed),
            Ok(installed) => Found::Half(Some(installed), missing),
        })
    }

    /// Whether exactly this stands there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn hold(&self, contents: &[String]) -> Result<bool, Error> {
        for (path, content) in self.paths.iter().zip(contents) {
            if read(path)?.as_deref() != Some(content.as_bytes()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether what stands there describes the same job, whichever version wrote it.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn are_like(&self, contents: &[String]) -> Result<bool, Error> {
        for (path, content) in self.paths.iter().zip(contents) {
            let found = read(path)?.map(|bytes| unmarked(&String::from_utf8_lossy(&bytes)));
            if found != Some(unmarked(content)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes all files, each in one go, mode 0644: launchd refuses what others may write.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self, contents: &[String]) -> Result<(), Error> {
        for (path, content) in self.paths.iter().zip(contents) {
            replace(path, content.as_bytes()).map_err(Error::file("write", path))?;
        }
        Ok(())
    }

    /// Sets what is there aside under names that no manager reads. Returns those.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn set_aside(&self) -> Result<Vec<PathBuf>, Error> {
        let mut kept = Vec::new();
        for path in self.paths.iter().filter(|path| path.symlink_metadata().is_ok()) {
            let free = (1..).map(|number| {
                let mut name = path.clone().into_os_string();
                name.push(format!(".replaced-{number}"));
                PathBuf::from(name)
            });
            let free = free.into_iter().find(|path| path.symlink_metadata().is_err());
            let copy = free.expect("numbers do not run out");
            fs::rename(path, &copy).map_err(Error::file("set aside", path))?;
            kept.push(copy);
        }
        Ok(kept)
    }

    /// Removes all files and links. Missing ones are no fault.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn remove(&self) -> Result<(), Error> {
        for path in &self.paths {
            remove(path)?;
        }
        for link in self.links.iter().filter(|link| link.symlink_metadata().is_ok_and(|found| found.is_symlink())) {
            remove(link)?;
        }
        Ok(())
    }
}

/// Makes the folders that the service needs before its first start: neither manager makes them as the daemon wants them.
///
/// # Errors
/// [`Error::File`].
pub fn prepare_state(place: &Place) -> Result<(), Error> {
    let logs = place.logs();
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&logs).map_err(Error::file("make the folder", logs))
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", path)(error)),
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(found) if found.len() > LONGEST || !found.is_file() => return Ok(Some(Vec::new())),
        _ => {}
    }
    fs::read(path).map(Some).map_err(Error::file("read", path))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A name that no manager reads, and that no other client of this moment has.
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let _left_behind = fs::remove_file(&temporary);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&temporary).and_then(|mut file| {
        fs::set_permissions(&temporary, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.write_all(content)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&temporary, path));
    if done.is_err() {
        let _left_behind = fs::remove_file(&temporary);
    }
    done
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{super::job::samples, *};

    fn at(folder: &Path) -> Place {
        Place {
            user_home: folder.to_owned(),
            config_home: folder.join("c"),
            state_dir: folder.join(".agentd"),
            ..samples::place()
        }
    }

    #[test]
    fn files_are_written_whole_found_again_and_removed() {
        for kind in [Kind::Launchd, Kind::Systemd] {
            let folder = tempfile::tempdir().unwrap();
            let place = at(folder.path());
            let files = Files::of(kind, &place);
            assert_eq!(files.find().unwrap(), Found::Nothing);
            let contents = files.contents(&samples::job()).unwrap();
            files.write(&contents).unwrap();
            files.write(&contents).unwrap();
            assert!(files.hold(&contents).unwrap() && files.are_like(&contents).unwrap());
            let newer = files.contents(&Job { version: "9.0.0".to_owned(), ..samples::job() }).unwrap();
            assert!(!files.hold(&newer).unwrap() && files.are_like(&newer).unwrap());
            let other = files.contents(&Job { program: "/other/agentd".to_owned(), ..samples::job() }).unwrap();
            assert!(!files.are_like(&other).unwrap());
            assert!(matches!(files.find().unwrap(), Found::Ours(_)));
            for path in files.paths() {
                assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644);
                assert_eq!(
                    path.parent().unwrap().read_dir().unwrap().count(),
                    files.paths().len(),
                    "nothing is left over"
                );
            }
            for missing in files.paths().iter().skip(1) {
                fs::remove_file(missing).unwrap();
                assert!(matches!(files.find().unwrap(), Found::Half(Some(_), gone) if gone == [missing.clone()]));
                assert!(!files.hold(&contents).unwrap());
            }
            files.remove().unwrap();
            files.remove().unwrap();
            assert_eq!(files.find().unwrap(), Found::Nothing);
        }
    }

    #[test]
    fn foreign_files_are_named_and_set_aside_under_names_of_their_own() {
        for kind in [Kind::Launchd, Kind::Systemd] {
            let folder = tempfile::tempdir().unwrap();
            let files = Files::of(kind, &at(folder.path()));
            for round in 1..3 {
                replace(&files.paths()[0], format!("[Service]\nExecStart=/bin/other {round}").as_bytes()).unwrap();
                assert!(matches!(files.find().unwrap(), Found::Foreign { path, .. } if path == files.paths()[0]));
                let kept = files.set_aside().unwrap();
                assert!(kept[0].to_str().unwrap().ends_with(&format!(".replaced-{round}")), "{kept:?}");
                assert!(fs::read_to_string(&kept[0]).unwrap().ends_with(&round.to_string()));
                assert_eq!(files.find().unwrap(), Found::Nothing);
            }
        }
    }

    #[test]
    fn a_socket_unit_alone_is_half_of_ours_or_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of(Kind::Systemd, &at(folder.path()));
        replace(&files.paths()[1], units::socket(&samples::job()).as_bytes()).unwrap();
        assert!(matches!(files.find().unwrap(), Found::Half(None, missing) if missing == files.paths()[..1]));
        replace(&files.paths()[1], b"[Socket]\nListenStream=/x\n").unwrap();
        assert!(matches!(files.find().unwrap(), Found::Foreign { .. }));
    }
}
