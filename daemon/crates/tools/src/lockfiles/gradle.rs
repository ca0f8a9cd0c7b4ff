//! `gradle.lockfile`: `group:artifact:version=configuration,…`.

use super::{
    LockKind,
    model::{Lock, Proof, Read},
};

pub(super) fn lock(content: &str) -> Read<Lock> {
    let mut lock = Lock::new(LockKind::Gradle);
    for (number, line) in (1_u32..).zip(content.lines()) {
        let text = line.trim();
        // The last line names the configurations without dependencies.
        if text.is_empty() || text.starts_with('#') || text.starts_with("empty=") {
            continue;
        }
        let parts = text.split_once('=').and_then(|(module, who)| Some((module.rsplit_once(':')?, who)));
        let Some(((module, version), configurations)) = parts else {
            return Err((number, "a line of a Gradle lock file is `group:artifact:version=configurations`".to_owned()));
        };
        let place = lock.add(module, version, number, Proof::NotNeeded);
        configurations.split(',').filter(|who| !who.is_empty()).for_each(|who| lock.want(who, place));
    }
    Ok(lock)
}
