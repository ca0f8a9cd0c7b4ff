//! Which windows of a file stand for it in the join: of each few windows in a row the one with the least hash (winnowing), so
//! that any two equal runs that are long enough share one.

use super::{
    MIN_LINES,
    packed::{Chosen, View, WINDOW},
};

/// Windows of which one is chosen: any equal run of `WINDOW + CHOICE - 1` lines shares a chosen window.
const CHOICE: usize = MIN_LINES + 1 - WINDOW;

/// The base of the rolling hash (Karp and Rabin, 1987): odd, so that no line is lost from a number of 64 bits.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// `BASE` to the power of `WINDOW`: the weight of the line that has just left.
const LEAVING: u64 = {
    let (mut power, mut times) = (1_u64, 0);
    while times < WINDOW {
        power = power.wrapping_mul(BASE);
        times += 1;
    }
    power
};

/// The chosen windows of a file: of each [`CHOICE`] windows in a row the one with the least hash, the last if several.
pub(super) fn chosen(lines: &[u32]) -> Vec<Chosen> {
    let mut chosen: Vec<Chosen> = Vec::with_capacity(lines.len() / 2);
    let (mut inside, mut recent) = ([0; WINDOW], [0; CHOICE]);
    let (mut rolling, mut least) = (0_u64, (u64::MAX, 0_usize));
    for (at, line) in lines.iter().enumerate() {
        let line = mixed(u64::from(*line));
        // The place of the line that leaves the window, or of none while it fills.
        let place = &mut inside[at % WINDOW];
        rolling = rolling.wrapping_mul(BASE).wrapping_add(line).wrapping_sub(LEAVING.wrapping_mul(*place));
        *place = line;
        let Some(window) = (at + 1).checked_sub(WINDOW) else { continue };
        let hash = mixed(rolling);
        recent[window % CHOICE] = hash;
        let from = (window + 1).saturating_sub(CHOICE);
        if hash <= least.0 {
            least = (hash, window);
        } else if least.1 < from {
            least = (from..=window).map(|window| (recent[window % CHOICE], window)).fold((u64::MAX, from), lesser);
        }
        if window + 1 >= CHOICE {
            let found = (least.0, u16::try_from(least.1).unwrap_or(u16::MAX));
            if chosen.last() != Some(&found) {
                chosen.push(found);
            }
        }
    }
    chosen
}

/// A place in the list of sketches: which sketch, which of its lines.
pub(super) type Place = (u32, u32);

