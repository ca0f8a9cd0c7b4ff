//! launchd through `launchctl`: the calls, and what their answers mean. The answers were gathered from Apple's sources,
//! manuals and reports; none of this has run on a Mac.

use std::{path::Path, time::Duration};

use tokio::time::{Instant, sleep};

use super::{
    fault::Fault,
    job::LABEL,
    manager::{Anew, Kind, Seen, asked},
    runner::{Answer, Call, Runner},
};
use crate::retry::Pauses;

/// The program; never searched for.
const LAUNCHCTL: &str = "/bin/launchctl";

/// `bootout` answers before the job has ended, which may take as long as its file allows.
const UNLOAD_LIMIT: Duration = Duration::from_secs(35);

/// Operation now in progress: it is being unloaded.
const IN_PROGRESS: i32 = 36;

/// No such process; could not find the service: it is not loaded.
const NOT_LOADED: [i32; 2] = [3, 113];

/// Answers of `bootstrap` where a domain cannot take the job: input/output error, no such domain, the domain does not support
/// it. Without a login at the screen there is no `gui` domain.
const NO_DOMAIN: [i32; 3] = [5, 112, 125];

/// launchd, asked through `launchctl`.
#[derive(Debug)]
pub struct Launchctl<R> {
    uid: u32,
    /// How long an unloading may take.
    limit: Duration,
    runner: R,
}

impl<R> Launchctl<R> {
    /// For the jobs of this user.
    pub const fn new(uid: u32, runner: R) -> Self {
        Self { uid, limit: UNLOAD_LIMIT, runner }
    }
}

impl<R: Runner> Launchctl<R> {
    /// The screen's session first: it has more (keychain, windows), and is where files in `LaunchAgents` are loaded at login.
    fn domains(&self) -> [String; 2] {
        [format!("gui/{}", self.uid), format!("user/{}", self.uid)]
    }

    fn call(&mut self, arguments: &[&str]) -> Result<(Call, Answer), Fault> {
        let call = Call::new(LAUNCHCTL, arguments);
        let answer = asked(Kind::Launchd, &mut self.runner, &call)?;
        Ok((call, answer))
    }

    /// In which domain it is loaded, and how it does there.
    pub(super) fn look(&mut self) -> Result<Seen, Fault> {
        for domain in self.domains() {
            let (_, answer) = self.call(&["print", &format!("{domain}/{LABEL}")])?;
            if answer.is_ok() {
                return Ok(seen(domain, &answer.out));
            }
        }
        Ok(Seen::default())
    }

    pub(super) async fn load(&mut self, plist: &Path, anew: Anew) -> Result<Vec<String>, Fault> {
        let seen = self.look()?;
        if seen.loaded && anew == Anew::Nothing {
            self.kick(&seen.domain)?;
            return Ok(Vec::new());
        }
        if seen.loaded {
            // Bootstrapping what is loaded answers 5, like so much else.
            self.unload().await?;
        }
        let (domain, notes) = self.bootstrap(plist)?;
        // `RunAtLoad` starts it; after an end that counts against it, this does.
        self.kick(&domain)?;
        Ok(notes)
    }

    fn bootstrap(&mut self, plist: &Path) -> Result<(String, Vec<String>), Fault> {
        let path = plist.to_string_lossy().into_owned();
        let mut refusals = Vec::new();
        for (place, domain) in self.domains().into_iter().enumerate() {
            // What was once disabled stays so for ever, whatever is installed.
            let (_, _) = self.call(&["enable", &format!("{domain}/{LABEL}")])?;
            let (call, answer) = self.call(&["bootstrap", &domain, &path])?;
            if answer.is_ok() {
                let uid = self.uid;
                let note = format!(
                    "gui/{uid} did not take it, most likely since nobody is logged in at the screen; it was loaded into \
                     user/{uid} and runs without a screen session (no keychain dialogs, no windows); a login at the screen \
                     loads it there by itself"
                );
                return Ok((domain, if place == 0 { Vec::new() } else { vec![note] }));
            }
            let passable = answer.code.is_some_and(|code| NO_DOMAIN.contains(&code));
            refusals.push(refused(&call, &answer));
            if !passable {
                break;
            }
        }
        // The last one asked has the say: the user's own domain is there in every session.
        Err(refusals.pop().unwrap_or(Fault::NotInstalled))
    }

