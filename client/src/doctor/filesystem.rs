//! The kind of file system that holds the state folder. Locks and syncs over a network are not what they are on a disk, and
//! what lies in memory is gone after a reboot.

use std::path::Path;

use agentd_proto::{
    doctor::{STATE_FOLDER, shell_word},
    v1::{DoctorCheck, Verdict},
};

/// Kinds that keep files on another machine, as Linux and macOS call them.
const NETWORK: [&str; 19] = [
    "9p",
    "afpfs",
    "afs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.sshfs",
    "ftp",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "smb3",
    "smbfs",
    "webdav",
    "vboxsf",
];

/// Kinds that keep files in memory.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What holds a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    kind: String,
    is_network: bool,
    is_read_only: bool,
}

impl Mount {
    fn new(kind: &str, is_read_only: bool) -> Self {
        Self { kind: kind.to_owned(), is_network: NETWORK.contains(&kind), is_read_only }
    }
}

/// The kind of file system that holds `path`, which exists; `None`: the system does not tell.
pub(crate) fn kind(path: &Path) -> Option<String> {
    mount(path).map(|found| found.kind)
}

/// `path` exists.
pub(super) fn check(path: &Path) -> DoctorCheck {
    match mount(path) {
        Some(found) => judge(path, &found),
        None => DoctorCheck::of(STATE_FOLDER, "file system", Verdict::Unknown, "the system does not tell its kind"),
    }
}

#[cfg(target_os = "linux")]
fn mount(path: &Path) -> Option<Mount> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    find(&table, &path.canonicalize().ok()?)
}

#[cfg(target_os = "macos")]
fn mount(path: &Path) -> Option<Mount> {
    /// `MNT_RDONLY` and `MNT_LOCAL` of `<sys/mount.h>`.
    const READ_ONLY: u32 = 0x1;
    const LOCAL: u32 = 0x1000;
    let found = rustix::fs::statfs(path).ok()?;
    let name: Vec<u8> =
        found.f_fstypename.iter().map(|&letter| letter.to_ne_bytes()[0]).take_while(|&byte| byte != 0).collect();
    let mut mount = Mount::new(&String::from_utf8_lossy(&name), found.f_flags & READ_ONLY != 0);
    mount.is_network |= found.f_flags & LOCAL == 0;
    Some(mount)
}

/// The innermost mount that holds `path`, in the words of proc_pid_mountinfo(5): `36 35 98:0 /root /mnt rw,noatime … - ext3
/// /dev/root rw`. Of two on the same place the later one is seen.
#[cfg_attr(
    not(any(target_os = "linux", test)),
    expect(dead_code, reason = "Linux only; its logic is tested everywhere")
)]
fn find(table: &str, path: &Path) -> Option<Mount> {
    let mut best: Option<(usize, Mount)> = None;
    for line in table.lines() {
        let Some((place, source)) = line.split_once(" - ") else { continue };
        let fields: Vec<&str> = place.split(' ').collect();
        let (Some(point), Some(options)) = (fields.get(4), fields.get(5)) else { continue };
        let mut source = source.split(' ');
        let Some(kind) = source.next() else { continue };
        let is_read_only = [*options, source.nth(1).unwrap_or_default()]
            .iter()
            .any(|options| options.split(',').any(|option| option == "ro"));
        let point = unescaped(point);
        if path.starts_with(&point) && best.as_ref().is_none_or(|(length, _)| point.len() >= *length) {
            best = Some((point.len(), Mount::new(kind, is_read_only)));
        }
    }
    best.map(|(_, mount)| mount)
}

/// The table writes blanks, tabs, line feeds and backslashes as `\040` and so on.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, letter)| text.replace(code, letter))
}

fn judge(path: &Path, found: &Mount) -> DoctorCheck {
    let Mount { kind, .. } = found;
    let of = |verdict, words: &str| DoctorCheck::of(STATE_FOLDER, "file system", verdict, format!("{kind}{words}"));
    let elsewhere = "put the state folder on a disk of this machine: set AGENTD_HOME";
    match found {
        Mount { is_read_only: true, .. } => of(Verdict::Failed, ", mounted read-only")
            .with_remedy("nothing can be accepted on it: see why, or set AGENTD_HOME")
            .with_command(if cfg!(target_os = "macos") {
                "mount".to_owned()
            } else {
                format!("findmnt -T {}", shell_word(path))
            }),
        Mount { is_network: true, .. } => {
            of(Verdict::Warning, ", a file system of another machine: its locks and syncs are not to be relied on")
                .with_remedy(elsewhere)
        }
        _ if MEMORY.contains(&kind.as_str()) => {
            of(Verdict::Warning, ", in memory: tasks and reports are gone after a reboot").with_remedy(elsewhere)
        }
        _ => of(Verdict::Ok, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /tmp rw,nosuid - tmpfs tmpfs rw,size=12k
31 22 0:27 / /home/me rw - nfs4 server:/home rw
32 22 0:28 / /mnt/my\\040disk ro,nosuid shared:3 - xfs /dev/sdb rw
33 22 0:29 / /mnt/b rw - btrfs /dev/sdc ro,space_cache
34 22 0:30 / /tmp rw - xfs /dev/sdd rw
garbage
";

    #[test]
    fn the_innermost_and_latest_mount_counts() {
        for (path, kind, read_only, verdict) in [
            ("/home/bob/.agentd", "ext4", false, Verdict::Ok),
            ("/tmp/x", "xfs", false, Verdict::Ok),
            ("/tmpx", "ext4", false, Verdict::Ok),
            ("/home/me/.agentd", "nfs4", false, Verdict::Warning),
            ("/mnt/my disk/a", "xfs", true, Verdict::Failed),
            ("/mnt/b", "btrfs", true, Verdict::Failed),
        ] {
            let found = find(TABLE, Path::new(path)).unwrap();
            assert_eq!((found.kind.as_str(), found.is_read_only), (kind, read_only), "{path}");
            assert_eq!(judge(Path::new(path), &found).verdict(), verdict, "{path}");
        }
        assert_eq!(find("", Path::new("/")), None);
        assert_eq!(judge(Path::new("/"), &Mount::new("tmpfs", false)).verdict(), Verdict::Warning);
    }

    #[test]
    fn this_machine_tells_the_kind() {
        let folder = tempfile::tempdir().unwrap();
        assert_ne!(check(folder.path()).verdict(), Verdict::Unknown);
    }
}