/// The chosen windows of all files that occur more than once, and by chance a few others, by hash, then by place. Nearly all
/// occur once; a table that fits into fast memory says so of most of these, and little is left to sort: linear time.
pub(super) fn shared(files: &[View<'_>]) -> Vec<(u64, Place)> {
    let mut met = Met::new(files.iter().map(|file| file.windows.len()).sum());
    for file in files {
        file.windows.iter().for_each(|hash| met.note(u64::from_le_bytes(*hash)));
    }
    let mut again: Vec<(u64, Place)> = Vec::new();
    for (number, file) in (0_u32..).zip(files) {
        for (window, hash) in file.windows.iter().enumerate() {
            let hash = u64::from_le_bytes(*hash);
            if met.is_again(hash) {
                again.push((hash, (number, file.window_line(window))));
            }
        }
    }
    by_hash(&again)
}

/// Sorts windows whose places are in order, by hash: first to where each about belongs. The least of a few hashes are low ones,
/// but no part gets more than some five times its share.
fn by_hash(windows: &[(u64, Place)]) -> Vec<(u64, Place)> {
    let parts = windows.len().next_power_of_two().max(2);
    let part = |hash: u64| (hash >> (u64::BITS - parts.trailing_zeros())) as usize;
    let mut ends = vec![0_usize; parts];
    windows.iter().for_each(|(hash, _)| ends[part(*hash)] += 1);
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut sorted = vec![(0, (0, 0)); windows.len()];
    for window in windows {
        let end = &mut ends[part(window.0)];
        sorted[*end] = *window;
        *end += 1;
    }
    let mut from = 0;
    for end in ends {
        sorted[from..end].sort_by_key(|window| window.0);
        from = end;
    }
    sorted
}

/// Which hashes were met once, and which perhaps more than once: two bits for each of so many parts of all hashes.
struct Met {
    words: Vec<u64>,
    /// The bits of a hash that say which part it is in.
    mask: usize,
}

/// Parts per hash: of hashes that are met once one in eight shares its part with another.
const PARTS: usize = 8;

/// Both bits of as many parts as fit.
const PARTS_PER_WORD: usize = 32;

impl Met {
    fn new(hashes: usize) -> Self {
        let parts = hashes.saturating_mul(PARTS).next_power_of_two().max(PARTS_PER_WORD);
        Self { words: vec![0; parts / PARTS_PER_WORD], mask: parts - 1 }
    }

    /// Where the bits of a hash are: the word, and how far to shift. Chosen hashes are the least ones, so it goes by their end.
    const fn place(&self, hash: u64) -> (usize, usize) {
        let part = hash as usize & self.mask;
        (part / PARTS_PER_WORD, part % PARTS_PER_WORD * 2)
    }

    fn note(&mut self, hash: u64) {
        let (word, shift) = self.place(hash);
        let word = &mut self.words[word];
        // The lower bit moves up when it is met again.
        *word |= (*word >> shift & 1) << (shift + 1) | 1 << shift;
    }

    fn is_again(&self, hash: u64) -> bool {
        let (word, shift) = self.place(hash);
        self.words[word] >> (shift + 1) & 1 == 1
    }
}

fn lesser(a: (u64, usize), b: (u64, usize)) -> (u64, usize) {
    if b.0 <= a.0 { b } else { a }
}

/// The last steps of `SplitMix64` (Steele, Lea, Flood, 2014): each bit of the number moves all others.
const fn mixed(number: u64) -> u64 {
    let mut mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duplicates::packed::{Lines, Sketch};

    fn lines(seed: u64, count: usize, different: u64) -> Vec<u32> {
        let line = |at: usize| (mixed(seed.wrapping_add(at as u64)) % different) as u32;
        (0..count).map(line).collect()
    }

    /// The definition, word by word.
    fn slowly(lines: &[u32]) -> Vec<Chosen> {
        let hash = |window: &[u32]| {
            mixed(window.iter().fold(0_u64, |sum, line| sum.wrapping_mul(BASE).wrapping_add(mixed(u64::from(*line)))))
        };
        let hashes: Vec<u64> = lines.windows(WINDOW).map(hash).collect();
        let mut chosen = Vec::new();
        for (from, candidates) in hashes.windows(CHOICE).enumerate() {
            let least = (from..).zip(candidates).map(|(window, hash)| (*hash, window)).reduce(lesser).unwrap();
            chosen.push((least.0, u16::try_from(least.1).unwrap()));
        }
        chosen.dedup();
        chosen
    }

    #[test]
    fn rolling_gives_what_the_definition_gives() {
        for seed in 0..200 {
            for different in [1, 2, 5, 1 << 32] {
                let lines = lines(seed, seed as usize, different);
                assert_eq!(chosen(&lines), slowly(&lines), "{} lines of {different}", lines.len());
            }
        }
    }

    #[test]
    fn windows_that_occur_twice_come_in_order() {
        for seed in 0..60_u64 {
            let file = |at: u64| (0..seed * 3).map(|line| (mixed(mixed(seed) % 7 + at * line), line as u16)).collect();
            let files: Vec<Vec<Chosen>> = (0..seed % 5).map(file).collect();
            let all = (0_u32..)
                .zip(&files)
                .flat_map(|(at, file)| file.iter().map(move |(hash, line)| (*hash, (at, u32::from(*line)))));
            let mut all: Vec<(u64, Place)> = all.collect();
            all.sort_unstable();
            let wanted: Vec<_> =
                all.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1).flatten().copied().collect();
            let sketches: Vec<Sketch> = files.iter().map(|file| Sketch::pack(&Lines::default(), file)).collect();
            let found = shared(&sketches.iter().map(Sketch::view).collect::<Vec<_>>());
            let found: Vec<_> =
                found.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1).flatten().copied().collect();
            assert_eq!(found, wanted, "{} files", files.len());
        }
    }

    #[test]
    fn equal_runs_share_a_chosen_window_wherever_they_stand() {
        let run = lines(1, MIN_LINES, 1 << 32);
        for (before, after) in (0..40).flat_map(|before| (0..6).map(move |after| (before, after))) {
            let around = [lines(2, before, 1 << 32), run.clone(), lines(3, after, 1 << 32)].concat();
            let shared = chosen(&around).into_iter().find(|(hash, line)| {
                chosen(&run).contains(&(*hash, line.wrapping_sub(u16::try_from(before).unwrap())))
            });
            assert!(shared.is_some(), "{before} lines before, {after} behind");
        }
    }
}
