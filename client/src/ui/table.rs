//! Columns that fit a width. Cells are laid out as plain text and painted afterwards, so colour never shifts a column.

use std::fmt::Write as _;

use crate::ui::{
    style::{Label, Paint},
    text,
};

/// Spaces between columns.
const GAP: usize = 2;

/// A column is not made narrower than this, as long as the terminal allows.
const NARROWEST: usize = 8;

/// A sentence in fewer columns is hard to read: then it goes below its row, indented.
const SENTENCE: usize = 30;
const INDENT: usize = 4;

/// In fewer columns, each cell has lines of its own.
const NARROW: usize = 28;

/// A cell: text, and what it is.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    text: String,
    label: Option<Label>,
}

impl Cell {
    /// A painted cell.
    #[must_use]
    pub fn labelled(text: impl AsRef<str>, label: Label) -> Self {
        Self { text: text::clean(text.as_ref()), label: Some(label) }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text::clean(text.as_ref()), label: None }
    }
}

/// Rows under column heads, or fields beside their names if there are no heads.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
    has_head: bool,
    cut: bool,
    one_line: bool,
    last_below: bool,
    /// Columns that may be left out, the first one first.
    dispensable: Vec<usize>,
}

impl Table {
    /// A table with column heads.
    #[must_use]
    pub fn new(heads: &[&str]) -> Self {
        let head = heads.iter().map(|head| Cell::labelled(head, Label::Heading)).collect();
        Self { rows: vec![head], has_head: true, ..Self::default() }
    }

    /// A table whose first row has the heads.
    #[must_use]
    pub fn headed() -> Self {
        Self { has_head: true, ..Self::default() }
    }

    /// Fields: a name, and what it is.
    #[must_use]
    pub fn fields() -> Self {
        Self::default()
    }

    /// Cuts what is too wide instead of wrapping it: one line per row.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// Leaves these columns out, the first one first, where otherwise words would have to be broken.
    #[must_use]
    pub fn dispensable(mut self, columns: &[usize]) -> Self {
        self.dispensable = columns.to_vec();
        self
    }

    /// Leaves dispensable columns out already where otherwise a cell would need a second line.
    #[must_use]
    pub const fn one_line(mut self) -> Self {
        self.one_line = true;
        self
    }

    /// Puts the last column, a sentence, below its row where there is little room beside the others.
    #[must_use]
    pub const fn last_below(mut self) -> Self {
        self.last_below = true;
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) -> &mut Self {
        self.rows.push(cells.into_iter().collect());
        self
    }

    /// Adds a field, unless it is empty.
    pub fn field(&mut self, name: &str, cell: impl Into<Cell>) -> &mut Self {
        let cell = cell.into();
        if cell.text.is_empty() { self } else { self.row([Cell::labelled(name, Label::Dim), cell]) }
    }

