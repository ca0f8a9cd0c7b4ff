//! Asks the system for a placement on the calling thread, then reads back what it got.

use std::sync::Arc;

use crate::plan::{Placement, Qos};

/// What the system answered to a placement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Granted {
    /// For people: what was read back.
    pub text: String,
    /// Whether the system holds the thread on some of the cpus: only true for Linux affinity to a part of them.
    pub pinned: bool,
    /// What was refused or looks wrong, one sentence each.
    pub faults: Vec<String>,
}

/// Places the thread that the program began with, and lists it. Call it on that thread.
pub fn register_main(placement: &Placement) -> Granted {
    let granted = apply(placement);
    let name = if cfg!(target_os = "linux") { comm() } else { "main".to_owned() };
    let never = Arc::new(std::sync::atomic::AtomicBool::new(false));
    // The thread outlives the table, so its entry is never taken out.
    std::mem::forget(super::table::enter(name, crate::sys::thread_id(), placement, granted.clone(), never));
    granted
}

fn comm() -> String {
    let text = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
    text.trim_end().to_owned()
}

#[cfg(target_os = "linux")]
pub(super) fn apply(placement: &Placement) -> Granted {
    let mut faults = Vec::new();
    if let Err(error) = apply_cpus(placement) {
        faults.push(format!("the system refused `{}`: {error}", placement.asked));
    }
    if let Err(error) = apply_nice(placement) {
        faults.push(format!("nice {} was refused: {error}", placement.nice.unwrap_or(0)));
    }
    read_back(faults)
}

/// A new thread has its maker's cpus, so they are set in any case where they differ.
#[cfg(target_os = "linux")]
fn apply_cpus(placement: &Placement) -> std::io::Result<()> {
    let all = crate::topology::process_cpus()?;
    let wanted = placement.cpus.as_deref().unwrap_or(all);
    if crate::sys::affinity(0)? == wanted { Ok(()) } else { crate::sys::set_affinity(wanted) }
}

/// Nice only goes up without privileges, so a daemon started at nice 10 keeps its compute threads at 10, not 5.
#[cfg(target_os = "linux")]
fn apply_nice(placement: &Placement) -> std::io::Result<()> {
    let Some(wanted) = placement.nice else { return Ok(()) };
    if crate::sys::nice(0)? < wanted { crate::sys::set_nice(wanted) } else { Ok(()) }
}

#[cfg(target_os = "linux")]
fn read_back(mut faults: Vec<String>) -> Granted {
    let all = crate::topology::process_cpus().unwrap_or(&[]);
    let cpus = crate::sys::affinity(0).unwrap_or_else(|error| {
        faults.push(format!("the thread's cpus cannot be read: {error}"));
        all.to_vec()
    });
    let nice = crate::sys::nice(0).unwrap_or(0);
    let pinned = cpus.len() < all.len() && cpus.iter().all(|cpu| all.contains(cpu));
    let text = crate::plan::show(pinned.then_some(cpus.as_slice()), (nice != 0).then_some(nice));
    Granted { text, pinned, faults }
}

#[cfg(target_os = "macos")]
pub(super) fn apply(placement: &Placement) -> Granted {
    let mut faults = Vec::new();
    if let Some(qos) = placement.qos
        && let Err(error) = crate::sys::set_qos(qos.value())
    {
        faults.push(format!("the class {} was refused: {error}", qos.name()));
    }
    let class = crate::sys::qos().unwrap_or(0);
    let base = crate::sys::thread_info(crate::sys::thread_id()).map(|info| info.base_priority);
    granted(placement.qos, class, base, faults)
}

/// What a class and a base priority that were read back mean for a thread that asked for `asked`.
#[cfg_attr(
    not(any(target_os = "macos", test)),
    expect(dead_code, reason = "macOS only; its logic is tested everywhere")
)]
fn granted(asked: Option<Qos>, class: u32, base: Option<i32>, mut faults: Vec<String>) -> Granted {
    let name = Qos::of_value(class).map_or_else(|| format!("class {class:#04x}"), |qos| qos.name().to_owned());
    let text = base.map_or_else(|| name.clone(), |base| format!("{name}, base priority {base}"));
    if let Some(asked) = asked {
        if asked.value() != class && faults.is_empty() {
            faults.push(format!("{} was asked for, the thread has {name}", asked.name()));
        }
        let expected = asked.base_priority();
        if let Some(base) = base
            && base < expected
        {
            faults.push(format!("{} should give base priority {expected}, the thread has {base}", asked.name()));
        }
    }
    Granted { text, pinned: false, faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macos_answers_are_told_as_they_are_and_never_as_pinned() {
        let fast = granted(Some(Qos::UserInitiated), 0x19, Some(37), Vec::new());
        assert_eq!(fast, Granted { text: "USER_INITIATED, base priority 37".into(), pinned: false, faults: vec![] });

        let throttled = granted(Some(Qos::UserInitiated), 0x19, Some(20), Vec::new());
        assert_eq!(throttled.faults, ["USER_INITIATED should give base priority 37, the thread has 20"]);

        let stripped = granted(Some(Qos::Background), 0x00, Some(31), Vec::new());
        assert_eq!(stripped.text, "class 0x00, base priority 31");
        assert_eq!(stripped.faults, ["BACKGROUND was asked for, the thread has class 0x00"]);

        assert_eq!(granted(Some(Qos::Background), 0x09, Some(4), Vec::new()).faults, Vec::<String>::new());
        assert_eq!(granted(Some(Qos::Utility), 0x11, None, Vec::new()).text, "UTILITY");
    }
}
