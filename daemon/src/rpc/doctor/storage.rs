//! The disk below the state folder: how long a sync takes, how much is stored, how the index does. Blocks; the file that is
//! written to has no name.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use agentd_base::bytes;
use agentd_engine::IndexPhase;
use agentd_proto::{
    doctor::{DISK, shell_word},
    v1::{DoctorCheck, Verdict},
};

use super::turn::{At, Listener};

/// Syncs that are measured, after one that is not.
const SYNCS: usize = 9;

/// Bytes that are written before each sync: a group of the journal for a task or two.
const PIECE: usize = 4096;

/// An accepted task waits for one sync, a finished one for two: from here on people notice.
const SLOW: Duration = Duration::from_millis(30);

/// No disk that keeps its word is faster.
const TOO_FAST: Duration = Duration::from_micros(15);

/// Tells every check. `false`: nobody listens any more.
pub(super) fn look(state_dir: &Path, cache_bytes: u64, listener: &mut impl Listener) -> bool {
    listener.begins(At::State(state_dir.to_owned()));
    listener.hears(sync(state_dir))
        && listener.hears(stored(state_dir))
        && listener.hears(cache(state_dir, cache_bytes))
}

fn sync(state_dir: &Path) -> DoctorCheck {
    match syncs(state_dir) {
        Ok(times) => judge_syncs(&times),
        Err(error) => DoctorCheck::of(DISK, "sync", Verdict::Failed, format!("cannot write and sync a file: {error}"))
            .with_remedy("make room, or mend the disk of the state folder")
            .with_command(format!("df -h {}", shell_word(state_dir))),
    }
}

/// Sorted. The way is the journal's: written, then `fdatasync`, which on macOS is `F_FULLFSYNC`.
fn syncs(state_dir: &Path) -> io::Result<Vec<Duration>> {
    let file = nameless(state_dir)?;
    let mut times = Vec::with_capacity(SYNCS);
    for round in 0..=SYNCS {
        let begin = Instant::now();
        file.write_all_at(&[u8::try_from(round).unwrap_or(0); PIECE], 0)?;
        file.sync_data()?;
        // The first one also makes the file's blocks known to the disk.
        if round > 0 {
            times.push(begin.elapsed());
        }
    }
    times.sort_unstable();
    Ok(times)
}

/// A file that is gone when it is closed, whatever happens.
fn nameless(folder: &Path) -> io::Result<File> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn judge_syncs(times: &[Duration]) -> DoctorCheck {
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let (median_ms, worst_ms) = (median.as_secs_f64() * 1e3, worst.as_secs_f64() * 1e3);
    let how = if cfg!(target_os = "macos") { "F_FULLFSYNC" } else { "fdatasync" };
    let found = format!("{how} of 4 KiB: median {median_ms:.2} ms, worst {worst_ms:.2} ms of {}", times.len());
    let check = match median {
        slow if slow > SLOW => DoctorCheck::of(DISK, "sync", Verdict::Warning, found)
            .with_remedy("every task waits for two syncs: put the state folder on a faster disk (AGENTD_HOME)"),
        fast if fast < TOO_FAST => DoctorCheck::of(
            DISK,
            "sync",
            Verdict::Warning,
            format!("{found}: faster than any disk, so probably memory"),
        )
        .with_remedy("a power cut may lose what was accepted: put the state folder on a disk (AGENTD_HOME)"),
        _ => DoctorCheck::of(DISK, "sync", Verdict::Ok, found),
    };
    check.with_figure("median_ms", median_ms).with_figure("worst_ms", worst_ms).with_figure("syncs", times.len() as f64)
}

fn stored(state_dir: &Path) -> DoctorCheck {
    let (log, _) = size(&state_dir.join("log"));
    let segments = fs::read_dir(state_dir.join("log")).into_iter().flatten().flatten();
    let segments = segments.filter(|entry| entry.path().extension().is_some_and(|end| end == "seg")).count();
    let (blobs, documents) = size(&state_dir.join("blobs"));
    let found = format!("log {} (segments: {segments}), payloads {} (files: {documents})", bytes(log), bytes(blobs));
    DoctorCheck::of(DISK, "stored", Verdict::Ok, found)
        .with_figure("log_bytes", log as f64)
        .with_figure("segments", segments as f64)
        .with_figure("payload_bytes", blobs as f64)
        .with_figure("payloads", documents as f64)
}

fn cache(state_dir: &Path, limit: u64) -> DoctorCheck {
    let (size, files) = size(&state_dir.join("cache"));
    let found = match limit {
        0 => "switched off (cache.bytes = 0)".to_owned(),
        _ => format!("{} of at most {} (files: {files})", bytes(size), bytes(limit)),
    };
    let verdict = if limit == 0 { Verdict::Skipped } else { Verdict::Ok };
    DoctorCheck::of(DISK, "cache", verdict, found).with_figure("bytes", size as f64).with_figure("limit", limit as f64)
}

/// Bytes and number of the files in a folder, folders in it included; what is not there is nothing.
fn size(folder: &Path) -> (u64, u64) {
    let mut sum = (0, 0);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(data) = entry.metadata() else { continue };
        let (more, files) = if data.is_dir() { size(&entry.path()) } else { (data.len(), 1) };
        sum = (sum.0 + more, sum.1 + files);
    }
    sum
}

/// How the index does.
pub(super) fn index(phase: IndexPhase, why: Option<&str>) -> DoctorCheck {
    let of = |verdict, found: &str| DoctorCheck::of(DISK, "index", verdict, found);
    match phase {
        IndexPhase::Closed => of(Verdict::Ok, "closed: nobody needs it"),
        IndexPhase::Open => of(Verdict::Ok, "open"),
        IndexPhase::Rebuilding => {
            of(Verdict::Warning, "is being made anew from the log; older tasks come back as it goes")
        }
        IndexPhase::Failed => {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            of(Verdict::Failed, &format!("cannot be used: keys and older tasks cannot be looked up{why}"))
                .with_remedy("mend what is named, then make it anew from the log; no task is lost by that")
                .with_command("agentd-cli journal rebuild")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_are_measured_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let times = syncs(folder.path()).unwrap();
        assert_eq!(times.len(), SYNCS);
        assert!(times.is_sorted() && fs::read_dir(folder.path()).unwrap().next().is_none());
        let check = sync(&folder.path().join("missing"));
        assert_eq!(check.verdict(), Verdict::Failed);
        assert!(check.command.starts_with("df -h "));
    }

    #[test]
    fn slow_and_incredible_syncs_are_warnings() {
        for (micros, verdict) in
            [(2, Verdict::Warning), (120, Verdict::Ok), (8_000, Verdict::Ok), (50_000, Verdict::Warning)]
        {
            let check = judge_syncs(&[Duration::from_micros(micros); SYNCS]);
            assert_eq!(check.verdict(), verdict, "{check:?}");
            assert_eq!(check.remedy.is_empty(), verdict == Verdict::Ok);
            assert!((check.figures[0].value - micros as f64 / 1e3).abs() < 1e-9);
        }
    }

    #[test]
    fn sizes_are_counted_and_what_is_missing_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/ab")).unwrap();
        fs::write(folder.path().join("blobs/ab/cd"), "12345").unwrap();
        assert_eq!(size(&folder.path().join("blobs")), (5, 1));
        let figures: Vec<f64> = stored(folder.path()).figures.iter().map(|figure| figure.value).collect();
        assert_eq!(figures, [0.0, 0.0, 5.0, 1.0]);
        assert_eq!(cache(folder.path(), 0).verdict(), Verdict::Skipped);
    }
}
