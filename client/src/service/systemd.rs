//! The user's systemd through `systemctl --user`: the calls, and what their answers mean.

use super::{
    fault::Fault,
    job::Place,
    manager::{Anew, Kind, Seen, asked},
    runner::{Answer, Call, Runner},
    units::{SERVICE, SOCKET},
};

/// What is read about a unit; these names and values are an interface.
const PROPERTIES: &str = "--property=Id,ActiveState,UnitFileState,MainPID,Result,ExecMainStatus";

/// Words that mean that there is nobody to ask.
const NOBODY: [&str; 4] = [
    "Failed to connect to bus",
    "Failed to connect to user scope bus",
    "not been booted with systemd",
    "Failed to get D-Bus connection",
];

/// The user's systemd, asked through `systemctl`.
#[derive(Debug)]
pub struct Systemctl<R> {
    uid: u32,
    runtime_dir: String,
    runner: R,
}

impl<R> Systemctl<R> {
    /// For the units of this user.
    pub fn new(place: &Place, runner: R) -> Self {
        Self { uid: place.uid, runtime_dir: place.runtime_dir.clone(), runner }
    }
}

impl<R: Runner> Systemctl<R> {
    fn call(&mut self, arguments: &[&str]) -> Result<(Call, Answer), Fault> {
        let mut call = Call::new("systemctl", &["--user"]);
        call.arguments.extend(arguments.iter().map(|&word| word.to_owned()));
        call.environment.push(("XDG_RUNTIME_DIR", self.runtime_dir.clone()));
        let answer = asked(Kind::Systemd, &mut self.runner, &call)?;
        let words = answer.words();
        if !answer.is_ok() && NOBODY.iter().any(|nobody| words.contains(nobody)) {
            return Err(Fault::NoManager { kind: Kind::Systemd, said: words });
        }
        Ok((call, answer))
    }

    /// A call that must work.
    fn must(&mut self, arguments: &[&str]) -> Result<(), Fault> {
        let (call, answer) = self.call(arguments)?;
        if answer.is_ok() { Ok(()) } else { Err(refused(&call, &answer)) }
    }

    /// A call about units that systemd may not know, which is what the call would achieve.
    fn may_be_unknown(&mut self, arguments: &[&str]) -> Result<(), Fault> {
        let (call, answer) = self.call(arguments)?;
        let unknown = ["not loaded", "does not exist", "not found"].iter().any(|word| answer.words().contains(word));
        if answer.is_ok() || unknown { Ok(()) } else { Err(refused(&call, &answer)) }
    }

    pub(super) fn look(&mut self) -> Result<Seen, Fault> {
        let (call, answer) = self.call(&["show", SERVICE, SOCKET, PROPERTIES])?;
        if !answer.is_ok() {
            return Err(refused(&call, &answer));
        }
        let mut seen = seen(&answer.out);
        seen.linger = self.linger();
        Ok(seen)
    }

    /// Whether the user's services run without a login. Only looked at: whether they should is the user's to say.
    fn linger(&mut self) -> Option<bool> {
        let call = Call::new("loginctl", &["show-user", &self.uid.to_string(), "--property=Linger"]);
        let answer = self.runner.run(&call).ok().filter(Answer::is_ok)?;
        match answer.out.trim() {
            "Linger=yes" => Some(true),
            "Linger=no" => Some(false),
            _ => None,
        }
    }

    pub(super) fn reload(&mut self) -> Result<(), Fault> {
        self.must(&["daemon-reload"])
    }

    pub(super) fn load(&mut self, anew: Anew) -> Result<Vec<String>, Fault> {
        if anew == Anew::Socket {
            self.stop()?;
        }
        self.must(&["enable", SOCKET, SERVICE])?;
        self.start()?;
        Ok(Vec::new())
    }

    pub(super) fn start(&mut self) -> Result<(), Fault> {
        // Units that failed too often do not start until that is forgotten.
        self.may_be_unknown(&["reset-failed", SOCKET, SERVICE])?;
        self.must(&["start", SOCKET, SERVICE])
    }

    pub(super) fn stop(&mut self) -> Result<(), Fault> {
        // The socket first: otherwise whoever connects in between starts the daemon again.
        self.may_be_unknown(&["stop", SOCKET, SERVICE])
    }

    pub(super) fn disable(&mut self) -> Result<(), Fault> {
        self.stop()?;
        self.may_be_unknown(&["disable", SOCKET, SERVICE])
    }

