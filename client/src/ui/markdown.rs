//! Markdown drawn for a terminal: headings, lists, quotes, code and tables, wrapped to a width. What a report does
//! not use (HTML, footnotes, images) is shown as its text. Reports quote foreign files: all text is cleaned, also what entities
//! (`&#27;`) became.

use pulldown_cmark::{Alignment, Event, Options, Parser, Tag, TagEnd};

use crate::ui::{
    style::{Label, Paint},
    table::{Cell, Table},
    text,
};

/// Blanks between the columns of a table.
const GAP: usize = 2;

/// Draws `markdown` in at most `width` columns; code keeps its own line length.
#[must_use]
pub fn render(markdown: &str, paint: Paint, width: usize) -> String {
    let clean = text::clean(markdown);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page::new(paint, width.max(20));
    for event in Parser::new_ext(&clean, options) {
        page.event(event);
    }
    page.flush();
    page.out
}

/// What stands before each line of a nested block.
enum Prefix {
    Quote,
    /// A list item: its marker before the first line, spaces of the same width before the others.
    Item {
        marker: Option<String>,
        width: usize,
    },
}

/// A table as it is read: its cells as text, since numbers are put to the right once the longest is known.
struct Rows {
    alignments: Vec<Alignment>,
    done: Vec<Vec<String>>,
    open: Vec<String>,
}

struct Page {
    paint: Paint,
    width: usize,
    out: String,
    /// Words and spaces of the block being read.
    inline: Vec<(String, Option<Label>)>,
    labels: Vec<Label>,
    prefixes: Vec<Prefix>,
    /// Next number of each open list; `None`: bullets.
    lists: Vec<Option<u64>>,
    links: Vec<String>,
    code: Option<String>,
    table: Option<Rows>,
    /// A blank line is due before the next block.
    gap: bool,
}

