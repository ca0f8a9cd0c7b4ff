//! Files that decide, by being there alone, what is read from a manifest beside them.

use std::collections::HashMap;

use crate::survey::SourceFile;

/// One such file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Neighbour {
    /// What makes a Cargo package a program.
    Main,
    /// Maven as the project wants it.
    MavenWrapper,
    /// Gradle as the project wants it.
    GradleWrapper,
    /// Of those who run the scripts of a `package.json`.
    PnpmLock,
    YarnLock,
    BunLock,
    /// Bun's older form.
    BunLockb,
}

impl Neighbour {
    /// Where each lies, from the manifest's folder.
    const ALL: [(Self, &'static str); 7] = [
        (Self::Main, "src/main.rs"),
        (Self::MavenWrapper, "mvnw"),
        (Self::GradleWrapper, "gradlew"),
        (Self::PnpmLock, "pnpm-lock.yaml"),
        (Self::YarnLock, "yarn.lock"),
        (Self::BunLock, "bun.lock"),
        (Self::BunLockb, "bun.lockb"),
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Which of them there are: one bit for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Neighbours(u8);

impl Neighbours {
    /// Those of each folder that has any.
    pub(crate) fn by_folder(files: &[SourceFile]) -> HashMap<&str, Self> {
        let mut folders: HashMap<&str, Self> = HashMap::new();
        for (neighbour, place) in Neighbour::ALL {
            for rest in files.iter().filter_map(|file| file.path.strip_suffix(place)) {
                if let Some(folder) = if rest.is_empty() { Some(rest) } else { rest.strip_suffix('/') } {
                    folders.entry(folder).or_default().0 |= neighbour.bit();
                }
            }
        }
        folders
    }

    pub(super) const fn has(self, neighbour: Neighbour) -> bool {
        self.0 & neighbour.bit() != 0
    }

    /// What tells them from others.
    pub(crate) const fn bits(self) -> u8 {
        self.0
    }
}
