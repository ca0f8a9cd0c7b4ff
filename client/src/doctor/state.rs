//! The state folder, the socket, and the file system below them, as this user sees them.

use std::{
    fs::{self, Metadata},
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use agentd_proto::{
    doctor::{STATE_FOLDER, shell_word},
    rendezvous::{MAX_SOCKET_PATH, state_dir},
    v1::{DoctorCheck, Verdict},
};

use super::{filesystem, of_error};
use crate::{context::Context, ui::text};

/// Room below which the daemon warns and takes no tasks: the defaults of `disk.low_percent`, `disk.low_bytes` and
/// `disk.critical_bytes`. A daemon that runs tells by its health what counts.
const LOW_PERCENT: u64 = 10;
const LOW_BYTES: u64 = 2 << 30;
const CRITICAL_BYTES: u64 = 512 << 20;

/// Write permission for everybody, and the bit that keeps entries of others safe all the same.
const WORLD_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// `answers`: a daemon does.
pub(super) fn checks(context: &Context<'_>, answers: bool) -> Vec<DoctorCheck> {
    let uid = rustix::process::geteuid().as_raw();
    let mut checks = match state_dir(context.variable) {
        Ok(path) => {
            let there = nearest(&path);
            vec![folder(&path, uid), filesystem::check(there), room(there)]
        }
        Err(error) => vec![of_error(STATE_FOLDER, "folder", Verdict::Failed, &error.into())],
    };
    checks.push(match context.dial() {
        Ok(dial) => socket(&dial.socket, uid, answers),
        Err(error) => of_error(STATE_FOLDER, "socket", Verdict::Failed, &error),
    });
    checks
}

/// The folder itself, or what it would be made in.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or_else(|| Path::new("/"))
}

fn folder(path: &Path, uid: u32) -> DoctorCheck {
    let of = |verdict, found: String| DoctorCheck::of(STATE_FOLDER, "folder", verdict, found);
    let shown = path.display();
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return of(Verdict::Skipped, format!("{shown} is not there yet; the first start makes it"));
        }
        Err(error) => {
            return of(Verdict::Failed, format!("{shown} cannot be looked at: {error}"))
                .with_remedy("see which folder above keeps this user out, or set AGENTD_HOME to a folder of yours")
                .with_command(format!("ls -ld {}", shell_word(path.parent().unwrap_or(path))));
        }
    };
    let mode = found.mode() & 0o7777;
    let failed = |found: String| of(Verdict::Failed, found);
    if found.is_symlink() {
        return failed(format!("{shown} is a symbolic link"))
            .with_remedy("the daemon does not start on one: set AGENTD_HOME to the folder that it points to");
    }
    if !found.is_dir() {
        return failed(format!("{shown} is no folder")).with_remedy("move it away, or set AGENTD_HOME");
    }
    if found.uid() != uid {
        return failed(format!("{shown} belongs to user {}, this is user {uid}", found.uid()))
            .with_remedy("each user has an agentd of his own: set AGENTD_HOME to a folder of yours");
    }
    if mode & 0o777 != 0o700 {
        let others = mode & 0o077 != 0;
        let (so, remedy) =
            if others { ("others can look into it", "close it") } else { ("you cannot use it", "open it for you") };
        return failed(format!("{shown} has mode {mode:03o}, so {so}; it must be 700"))
            .with_remedy(format!("{remedy}; a daemon does not start on it as it is"))
            .with_command(format!("chmod 700 {}", shell_word(path)))
            .with_figure("mode_decimal", f64::from(mode));
    }
    if let Some(parent) = replaceable(path) {
        return failed(format!("everybody may write to {}, and so replace the state folder", parent.display()))
            .with_remedy("close it, or set AGENTD_HOME")
            .with_command(format!("chmod o-w {}", shell_word(&parent)));
    }
    of(Verdict::Ok, format!("{shown} is yours, mode 700")).with_figure("mode_decimal", f64::from(mode))
}

/// A folder above in which everybody may rename entries of others.
fn replaceable(path: &Path) -> Option<std::path::PathBuf> {
    let real = path.canonicalize().ok()?;
    let open = |parent: &&Path| {
        fs::symlink_metadata(parent).is_ok_and(|data| data.mode() & WORLD_WRITE != 0 && data.mode() & STICKY == 0)
    };
    real.ancestors().skip(1).find(open).map(Path::to_owned)
}

fn socket(path: &Path, uid: u32, answers: bool) -> DoctorCheck {
    let length = path.as_os_str().len();
    let of = |verdict, found: String| {
        DoctorCheck::of(STATE_FOLDER, "socket", verdict, found).with_figure("path_bytes", length as f64)
    };
    let shown = format!("{} ({length} of {MAX_SOCKET_PATH} bytes)", path.display());
    match fs::symlink_metadata(path) {
        Ok(found) => of_socket(path, &found, uid, &of, &shown),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !answers => {
            of(Verdict::Skipped, format!("{shown} is not there; the daemon makes it"))
        }
        Err(error) => of(Verdict::Failed, format!("{shown} cannot be looked at: {error}"))
            .with_remedy("a daemon binds it again within 30 s; else start it anew")
            .with_command("agentd-cli stop && agentd-cli start"),
    }
}