impl Page {
    const fn new(paint: Paint, width: usize) -> Self {
        Self {
            paint,
            width,
            out: String::new(),
            inline: Vec::new(),
            labels: Vec::new(),
            prefixes: Vec::new(),
            lists: Vec::new(),
            links: Vec::new(),
            code: None,
            table: None,
            gap: false,
        }
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::Text(content) => match &mut self.code {
                Some(code) => code.push_str(&text::clean(&content)),
                None => self.push(&content, None),
            },
            Event::Code(content) | Event::InlineMath(content) | Event::DisplayMath(content) => {
                self.push(&content, Some(Label::Code));
            }
            Event::Html(content) | Event::InlineHtml(content) => self.push(&content, Some(Label::Dim)),
            Event::FootnoteReference(name) => self.push(&format!("[{name}]"), Some(Label::Dim)),
            Event::SoftBreak => self.push(" ", None),
            Event::HardBreak => self.push("\n", None),
            Event::Rule => {
                self.open_block();
                let rule = "─".repeat(self.room());
                let rule = self.paint.text(Label::Dim, &rule);
                self.line(&rule);
                self.gap = true;
            }
            Event::TaskListMarker(done) => self.push(if done { "[x] " } else { "[ ] " }, None),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.open_block(),
            Tag::Heading { .. } => {
                self.open_block();
                self.labels.push(Label::Heading);
            }
            Tag::BlockQuote(_) => {
                self.open_block();
                self.prefixes.push(Prefix::Quote);
            }
            Tag::CodeBlock(_) => {
                self.open_block();
                self.code = Some(String::new());
            }
            Tag::List(first) => {
                self.flush();
                if self.lists.is_empty() {
                    self.open_block();
                }
                self.lists.push(first);
            }
            Tag::Item => self.start_item(),
            Tag::Table(alignments) => {
                self.open_block();
                self.table = Some(Rows { alignments, done: Vec::new(), open: Vec::new() });
            }
            Tag::Emphasis => self.labels.push(Label::Emphasis),
            Tag::Strong => self.labels.push(Label::Strong),
            Tag::Strikethrough => self.labels.push(Label::Dim),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => self.links.push(dest_url.into_string()),
            _ => {}
        }
    }

    fn start_item(&mut self) {
        self.flush();
        self.gap = false;
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => "• ".to_owned(),
        };
        let width = text::width(&marker);
        self.prefixes.push(Prefix::Item { marker: Some(marker), width });
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush();
                self.gap = true;
            }
            TagEnd::Heading(_) => {
                self.flush();
                self.labels.pop();
                self.gap = true;
            }
            TagEnd::BlockQuote(_) | TagEnd::Item => {
                self.flush();
                self.prefixes.pop();
                self.gap = matches!(end, TagEnd::BlockQuote(_));
            }
            TagEnd::CodeBlock => self.end_code(),
            TagEnd::List(_) => {
                self.lists.pop();
                self.gap = self.lists.is_empty();
            }
            TagEnd::TableCell => self.end_cell(),
            TagEnd::TableHead | TagEnd::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.done.push(std::mem::take(&mut rows.open));
                }
            }
            TagEnd::Table => self.end_table(),
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.labels.pop();
            }
            TagEnd::Link | TagEnd::Image => self.end_link(),
            _ => {}
        }
    }

    fn end_code(&mut self) {
        for line in self.code.take().unwrap_or_default().lines() {
            let line = format!("  {}", self.paint.text(Label::Code, line));
            self.line(&line);
        }
        self.gap = true;
    }

    fn end_cell(&mut self) {
        let content: String = self.inline.drain(..).map(|(piece, _)| piece).collect();
        if let Some(rows) = &mut self.table {
            rows.open.push(content);
        }
    }

    fn end_table(&mut self) {
        if let Some(rows) = self.table.take() {
            let room = self.room();
            for line in rows.drawn(room).render(self.paint, Some(room)).lines() {
                self.line(line);
            }
        }
        self.gap = true;
    }

    /// The address is shown only if it says more than the text.
    fn end_link(&mut self) {
        if let Some(url) = self.links.pop()
            && self.inline.last().is_none_or(|(shown, _)| *shown != url)
            && url.contains("://")
        {
            self.push(&format!(" <{url}>"), Some(Label::Dim));
        }
    }

    fn push(&mut self, content: &str, label: Option<Label>) {
        self.inline.push((text::clean(content), label.or_else(|| self.labels.last().copied())));
    }

    fn open_block(&mut self) {
        self.flush();
        if self.gap && !self.out.is_empty() {
            let prefix = self.prefix();
            self.out.push_str(prefix.trim_end());
            self.out.push('\n');
        }
        self.gap = false;
    }

    fn room(&self) -> usize {
        let taken: usize = self
            .prefixes
            .iter()
            .map(|prefix| match prefix {
                Prefix::Quote => 2,
                Prefix::Item { width, .. } => *width,
            })
            .sum();
        self.width.saturating_sub(taken).max(10)
    }

    fn prefix(&mut self) -> String {
        let paint = self.paint;
        self.prefixes
            .iter_mut()
            .map(|prefix| match prefix {
                Prefix::Quote => paint.text(Label::Dim, "│ "),
                Prefix::Item { marker, width } => marker.take().unwrap_or_else(|| " ".repeat(*width)),
            })
            .collect()
    }

    fn line(&mut self, line: &str) {
        let prefix = self.prefix();
        self.out.push_str(&prefix);
        self.out.push_str(line);
        self.out.push('\n');
    }

    /// Wraps and writes what was read of the block.
    fn flush(&mut self) {
        if self.inline.is_empty() {
            return;
        }
        let pieces = std::mem::take(&mut self.inline);
        let (room, whole) = (self.room(), self.whole());
        for (line, width) in Lines::of(&pieces, (room, whole), self.paint).done {
            if width > room && width <= whole { self.outdented(&line, whole - width) } else { self.line(&line) }
        }
    }

    /// Columns that a line has if its block is not indented.
    fn whole(&self) -> usize {
        let quotes = self.prefixes.iter().filter(|prefix| matches!(prefix, Prefix::Quote)).count();
        self.width.saturating_sub(2 * quotes)
    }

    /// A line that is too wide for the indent of its block stands farther to the left, below the marker of its item.
    fn outdented(&mut self, line: &str, indent: usize) {
        if self.prefixes.iter().any(|prefix| matches!(prefix, Prefix::Item { marker: Some(_), .. })) {
            let marker = self.prefix();
            self.out.push_str(marker.trim_end());
            self.out.push('\n');
        }
        let quotes = self.prefixes.iter().filter(|prefix| matches!(prefix, Prefix::Quote)).count();
        let quotes = self.paint.text(Label::Dim, "│ ").repeat(quotes);
        self.out.push_str(&format!("{quotes}{:indent$}{line}\n", ""));
    }
}

