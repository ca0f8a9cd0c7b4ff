//! A sketch as it is kept, in memory as in the cache: one row of bytes that is read where it lies. Numbers are little-endian.

/// Lines of a window.
pub(super) const WINDOW: usize = 8;

/// Bytes before the lines: how many, how many windows, at which of the lines tests begin, whether some were left out.
const HEAD: usize = 4 + 4 + 4 + 1;

/// A step to the next line from which on it is written out, behind all other bytes.
const FAR: u8 = u8::MAX;

/// A window's hash, and the place of its first line among the lines of its file, of which so many are kept at most.
pub(super) type Chosen = (u64, u16);

/// The hash of a line's tokens.
pub(super) type LineHash = [u8; 4];

/// The hash of a window.
pub(super) type WindowHash = [u8; 8];

/// The lines of one file that count: six bytes for each of at most 20,000, and ten for each window, of which one stands for about
/// three lines. So some nine bytes per line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch(Box<[u8]>);

/// The lines of a file, before they are packed.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Hash of each line's tokens.
    pub(super) hashes: Vec<u32>,
    /// Number of each line, from 1.
    pub(super) numbers: Vec<u32>,
    /// Tokens on each line, at most 255.
    pub(super) tokens: Vec<u8>,
    /// How many lines there were when tests began that stand in the same file.
    pub(super) tests_from: Option<usize>,
    /// Lines after the limit were left out.
    pub(super) cut: bool,
}

/// What a sketch says.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'s> {
    /// Of each line.
    pub(super) hashes: &'s [LineHash],
    /// On each line, at most 255.
    pub(super) tokens: &'s [u8],
    /// The line from which on tests stand in the same file, among those that count; `u32::MAX`: none.
    pub(super) tests_from: u32,
    /// Lines after the limit were left out.
    pub(super) cut: bool,
    /// Hashes of the windows that stand for it in the join.
    pub(super) windows: &'s [WindowHash],
    /// The lines at which they begin.
    window_lines: &'s [[u8; 2]],
    /// How many lines each line stands after the one before, or [`FAR`].
    steps: &'s [u8],
    far: &'s [[u8; 4]],
}

impl Sketch {
    /// Packs lines and the windows that stand for them in the join.
    pub(super) fn pack(lines: &Lines, windows: &[Chosen]) -> Self {
        let count = lines.hashes.len();
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
        let mut bytes = Vec::with_capacity(HEAD + 6 * count + 10 * windows.len());
        bytes.extend(number(count));
        bytes.extend(number(windows.len()));
        bytes.extend(number(lines.tests_from.unwrap_or(usize::MAX)));
        bytes.push(u8::from(lines.cut));
        bytes.extend(lines.hashes.iter().flat_map(|hash| hash.to_le_bytes()));
        bytes.extend(windows.iter().flat_map(|(hash, _)| hash.to_le_bytes()));
        bytes.extend(&lines.tokens);
        bytes.extend(windows.iter().flat_map(|(_, line)| line.to_le_bytes()));
        let steps = || lines.numbers.iter().scan(0, |before, line| Some(line - std::mem::replace(before, *line)));
        bytes.extend(steps().map(near));
        bytes.extend(steps().filter(|step| near(*step) == FAR).flat_map(u32::to_le_bytes));
        Self(bytes.into())
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> &[u8] {
        &self.0
    }

    /// Reads what [`encode`](Self::encode) made; `None`: it did not make this. A copy, so that sketches, which stay until the end of
    /// an analysis, do not hold all that was read of the cache with them.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        View::of(bytes).is_some_and(|view| view.is_whole()).then(|| Self(bytes.into()))
    }

    /// Lines that count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().hashes.len()
    }

    /// True if no line counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn view(&self) -> View<'_> {
        View::of(&self.0).expect("a sketch was packed here, or looked at when it was read")
    }
}

fn near(step: u32) -> u8 {
    u8::try_from(step).unwrap_or(FAR)
}

