//! Where threads were asked to run, what they were granted, and where they ran: each thread for programs, each kind of thread
//! on a line for people. On macOS the priority that the scheduler starts from is read again now, since a class can be lost.

use agentd_engine::AgentView;
use agentd_host::{Intent, Measured, Qos, ThreadEntry};
use agentd_proto::{
    doctor::PLACEMENT,
    v1::{DoctorCheck, ThreadPlacement, Verdict},
};

/// Compute agents that ran less than this share of their time on the fast tiers (all but the slowest) are somewhere else than they asked for.
const LEAST_FAST_SHARE: f64 = 0.5;

/// A thread, and what is measured of it now.
#[derive(Debug)]
pub(super) struct Seen {
    entry: ThreadEntry,
    base: Measured<i32>,
    /// Agents only.
    share: Option<Result<f64, String>>,
}

/// All threads, by name.
pub(super) fn threads(agents: &[AgentView]) -> Vec<ThreadPlacement> {
    look(agents).into_iter().map(|seen| told(&seen)).collect()
}

fn look(agents: &[AgentView]) -> Vec<Seen> {
    let seen = |entry: ThreadEntry| {
        let agent = agents.iter().find(|agent| agent.role.name() == entry.name && !entry.abandoned);
        let share = agent.map(|agent| agent.fast_share.clone());
        Seen { base: agentd_host::base_priority(entry.tid), share, entry }
    };
    agentd_host::table().into_iter().map(seen).collect()
}

/// The priority that the class asked for would give; none where no class was asked for.
fn expected(asked: &str) -> Option<i32> {
    let classes = [Qos::UserInitiated, Qos::Default, Qos::Utility, Qos::Background];
    classes.into_iter().find(|class| class.name() == asked).map(Qos::base_priority)
}

fn told(seen: &Seen) -> ThreadPlacement {
    let Seen { entry, base, share } = seen;
    let (fast_share, unmeasured) = match share {
        Some(Ok(share)) => (Some(*share), String::new()),
        Some(Err(why)) => (None, why.clone()),
        None => (None, "measured for agents alone".to_owned()),
    };
    ThreadPlacement {
        name: entry.name.clone(),
        asked: entry.asked.clone(),
        granted: entry.granted.text.clone(),
        pinned: entry.granted.pinned,
        faults: entry.granted.faults.clone(),
        base_priority: base.clone().value(),
        expected_priority: expected(&entry.asked),
        fast_share,
        unmeasured,
        abandoned: entry.abandoned,
    }
}

/// One line for each kind of thread, one for threads that nobody knows, one for the band of the service.
pub(super) fn checks(agents: &[AgentView], band: Option<&str>) -> Vec<DoctorCheck> {
    let seen = look(agents);
    let of = |intents: &[Intent]| seen.iter().filter(|seen| intents.contains(&seen.entry.intent)).collect::<Vec<_>>();
    let daemon = [Intent::Engine, Intent::Io, Intent::Main, Intent::Net, Intent::Writer];
    let mut checks = vec![
        kind("compute agents", &of(&[Intent::Compute])),
        kind("coordinators", &of(&[Intent::Coordinator])),
        kind("other threads", &of(&daemon)),
    ];
    let unknown = agentd_host::unknown_threads();
    if !unknown.is_empty() {
        let found = format!("threads that no part of agentd accounts for: {}", unknown.join(", "));
        checks.push(DoctorCheck::of(PLACEMENT, "unknown threads", Verdict::Warning, found));
    }
    checks.push(service_band(cfg!(target_os = "macos"), band));
    checks
}

fn kind(name: &str, threads: &[&Seen]) -> DoctorCheck {
    let mut found = format!("{}: {}", threads.len(), granted(threads));
    let faults: Vec<String> = threads.iter().filter_map(|seen| fault(seen)).collect();
    let shares: Vec<f64> = threads.iter().filter_map(|seen| seen.share.as_ref()?.as_ref().ok().copied()).collect();
    let mean = if shares.is_empty() { None } else { Some(shares.iter().sum::<f64>() / shares.len() as f64) };
    match (mean, threads.iter().find_map(|seen| seen.share.as_ref()?.as_ref().err())) {
        (Some(mean), _) => {
            let (least, most) =
                (shares.iter().copied().fold(1.0, f64::min), shares.iter().copied().fold(0.0, f64::max));
            let [mean, least, most] = [mean, least, most].map(|share| share * 100.0);
            found.push_str(&format!(
                "; on all but the slowest cores {mean:.0} % of their time ({least:.0} to {most:.0})"
            ));
        }
        (None, Some(why)) => found.push_str(&format!("; on all but the slowest cores: unmeasured ({why})")),
        (None, None) => {}
    }
    let slow = name == "compute agents" && mean.is_some_and(|mean| mean < LEAST_FAST_SHARE);
    let mut check = if !faults.is_empty() {
        DoctorCheck::of(PLACEMENT, name, Verdict::Warning, format!("{found}. {}", faults.join("; ")))
            .with_remedy(
                "let a service of its own start the daemon, outside of shells and containers with lower limits",
            )
            .with_command("agentd-cli service install")
    } else if slow {
        DoctorCheck::of(PLACEMENT, name, Verdict::Warning, found)
            .with_remedy("see which agents, and what else is busy; Low Power Mode and heat slow the fast cores down")
            .with_command("agentd-cli agents")
    } else {
        DoctorCheck::of(PLACEMENT, name, Verdict::Ok, found)
    };
    check = check.with_figure("threads", threads.len() as f64);
    match mean {
        Some(mean) => check.with_figure("fast_share", mean),
        None => check,
    }
}

