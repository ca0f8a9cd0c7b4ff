//! What values a setting allows, and how a value is read from the file or from a variable.

use toml::{Value, de::DeValue};

/// Which values a setting allows.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// A whole number between two others, both allowed.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number between two others, both allowed.
    Float {
        /// The smallest.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// One of these words.
    Choice(Vec<&'static str>),
    /// Any of these words, in any order; as a list in the file, separated by commas elsewhere.
    Words(Vec<&'static str>),
    /// The same, of many names that are better looked up than listed.
    Names {
        /// What is named, in the singular.
        of: &'static str,
        /// All of them.
        known: Vec<&'static str>,
        /// The command that lists them.
        list: &'static str,
    },
}

impl Rule {
    /// The allowed values, in words.
    #[must_use]
    pub fn allowed(&self) -> String {
        match self {
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Float { min, max } => format!("a number from {min:?} to {max:?}"),
            Self::Choice(words) => format!("one of {}", quoted(words)),
            Self::Words(words) => format!("a list of {}", quoted(words)),
            Self::Names { of, list, .. } => format!("a list of names of a {of}, as `{list}` shows them"),
        }
    }

    /// Reads a value of the file.
    pub(super) fn of_toml(&self, value: &DeValue<'_>) -> Result<Value, String> {
        let read = match (self, value) {
            (Self::Integer { .. }, DeValue::Integer(number)) => {
                i64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Integer)
            }
            (Self::Float { .. }, DeValue::Float(number)) => number.as_str().parse().ok().map(Value::Float),
            (Self::Float { .. }, DeValue::Integer(number)) => number.as_str().parse().ok().map(Value::Float),
            (Self::Choice(_), DeValue::String(word)) => Some(Value::String(word.to_string())),
            (Self::Words(_) | Self::Names { .. }, DeValue::Array(words)) => {
                let word = |word: &toml::Spanned<DeValue<'_>>| {
                    word.get_ref().as_str().map(|word| Value::String(word.to_owned()))
                };
                words.iter().map(word).collect::<Option<Vec<_>>>().map(Value::Array)
            }
            _ => None,
        };
        match read {
            Some(value) if self.admits(&value) => Ok(value),
            Some(value) if let Some(fault) = self.unknown(&value) => Err(fault),
            _ => Err(format!("{} is not allowed here; allowed is {}", show(value), self.allowed())),
        }
    }

    /// Reads the text of an environment variable or a flag.
    pub(super) fn of_text(&self, text: &str) -> Result<Value, String> {
        let read = match self {
            Self::Integer { .. } => text.replace('_', "").parse().ok().map(Value::Integer),
            Self::Float { .. } => text.parse().ok().map(Value::Float),
            Self::Choice(_) => Some(Value::String(text.to_owned())),
            Self::Words(_) | Self::Names { .. } => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Some(Value::Array(words.map(|word| Value::String(word.to_owned())).collect()))
            }
        };
        match read {
            Some(value) if self.admits(&value) => Ok(value),
            Some(value) if let Some(fault) = self.unknown(&value) => Err(fault),
            _ => Err(format!("`{text}` is not allowed here; allowed is {}", self.allowed())),
        }
    }

    /// Which names of a list nobody has, and what was perhaps meant; `None` if that is not what is wrong.
    fn unknown(&self, value: &Value) -> Option<String> {
        let (Self::Names { of, known, list }, Value::Array(words)) = (self, value) else { return None };
        let strange = words.iter().filter_map(Value::as_str).filter(|word| !known.contains(word));
        let faults: Vec<String> = strange
            .map(|word| {
                let short: String = word.chars().take(SHOWN).collect();
                match near(word, known) {
                    Some(meant) => format!("there is no {of} `{short}`; did you mean `{meant}`?"),
                    None => format!("there is no {of} `{short}`"),
                }
            })
            .collect();
        (!faults.is_empty()).then(|| format!("{} (`{list}` lists all)", faults.join("; ")))
    }

    pub(super) fn admits(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer { min, max }, Value::Integer(number)) => (min..=max).contains(&number),
            (Self::Float { min, max }, Value::Float(number)) => (min..=max).contains(&number),
            (Self::Choice(words), Value::String(word)) => words.contains(&word.as_str()),
            (Self::Words(words), Value::Array(found)) => are_all_in(found, words),
            (Self::Names { known, .. }, Value::Array(found)) => are_all_in(found, known),
            _ => false,
        }
    }
}

fn are_all_in(found: &[Value], words: &[&str]) -> bool {
    found.iter().all(|word| word.as_str().is_some_and(|word| words.contains(&word)))
}

/// How alike two names must be (Jaro-Winkler, 0 to 1) for one to be taken for a slip of the other.
const ALIKE: f64 = 0.8;

fn near<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |name: &&'a str| (strsim::jaro_winkler(word, name), *name);
    let best = known.iter().map(likeness).max_by(|one, other| one.0.total_cmp(&other.0));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, name)| name)
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// Longest value that an error message repeats, in characters.
const SHOWN: usize = 40;

fn show(value: &DeValue<'_>) -> String {
    let text = match value {
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "this list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    };
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain(['…']).collect() }
}