impl<'s> View<'s> {
    /// `None`: there are not as many bytes as the first ones say.
    fn of(bytes: &'s [u8]) -> Option<Self> {
        let (counts, rest) = bytes.split_first_chunk::<{ HEAD - 1 }>()?;
        let [lines, windows, tests_from] = *counts.as_chunks().0 else { return None };
        let [lines, windows, tests_from] = [lines, windows, tests_from].map(u32::from_le_bytes);
        let (lines, windows) = (lines as usize, windows as usize);
        let (cut, rest) = rest.split_first()?;
        let (hashes, rest) = rest.split_at_checked(lines.checked_mul(4)?)?;
        let (window_hashes, rest) = rest.split_at_checked(windows.checked_mul(8)?)?;
        let (tokens, rest) = rest.split_at_checked(lines)?;
        let (window_lines, rest) = rest.split_at_checked(windows.checked_mul(2)?)?;
        let (steps, rest) = rest.split_at_checked(lines)?;
        let (far, rest) = rest.as_chunks();
        let (hashes, windows, window_lines) =
            (hashes.as_chunks().0, window_hashes.as_chunks().0, window_lines.as_chunks().0);
        let view = Self { hashes, tokens, tests_from, cut: *cut != 0, windows, window_lines, steps, far };
        rest.is_empty().then_some(view)
    }

    /// Whether each window has all its lines, and each step its number.
    fn is_whole(&self) -> bool {
        let last = (0..self.windows.len()).map(|window| self.window_line(window) as usize).max();
        last.is_none_or(|last| last + WINDOW <= self.hashes.len()) && far(self.steps) == self.far.len()
    }

    /// The line at which a window begins, among those that count.
    pub(super) fn window_line(&self, window: usize) -> u32 {
        u32::from(u16::from_le_bytes(self.window_lines[window]))
    }

    /// The number in the file, from 1, of one of the lines that count.
    pub(super) fn number(&self, line: usize) -> u32 {
        let steps = &self.steps[..=line];
        let (all, far) = (steps.iter().map(|step| u32::from(*step)).sum::<u32>(), far(steps));
        let near = all - far as u32 * u32::from(FAR);
        self.far[..far].iter().fold(near, |sum, step| sum.saturating_add(u32::from_le_bytes(*step)))
    }
}

/// How many of the steps are far ones. Counted in bytes, many at once.
fn far(steps: &[u8]) -> usize {
    let of_part = |steps: &[u8]| steps.iter().map(|step| u8::from(*step == FAR)).sum::<u8>();
    steps.chunks(usize::from(u8::MAX)).map(|steps| usize::from(of_part(steps))).sum()
}

#[cfg(test)]
mod tests {
    use agentd_syntax::Language;

    use super::*;
    use crate::duplicates::sketch;

    #[test]
    fn a_sketch_is_read_back_as_it_was_and_nothing_else_is() {
        let gaps = format!("a(1);\n{}b(2);\n{}c(3);\n#[cfg(test)]\nd(4);\n", "\n".repeat(254), "\n".repeat(100_000));
        let whole = sketch(gaps.as_bytes(), Language::Rust);
        let numbers: Vec<u32> = (0..whole.len()).map(|line| whole.view().number(line)).collect();
        assert_eq!((numbers.as_slice(), whole.view().tests_from), (&[1, 256, 100_257, 100_259][..], 3));
        let encoded = whole.encode();
        let decode = Sketch::decode;
        assert_eq!(decode(encoded).as_ref(), Some(&whole));
        for len in 0..encoded.len() {
            assert_eq!(decode(&encoded[..len]), None, "cut to {len} bytes");
        }
        assert_eq!(decode(&[encoded, b"x"].concat()), None);
        assert_eq!(decode(&[encoded, b"1234"].concat()), None, "a number without its step");
        assert_eq!(decode(&[0xff; 64]), None, "a count beyond what is there");
        let many = sketch("call(a);\nb = call(c, 1);\n".repeat(20).as_bytes(), Language::Rust);
        let windows = many.view().windows.len();
        assert!(windows > 5, "{windows}");
        let mut encoded = many.encode().to_vec();
        assert_eq!(decode(&encoded).as_ref(), Some(&many));
        // Nothing is far, so that the bytes end with a step of each line, and before them the lines of windows.
        let last = encoded.len() - many.len() - 2;
        encoded[last] = 200;
        assert_eq!(decode(&encoded), None, "a window that begins behind the last line");
    }
}