    pub(super) fn forget(&mut self) -> Result<(), Fault> {
        self.reload()?;
        self.may_be_unknown(&["reset-failed", SOCKET, SERVICE])
    }
}

/// Reads what `show` says: a block of `key=value` lines for each unit.
fn seen(text: &str) -> Seen {
    let mut seen = Seen { domain: "systemd --user".to_owned(), ..Seen::default() };
    for block in text.split("\n\n") {
        let value = |name: &str| {
            block
                .lines()
                .find_map(|line| line.split_once('=').filter(|(key, _)| *key == name))
                .map_or("", |(_, value)| value)
        };
        let active = matches!(value("ActiveState"), "active" | "activating" | "reloading");
        if value("Id") == SOCKET {
            seen.loaded = active;
            if !matches!(value("Result"), "" | "success") {
                seen.last_end = format!("its socket failed ({})", value("Result"));
            }
        } else if value("Id") == SERVICE {
            seen.pid = value("MainPID").parse().ok().filter(|&pid| pid != 0 && active);
            seen.at_login = value("UnitFileState") == "enabled";
            if !matches!(value("Result"), "" | "success") && seen.last_end.is_empty() {
                seen.last_end = match value("ExecMainStatus") {
                    "" | "0" => value("Result").to_owned(),
                    status => format!("{} {status}", value("Result")),
                };
            }
        }
    }
    seen
}

fn refused(call: &Call, answer: &Answer) -> Fault {
    let words = answer.words();
    let remedy = if words.contains("journalctl") {
        "what happened stands in its log: agentd-cli service logs"
    } else if words.contains("masked") {
        "somebody has forbidden it; allow it: systemctl --user unmask agentd.service agentd.socket"
    } else if words.contains("does not exist") || words.contains("not found") {
        "install it: agentd-cli service install"
    } else {
        "see what is there: agentd-cli service status"
    };
    Fault::Refused { call: call.to_string(), code: answer.code, said: words, remedy: remedy.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{job::samples, transcript::Transcript},
        *,
    };

    fn play<T>(text: &'static str, act: impl FnOnce(&mut Systemctl<Transcript>) -> T) -> T {
        let mut systemctl = Systemctl::new(&samples::place(), Transcript::new(text));
        let outcome = act(&mut systemctl);
        systemctl.runner.is_played();
        outcome
    }

    macro_rules! transcript {
        ($name:literal) => {
            include_str!(concat!("../../tests/transcripts/systemd-", $name, ".txt"))
        };
    }

    #[test]
    fn a_first_install_enables_and_starts_both_units() {
        play(transcript!("install"), |it| it.reload().and_then(|()| it.load(Anew::Job))).unwrap();
    }

    #[test]
    fn a_socket_that_moves_is_given_up_first() {
        play(transcript!("move-socket"), |it| it.load(Anew::Socket)).unwrap();
    }

    #[test]
    fn units_that_are_not_there_are_no_hindrance_to_uninstalling() {
        for text in [transcript!("uninstall"), transcript!("uninstall-half")] {
            play(text, |it| it.disable().and_then(|()| it.forget())).unwrap();
        }
    }

    #[test]
    fn states_are_read_from_properties() {
        let running = play(transcript!("show-running"), |it| it.look()).unwrap();
        assert_eq!((running.loaded, running.at_login, running.linger), (true, true, Some(false)));
        assert!(running.pid.is_some() && running.last_end.is_empty());
        let absent = play(transcript!("show-absent"), |it| it.look()).unwrap();
        assert_eq!(absent, Seen { domain: "systemd --user".to_owned(), ..Seen::default() });
        let failed = play(transcript!("show-failed"), |it| it.look()).unwrap();
        assert_eq!((failed.pid, failed.last_end.as_str()), (None, "exit-code 78"));
    }

    #[test]
    fn no_user_manager_is_told_with_what_to_do() {
        for text in [transcript!("no-bus"), transcript!("not-booted"), transcript!("no-systemctl")] {
            let error = play(text, |it| it.look()).unwrap_err();
            assert!(matches!(error, Fault::NoManager { kind: Kind::Systemd, .. }), "{error}");
            assert!(error.verdict().1[0].contains("su or sudo"), "{error}");
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        for (text, remedy) in [
            (transcript!("start-failed"), "service logs"),
            (transcript!("start-masked"), "unmask"),
            (transcript!("start-unknown"), "service install"),
        ] {
            let error = play(text, |it| it.start()).unwrap_err();
            assert!(error.verdict().1[0].contains(remedy), "{error}: {:?}", error.verdict());
        }
    }
}