    /// True if there is no row below the heads.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() == usize::from(self.has_head)
    }

    /// The lines, each ended; at most `width` columns wide if a width is given.
    #[must_use]
    pub fn render(&self, paint: Paint, width: Option<usize>) -> String {
        let mut kept = self.kept(width);
        if let Some(width) = width.filter(|&width| width < NARROW || kept.breaks(width)) {
            return self.listed(paint, width);
        }
        let mut widths = kept.widths(width);
        let mut below = Vec::new();
        if self.last_below && kept.is_cramped(&widths) {
            below = kept.rows.iter_mut().map(|row| row.pop().unwrap_or_default()).collect();
            widths = kept.widths(width);
        }
        let mut out = String::new();
        for (at, row) in kept.rows.iter().enumerate() {
            kept.render_row(row, &widths, paint, &mut out);
            // A head names what stands in its column.
            let sentence = below.get(at).filter(|cell| !cell.text.is_empty() && (at > 0 || !kept.has_head));
            let room = width.unwrap_or(usize::MAX).saturating_sub(INDENT);
            for line in sentence.map(|cell| text::wrap(&cell.text, room)).unwrap_or_default() {
                let _ = writeln!(out, "{:INDENT$}{}", "", paint.text(Label::Dim, &line));
            }
        }
        out
    }

    /// `HEAD: cell`, each on lines of its own, with a gap between the rows.
    fn listed(&self, paint: Paint, width: usize) -> String {
        let mut out = String::new();
        for (at, row) in self.rows.iter().enumerate().skip(usize::from(self.has_head)) {
            let (names, cells) = if self.has_head { (&self.rows[0][..], &row[..]) } else { row.split_at(1) };
            out.push_str(if at > 1 && self.has_head { "\n" } else { "" });
            for (name, cell) in names.iter().zip(cells).filter(|(_, cell)| !cell.text.is_empty()) {
                let content = text::one_line(&cell.text);
                let name = paint.text(Label::Dim, &text::one_line(&name.text));
                let content = cell.label.map_or_else(|| content.clone(), |label| paint.text(label, &content));
                out.push_str(&text::hang(&format!("{name}: {content}"), width, 0, GAP));
                out.push('\n');
            }
        }
        out
    }

    /// True if the last column has less room than a sentence needs.
    fn is_cramped(&self, widths: &[usize]) -> bool {
        let last = widths.len().saturating_sub(1);
        widths.last().is_some_and(|&room| room < SENTENCE.min(self.natural(last)))
    }

    /// Without the columns for which there is no room.
    fn kept(&self, limit: Option<usize>) -> Self {
        let mut kept = self.clone();
        let Some(limit) = limit else { return kept };
        let mut left_out: Vec<usize> = Vec::new();
        for &column in &self.dispensable {
            if kept.needed() <= limit {
                break;
            }
            let at = column - left_out.iter().filter(|&&gone| gone < column).count();
            for row in kept.rows.iter_mut().filter(|row| at < row.len()) {
                row.remove(at);
            }
            left_out.push(column);
        }
        kept
    }

    /// Columns that it takes at least, if nothing is broken or cut that should not be.
    fn needed(&self) -> usize {
        let columns = self.rows.first().map_or(0, Vec::len);
        let need = |at: usize| match (self.cut, self.one_line) {
            // The last one is cut first.
            (true, _) if at + 1 == columns => self.natural(at).min(NARROWEST),
            (false, false) => self.longest_word(at),
            _ => self.natural(at),
        };
        (0..columns).map(need).sum::<usize>() + GAP * columns.saturating_sub(1)
    }

    /// True if something would be broken or cut that is of no use then: a number, a word, an id that is to be copied.
    fn breaks(&self, width: usize) -> bool {
        if self.cut {
            return self.needed() > width;
        }
        let columns = self.rows.first().map_or(0, Vec::len) - usize::from(self.last_below);
        (0..columns).map(|at| self.unbreakable(at)).sum::<usize>() + GAP * columns.saturating_sub(1) > width
    }

    /// The longest word of a column that must stay whole. A path may be broken, and is still read.
    fn unbreakable(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        let words = cells.flat_map(|cell| cell.text.split_whitespace());
        words
            .map(|word| text::width(word).min(if word.contains('/') { NARROWEST } else { usize::MAX }))
            .max()
            .unwrap_or(0)
    }

    /// Columns that the widest line of a column takes.
    fn natural(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.flat_map(|cell| cell.text.lines()).map(text::width).max().unwrap_or(0)
    }

    fn longest_word(&self, column: usize) -> usize {
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells.flat_map(|cell| cell.text.split_whitespace()).map(text::width).max().unwrap_or(0)
    }

    /// Natural widths. If they do not fit, the widest column gives way, one column of characters at a time: first
    /// those with text of several words, since an id or a path that is broken cannot be copied; a word is broken last.
    fn widths(&self, limit: Option<usize>) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..columns).map(|at| self.natural(at)).collect();
        let Some(limit) = limit else { return widths };
        let room = limit.saturating_sub(GAP * columns.saturating_sub(1));
        let floor = NARROWEST.min(room / columns.max(1)).max(1);
        let all: Vec<usize> = (0..columns).collect();
        let wordy: Vec<usize> = (0..columns).filter(|&at| self.has_words(at)).collect();
        // Where all words fit, none is broken.
        let words = |at| self.longest_word(at).max(floor);
        let whole = |at| self.unbreakable(at).max(floor);
        let narrowest: [&dyn Fn(usize) -> usize; 5] = [&words, &whole, &whole, &|at| self.unbreakable(at), &|_| floor];
        for (candidates, narrowest) in [&wordy, &wordy, &all, &all, &all].into_iter().zip(narrowest) {
            while widths.iter().sum::<usize>() > room {
                let widest =
                    candidates.iter().copied().filter(|&at| widths[at] > narrowest(at)).max_by_key(|&at| widths[at]);
                let Some(widest) = widest else { break };
                widths[widest] -= 1;
            }
        }
        widths
    }

    fn has_words(&self, column: usize) -> bool {
        self.rows.iter().filter_map(|row| row.get(column)).any(|cell| cell.text.contains(char::is_whitespace))
    }

    fn render_row(&self, row: &[Cell], widths: &[usize], paint: Paint, out: &mut String) {
        let cells: Vec<Vec<String>> =
            row.iter().zip(widths).map(|(cell, &width)| self.lines_of(&cell.text, width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut gap = 0;
            for (at, cell) in row.iter().enumerate() {
                let piece = cells[at].get(line).map_or("", String::as_str);
                if !piece.is_empty() {
                    out.push_str(&" ".repeat(gap));
                    gap = 0;
                    match cell.label {
                        Some(label) => out.push_str(&paint.text(label, piece)),
                        None => out.push_str(piece),
                    }
                }
                // Owed to the next cell: nothing is written behind the last one.
                gap += widths[at] - text::width(piece).min(widths[at]) + GAP;
            }
            out.push('\n');
        }
    }

    /// Text that fits keeps its own spacing; only what is too wide is wrapped.
    fn lines_of(&self, content: &str, width: usize) -> Vec<String> {
        if content.is_empty() {
            return vec![String::new()];
        }
        if self.cut {
            return vec![text::cut(&text::one_line(content), width)];
        }
        content
            .lines()
            .flat_map(|line| if text::width(line) <= width { vec![line.to_owned()] } else { text::wrap(line, width) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["ID", "STATE", "REQUEST"]);
        table.row(["01A".into(), Cell::labelled("failed", Label::Bad), "find every caller of the parser".into()]);
        table.row(["01B".into(), "".into(), "tidy".into()]);
        table
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let text = sample().render(Paint::new(false), None);
        assert_eq!(text, "ID   STATE   REQUEST\n01A  failed  find every caller of the parser\n01B          tidy\n");
    }

    #[test]
    fn lines_fit_the_width_whatever_it_is() {
        for width in [20, 30, 40, 80] {
            for line in sample().render(Paint::new(false), Some(width)).lines() {
                assert!(text::width(line) <= width, "{width}: `{line}`");
            }
        }
        let narrow = sample().render(Paint::new(false), Some(30));
        assert_eq!(narrow.split_whitespace().filter(|word| *word == "parser").count(), 1, "nothing is lost: {narrow}");
    }

    #[test]
    fn where_a_column_is_a_word_wide_each_cell_has_its_own_lines() {
        let listed =
            "ID: 01A\nSTATE: failed\nREQUEST: find every\n  caller of the\n  parser\n\nID: 01B\nREQUEST: tidy\n";
        assert_eq!(sample().render(Paint::new(false), Some(20)), listed);
        let mut fields = Table::fields();
        fields.field("socket", "/a/very/long/path/to/it").field("tasks", "1 running, 2 waiting");
        let text = fields.render(Paint::new(false), Some(20));
        assert_eq!(text, "socket:\n  /a/very/long/path/to/it\ntasks: 1 running, 2\n  waiting\n");
        let mut cut = Table::new(&["TASK", "REQUEST"]).cut();
        cut.row(["01M7YRH27D8Z6K3V9T5X4W2Q1P".into(), "find every caller".into()]);
        let lines = |width| cut.render(Paint::new(false), Some(width)).lines().count();
        assert_eq!((lines(36), lines(35)), (2, 2));
        assert!(cut.render(Paint::new(false), Some(35)).starts_with("TASK: 01M7YRH27D8Z6K3V9T5X4W2Q1P\n"));
    }

    #[test]
    fn a_path_is_broken_before_a_head() {
        let mut table = Table::headed();
        for row in [["File", "Complexity"], ["src/a/path/that/is/too/long/for/the/line.rs", "         7"]] {
            table.row(row.map(Cell::from));
        }
        let text = table.render(Paint::new(false), Some(30));
        assert_eq!(text.lines().next(), Some("File                Complexity"), "{text}");
        assert!(text.lines().all(|line| text::width(line) <= 30), "{text}");
    }

    #[test]
    fn where_a_number_or_a_word_would_be_broken_each_cell_has_its_own_lines() {
        let mut table = Table::headed();
        for row in [
            ["Language", "Files", "Code"],
            ["TypeScript", "   411", "15,921"],
            ["src/a/long/path.rs", "     2", "     7"],
        ] {
            table.row(row.map(Cell::from));
        }
        let drawn = |width| table.render(Paint::new(false), Some(width));
        assert!(drawn(28).starts_with("Language      Files   Code\nTypeScript       411  15,921\n"), "{}", drawn(28));
        let mut agents = Table::new(&["AGENT", "GRANTED", "FAST", "DONE"]).one_line();
        agents.row(["synthesizer".into(), "any cpu, nice 5".into(), "unmeasured".into(), "1,480".into()]);
        let drawn = |width| agents.render(Paint::new(false), Some(width));
        assert!(drawn(39).starts_with("AGENT        GRANTED  FAST        DONE\n"), "{}", drawn(39));
        assert_eq!(drawn(38), "AGENT: synthesizer\nGRANTED: any cpu, nice 5\nFAST: unmeasured\nDONE: 1,480\n");
    }

    #[test]
    fn columns_that_matter_less_go_before_words_are_broken() {
        let mut table = Table::new(&["STEP", "ROLE", "TRIES", "NEEDS"]).dispensable(&[2, 1]);
        table.row(["structure".into(), "architect".into(), "1".into(), "survey, measure".into()]);
        let heads = |width| {
            let text = table.render(Paint::new(false), Some(width));
            assert!(text.contains("structure") && text.contains("measure"), "{width}: {text}");
            text.lines().next().unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(heads(80), ["STEP", "ROLE", "TRIES", "NEEDS"]);
        assert_eq!(heads(37), ["STEP", "ROLE", "TRIES", "NEEDS"]);
        assert_eq!(heads(30), ["STEP", "ROLE", "NEEDS"]);
        assert_eq!(heads(28), ["STEP", "NEEDS"]);
    }

    #[test]
    fn a_table_of_single_lines_gives_columns_away_first() {
        let mut table = Table::new(&["AGENT", "ASKED", "GRANTED"]).dispensable(&[1]).one_line();
        table.row(["analyzer".into(), "any cpu, nice 5".into(), "any cpu, nice 5".into()]);
        for (width, lines) in [
            (80, "AGENT     ASKED            GRANTED\nanalyzer  any cpu, nice 5  any cpu, nice 5\n"),
            (41, "AGENT     GRANTED\nanalyzer  any cpu, nice 5\n"),
        ] {
            assert_eq!(table.render(Paint::new(false), Some(width)), lines, "{width}");
        }
    }

    #[test]
    fn a_table_that_is_cut_gives_columns_away_before_it_cuts_others_than_the_last() {
        let mut table = Table::new(&["TASK", "WORKFLOW", "REQUEST"]).cut().dispensable(&[1]);
        table.row(["01M7YRH27D".into(), "analyze".into(), "find every caller of the parser".into()]);
        for (width, lines) in [
            (32, "TASK        WORKFLOW  REQUEST\n01M7YRH27D  analyze   find ever…\n"),
            (29, "TASK        REQUEST\n01M7YRH27D  find every calle…\n"),
        ] {
            assert_eq!(table.render(Paint::new(false), Some(width)), lines, "{width}");
        }
    }

    #[test]
    fn a_sentence_without_room_goes_below_its_row() {
        let mut table = Table::new(&["SETTING", "VALUE", "WHAT"]).last_below();
        table.row(["queue.max_tasks".into(), "1000".into(), "Open tasks; above, submitting is refused.".into()]);
        table.row(["cache.bytes".into(), "0".into(), "".into()]);
        let beside = "SETTING          VALUE  WHAT\nqueue.max_tasks  1000   Open tasks; above, submitting\n\
            \u{20}                       is refused.\ncache.bytes      0\n";
        let below = "SETTING          VALUE\nqueue.max_tasks  1000\n    Open tasks; above, submitting is\n    refused.\n\
            cache.bytes      0\n";
        for (width, expected) in [(54, beside), (53, below), (36, below)] {
            let drawn = table.render(Paint::new(false), Some(width));
            let unbroken = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(unbroken(&drawn), unbroken(expected), "{width}: {drawn}");
            assert!(drawn.lines().all(|line| text::width(line) <= width), "{width}: {drawn}");
        }
        assert_eq!(table.render(Paint::new(false), Some(36)), below);
        assert_eq!(table.render(Paint::new(false), Some(54)), beside);
    }

    #[test]
    fn colour_changes_no_column() {
        let painted = sample().render(Paint::new(true), Some(40));
        let mut plain = String::new();
        let mut inside = false;
        for c in painted.chars() {
            match c {
                '\u{1b}' => inside = true,
                'm' if inside => inside = false,
                c if !inside => plain.push(c),
                _ => {}
            }
        }
        assert!(painted.contains('\u{1b}'));
        assert_eq!(plain, sample().render(Paint::new(false), Some(40)));
    }
}
