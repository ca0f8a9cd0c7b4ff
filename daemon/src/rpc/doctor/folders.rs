//! The folders that tasks were about: can the daemon still list them? macOS keeps background programs out of Documents,
//! Desktop and Downloads until the user allows it, and says `Operation not permitted`. Blocks.

use std::{fs, io, path::Path, path::PathBuf};

use agentd_proto::{
    doctor::{FOLDERS, shell_word},
    v1::{DoctorCheck, Verdict},
};

use super::turn::{At, Listener};

/// `EPERM`: what macOS answers where its privacy settings forbid. What a mode forbids is `EACCES`.
const NOT_PERMITTED: i32 = 1;

/// Opens the page of the system's settings on which a program can be given access.
const PRIVACY_SETTINGS: &str = "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_AllFiles'";

/// The folders are not known.
pub(super) fn unknown(why: &str) -> DoctorCheck {
    DoctorCheck::of(
        FOLDERS,
        "workspaces",
        Verdict::Unknown,
        format!("which folders tasks were about is not known: {why}"),
    )
}

/// Tells one check for all that can be listed, and one for each that cannot. `false`: nobody listens any more.
pub(super) fn look(folders: &[PathBuf], listener: &mut impl Listener) -> bool {
    if folders.is_empty() {
        return listener.hears(DoctorCheck::of(
            FOLDERS,
            "workspaces",
            Verdict::Skipped,
            "no kept task was about a folder",
        ));
    }
    let (mut well, mut gone) = (0, 0);
    for folder in folders {
        listener.begins(At::Folder(folder.clone()));
        match fs::read_dir(folder) {
            Ok(_) => well += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => gone += 1,
            Err(error) => {
                if !listener.hears(judge(cfg!(target_os = "macos"), folder, &error)) {
                    return false;
                }
            }
        }
    }
    let missing = if gone == 0 { String::new() } else { format!(", gone: {gone}") };
    let found = format!("folders of recent tasks: {}, can be listed: {well}{missing}", folders.len());
    let check = DoctorCheck::of(FOLDERS, "workspaces", Verdict::Ok, found);
    listener.hears(check.with_figure("folders", folders.len() as f64).with_figure("listed", f64::from(well)))
}

fn judge(is_macos: bool, folder: &Path, error: &io::Error) -> DoctorCheck {
    let (folder, word) = (folder.display(), shell_word(folder));
    if is_macos && error.raw_os_error() == Some(NOT_PERMITTED) {
        let found = format!("macOS's privacy settings keep agentd out of {folder} ({error})");
        return DoctorCheck::of(FOLDERS, "privacy", Verdict::Failed, found)
            .with_remedy(
                "allow agentd under Files and Folders or Full Disk Access, then start it again; or move the folder",
            )
            .with_command(PRIVACY_SETTINGS);
    }
    let check = DoctorCheck::of(FOLDERS, "workspaces", Verdict::Warning, format!("{folder} cannot be listed: {error}"));
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            check.with_remedy("give yourself access to it").with_command(format!("ls -ld {word}"))
        }
        _ => check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privacy_of_macos_is_told_from_a_mode() {
        let (permitted, access) = (io::Error::from_raw_os_error(NOT_PERMITTED), io::Error::from_raw_os_error(13));
        for (is_macos, error, verdict, command) in [
            (true, &permitted, Verdict::Failed, PRIVACY_SETTINGS),
            (true, &access, Verdict::Warning, "ls -ld /u/Documents/app"),
            (false, &permitted, Verdict::Warning, "ls -ld /u/Documents/app"),
        ] {
            let check = judge(is_macos, Path::new("/u/Documents/app"), error);
            assert_eq!((check.verdict(), check.command.as_str()), (verdict, command), "{check:?}");
        }
    }

    #[test]
    fn folders_are_counted_and_what_is_gone_is_no_fault() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let folders = [folder.path().to_owned(), folder.path().join("gone"), file];
        let mut checks = Vec::new();
        assert!(look(&folders, &mut |check| {
            checks.push(check);
            true
        }));
        assert_eq!(checks.len(), 2, "{checks:?}");
        assert_eq!(checks[0].verdict(), Verdict::Warning);
        assert!(checks[1].found.contains("folders of recent tasks: 3, can be listed: 1, gone: 1"), "{checks:?}");
        assert!(!look(&folders, &mut |_| false), "it ends when nobody listens");
        assert!(look(&[], &mut |check: DoctorCheck| check.verdict() == Verdict::Skipped));
    }
}