    pub(super) async fn start(&mut self, plist: &Path) -> Result<(), Fault> {
        let seen = self.look()?;
        if seen.loaded {
            return self.kick(&seen.domain);
        }
        let (domain, _) = self.bootstrap(plist)?;
        self.kick(&domain)
    }

    /// Starts the job unless it runs.
    fn kick(&mut self, domain: &str) -> Result<(), Fault> {
        let (call, answer) = self.call(&["kickstart", &format!("{domain}/{LABEL}")])?;
        // 37: it is on its way already.
        if answer.is_ok() || answer.code == Some(37) { Ok(()) } else { Err(refused(&call, &answer)) }
    }

    /// Ends the job and takes it out of every domain, and waits until that has happened.
    pub(super) async fn unload(&mut self) -> Result<(), Fault> {
        for domain in self.domains() {
            let target = format!("{domain}/{LABEL}");
            let deadline = Instant::now() + self.limit;
            if !self.call(&["print", &target])?.1.is_ok() {
                continue;
            }
            let (call, answer) = self.call(&["bootout", &target])?;
            match answer.code {
                Some(0 | IN_PROGRESS) => {}
                Some(code) if NOT_LOADED.contains(&code) => continue,
                _ => return Err(refused(&call, &answer)),
            }
            for pause in Pauses::new(Duration::from_millis(10), Duration::from_secs(1)) {
                if !self.call(&["print", &target])?.1.is_ok() {
                    break;
                }
                if Instant::now() >= deadline {
                    let what = format!("launchd did not unload {target}");
                    return Err(Fault::Late { what, seconds: self.limit.as_secs() });
                }
                sleep(pause).await;
            }
        }
        Ok(())
    }
}

/// Reads what `print` says. It is text for people: what is missing is not known.
fn seen(domain: String, text: &str) -> Seen {
    // Fields of the job itself stand behind one tab; deeper ones belong to its sockets and the like.
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.strip_prefix('\t')?.split_once(" = ")?;
            (key == name).then(|| value.trim().to_owned())
        })
    };
    let last = field("last exit code").unwrap_or_default();
    let fine = last.is_empty() || last == "0" || last.starts_with("(never");
    let by_signal = field("last terminating signal").map(|signal| format!("signal {signal}"));
    let last_end = by_signal.unwrap_or_else(|| if fine { String::new() } else { format!("exit code {last}") });
    Seen {
        loaded: true,
        pid: field("pid").and_then(|pid| pid.parse().ok()),
        domain,
        at_login: true,
        last_end,
        linger: None,
    }
}

