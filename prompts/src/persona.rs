//! Personas: how a model is to act in a step of some role. The files are the source; they are read once, when first asked
//! for. Their heads use only the part of YAML that is `key: plain text` per line; a test compares with a YAML library.

use std::sync::LazyLock;

/// How capable a model the persona asks for; the configuration maps tiers to backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Wording, sorting, short records.
    Small,
    /// Reading code and judging evidence.
    Medium,
    /// Designing and writing code, settling contradictions.
    Large,
}

/// What the persona's answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// Prose for people.
    Markdown,
    /// One JSON object, as the body describes it.
    Json,
    /// A unified diff with a short preface.
    Patch,
}

/// One persona. The head is that of a Claude Code sub-agent (`name`, `description`, `tools`) with keys added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persona {
    /// The name under which workflows ask for it; here that of its role.
    pub name: &'static str,
    /// What it does, one sentence.
    pub description: &'static str,
    /// The tools that it may ask for, by Claude Code's names. The daemon's list for the role bounds them in any case.
    pub tools: Vec<&'static str>,
    /// The role whose agent takes it on.
    pub role: &'static str,
    /// How capable a model it asks for.
    pub tier: Tier,
    /// What it answers with.
    pub output: Output,
    /// Its title for people.
    pub title: &'static str,
    /// One emoji.
    pub icon: &'static str,
    /// When to choose it, one sentence.
    pub when_to_use: &'static str,
    /// The system prompt.
    pub body: &'static str,
}

/// The files, in the order of the roles.
const FILES: [&str; 12] = [
    include_str!("../personas/analyzer.md"),
    include_str!("../personas/architect.md"),
    include_str!("../personas/optimizer.md"),
    include_str!("../personas/generator.md"),
    include_str!("../personas/validator.md"),
    include_str!("../personas/integrator.md"),
    include_str!("../personas/researcher.md"),
    include_str!("../personas/synthesizer.md"),
    include_str!("../personas/coordinator.md"),
    include_str!("../personas/documenter.md"),
    include_str!("../personas/monitor.md"),
    include_str!("../personas/reporter.md"),
];

static PERSONAS: LazyLock<[Persona; 12]> =
    LazyLock::new(|| FILES.map(|file| Persona::read(file).expect("a test reads every file that is compiled in")));

/// All twelve: eight compute roles, then four coordinators.
#[must_use]
pub fn personas() -> &'static [Persona; 12] {
    &PERSONAS
}

impl Persona {
    /// The persona of a role, by the role's name.
    #[must_use]
    pub fn of_role(role: &str) -> Option<&'static Self> {
        personas().iter().find(|persona| persona.role == role)
    }

    /// Reads one of our own files; `None` if a key misses or has a value that is not listed above.
    fn read(file: &'static str) -> Option<Self> {
        let (head, body) = file.strip_prefix("---\n")?.split_once("\n---\n")?;
        let value = |key: &str| {
            let mut pairs = head.lines().filter_map(|line| line.split_once(": "));
            pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        Some(Self {
            name: value("name")?,
            description: value("description")?,
            tools: value("tools")?.split(", ").collect(),
            role: value("role")?,
            tier: Tier::read(value("tier")?)?,
            output: Output::read(value("output")?)?,
            title: value("title")?,
            icon: value("icon")?,
            when_to_use: value("when_to_use")?,
            body: body.trim(),
        })
    }
}

impl Tier {
    /// The name, as in files and configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Small, Self::Medium, Self::Large].into_iter().find(|tier| tier.name() == name)
    }
}

impl Output {
    /// The name, as in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Patch => "patch",
        }
    }

    fn read(name: &str) -> Option<Self> {
        [Self::Markdown, Self::Json, Self::Patch].into_iter().find(|output| output.name() == name)
    }
}
