//! Ignore rules of one folder. The files are read through the folder's descriptor with limits, and matched by the `ignore`
//! crate. Its walker is not used: it goes by paths, so that a folder swapped for a link leads it out, and it reads
//! rule files of any size and outside the workspace. Rules of the user and of the machine are left out on purpose:
//! the same tree gives the same report everywhere.

use std::path::Path;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, OpenOptions};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

/// Rule files are short; a longer one is hostile or broken, and is not used.
const MAX_BYTES: u64 = 256 * 1024;

/// More rules than this in one file are not compiled.
const MAX_LINES: usize = 5_000;

/// The rules that one folder adds, weakest first.
#[derive(Debug, Default)]
pub(super) struct Rules(Vec<Gitignore>);

impl Rules {
    /// Reads the rule files of the folder `path` (below the workspace, empty for itself) that `has` says are there.
    pub(super) fn read(dir: &Dir, path: &str, has: impl Fn(&str) -> bool) -> Self {
        let mut rules = Self::default();
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
        rules
    }

    fn add(&mut self, dir: &Dir, name: &str, root: &str) {
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true).follow(FollowSymlinks::No);
        let Ok(file) = dir.open_with(name, &options) else { return };
        let Ok(content) = crate::workspace::read_regular(file, Path::new(name), MAX_BYTES) else {
            return;
        };
        let mut builder = GitignoreBuilder::new(root);
        for line in String::from_utf8_lossy(&content).lines().take(MAX_LINES) {
            // git passes over a rule that it cannot read, and so do we.
            let _ = builder.add_line(None, line);
        }
        if let Ok(matcher) = builder.build() {
            self.0.push(matcher);
        }
    }

    /// `Some(true)`: ignored; `Some(false)`: kept by a `!` rule; `None`: these rules say nothing about it.
    pub(super) fn decide(&self, path: &str, is_dir: bool) -> Option<bool> {
        self.0.iter().rev().find_map(|matcher| match matcher.matched(path, is_dir) {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        })
    }
}
