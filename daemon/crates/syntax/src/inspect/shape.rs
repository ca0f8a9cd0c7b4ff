//! What a value is as far as rules care: a list, a set, a text, … From a type as written or from the value itself.

use tree_sitter::Node;

use crate::Language;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Unknown,
    /// Contiguous, grows at its end.
    List,
    /// A list that is written out, so it is short.
    Short,
    Deque,
    Linked,
    Set,
    Map,
    Text,
    Number,
    /// `None`, `null`: says nothing.
    Nothing,
    Other,
}

/// What two bindings of one name are together.
pub(super) fn unify(a: Shape, b: Shape) -> Shape {
    match (a, b) {
        (a, b) if a == b => a,
        (Shape::Nothing, other) | (other, Shape::Nothing) => other,
        (Shape::List, Shape::Short) | (Shape::Short, Shape::List) => Shape::List,
        _ => Shape::Unknown,
    }
}

/// From a type as written, without white space around it.
pub(super) fn of_type(language: Language, text: &str) -> Shape {
    let text = text.trim_start_matches(':').trim();
    match language {
        Language::Rust => rust_type(text),
        Language::Python => base_match(
            text.trim_matches(['"', '\'']),
            '[',
            &[
                (&["list", "List", "typing.List"], Shape::List),
                (&["set", "Set", "frozenset", "typing.Set"], Shape::Set),
                (&["dict", "Dict", "typing.Dict", "Mapping", "defaultdict"], Shape::Map),
                (&["str"], Shape::Text),
                (&["int", "float"], Shape::Number),
            ],
        ),
        Language::JavaScript | Language::TypeScript | Language::Tsx => {
            if text.ends_with("[]") && !text.contains('|') {
                return Shape::List;
            }
            let lists: &[&str] = &["Array", "ReadonlyArray"];
            let kinds = [
                (lists, Shape::List),
                (&["Set", "ReadonlySet", "WeakSet"], Shape::Set),
                (&["Map", "WeakMap", "Record", "ReadonlyMap"], Shape::Map),
                (&["string"], Shape::Text),
                (&["number"], Shape::Number),
            ];
            if text.contains('|') { Shape::Unknown } else { base_match(text, '<', &kinds) }
        }
        Language::Go => match text {
            "string" => Shape::Text,
            "int" | "int64" | "float64" | "int32" | "uint64" | "uint32" | "byte" => Shape::Number,
            _ if text.starts_with("[]") => Shape::List,
            _ if text.starts_with("map[") => Shape::Map,
            _ => Shape::Other,
        },
        Language::Java => base_match(
            text,
            '<',
            &[
                (&["List", "ArrayList", "Collection", "java.util.List", "java.util.ArrayList", "Vector"], Shape::List),
                (&["LinkedList", "java.util.LinkedList"], Shape::Linked),
                (&["Set", "HashSet", "LinkedHashSet", "TreeSet", "EnumSet"], Shape::Set),
                (&["Map", "HashMap", "LinkedHashMap", "TreeMap", "ConcurrentHashMap", "EnumMap"], Shape::Map),
                (&["String"], Shape::Text),
                (&["int", "long", "double", "float", "short", "byte", "char"], Shape::Number),
                (&["Deque", "ArrayDeque", "Queue"], Shape::Deque),
                (&["var"], Shape::Nothing),
            ],
        ),
        Language::C | Language::Cpp => base_match(
            text.trim_start_matches("const ").trim_start_matches("std::"),
            '<',
            &[
                (&["vector"], Shape::List),
                (&["list", "forward_list"], Shape::Linked),
                (&["set", "unordered_set"], Shape::Set),
                (&["map", "unordered_map", "multimap"], Shape::Map),
                (&["string", "wstring"], Shape::Text),
                (&["deque"], Shape::Deque),
                (&["int", "long", "size_t", "double", "float", "unsigned", "bool"], Shape::Number),
                (&["auto"], Shape::Nothing),
            ],
        ),
        Language::Swift => swift_type(text),
    }
}

