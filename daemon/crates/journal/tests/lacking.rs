//! Archives of a store that lacks something: all else is in them, and they say what is not.
#![allow(clippy::unwrap_used, reason = "a test ends at the first fault")]

#[path = "support/archive.rs"]
#[expect(dead_code, reason = "shared with the tests of archives")]
mod archive;
#[path = "support/model.rs"]
#[expect(dead_code, reason = "shared with the crash tests")]
mod model;
#[path = "support/rot.rs"]
#[expect(dead_code, reason = "shared with the tests of rot")]
mod rot;
#[path = "support/through.rs"]
mod through;

use std::{collections::BTreeMap, fs, io, path::Path, process::Command, sync::Arc};

use agentd_base::{ContentHash, EMFILE, ENFILE};
use agentd_journal::{Blobs, Disk, Error, Log, RealDisk, Snapshot, Written, import, sim::SimDisk};
use archive::{OPEN, opened, small};
use model::{note, options, store};
use through::Through;

/// What the system says of a bad sector, and of no memory.
const EIO: i32 = 5;
const ENOMEM: i32 = 12;

fn path(hash: &ContentHash) -> String {
    format!("blobs/{:02x}/{hash}", hash.0[0])
}

fn exported(disk: &(impl Disk + Clone + 'static), payloads: &[ContentHash]) -> Result<(Vec<u8>, Written), Error> {
    let payloads: BTreeMap<ContentHash, &str> = payloads.iter().map(|hash| (*hash, "of task 7")).collect();
    let (mut bytes, snapshot) = (Vec::new(), Snapshot::take(Arc::new(disk.clone()), &mut |_| ()).unwrap());
    let written = snapshot.write(&payloads, &mut bytes, &mut |done, total| assert!(done <= total))?;
    Ok((bytes, written))
}

/// The archive lacks `lost` and has `whole`, says so, and is taken.
fn must_lack((bytes, written): &(Vec<u8>, Written), lost: &[ContentHash], whole: ContentHash) {
    let mut lost = lost.to_vec();
    lost.sort_unstable();
    assert_eq!((&written.lost, written.payloads), (&lost, 1));
    let archive = opened(bytes).unwrap();
    assert_eq!((&archive.holds(), archive.payloads()), (written, &[whole][..]));
    let text = String::from_utf8_lossy(bytes).into_owned();
    assert!(lost.iter().all(|gone| text.contains(&format!("{gone} of task 7\n"))), "it is told in words too");
    let into: Arc<dyn Disk> = Arc::new(SimDisk::new(2));
    import(&archive, &into, OPEN, &mut |_, _| ()).unwrap();
    let theirs = Blobs::new(into);
    assert!(lost.iter().all(|gone| matches!(theirs.get(gone), Err(Error::NoBlob { .. }))));
    assert_eq!(theirs.get(&whole).unwrap(), [3; 900]);
}

#[test]
fn an_archive_says_which_payloads_were_lost_and_has_the_others() {
    let disk = small(1);
    let store = Blobs::new(Arc::new(disk.clone()));
    let [gone, flipped, whole] = [&[1; 900][..], &[2; 900], &[3; 900]].map(|content| store.put(content).unwrap());
    disk.remove(&path(&gone)).unwrap();
    disk.flip(&path(&flipped), 800, 2);
    must_lack(&exported(&disk, &[gone, flipped, whole]).unwrap(), &[gone, flipped], whole);
}

#[test]
fn a_payload_that_cannot_be_read_is_lost_and_no_other() {
    let disk = small(1);
    let store = Blobs::new(Arc::new(disk.clone()));
    let [bad, whole] = [&[1; 900][..], &[3; 900]].map(|content| store.put(content).unwrap());
    let refusing = |number| {
        let refused = path(&bad);
        Through::new(&disk, move |path, file, offset, buffer| match path == refused {
            true => Err(io::Error::from_raw_os_error(number)),
            false => file.read_at(offset, buffer),
        })
    };
    must_lack(&exported(&refusing(EIO), &[bad, whole]).unwrap(), &[bad], whole);
    // That passes, and then it is there.
    for number in [EMFILE, ENFILE, ENOMEM] {
        let refused = exported(&refusing(number), &[bad, whole]).unwrap_err();
        assert!(matches!(refused, Error::Io { .. }), "{number}: {refused}");
    }
}

#[test]
fn a_pipe_or_a_folder_where_a_payload_belongs_is_one_that_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let disk = RealDisk::new(&state).unwrap();
    drop(Log::open(Arc::new(disk.clone()), options(4096)).unwrap());
    let store = Blobs::new(Arc::new(disk.clone()));
    let [pipe, dir, whole] = [&[1; 900][..], &[2; 900], &[3; 900]].map(|content| store.put(content).unwrap());
    let at = |hash: &ContentHash| state.join(path(hash));
    [pipe, dir].iter().for_each(|hash| fs::remove_file(at(hash)).unwrap());
    make_pipe(&at(&pipe));
    fs::create_dir(at(&dir)).unwrap();
    must_lack(&exported(&disk, &[pipe, dir, whole]).unwrap(), &[pipe, dir], whole);
}

#[expect(clippy::disallowed_methods, reason = "the standard library makes no pipes with names")]
fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// What is left is taken, and says that it is not all.
#[test]
fn an_archive_says_that_the_log_has_lost_its_end() {
    let ours = b"0123456789abcdef";
    for (checkpoints, close) in [(&[][..], true), (&[8, 20][..], false)] {
        let (disk, all) = store(5, 4096, checkpoints, close);
        let paths = rot::segments(&disk);
        let seen_more = disk.fork(1);
        note(&seen_more, ours, all.len() + 1);
        let stores = [
            (rot::without(&disk, &paths[paths.len() - 1..]), Some("the log goes on in the next one")),
            (rot::without(&disk, &paths[paths.len() - 2..]), Some("the log goes on in the next one")),
            (seen_more, Some("has seen it go on to 61")),
            (disk, None),
        ];
        for (disk, shown) in stores {
            let (bytes, written) = exported(&disk, &[]).unwrap();
            let said = written.missing.as_deref();
            assert_eq!(said.is_some(), shown.is_some(), "{said:?}");
            assert!(
                said.is_none_or(|said| said.contains(shown.unwrap()) && said.contains(" is missing: ")),
                "{said:?}"
            );
            let archive = opened(&bytes).unwrap();
            assert_eq!(archive.holds(), written);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(text.contains("log: "), shown.is_some(), "it is told in words too");
            let sim = SimDisk::new(2);
            let into: Arc<dyn Disk> = Arc::new(sim.clone());
            let made = import(&archive, &into, OPEN, &mut |_, _| ()).unwrap();
            assert_eq!(made.records, written.records);
            // The new log is a whole one, and so are its archives.
            assert_eq!(exported(&sim, &[]).unwrap().1.missing, None);
        }
    }
}

/// One who can write checksums may write anything there.
#[test]
fn a_list_of_what_is_lost_that_is_none_is_refused() {
    let disk = small(1);
    let (mut bytes, _) = exported(&disk, &[ContentHash([7; 32])]).unwrap();
    let at = bytes.windows(64).position(|text| text == ContentHash([7; 32]).to_string().as_bytes()).unwrap();
    bytes[at] = b'x';
    let end = bytes.len() - 2048;
    let hash = blake3::hash(&bytes[..end]).to_hex();
    bytes[end + 512 + 7..end + 512 + 71].copy_from_slice(hash.as_bytes());
    let refused = opened(&bytes).unwrap_err().to_string();
    assert!(refused.contains("does not say what it lacks"), "{refused}");
}
