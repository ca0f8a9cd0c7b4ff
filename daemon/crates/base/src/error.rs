//! The class of an error: all that the edges look at to choose a gRPC code, an exit code or a retry. And an error in words.

use std::{fmt, io, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($variant:ident $name:literal $doc:literal),+ $(,)?) => {
        /// What kind of fault something is, seen from the one who asked.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorClass { $(#[doc = $doc] $variant),+ }

        impl ErrorClass {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The class as one word, as in events, logs and records.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

classes! {
    Invalid "invalid" "The request is wrong; only a change of it helps.",
    NotFound "not_found" "What was named does not exist.",
    Conflict "conflict" "It collides with something that exists.",
    Denied "denied" "Not allowed. Never retried.",
    Busy "busy" "A limit is reached; later it may work.",
    Unavailable "unavailable" "Something that is needed does not answer or cannot be used now.",
    Disk "disk" "There is no room on the disk of the state folder. It is nobody's fault that was tried, and passes when there is.",
    Cancelled "cancelled" "It was stopped on request.",
    TimedOut "timed_out" "It took longer than it may.",
    OutOfRange "out_of_range" "A position that is no longer, or not yet, there.",
    Damaged "damaged" "Stored bytes are not what was stored.",
    Drift "drift" "The world is no longer as it was when the work was planned.",
    Poison "poison" "The daemon died, or agents fell silent, while doing this, more than once.",
    Internal "internal" "A fault of agentd itself.",
}

impl ErrorClass {
    /// Whether another try without any change may go better.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable | Self::Disk | Self::TimedOut | Self::Internal)
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ErrorClass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|class| class.name() == text);
        found.ok_or_else(|| format!("there is no class of errors `{text}`"))
    }
}

/// Implemented by each room's error.
pub trait Classify {
    /// The error's class.
    fn class(&self) -> ErrorClass;
}

/// No space, or no quota, is left on a volume: what [`ErrorClass::Disk`] stands for.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The whole system has as many files open as it may: a number that is the same on Linux and macOS.
pub const ENFILE: i32 = 23;

/// This process has as many files open as it may: a number that is the same on Linux and macOS.
pub const EMFILE: i32 = 24;

/// No further file can be opened, for this process or for all: nothing is wrong with the file.
#[must_use]
pub fn is_starved(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// An error with everything that caused it, on one line.
#[must_use]
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Transparent wrappers repeat what they wrap.
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_read_as_they_are_written() {
        for class in ErrorClass::ALL.iter().copied() {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("mood".parse::<ErrorClass>().unwrap_err().contains("mood"));
    }

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Self>>);

    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Layer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            self.1.as_deref().map(|cause| cause as _)
        }
    }

    #[test]
    fn every_cause_is_told_once() {
        let cause = |text| Some(Box::new(Layer(text, Some(Box::new(Layer("no room", None))))));
        assert_eq!(describe(&Layer("cannot sync", cause("disk"))), "cannot sync: disk: no room");
        assert_eq!(describe(&Layer("cannot sync: no room", cause("no room"))), "cannot sync: no room");
    }
}
