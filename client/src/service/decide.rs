//! What `service install` does, from what was found: pure, so that every case stands in one table.

use std::{cmp::Ordering, path::Path};

use super::{
    fault::Fault,
    files::Found,
    job::{Place, There},
    manager::{Anew, Seen},
    program::Candidate,
};

/// What there is before an install.
#[derive(Debug)]
pub struct World<'a> {
    /// The files.
    pub found: &'a Found,
    /// Whether they hold exactly what would be written.
    pub same: bool,
    /// Whether they describe the same job, whichever version wrote them.
    pub alike: bool,
    /// What the manager knows.
    pub seen: &'a Seen,
    /// Version of the daemon that runs on the state folder, whoever started it.
    pub running: Option<&'a str>,
    /// Whether clients find the socket at its path.
    pub socket_is_there: bool,
}

/// What is to be done, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is there, loaded, and of this version.
    Keep,
    /// The first install.
    Install,
    /// Files or manager lacked something.
    Mend,
    /// A newer daemon takes over from this version.
    Upgrade(String),
    /// The same version, other paths or settings.
    Change,
    /// A service of somebody else, or for another state folder, gives way.
    Replace,
}

impl Action {
    /// As a word, for `--json`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Keep => "kept",
            Self::Install => "installed",
            Self::Mend => "mended",
            Self::Upgrade(_) => "upgraded",
            Self::Change => "changed",
            Self::Replace => "replaced",
        }
    }
}

/// The steps of an install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Why.
    pub action: Action,
    /// Set what is there aside first.
    pub set_aside: bool,
    /// Write the files.
    pub write: bool,
    /// How much the manager must give up.
    pub anew: Anew,
}

/// Decides. `force`: also over files of others and over another state folder; never to an older daemon.
///
/// # Errors
/// [`Fault::Foreign`], [`Fault::OtherHome`], [`Fault::Downgrade`].
pub fn install(world: &World<'_>, place: &Place, new: &Candidate, force: bool) -> Result<Plan, Fault> {
    if let Found::Foreign { path, why } = world.found {
        if !force {
            return Err(Fault::Foreign { path: path.clone(), why: why.clone() });
        }
        no_downgrade(world.running, None, new)?;
        return Ok(Plan { action: Action::Replace, set_aside: true, write: true, anew: Anew::Socket });
    }
    let installed = world.found.installed();
    let moves = installed.is_some_and(|installed| !installed.serves(place));
    if let (true, false, Some(installed)) = (moves, force, installed) {
        let theirs = installed.state_dir.clone().unwrap_or_else(|| place.usual_state_dir());
        return Err(Fault::OtherHome { theirs, ours: place.state_dir.clone() });
    }
    if moves {
        no_downgrade(world.running, None, new)?;
        return Ok(Plan { action: Action::Replace, set_aside: true, write: true, anew: Anew::Socket });
    }
    let before = installed.and_then(|installed| installed.version.as_deref());
    no_downgrade(world.running, before, new)?;
    let older = [world.running, before]
        .into_iter()
        .flatten()
        .find(|&version| compared(version, &new.version) == Some(Ordering::Less));
    let same_socket = installed.and_then(|installed| installed.socket.as_deref()) == Some(place.socket.as_path());
    let anew = match world.seen.loaded {
        true if !same_socket || !world.socket_is_there => Anew::Socket,
        // A newer program in the old one's place: that is drained, and its successor gets the socket that was never let go.
        true if world.alike => Anew::Nothing,
        _ => Anew::Job,
    };
    let whole = matches!(world.found, Found::Ours(_));
    let action = match (world.found, older) {
        (Found::Nothing, _) if !world.seen.loaded => Action::Install,
        (_, Some(older)) => Action::Upgrade(older.to_owned()),
        _ if whole && world.same && world.seen.loaded && anew == Anew::Nothing => Action::Keep,
        _ if whole && !world.same => Action::Change,
        _ => Action::Mend,
    };
    Ok(Plan { action, set_aside: false, write: !world.same, anew })
}

fn no_downgrade(running: Option<&str>, installed: Option<&str>, new: &Candidate) -> Result<(), Fault> {
    for (what, version) in [("running", running), ("installed", installed)] {
        let Some(version) = version else { continue };
        if compared(&new.version, version) == Some(Ordering::Less) {
            let newest = format!("the {what} agentd {version}");
            return Err(Fault::Downgrade { program: new.program.clone(), version: new.version.clone(), newest });
        }
    }
    Ok(())
}

/// Compares two versions; `None` if one is none. A preview (`1.0.0-rc.1`) comes before what it previews.
fn compared(one: &str, other: &str) -> Option<Ordering> {
    let parse = |version: &str| {
        let (numbers, preview) = version.split('+').next()?.split_once('-').map_or_else(
            || (version.split('+').next().unwrap_or(version), None),
            |(numbers, preview)| (numbers, Some(preview.to_owned())),
        );
        let parts: Option<Vec<u64>> = numbers.split('.').map(|part| part.parse().ok()).collect();
        Some((parts?, preview))
    };
    let ((one, one_preview), (other, other_preview)) = (parse(one)?, parse(other)?);
    Some(one.cmp(&other).then_with(|| match (one_preview, other_preview) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => one.cmp(&other),
    }))
}

