//! Ignore rules of one folder. The files are read through the folder's descriptor with limits, and matched by the `ignore`
//! crate. Its walker is not used: it goes by paths, so that a folder swapped for a link leads it out, and it reads
//! rule files of any size and outside the workspace. Rules of the user and of the machine are left out on purpose:
//! the same tree gives the same report everywhere.

use std::{path::Path, sync::Arc};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

/// Rule files are short; a longer one is hostile or broken, and is not used.
const MAX_BYTES: u64 = 256 * 1024;

/// More rules than this in one file are not compiled.
pub(super) const MAX_LINES: usize = 5_000;

/// The rules of a folder: its own, weakest first, and those of the folders above it.
#[derive(Debug)]
pub(super) struct Rules {
    own: Vec<Gitignore>,
    outer: Option<Arc<Self>>,
}

impl Rules {
    /// Reads the rule files of the folder `path` (below the workspace, empty for itself) that `has` says are there. Without any
    /// those of the folders above it hold.
    pub(super) fn within(
        outer: Option<&Arc<Self>>,
        dir: &Dir,
        path: &str,
        has: impl Fn(&str) -> bool,
    ) -> Option<Arc<Self>> {
        let mut rules = Self { own: Vec::new(), outer: outer.cloned() };
        if path.is_empty() && has(".git") {
            let info = dir.open_dir_nofollow(".git").and_then(|git| git.open_dir_nofollow("info"));
            if let Ok(info) = info {
                rules.add(&info, "exclude", path);
            }
        }
        for name in [".gitignore", ".ignore"] {
            if has(name) {
                rules.add(dir, name, path);
            }
        }
        if rules.own.is_empty() { rules.outer } else { Some(Arc::new(rules)) }
    }

    fn add(&mut self, dir: &Dir, name: &str, root: &str) {
        let Some(content) = read(dir, name) else { return };
        let mut builder = GitignoreBuilder::new(root);
        for line in String::from_utf8_lossy(&content).lines().take(MAX_LINES) {
            // git passes over a rule that it cannot read, and so do we.
            let _ = builder.add_line(None, line);
        }
        if let Ok(matcher) = builder.build() {
            self.own.push(matcher);
        }
    }

    /// Whether an entry is ignored: the innermost folder that says anything decides.
    pub(super) fn ignore(&self, path: &str, is_dir: bool) -> bool {
        let mut next = Some(self);
        while let Some(rules) = next {
            for matcher in rules.own.iter().rev() {
                match matcher.matched(path, is_dir) {
                    Match::None => {}
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                }
            }
            next = rules.outer.as_deref();
        }
        false
    }
}

/// The content of a rule file, if it is there and can be used.
pub(super) fn read(dir: &Dir, name: &str) -> Option<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true).nonblock(true).follow(FollowSymlinks::No);
    let file = dir.open_with(name, &options).ok()?;
    crate::workspace::read_regular(file, Path::new(name), MAX_BYTES).ok()
}