fn rust_type(text: &str) -> Shape {
    let text = text.trim_start_matches('&').trim_start();
    let text = if text.starts_with('\'') { text.split_once(' ').map_or("", |(_, rest)| rest) } else { text };
    let text = text.trim_start_matches("mut ").trim();
    if text.starts_with('[') && !text.contains(';') {
        return Shape::List;
    }
    base_match(
        text,
        '<',
        &[
            (&["Vec", "std::vec::Vec"], Shape::List),
            (&["VecDeque"], Shape::Deque),
            (&["HashSet", "BTreeSet", "IndexSet", "FxHashSet"], Shape::Set),
            (&["HashMap", "BTreeMap", "IndexMap", "FxHashMap"], Shape::Map),
            (&["String", "str"], Shape::Text),
            (&["usize", "u32", "u64", "i32", "i64", "u8"], Shape::Number),
        ],
    )
}

fn swift_type(text: &str) -> Shape {
    if text.ends_with('?') {
        return Shape::Unknown;
    }
    if text.starts_with('[') && text.ends_with(']') {
        return if text.contains(':') { Shape::Map } else { Shape::List };
    }
    base_match(
        text,
        '<',
        &[
            (&["Array"], Shape::List),
            (&["Set"], Shape::Set),
            (&["Dictionary"], Shape::Map),
            (&["String", "Substring"], Shape::Text),
            (&["Int", "Double"], Shape::Number),
        ],
    )
}

fn base_match(text: &str, bracket: char, table: &[(&[&str], Shape)]) -> Shape {
    let base = text.split(bracket).next().unwrap_or_default().trim();
    let base = base.trim_end_matches('?').trim_end_matches('!');
    table.iter().find(|(names, _)| names.contains(&base)).map_or(Shape::Other, |(_, shape)| *shape)
}

/// From the value; `text` is all of it.
pub(super) fn of_value(language: Language, node: Node<'_>, text: &str) -> Shape {
    let kind = node.kind();
    if matches!(kind, "none" | "null" | "null_literal" | "nil" | "undefined" | "nullptr") || text == "nil" {
        return Shape::Nothing;
    }
    if kind.contains("string_literal") || matches!(kind, "string" | "template_string") {
        // In C it may be an array or a pointer.
        return if language == Language::C { Shape::Other } else { Shape::Text };
    }
    if kind.contains("integer")
        || kind.contains("float_lit")
        || matches!(kind, "number" | "int_literal" | "number_literal")
    {
        return Shape::Number;
    }
    match language {
        Language::Rust => rust_value(kind, text),
        Language::Python => python_value(node, kind, text),
        Language::JavaScript | Language::TypeScript | Language::Tsx => js_value(node, kind, text),
        Language::Go => go_value(node, kind, text),
        Language::Java => {
            let made = node.child_by_field_name("type").filter(|_| kind == "object_creation_expression");
            let made = made.and_then(|ty| text.get(ty.start_byte() - node.start_byte()..)).unwrap_or_default();
            let end = made.find('(').unwrap_or(made.len());
            if made.is_empty() { java_value(text) } else { of_type(language, &made[..end]) }
        }
        Language::C | Language::Cpp => {
            let end = text.find(['(', '{']).unwrap_or(text.len());
            if kind == "call_expression" { none_if_other(of_type(language, &text[..end])) } else { Shape::Unknown }
        }
        Language::Swift => swift_value(node, kind, text),
    }
}

const fn none_if_other(shape: Shape) -> Shape {
    if matches!(shape, Shape::Other) { Shape::Unknown } else { shape }
}

fn java_value(text: &str) -> Shape {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if starts(&["Arrays.asList(", "List.of("]) {
        Shape::Short
    } else if starts(&["Lists.newArrayList(", "new ArrayList"]) || text.ends_with("collect(Collectors.toList())") {
        Shape::List
    } else if starts(&["String.format(", "String.valueOf(", "String.join("]) || text.ends_with(".toString()") {
        Shape::Text
    } else {
        Shape::Unknown
    }
}