/// What is wrong with a service, each with what mends it; empty: nothing is. `there`: of what our files name.
#[must_use]
pub fn problems(found: &Found, seen: &Seen, place: &Place, there: Option<There>) -> Vec<String> {
    let mend = "agentd-cli service install";
    let mut problems = Vec::new();
    match found {
        Found::Nothing if seen.loaded => {
            problems.push(format!(
                "its file is gone, but it is loaded ({}): {mend}, or agentd-cli service uninstall",
                seen.domain
            ));
        }
        Found::Nothing => {}
        Found::Foreign { path, why } => {
            problems.push(format!("{} is not ours: {why}; to replace it: {mend} --force", path.display()));
        }
        Found::Half(_, missing) => {
            let names: Vec<String> = missing.iter().map(|path| path.display().to_string()).collect();
            problems.push(format!("{} is missing: {mend}", names.join(" and ")));
        }
        Found::Ours(installed) => {
            if !installed.serves(place) {
                let theirs = installed.state_dir.as_deref().map_or_else(|| place.usual_state_dir(), Path::to_owned);
                problems.push(format!("it serves {}, not {}", theirs.display(), place.state_dir.display()));
            }
            if there.is_some_and(|there| !there.program) {
                problems.push(format!("its program {} is gone: {mend}", installed.program.display()));
            }
            if !seen.loaded {
                problems.push("it is installed, but not loaded: agentd-cli service start".to_owned());
            }
            if let (true, Some(There { socket: false, .. }), Some(socket)) = (seen.loaded, there, &installed.socket) {
                problems.push(format!(
                    "its socket {} is gone from there, so no client finds the daemon: agentd-cli service restart",
                    socket.display()
                ));
            }
        }
    }
    if seen.pid.is_none() && !seen.last_end.is_empty() {
        problems.push(format!("the daemon ended badly ({}): agentd-cli service logs", seen.last_end));
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{
        super::job::{Installed, samples::place},
        *,
    };

    fn candidate(version: &str) -> Candidate {
        Candidate { program: "/bin/agentd".into(), version: version.to_owned() }
    }

    fn installed(version: Option<&str>, state_dir: Option<&str>) -> Installed {
        Installed {
            program: "/bin/agentd".into(),
            state_dir: state_dir.map(PathBuf::from),
            socket: Some(place().socket),
            version: version.map(str::to_owned),
        }
    }

    fn ours(version: &str) -> Found {
        Found::Ours(installed(Some(version), None))
    }

    fn decided(found: &Found, same: bool, loaded: bool, running: Option<&str>, force: bool) -> Result<Plan, Fault> {
        let seen = Seen { loaded, ..Seen::default() };
        let world = World { found, same, alike: same, seen: &seen, running, socket_is_there: true };
        install(&world, &place(), &candidate("0.2.0"), force)
    }

    #[test]
    fn every_state_has_its_plan() {
        let half = Found::Half(Some(installed(Some("0.2.0"), None)), vec!["/x".into()]);
        let none = Found::Half(None, vec!["/x".into()]);
        let unmarked = Found::Ours(installed(None, None));
        let upgrade = || Action::Upgrade("0.1.0".to_owned());
        let (same, older) = (ours("0.2.0"), ours("0.1.0"));
        let table = [
            // Found, same, loaded, running: action, write, anew.
            (&Found::Nothing, false, false, None, Action::Install, true, Anew::Job),
            (&Found::Nothing, false, false, Some("0.1.0"), Action::Install, true, Anew::Job),
            (&Found::Nothing, false, true, None, Action::Mend, true, Anew::Socket),
            (&half, false, true, Some("0.2.0"), Action::Mend, true, Anew::Job),
            (&half, false, false, None, Action::Mend, true, Anew::Job),
            (&none, false, true, None, Action::Mend, true, Anew::Socket),
            (&same, true, true, Some("0.2.0"), Action::Keep, false, Anew::Nothing),
            (&same, true, true, None, Action::Keep, false, Anew::Nothing),
            (&same, true, false, None, Action::Mend, false, Anew::Job),
            (&same, false, true, Some("0.2.0"), Action::Change, true, Anew::Job),
            // The program was replaced in its place, the old one still runs.
            (&same, true, true, Some("0.1.0"), upgrade(), false, Anew::Nothing),
            (&older, false, true, Some("0.1.0"), upgrade(), true, Anew::Job),
            (&older, false, true, None, upgrade(), true, Anew::Job),
            (&older, false, false, None, upgrade(), true, Anew::Job),
            (&unmarked, false, true, Some("0.2.0"), Action::Change, true, Anew::Job),
        ];
        for (found, same, loaded, running, action, write, anew) in table {
            let plan = decided(found, same, loaded, running, false).unwrap();
            assert_eq!(
                (&plan.action, plan.write, plan.anew, plan.set_aside),
                (&action, write, anew, false),
                "{found:?}"
            );
        }
    }

    #[test]
    fn an_upgrade_in_place_lets_go_of_nothing() {
        let (found, seen) = (ours("0.1.0"), Seen { loaded: true, ..Seen::default() });
        let world = World {
            found: &found,
            same: false,
            alike: true,
            seen: &seen,
            running: Some("0.1.0"),
            socket_is_there: true,
        };
        let plan = install(&world, &place(), &candidate("0.2.0"), false).unwrap();
        let action = Action::Upgrade("0.1.0".to_owned());
        assert_eq!(plan, Plan { action, set_aside: false, write: true, anew: Anew::Nothing });
    }

    #[test]
    fn a_socket_that_moved_or_vanished_is_made_anew() {
        let seen = Seen { loaded: true, ..Seen::default() };
        let found = ours("0.2.0");
        let world =
            World { found: &found, same: true, alike: true, seen: &seen, running: None, socket_is_there: false };
        let plan = install(&world, &place(), &candidate("0.2.0"), false).unwrap();
        assert_eq!((plan.action, plan.anew), (Action::Mend, Anew::Socket));
        let elsewhere = Place { socket: "/elsewhere.sock".into(), ..place() };
        let world =
            World { found: &found, same: false, alike: false, seen: &seen, running: None, socket_is_there: true };
        let plan = install(&world, &elsewhere, &candidate("0.2.0"), false).unwrap();
        assert_eq!((plan.action, plan.anew), (Action::Change, Anew::Socket));
    }

    #[test]
    fn what_is_not_ours_gives_way_only_to_force_and_is_kept() {
        let foreign = Found::Foreign { path: "/x.plist".into(), why: "it starts /bin/sh".to_owned() };
        let other = Found::Ours(installed(Some("0.9.0"), Some("/other")));
        assert!(matches!(decided(&foreign, false, true, None, false), Err(Fault::Foreign { .. })));
        assert!(matches!(decided(&other, false, true, None, false), Err(Fault::OtherHome { .. })));
        for found in [&foreign, &other] {
            let plan = decided(found, false, true, None, true).unwrap();
            assert_eq!(plan, Plan { action: Action::Replace, set_aside: true, write: true, anew: Anew::Socket });
        }
    }

    #[test]
    fn an_older_daemon_is_refused_with_one_sentence_whatever_is_asked() {
        for (found, running) in [(ours("0.3.0"), None), (ours("0.1.0"), Some("0.3.0")), (Found::Nothing, Some("0.2.1"))]
        {
            for force in [false, true] {
                let error = decided(&found, false, true, running, force).unwrap_err();
                assert!(matches!(error, Fault::Downgrade { .. }), "{error}");
                let words = error.to_string();
                assert!(words.contains("a downgrade is refused") && !words.contains(". "), "{words}");
            }
        }
    }

    #[test]
    fn versions_are_compared_by_number_and_previews_come_before() {
        for (one, other, expected) in [
            ("0.10.0", "0.9.9", Some(Ordering::Greater)),
            ("1.0.0-rc.1", "1.0.0", Some(Ordering::Less)),
            ("1.0.0+built", "1.0.0", Some(Ordering::Equal)),
            ("1.0.0-a", "1.0.0-b", Some(Ordering::Less)),
            ("unknown", "1.0.0", None),
        ] {
            assert_eq!(compared(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn half_installed_services_are_told_with_what_mends_them() {
        let loaded = Seen { loaded: true, domain: "gui/501".to_owned(), ..Seen::default() };
        let away = Seen::default();
        let failed = Seen { last_end: "exit code 78".to_owned(), ..loaded.clone() };
        let half = Found::Half(None, vec!["/u/agentd.service".into()]);
        let foreign = Found::Foreign { path: "/x".into(), why: "it starts /bin/sh".to_owned() };
        let other = Found::Ours(installed(None, Some("/other")));
        let all = There { program: true, socket: true };
        let (no_program, no_socket) = (There { program: false, ..all }, There { socket: false, ..all });
        for (found, seen, there, words) in [
            (&Found::Nothing, &loaded, all, "its file is gone, but it is loaded (gui/501)"),
            (&half, &loaded, all, "/u/agentd.service is missing"),
            (&foreign, &away, all, "not ours: it starts /bin/sh"),
            (&ours("1"), &away, no_socket, "not loaded: agentd-cli service start"),
            (&ours("1"), &loaded, no_program, "its program /bin/agentd is gone"),
            (&ours("1"), &loaded, no_socket, "no client finds the daemon: agentd-cli service restart"),
            (&ours("1"), &failed, all, "exit code 78"),
            (&other, &loaded, all, "it serves /other"),
        ] {
            let told = problems(found, seen, &place(), Some(there));
            assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
        }
        assert!(problems(&ours("1"), &loaded, &place(), Some(all)).is_empty());
        assert!(problems(&Found::Nothing, &away, &place(), None).is_empty());
    }
}