fn of_socket(
    path: &Path,
    found: &Metadata,
    uid: u32,
    of: &impl Fn(Verdict, String) -> DoctorCheck,
    shown: &str,
) -> DoctorCheck {
    let mode = found.mode() & 0o777;
    if !found.file_type().is_socket() {
        return of(Verdict::Failed, format!("{shown} is no socket")).with_remedy("move it away, or set AGENTD_SOCKET");
    }
    if found.uid() != uid {
        return of(Verdict::Failed, format!("{shown} belongs to user {}, this is user {uid}", found.uid()))
            .with_remedy("unset AGENTD_SOCKET, or set it to a path in a folder of yours");
    }
    if mode & 0o077 != 0 {
        return of(Verdict::Failed, format!("{shown} has mode {mode:03o}; it must be 600"))
            .with_remedy("close it; the daemon hangs up on other users all the same")
            .with_command(format!("chmod 600 {}", shell_word(path)));
    }
    of(Verdict::Ok, format!("{shown} is yours, mode {mode:03o}"))
}

fn room(path: &Path) -> DoctorCheck {
    match rustix::fs::statvfs(path) {
        Ok(found) => judge_room(
            found.f_bavail.saturating_mul(found.f_frsize),
            found.f_blocks.saturating_mul(found.f_frsize),
            path,
        ),
        Err(error) => DoctorCheck::of(STATE_FOLDER, "room", Verdict::Unknown, format!("{}: {error}", path.display())),
    }
}

fn judge_room(free: u64, total: u64, path: &Path) -> DoctorCheck {
    let low = (total / 100).saturating_mul(LOW_PERCENT).min(LOW_BYTES);
    let verdict = match free {
        free if free < CRITICAL_BYTES.min(low) => Verdict::Failed,
        free if free < low => Verdict::Warning,
        _ => Verdict::Ok,
    };
    let found = format!("{} of {} are free", text::bytes(free), text::bytes(total));
    let check = DoctorCheck::of(STATE_FOLDER, "room", verdict, found)
        .with_figure("free_bytes", free as f64)
        .with_figure("total_bytes", total as f64);
    match verdict {
        Verdict::Ok => check,
        _ => check
            .with_remedy("make room on this volume: the daemon takes no tasks on a full one")
            .with_command(format!("df -h {}", shell_word(path))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn whatever_the_daemon_would_refuse_has_failed_with_a_way_out() {
        let home = tempfile::tempdir().unwrap();
        let uid = home.path().metadata().unwrap().uid();
        let state = home.path().join("my state");
        assert_eq!(folder(&state, uid).verdict(), Verdict::Skipped);
        fs::create_dir(&state).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(&state, 0o755);
        let open = folder(&state, uid);
        assert_eq!(open.verdict(), Verdict::Failed);
        assert_eq!(open.command, format!("chmod 700 '{}'", state.display()));
        assert!(open.found.contains("others can look into it"));
        mode(&state, 0o500);
        let shut = folder(&state, uid);
        assert!(shut.found.contains("mode 500, so you cannot use it") && shut.command == open.command, "{shut:?}");
        mode(&state, 0o700);
        assert_eq!(folder(&state, uid).verdict(), Verdict::Ok);
        assert!(folder(&state, uid + 1).found.contains("belongs to user"));
        let link = home.path().join("link");
        symlink(&state, &link).unwrap();
        assert!(folder(&link, uid).found.contains("symbolic link"));
        fs::write(state.join("file"), "").unwrap();
        assert!(folder(&state.join("file"), uid).found.contains("no folder"));
        let below = folder(&state.join("file").join("state"), uid);
        assert!(below.found.contains("cannot be looked at") && !below.remedy.is_empty(), "{below:?}");
        assert_eq!(below.command, format!("ls -ld '{}'", state.join("file").display()));
        mode(home.path(), 0o777);
        assert!(folder(&state, uid).command.starts_with("chmod o-w "));
        mode(home.path(), 0o1777);
        assert_eq!(folder(&state, uid).verdict(), Verdict::Ok);
    }

    #[test]
    fn sockets_are_judged_by_what_they_are() {
        let home = tempfile::tempdir().unwrap();
        let uid = home.path().metadata().unwrap().uid();
        let path = home.path().join("agentd.sock");
        assert_eq!(socket(&path, uid, false).verdict(), Verdict::Skipped);
        assert_eq!(socket(&path, uid, true).verdict(), Verdict::Failed);
        fs::write(&path, "").unwrap();
        assert!(socket(&path, uid, false).found.contains("no socket"));
        fs::remove_file(&path).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        for (mode, verdict) in [(0o666, Verdict::Failed), (0o600, Verdict::Ok), (0o700, Verdict::Ok)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let check = socket(&path, uid, true);
            assert_eq!(check.verdict(), verdict, "{mode:o}: {check:?}");
            assert_eq!(check.command.starts_with("chmod 600 "), verdict == Verdict::Failed);
        }
        assert!(socket(&path, uid + 1, true).found.contains("belongs to user"));
    }

    #[test]
    fn room_is_judged_as_the_daemon_does_by_default() {
        let gib = 1_u64 << 30;
        for (free, total, verdict) in [
            (100 * gib, 1000 * gib, Verdict::Ok),
            (gib, 1000 * gib, Verdict::Warning),
            (gib / 4, 1000 * gib, Verdict::Failed),
            (gib, 5 * gib, Verdict::Ok),
            (0, gib / 64, Verdict::Failed),
        ] {
            let check = judge_room(free, total, Path::new("/"));
            assert_eq!(check.verdict(), verdict, "{free} of {total}");
            assert_eq!(check.command.is_empty(), verdict == Verdict::Ok);
        }
        assert_eq!(room(Path::new("/nowhere")).verdict(), Verdict::Unknown);
    }
}