/// What was granted, each kind of answer once with how often.
fn granted(threads: &[&Seen]) -> String {
    let mut answers: Vec<(String, usize)> = Vec::new();
    for Seen { entry, .. } in threads {
        let pinned = if entry.granted.pinned { ", pinned" } else { "" };
        let text = if entry.granted.text == entry.asked {
            format!("`{}` as asked{pinned}", entry.asked)
        } else {
            format!("asked `{}`, granted `{}`{pinned}", entry.asked, entry.granted.text)
        };
        match answers.iter_mut().find(|(known, _)| *known == text) {
            Some((_, times)) => *times += 1,
            None => answers.push((text, 1)),
        }
    }
    let only = answers.len() == 1;
    let answers = answers.into_iter().map(|(text, times)| if only { text } else { format!("{times} × {text}") });
    answers.collect::<Vec<_>>().join(", ")
}

/// What is wrong with a thread: what was refused at its birth, a class that it has lost since, that it was given up.
fn fault(seen: &Seen) -> Option<String> {
    let Seen { entry, base, .. } = seen;
    if entry.abandoned {
        return Some(format!("{} did not answer and was given up", entry.name));
    }
    if let Some(fault) = entry.granted.faults.first() {
        return Some(format!("{}: {fault}", entry.name));
    }
    let (expected, base) = (expected(&entry.asked)?, base.clone().value()?);
    let text = || format!("{}: base priority {base}, {} should give {expected}", entry.name, entry.asked);
    (base < expected).then(text)
}

fn service_band(has_bands: bool, band: Option<&str>) -> DoctorCheck {
    const NAME: &str = "service band";
    match band {
        _ if !has_bands => DoctorCheck::of(PLACEMENT, NAME, Verdict::Skipped, "Linux has no such bands"),
        Some(warning) => DoctorCheck::of(PLACEMENT, NAME, Verdict::Failed, warning)
            .with_remedy("write the job file anew, with ProcessType Interactive")
            .with_command("agentd-cli service install && agentd-cli service restart"),
        None => DoctorCheck::of(PLACEMENT, NAME, Verdict::Ok, "the main thread is in no slow band"),
    }
}

#[cfg(test)]
mod tests {
    use agentd_host::Granted;

    use super::*;

    fn seen(name: &str, text: &str, base: Option<i32>, share: Option<Result<f64, String>>) -> Seen {
        let granted = Granted { text: text.to_owned(), pinned: false, faults: Vec::new() };
        let (asked, intent) = ("USER_INITIATED".to_owned(), Intent::Compute);
        let base = base.map_or_else(|| Measured::Unmeasured("gone".to_owned()), Measured::Value);
        Seen {
            entry: ThreadEntry { name: name.to_owned(), intent, asked, granted, tid: 1, abandoned: false },
            base,
            share,
        }
    }

    #[test]
    fn a_lost_class_and_slow_cores_are_told_and_the_rest_is_well() {
        let good = || seen("analyzer", "USER_INITIATED", Some(37), Some(Ok(0.9)));
        for (other, verdict, parts) in [
            (good(), Verdict::Ok, &["2: `USER_INITIATED` as asked", "90 % of their time (90 to 90)"][..]),
            (seen("architect", "USER_INITIATED", Some(20), None), Verdict::Warning, &["architect: base priority 20"]),
            (
                seen("architect", "UTILITY", Some(37), None),
                Verdict::Ok,
                &["1 × asked `USER_INITIATED`, granted `UTILITY`"],
            ),
            (
                seen("architect", "USER_INITIATED", None, Some(Ok(0.0))),
                Verdict::Warning,
                &["45 % of their time (0 to 90)"],
            ),
        ] {
            let check = kind("compute agents", &[&good(), &other]);
            assert_eq!(check.verdict(), verdict, "{check:?}");
            assert!(parts.iter().all(|part| check.found.contains(part)), "{check:?}");
            assert_eq!(check.command.is_empty(), verdict == Verdict::Ok);
        }
        let unmeasured = seen("analyzer", "USER_INITIATED", Some(37), Some(Err("one tier of cores".to_owned())));
        let check = kind("compute agents", &[&unmeasured]);
        assert!(check.found.ends_with("unmeasured (one tier of cores)"), "{check:?}");
        let mut silent = good();
        silent.entry.abandoned = true;
        assert!(kind("compute agents", &[&silent]).found.contains("given up"));
    }

    #[test]
    fn bands_are_macos_alone() {
        assert_eq!(service_band(false, None).verdict(), Verdict::Skipped);
        assert_eq!(service_band(true, None).verdict(), Verdict::Ok);
        let slow = service_band(true, Some("the main thread has base priority 20"));
        assert_eq!((slow.verdict(), slow.command.is_empty()), (Verdict::Failed, false));
    }
}