/// What a code of `launchctl` means, and what to do. `launchctl error CODE` says little more than the number's name.
fn refused(call: &Call, answer: &Answer) -> Fault {
    let status = "see what is there: agentd-cli service status";
    let again = "take it out and install it again: agentd-cli service uninstall && agentd-cli service install";
    let (meaning, remedy) = match answer.code {
        Some(1) => ("launchd does not permit it", "do it as the user himself, outside of any sandbox"),
        Some(5) => ("it is loaded already, launchd cannot use its file, or nobody is logged in at the screen", again),
        Some(17 | 37) => ("it is being loaded already", "try again in a moment"),
        Some(IN_PROGRESS) => ("it is being unloaded", "try again in a moment"),
        Some(78) => ("launchd finds the job misconfigured", again),
        Some(112) => {
            ("there is no such domain: this user has no session", "log in at the screen or over SSH as this user")
        }
        Some(3 | 113) => ("it is not loaded", "install it again: agentd-cli service install"),
        Some(119) => {
            ("it is disabled", "allow it in System Settings, General, Login Items & Extensions, and install it again")
        }
        Some(125) => (
            "this domain takes no such jobs: nobody is logged in at the screen",
            "log in at the screen once, or over SSH as this user",
        ),
        _ => ("", status),
    };
    let words = answer.words();
    let gap = if words.is_empty() || meaning.is_empty() { "" } else { "; " };
    Fault::Refused {
        call: call.to_string(),
        code: answer.code,
        said: format!("{words}{gap}{meaning}"),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::transcript::Transcript, *};

    const PLIST: &str = "/Users/you/Library/LaunchAgents/dev.agentd.agentd.plist";

    fn play<T>(text: &'static str, act: impl AsyncFnOnce(&mut Launchctl<Transcript>) -> T) -> T {
        let runtime = super::super::transcript::runtime();
        runtime.block_on(async {
            let mut launchctl = Launchctl::new(501, Transcript::new(text));
            let outcome = act(&mut launchctl).await;
            launchctl.runner.is_played();
            outcome
        })
    }

    macro_rules! transcript {
        ($name:literal) => {
            include_str!(concat!("../../tests/transcripts/launchd-", $name, ".txt"))
        };
    }

    #[test]
    fn a_first_install_is_loaded_into_the_session_of_the_screen() {
        let notes = play(transcript!("install"), async |it| it.load(Path::new(PLIST), Anew::Job).await).unwrap();
        assert!(notes.is_empty());
    }

    #[test]
    fn without_a_screen_it_goes_to_the_user_domain_and_says_so() {
        for text in [transcript!("install-ssh-125"), transcript!("install-ssh-5")] {
            let notes = play(text, async |it| it.load(Path::new(PLIST), Anew::Job).await).unwrap();
            assert!(notes[0].contains("user/501") && notes[0].contains("screen"), "{notes:?}");
        }
    }

    #[test]
    fn what_is_loaded_is_unloaded_before_it_is_loaded_anew() {
        play(transcript!("replace"), async |it| it.load(Path::new(PLIST), Anew::Job).await).unwrap();
    }

    #[test]
    fn what_is_loaded_and_unchanged_is_only_kicked() {
        play(transcript!("kick"), async |it| it.load(Path::new(PLIST), Anew::Nothing).await).unwrap();
        play(transcript!("kick"), async |it| it.start(Path::new(PLIST)).await).unwrap();
    }

    #[test]
    fn refusals_are_told_in_words_with_a_remedy() {
        for (text, meaning, remedy) in [
            (transcript!("install-both-5"), "it is loaded already, launchd cannot use its file", "uninstall"),
            (transcript!("install-disabled"), "it is disabled", "Login Items"),
            (transcript!("install-sandboxed"), "does not permit", "sandbox"),
        ] {
            let error = play(text, async |it| it.load(Path::new(PLIST), Anew::Job).await).unwrap_err();
            assert!(error.to_string().contains(meaning), "{error}");
            assert!(error.verdict().1[0].contains(remedy), "{:?}", error.verdict());
        }
    }

    #[test]
    fn a_job_that_does_not_go_is_told_after_its_time() {
        let mut launchctl = Launchctl::new(501, Transcript::stubborn(transcript!("never-unloaded")));
        launchctl.limit = Duration::ZERO;
        let error = super::super::transcript::runtime().block_on(launchctl.unload()).unwrap_err();
        assert!(matches!(error, Fault::Late { .. }), "{error}");
    }

    #[test]
    fn what_print_says_is_read_and_nothing_deeper() {
        let running = play(transcript!("print-running"), async |it| it.look()).unwrap();
        assert_eq!((running.loaded, running.pid, running.domain.as_str()), (true, Some(4242), "gui/501"));
        assert_eq!(running.last_end, "");
        let failed = play(transcript!("print-failed"), async |it| it.look()).unwrap();
        assert_eq!((failed.loaded, failed.pid, failed.last_end.as_str()), (true, None, "exit code 78: EX_CONFIG"));
        assert_eq!(failed.domain, "user/501");
        let absent = play(transcript!("print-absent"), async |it| it.look()).unwrap();
        assert_eq!(absent, Seen::default());
    }

    #[test]
    fn without_launchctl_there_is_no_manager() {
        let mut launchctl =
            Launchctl::new(501, Transcript::new("$ launchctl print gui/501/dev.agentd.agentd\n! missing\n"));
        assert!(matches!(launchctl.look(), Err(Fault::NoManager { kind: Kind::Launchd, .. })));
    }
}