impl Rows {
    /// The table with its numbers to the right.
    fn drawn(mut self, room: usize) -> Table {
        let mut widths = self.widths();
        if widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1) > room {
            // A column of numbers that gives way would break the blanks before them: its head takes as many lines as it has words.
            let columns = self.done.first_mut().into_iter().flatten().zip(&self.alignments);
            for (head, _) in columns.filter(|(_, alignment)| **alignment == Alignment::Right) {
                *head = head.split_whitespace().collect::<Vec<_>>().join("\n");
            }
            widths = self.widths();
        }
        let mut table = Table::headed();
        for (number, row) in self.done.into_iter().enumerate() {
            let cells = row.into_iter().zip(widths.iter().zip(&self.alignments)).map(|(cell, (width, alignment))| {
                let right = |line: &str| format!("{:gap$}{line}", "", gap = width.saturating_sub(text::width(line)));
                let cell = match alignment {
                    Alignment::Right => cell.lines().map(right).collect::<Vec<_>>().join("\n"),
                    _ => cell,
                };
                if number == 0 { Cell::labelled(cell, Label::Heading) } else { cell.into() }
            });
            table.row(cells.collect::<Vec<Cell>>());
        }
        table
    }

    /// Columns that the widest line of each takes.
    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![0; self.alignments.len()];
        for row in &self.done {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.lines().map(text::width).max().unwrap_or(0).max(*width);
            }
        }
        widths
    }
}

/// The lines of a block, each with its width.
struct Lines {
    done: Vec<(String, usize)>,
    /// Columns behind what stands before the block, and what there would be without its indent.
    room: usize,
    whole: usize,
}

impl Lines {
    /// Breaks painted pieces into lines: a word may consist of several pieces (`**bold**,`), so that words are put
    /// together first.
    fn of(pieces: &[(String, Option<Label>)], (room, whole): (usize, usize), paint: Paint) -> Self {
        let mut lines = Self { done: vec![(String::new(), 0)], room, whole };
        let mut word: Vec<(String, usize)> = Vec::new();
        let mut gap = 0;
        for (content, label) in pieces {
            if content == "\n" {
                lines.place(&mut word, gap);
                lines.done.push((String::new(), 0));
                gap = 0;
                continue;
            }
            for part in content.split_inclusive(char::is_whitespace) {
                let bare = part.trim_end();
                if !bare.is_empty() {
                    let painted = label.map_or_else(|| bare.to_owned(), |label| paint.text(label, bare));
                    word.push((painted, text::width(bare)));
                }
                if bare.len() < part.len() {
                    lines.place(&mut word, gap);
                    gap = 1;
                }
            }
        }
        lines.place(&mut word, gap);
        lines
    }

    /// Adds a word, behind a gap. One that no line can hold is broken between its pieces, if that helps: a path that is cut cannot
    /// be followed.
    fn place(&mut self, word: &mut Vec<(String, usize)>, gap: usize) {
        let width: usize = word.iter().map(|(_, width)| width).sum();
        let pieces = std::mem::take(word);
        if width > self.whole && pieces.iter().all(|(_, width)| *width <= self.whole) {
            for (number, (painted, width)) in pieces.iter().enumerate() {
                self.put(painted, *width, if number == 0 { gap } else { 0 });
            }
        } else if width > 0 {
            let painted: String = pieces.into_iter().map(|(painted, _)| painted).collect();
            self.put(&painted, width, gap);
        }
    }

    fn put(&mut self, painted: &str, width: usize, gap: usize) {
        if self.done.last().is_none_or(|(_, used)| *used > 0 && used + gap + width > self.room) {
            self.done.push((String::new(), 0));
        }
        if let Some((line, used)) = self.done.last_mut() {
            let space = if *used > 0 { gap.min(1) } else { 0 };
            line.push_str(&" "[..space]);
            line.push_str(painted);
            *used += space + width;
        }
    }
}

#[cfg(test)]
mod tests;