fn rust_value(kind: &str, text: &str) -> Shape {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    if starts(&["Vec::", "vec![]"]) || text.ends_with("collect::<Vec<_>>()") || text.ends_with(".to_vec()") {
        Shape::List
    } else if starts(&["vec![", "["]) {
        if text.contains(';') { Shape::List } else { Shape::Short }
    } else if starts(&["String::", "format!("]) || text.ends_with(".to_string()") || text.ends_with(".to_owned()") {
        if text.ends_with(".to_owned()") { Shape::Unknown } else { Shape::Text }
    } else if starts(&["HashSet::", "BTreeSet::"]) {
        Shape::Set
    } else if starts(&["HashMap::", "BTreeMap::"]) {
        Shape::Map
    } else if starts(&["VecDeque::"]) {
        Shape::Deque
    } else if kind == "struct_expression" {
        Shape::Other
    } else {
        Shape::Unknown
    }
}

fn python_value(node: Node<'_>, kind: &str, text: &str) -> Shape {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    match kind {
        "list" if node.named_child_count() == 0 => Shape::List,
        "list" | "tuple" => Shape::Short,
        "list_comprehension" => Shape::List,
        "dictionary" | "dictionary_comprehension" => Shape::Map,
        "set" | "set_comprehension" => Shape::Set,
        "concatenated_string" => Shape::Text,
        "call" if starts(&["list(", "sorted(", "os.listdir(", "glob.glob("]) => Shape::List,
        "call" if text.ends_with(".readlines()") || text.ends_with(".splitlines()") => Shape::List,
        "call" if starts(&["set(", "frozenset("]) => Shape::Set,
        "call" if starts(&["dict(", "defaultdict(", "collections.defaultdict(", "Counter("]) => Shape::Map,
        "call" if starts(&["deque(", "collections.deque("]) => Shape::Deque,
        "call" if starts(&["str(", "repr(", "\"\".join(", "''.join("]) => Shape::Text,
        "call" if starts(&["int(", "len(", "float("]) => Shape::Number,
        _ => Shape::Unknown,
    }
}

fn js_value(node: Node<'_>, kind: &str, text: &str) -> Shape {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let called = node.child_by_field_name("function").and_then(|f| f.child_by_field_name("property"));
    let called = called.and_then(|p| text.get(p.start_byte() - node.start_byte()..p.end_byte() - node.start_byte()));
    match kind {
        "array" if node.named_child_count() == 0 || text.starts_with("[...") => Shape::List,
        "array" => Shape::Short,
        "object" => Shape::Map,
        "new_expression" if starts(&["new Array"]) => Shape::List,
        "new_expression" if starts(&["new Set", "new WeakSet"]) => Shape::Set,
        "new_expression" if starts(&["new Map", "new WeakMap"]) => Shape::Map,
        "call_expression" if starts(&["Object.keys(", "Object.values(", "Object.entries(", "Array.from("]) => {
            Shape::List
        }
        "call_expression" if matches!(called, Some("map" | "filter" | "flatMap" | "sort")) => Shape::List,
        "call_expression" if matches!(called, Some("join" | "toLowerCase" | "toString" | "trim")) => Shape::Text,
        _ => Shape::Unknown,
    }
}

fn go_value(node: Node<'_>, kind: &str, text: &str) -> Shape {
    let starts = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    match kind {
        "composite_literal" if text.starts_with("[]") => {
            let empty = node.child_by_field_name("body").is_some_and(|body| body.named_child_count() == 0);
            if empty { Shape::List } else { Shape::Short }
        }
        "composite_literal" if text.starts_with("map[") => Shape::Map,
        "call_expression" if starts(&["make([]"]) => Shape::List,
        "call_expression" if starts(&["make(map["]) => Shape::Map,
        "call_expression" if starts(&["fmt.Sprintf(", "strings.Join(", "string(", "strings.TrimSpace("]) => Shape::Text,
        _ => Shape::Unknown,
    }
}

fn swift_value(node: Node<'_>, kind: &str, text: &str) -> Shape {
    match kind {
        "array_literal" if node.named_child_count() == 0 => Shape::List,
        "array_literal" => Shape::Short,
        "dictionary_literal" => Shape::Map,
        "call_expression" if text.starts_with('[') && text.ends_with("]()") => swift_type(&text[..text.len() - 2]),
        "call_expression" => {
            let end = text.find('(').unwrap_or(text.len());
            none_if_other(swift_type(&text[..end]))
        }
        _ => Shape::Unknown,
    }
}
