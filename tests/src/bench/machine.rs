//! Where a run took place: processor, cores, kernel, commit, time, and how busy the machine is.

use std::{fs, process::Command};

use crate::repo;

/// Where and when.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    chip: String,
    cores: usize,
    system: String,
    commit: String,
    date: String,
}

impl Machine {
    pub(super) fn look() -> Self {
        Self {
            chip: chip(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            system: said("uname", &["-sr"]),
            commit: said("git", &["describe", "--always", "--dirty"]),
            date: said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        }
    }

    pub(super) fn text(&self) -> String {
        let Self { chip, cores, system, commit, date } = self;
        format!("{chip}, {cores} cores, {system}, agentd {commit}, {date}")
    }
}

fn chip() -> String {
    let Ok(text) = fs::read_to_string("/proc/cpuinfo") else {
        return said("sysctl", &["-n", "machdep.cpu.brand_string"]);
    };
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    model.map_or_else(|| said("uname", &["-m"]), |(_, model)| model.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "uname(1), date(1) and git know")]
fn said(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).current_dir(repo::root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runnable tasks, averaged over the last minute; not a number where the system does not say it.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(f64::NAN)
}
