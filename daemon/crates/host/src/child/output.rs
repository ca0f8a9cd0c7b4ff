//! Output of children, bounded: the beginning and the end are kept, the middle is counted.

use std::collections::VecDeque;

use tokio::{io::AsyncReadExt, net::unix::pipe};

/// What is kept of an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Captured {
    /// The beginning.
    pub head: Vec<u8>,
    /// The end, if it did not fit into the head.
    pub tail: Vec<u8>,
    /// Bytes between the two that were not kept.
    pub dropped_bytes: u64,
}

impl Captured {
    /// All of it as text for people and models: a line in the middle says what is missing, and control sequences of
    /// terminals are taken out.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = plain(&self.head);
        if self.dropped_bytes > 0 {
            text.push_str(&format!("\n… {} bytes left out …\n", self.dropped_bytes));
        }
        text.push_str(&plain(&self.tail));
        text
    }

    /// Bytes that the child wrote, kept or not.
    #[must_use]
    pub fn written(&self) -> u64 {
        (self.head.len() as u64).saturating_add(self.tail.len() as u64).saturating_add(self.dropped_bytes)
    }
}

/// Text without control sequences: an escape sequence goes whole, other control characters but line ends and tabs too.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            '\n' | '\t' => plain.push(character),
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' => plain.push('\n'),
            other if other.is_control() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// ECMA-48: `ESC [` … up to a final byte; `ESC ]`, `P`, `X`, `^`, `_` … up to BEL or `ESC \`; else one more character.
fn skip_sequence(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => {
            characters.by_ref().find(|character| ('\u{40}'..='\u{7e}').contains(character) || *character == '\n');
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            // A sequence that is never closed ends with its line, so that it cannot hide the rest.
            while let Some(character) = characters.next_if(|&next| next != '\n') {
                if character == '\u{7}' || (character == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

/// Takes an output as it comes.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    half: usize,
}

impl Capture {
    pub(super) const fn new(limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), dropped: 0, half: limit / 2 }
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(first);
        // Of a piece longer than the whole tail only its end can stay.
        let skipped = rest.len().saturating_sub(self.half);
        let rest = &rest[skipped..];
        let surplus = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..surplus);
        self.tail.extend(rest);
        self.dropped = self.dropped.saturating_add((skipped + surplus) as u64);
    }

    pub(super) fn finish(self) -> Captured {
        Captured { head: self.head, tail: self.tail.into(), dropped_bytes: self.dropped }
    }
}

/// Reads to the end. A pipe that breaks has ended as well.
pub(super) async fn pump(pipe: Option<pipe::Receiver>, capture: &mut Capture) {
    const PIECE: usize = 16 << 10;
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; PIECE];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        capture.take(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_stay_whatever_the_pieces() {
        let all: Vec<u8> = (0..=255).cycle().take(1_000).collect();
        for piece in [1, 7, 49, 50, 51, 100, 1_000] {
            let mut capture = Capture::new(100);
            all.chunks(piece).for_each(|bytes| capture.take(bytes));
            let captured = capture.finish();
            assert_eq!(captured.head, all[..50], "pieces of {piece}");
            assert_eq!(captured.tail, all[950..], "pieces of {piece}");
            assert_eq!((captured.dropped_bytes, captured.written()), (900, 1_000), "pieces of {piece}");
        }
        let mut short = Capture::new(100);
        short.take(&all[..60]);
        let short = short.finish();
        assert_eq!((short.head.len(), short.tail.len(), short.dropped_bytes), (50, 10, 0));
    }

    #[test]
    fn text_has_no_control_sequences() {
        for (bytes, expected) in [
            (&b"\x1b[1;31merror\x1b[0m: no\r\n"[..], "error: no\n"),
            (b"10%\r20%\n", "10%\n20%\n"),
            (b"\x1b]0;title\x07shown\x1b]8;;http://x\x1b\\link", "shownlink"),
            (b"\x1b]never closed\nnext", "\nnext"),
            (b"a\x00b\x08c\td", "abc\td"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(plain(bytes), expected);
        }
        let captured = Captured { head: b"first".to_vec(), tail: b"last".to_vec(), dropped_bytes: 7 };
        assert_eq!(captured.text(), "first\n… 7 bytes left out …\nlast");
    }
}
