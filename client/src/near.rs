//! Names that were perhaps meant by one that nobody has.

/// How many names an error tells.
const NAMED: usize = 3;

/// How alike two names must be (Jaro-Winkler, 0 to 1), and how much less than the best another one may be: many begin alike.
const ALIKE: f64 = 0.75;
const NEARLY: f64 = 0.08;

/// Those of `known` that were perhaps meant by `word`, the most alike first.
pub(crate) fn near<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let likeness = |name: &str| {
        let within = !word.is_empty() && name.contains(word);
        if within { 1.0 } else { strsim::jaro_winkler(word, name) }
    };
    let mut found: Vec<(f64, &str)> = known.into_iter().map(|name| (likeness(name), name)).collect();
    found.retain(|(likeness, _)| *likeness > ALIKE);
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let best = found.first().map_or(0.0, |(likeness, _)| *likeness);
    let meant = found.into_iter().filter(|(likeness, _)| best - likeness < NEARLY).take(NAMED);
    meant.map(|(_, name)| name.to_owned()).collect()
}

/// The question for them; empty if there are none.
pub(crate) fn did_you_mean(near: &[String]) -> String {
    let meant = near.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    if meant.is_empty() { meant } else { format!("did you mean {meant}?") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_has_leads_to_those_that_there_are() {
        let known = ["loop-regex-compile", "loop-sort", "unbounded-read"];
        assert_eq!(near("loop-regx-compile", known), ["loop-regex-compile"]);
        assert_eq!(near("sort", known)[0], "loop-sort");
        assert_eq!(near("analyse", ["analyze", "noop", "drill"]), ["analyze"]);
        assert_eq!(did_you_mean(&near("zzz", known)), "");
        assert_eq!(did_you_mean(&["a".to_owned(), "b".to_owned()]), "did you mean `a` or `b`?");
    }
}
