//! A page of markdown as a terminal shows it, at every width.

use super::*;

const REPORT: &str = "# Report\n\nFound **1,480** files, `17.4 MB`, see [the list](https://example.org/l).\n\n\
    - one item that is rather long and has to wrap somewhere\n  - nested\n- [x] two\n\n1. first\n2. second\n\n\
    > quoted text\n\n```rust\nfn main() {}\n```\n\n| File | Lines |\n| --- | --- |\n| `src/a.rs` | 12 |\n\n---\nEnd.";

#[test]
fn a_report_is_drawn_within_its_width() {
    let drawn = render(REPORT, Paint::new(false), 40);
    let expected = "Report\n\nFound 1,480 files, 17.4 MB, see the list\n<https://example.org/l>.\n\n\
        • one item that is rather long and has\n  to wrap somewhere\n  • nested\n• [x] two\n\n1. first\n2. second\n\n\
        │ quoted text\n\n  fn main() {}\n\nFile      Lines\nsrc/a.rs  12\n\n\
        ────────────────────────────────────────\n\nEnd.\n";
    assert_eq!(drawn, expected);
}

#[test]
fn numbers_stand_to_the_right() {
    let table = "| File | Lines |\n|:--|--:|\n| a | 7 |\n| b | 1,480 |\n";
    assert_eq!(render(table, Paint::new(false), 40), "File  Lines\na         7\nb     1,480\n");
    let broken = "| Lines | File |\n|--:|:--|\n| 7 | a/name/that-is-really-much-too-long |\n";
    assert_eq!(
        render(broken, Paint::new(false), 30),
        "Lines  File\n    7  a/name/that-is-really-m\n       uch-too-long\n"
    );
    let whole = broken.replace('/', "-");
    let listed = "Lines: 7\nFile:\n  a-name-that-is-really-much-too-long\n";
    assert_eq!(render(&whole, Paint::new(false), 30), listed, "a word that may be copied is whole");
}

#[test]
fn numbers_stay_to_the_right_where_columns_give_way() {
    let table = "| Folder | Files | Needed by |\n|:--|--:|--:|\n| `a/folder/with/a/long/path/to/it` | 7 | 11 |\n";
    assert_eq!(
        render(table, Paint::new(false), 46),
        "Folder                           Files  Needed\n                                            by\n\
         a/folder/with/a/long/path/to/it      7      11\n"
    );
    for width in 28..60 {
        let drawn = render(table, Paint::new(false), width);
        let row = drawn.lines().find(|line| line.contains(" 7 ")).unwrap();
        let end = drawn.lines().map(text::width).max();
        assert_eq!((row.ends_with(" 11"), Some(text::width(row))), (true, end), "{width}:\n{drawn}");
    }
}

#[test]
fn a_place_is_broken_only_if_no_line_can_hold_it() {
    let item = "9. x\n10. `src/some/folder/of/it/hit.js:4`, high confidence: *a* reason\n";
    for (width, expected) in [
        (40, "9. x\n10. src/some/folder/of/it/hit.js:4, high\n    confidence: a reason\n"),
        (35, "9. x\n10. src/some/folder/of/it/hit.js:4,\n    high confidence: a reason\n"),
        (34, "9. x\n10.\n   src/some/folder/of/it/hit.js:4,\n    high confidence: a reason\n"),
        (31, "9. x\n10.\nsrc/some/folder/of/it/hit.js:4,\n    high confidence: a reason\n"),
        (30, "9. x\n10.\nsrc/some/folder/of/it/hit.js:4\n    , high confidence: a\n    reason\n"),
    ] {
        assert_eq!(render(item, Paint::new(false), width), expected, "{width}");
    }
    let long = render(item, Paint::new(false), 29);
    assert!(long.contains("10. src/some/folder/of/it/hit.js:4,\n"), "what fits nowhere stays whole: {long}");
    let quoted = render("> - `src/some/folder/of/it/hit.js:4`\n", Paint::new(false), 33);
    assert_eq!(quoted, "│ •\n│  src/some/folder/of/it/hit.js:4\n");
}

#[test]
fn colour_is_there_only_when_asked_for_and_foreign_escapes_never() {
    assert!(render(REPORT, Paint::new(true), 40).contains('\u{1b}'));
    let hostile = "title \u{1b}]0;owned\u{7}\n\n`\u{1b}[2J`";
    assert!(!render(hostile, Paint::new(false), 40).contains(['\u{1b}', '\u{7}']));
    let entity = "&#27;[2J *&#x1b;[2J*, [l](http://e&#27;[2J) ![i](e://&#x9b;2J)\n\n# &#27;\n\n```a&#27;\n&#27;\n```\n\n\
        | &#27; | <b>&#27;</b> |\n|--|--|\n| &#x202e; | `&#27;` |\n\n- [x] &#27;\n";
    let drawn = render(entity, Paint::new(false), 40);
    assert!(!drawn.contains(|c: char| c != '\n' && text::clean(&c.to_string()) != c.to_string()), "{drawn:?}");
    assert!(drawn.contains("\u{fffd}[2J"), "{drawn:?}");
}
