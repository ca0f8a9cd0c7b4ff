//! Records of living children, one small file each. They are not synced: after a power cut the boot has another id, and
//! no child of the old one lives.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use crate::{error::Error, regular::open_regular};

const SUFFIX: &str = "child";

/// What must be known to find a child again, and to be sure that it is that child.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Record {
    /// The value of the variable that marks the child and its descendants; names the file.
    pub(super) mark: String,
    /// The boot in which it began.
    pub(super) boot: String,
    /// The daemon's number.
    pub(super) epoch: u64,
    /// Its process id and group; 0: it was about to start.
    pub(super) pid: i32,
    /// When it began, as the system counts.
    pub(super) start: u64,
    /// What it is, for people.
    pub(super) what: String,
}

impl Record {
    fn encode(&self) -> String {
        let what = self.what.replace(char::is_control, " ");
        let Self { boot, epoch, pid, start, .. } = self;
        format!("boot {boot}\nepoch {epoch}\npid {pid}\nstart {start}\nwhat {what}\n")
    }

    /// Reads what is there: a file that a crash cut short still has its name, which is the mark.
    fn decode(mark: &str, text: &str) -> Self {
        let mut record = Self { mark: mark.to_owned(), ..Self::default() };
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            match key {
                "boot" => record.boot = value.to_owned(),
                "epoch" => record.epoch = value.parse().unwrap_or(0),
                "pid" => record.pid = value.parse().unwrap_or(0),
                "start" => record.start = value.parse().unwrap_or(0),
                "what" => record.what = value.to_owned(),
                _ => {}
            }
        }
        record
    }
}

/// The folder of records.
#[derive(Debug, Clone)]
pub(super) struct Records {
    folder: PathBuf,
}

impl Records {
    /// Makes the folder if there is none.
    pub(super) fn open(folder: &Path) -> Result<Self, Error> {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(|source| Error::Registry { path: folder.to_owned(), source })?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn path(&self, mark: &str) -> PathBuf {
        self.folder.join(mark).with_extension(SUFFIX)
    }

    pub(super) fn write(&self, record: &Record) -> Result<(), Error> {
        let path = self.path(&record.mark);
        fs::write(&path, record.encode()).map_err(|source| Error::Registry { path, source })
    }

    /// A record that is gone already is fine; one that cannot be removed is looked at again by the next daemon.
    pub(super) fn remove(&self, mark: &str) {
        let path = self.path(mark);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %path.display(), %error, "a child's record stays although the child has ended");
            }
            _ => {}
        }
    }

    /// All records, whoever wrote them.
    pub(super) fn all(&self) -> Result<Vec<Record>, Error> {
        let failed = |source| Error::Registry { path: self.folder.clone(), source };
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let mark = path.file_stem().and_then(|stem| stem.to_str());
            if let Some(mark) = mark.filter(|mark| is_mark(mark) && path.extension().is_some_and(|e| e == SUFFIX)) {
                records.push(Record::decode(mark, &String::from_utf8_lossy(&read(&path).unwrap_or_default())));
            }
        }
        Ok(records)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    open_regular(path, OpenOptions::new().read(true))?.read_to_end(&mut text)?;
    Ok(text)
}

/// 128 random bits in hexadecimal.
pub(super) fn new_mark() -> String {
    format!("{:032x}", crate::random_u128())
}

fn is_mark(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_the_disk_and_torn_ones_keep_their_mark() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::open(&folder.path().join("children")).unwrap();
        let record = Record {
            mark: new_mark(),
            boot: "b-1".into(),
            epoch: 3,
            pid: 42,
            start: 99,
            what: "cargo test\nin x".into(),
        };
        records.write(&record).unwrap();
        assert_eq!(records.all().unwrap(), [Record { what: "cargo test in x".into(), ..record.clone() }]);
        fs::write(records.path(&record.mark), "boot b-1\npi").unwrap();
        let torn = Record { mark: record.mark.clone(), boot: "b-1".into(), ..Record::default() };
        assert_eq!(records.all().unwrap(), [torn]);
        fs::write(records.folder.join("notes.txt"), "not ours").unwrap();
        records.remove(&record.mark);
        records.remove(&record.mark);
        assert_eq!(records.all().unwrap(), []);
    }
}
