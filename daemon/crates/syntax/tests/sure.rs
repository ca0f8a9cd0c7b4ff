//! How sure a rule may be. Each row has code that shows the cost for sure, and code that looks the same but was found not worth a change
//! in some well-known package: few rounds, tests, errors, rare branches, things that one search or no copy cannot do.

#![allow(clippy::unwrap_used, reason = "a source that is not parsed fails the test")]

use agentd_syntax::{Confidence, Language, Limits, Parser, rules::RuleSet};

use Language::{C, Cpp, Go, Java, JavaScript, Python, Rust, Swift};

/// Rule, language, what is sure, what only looks so.
type Row = (&'static str, Language, &'static str, &'static str);

/// Lists whose length decides.
const LISTS: [Row; 19] = [
    (
        // A table that the program brings has few rows, whatever its columns are called.
        "loop-linear-find",
        Rust,
        "fn f(all: &[A]) { let mut out: Vec<B> = Vec::new(); for (files, tools) in all { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
        "fn f() { let mut out: Vec<B> = Vec::new(); for (files, tools) in LANGUAGES { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
    ),
    (
        "loop-linear-find",
        Rust,
        "fn f(all: &[A]) { let mut out: Vec<B> = Vec::new(); for (files, tools) in all.iter().rev() { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
        "fn f() { let mut out: Vec<B> = Vec::new(); for (files, tools) in tables::LANGUAGES.iter().rev() { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
    ),
    (
        // What is read is no table, whatever it is read from.
        "loop-linear-find",
        Rust,
        "fn f() { let mut out: Vec<B> = Vec::new(); for line in STDIN.lock().lines() { if !out.iter().any(|o| o.0 == line) { out.push(g(line)); } } }",
        "fn f() { let mut out: Vec<B> = Vec::new(); for line in STARTS.iter() { if !out.iter().any(|o| o.0 == line) { out.push(g(line)); } } }",
    ),
    (
        "loop-linear-find",
        Rust,
        "fn f() { let mut out: Vec<B> = Vec::new(); for (files, tools) in LANGUAGES.load().iter() { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
        "fn f() { let mut out: Vec<B> = Vec::new(); for (files, tools) in &tables::LANGUAGES[1..] { for t in tools { if !out.iter().any(|o| o.0 == t.0) { out.push(t.clone()); } } } }",
    ),
    (
        "loop-linear-find",
        JavaScript,
        "function f(text) { const ys = []; for (const files of JSON.parse(text)) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
        "function f(text) { const ys = []; for (const files of tables.KINDS) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
    ),
    (
        "loop-linear-find",
        JavaScript,
        "function f(text) { const ys = []; for (const files of CSV.values(text)) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
        "function f(text) { const ys = []; for (const files of KINDS.values()) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
    ),
    (
        "loop-linear-find",
        JavaScript,
        "function f(all) { const ys = []; for (const files of all) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
        "function f(a, b) { const ys = []; for (const files of [a, b]) { for (const x of g(files)) { x.y = ys.find((y) => y.id === x.yId); } } }",
    ),
    (
        "loop-list-contains",
        Python,
        "def f(path):\n    seen = []\n    for line in open(path):\n        if line not in seen:\n            seen.append(line)\n",
        "def f(xs):\n    seen = []\n    for x in xs:\n        if x not in seen:\n            seen.append(x)\n",
    ),
    (
        // What is made of the elements is of few kinds.
        "loop-list-contains",
        Python,
        "def f(rows):\n    seen = []\n    for row in rows:\n        if row in seen:\n            continue\n        seen.append(row)\n",
        "def f(rows):\n    kinds = []\n    for row in rows:\n        if row.kind not in kinds:\n            kinds.append(row.kind)\n",
    ),
    (
        // It is left at the first one.
        "loop-list-contains",
        Python,
        "def f(lines):\n    a = []\n    for line in lines:\n        if line not in a:\n            a.append(line)\n",
        "def f(lines):\n    a = []\n    for line in lines:\n        if line not in a:\n            a.append(line)\n            raise E(line)\n",
    ),
    (
        "loop-list-contains",
        JavaScript,
        "function f(lines) { const a = []; for (const line of lines) { if (!a.includes(line)) a.push(line); } return a; }",
        "function f(all) { for (const lines of all) { const a = []; for (const line of lines) { if (!a.includes(line)) a.push(line); } } }",
    ),
    (
        "loop-list-contains",
        JavaScript,
        "function f(lines) { const a = []; for (const line of lines) { if (!a.includes(line)) a.push(line); } return a; }",
        "function f() { const a = []; return function (lines) { for (const line of lines) { if (!a.includes(line)) a.push(line); } }; }",
    ),
    (
        "loop-list-contains",
        Python,
        "def f(lines):\n    a = []\n    for line in lines:\n        if line not in a:\n            a.append(line)\n",
        "def f(lines):\n    a = []\n    for line in lines:\n        if line in a:\n            a.remove(line)\n        a.append(line)\n",
    ),
    (
        "loop-front-shift",
        Python,
        "def f(lines):\n    work = list(lines)\n    for line in lines:\n        while work:\n            work.pop(0)\n",
        "def f(cls):\n    work = list(cls.__subclasses__())\n    while work:\n        work.extend(work.pop(0).__subclasses__())\n",
    ),
    (
        "loop-list-concat",
        Python,
        "def f(xs):\n    out = []\n    for x in xs:\n        out = out + [x]\n    return out\n",
        "def f(self):\n    out = []\n    for x in self.subscriptions.values():\n        out = out + [x]\n    return out\n",
    ),
    (
        "filter-then-first",
        Python,
        "def f(nodes):\n    return [x for x in nodes if x > 1][0]\n",
        "def f(plural):\n    return [x for x in plural.split(';') if x > '1'][0]\n",
    ),
    (
        "filter-then-count",
        JavaScript,
        "function f(rows) { return rows.filter((row) => row.bad).length > 0; }",
        "function f(accounts) { return accounts.filter((a) => a.bad).length > 0; }",
    ),
    (
        "eager-reduction",
        Python,
        "def f(rows):\n    return any([row.bad for row in rows])\n",
        "def f(ctes):\n    return any([cte.bad for cte in ctes])\n",
    ),
    (
        "key-list-lookup",
        JavaScript,
        "function f(o, rows) { for (const row of rows) { if (Object.keys(o).includes(row)) g(row); } }",
        "function f(o, xs) { for (const x of xs) { if (Object.keys(o).includes(x)) g(x); } }",
    ),
];

/// Searches that one would do for, or not.
const MAPS: [Row; 13] = [
    (
        "keyset-lookup",
        Java,
        "class A { void f(Map<String, String> m) { for (String k : m.keySet()) { use(m.get(k)); } } }",
        "class A { void f(Bundle m) { for (String k : m.keySet()) { use(m.get(k)); } } }",
    ),
    (
        // Few of the rounds come to it.
        "keyset-lookup",
        Java,
        "class A { void f(Map<String, String> m) { for (String k : m.keySet()) { use(m.get(k)); } } }",
        "class A { void f(Map<String, String> m) { for (String k : m.keySet()) { if (k == null) continue; use(m.get(k)); } } }",
    ),
    (
        // Keys that are numbers of an array.
        "keyset-lookup",
        Rust,
        "fn f(m: &HashMap<K, V>) { for k in m.keys() { g(m[k]); } }",
        "fn f(s: &S) { for k in s.loops.keys() { g(s.loops[k]); } }",
    ),
    (
        "map-double-lookup",
        Java,
        "class A { int f(Map<String, Integer> m, String k) { if (m.containsKey(k)) { return m.get(k); } return 0; } }",
        "class A { int f(Map<String, Integer> m) { if (m.containsKey(\"a\")) { return m.get(\"a\"); } return 0; } }",
    ),
    (
        "map-double-lookup",
        Java,
        "class A { int f(String k) { if (known.containsKey(k)) { return known.get(k); } return 0; } }",
        "class A { int f(String k) { if (KNOWN.containsKey(k)) { return KNOWN.get(k); } return 0; } }",
    ),
    (
        // A guard against what should not be there.
        "map-double-lookup",
        Java,
        "class A { int f(String k) { if (known.containsKey(k)) { return known.get(k); } return 0; } }",
        "class A { void f(String k) { if (known.containsKey(k)) { throw new E(known.get(k)); } } }",
    ),
    (
        "map-double-lookup",
        Java,
        "class A { int f(String k) { if (known.containsKey(k)) { return known.get(k); } return 0; } }",
        "class A { boolean f(String k) { if (known.containsKey(k)) { LOGGER.info(\"twice: \" + known.get(k)); return true; } return false; } }",
    ),
    (
        // It stands in for a disk in tests.
        "map-double-lookup",
        Cpp,
        "int Disk::open(const K& k) { if (files.find(k) != files.end()) { return files[k]; } return 0; }",
        "int MockDisk::open(const K& k) { if (files.find(k) != files.end()) { return files[k]; } return 0; }",
    ),
    (
        // The file tests others.
        "map-double-lookup",
        Cpp,
        "#include <map>\nint f(const K& k) { if (files.find(k) != files.end()) { return files[k]; } return 0; }",
        "#include <gtest/gtest.h>\nint f(const K& k) { if (files.find(k) != files.end()) { return files[k]; } return 0; }",
    ),
    (
        // A reference is given out, and who changes the map meanwhile is not always seen.
        "map-double-lookup",
        Rust,
        "fn f(m: &HashMap<K, V>, k: &K) -> u32 { if m.contains_key(k) { return m[k].n; } 0 }",
        "fn f<'a>(m: &'a HashMap<K, V>, k: &K) -> &'a V { if m.contains_key(k) { return &m[k]; } &NONE }",
    ),
    (
        // What is inserted is computed from the map.
        "map-double-lookup",
        Rust,
        "fn f(m: &mut HashMap<K, V>, k: K) { if !m.contains_key(&k) { m.insert(k, V::new()); } }",
        "fn f(m: &mut HashMap<K, V>, k: K) { if !m.contains_key(&k) { let v = m.len(); m.insert(k, v); } }",
    ),
    (
        // entry() would copy a key that is lent.
        "map-double-lookup",
        Rust,
        "fn f(m: &mut HashMap<K, V>, k: K) { if !m.contains_key(&k) { m.insert(k.clone(), V::new()); } }",
        "fn f(m: &mut HashMap<K, V>, k: &K) { if !m.contains_key(k) { m.insert(k.clone(), V::new()); } }",
    ),
    (
        "map-double-lookup",
        Rust,
        "fn f(m: &mut HashMap<K, V>, k: K) { if !m.contains_key(&k) { m.insert(k, V::new()); } }",
        "fn f(m: &mut dyn Table, k: K) { if !m.contains_key(&k) { m.insert(k, V::new()); } }",
    ),
];

/// Texts that are built, compared, copied and written.
const TEXTS: [Row; 12] = [
    (
        "loop-string-concat",
        Go,
        "package p\nfunc f(xs []string) string {\n\ts := \"\"\n\tfor _, x := range xs {\n\t\ts += x\n\t}\n\treturn s\n}\n",
        "package p\nfunc f(t *token) string {\n\ts := \"\"\n\tfor ; t != nil; t = t.next {\n\t\ts += t.text\n\t}\n\treturn s\n}\n",
    ),
    (
        // The message of an error.
        "loop-string-concat",
        Go,
        "package p\nfunc f(xs []string) string {\n\ts := \"\"\n\tfor _, x := range xs {\n\t\ts += x\n\t}\n\treturn s\n}\n",
        "package p\nfunc f(xs []string) error {\n\ts := \"\"\n\tfor _, x := range xs {\n\t\ts += x\n\t}\n\treturn errors.New(s)\n}\n",
    ),
    (
        "format-then-push",
        Rust,
        "fn f(xs: &[u8]) -> String { let mut out = String::new(); for x in xs { out.push_str(&format!(\"{x}\")); } out }",
        "fn f(xs: &[u8]) -> String { let mut msg = String::new(); for x in xs { msg.push_str(&format!(\"{x}\")); } msg }",
    ),
    (
        "format-then-push",
        Rust,
        "fn f(xs: &[u8]) -> String {\n let mut out = String::new();\n for x in xs { out.push_str(&format!(\"{x}\")); }\n out\n}",
        "fn f(xs: &[u8], w: &mut W) {\n let mut out = String::new();\n for x in xs { out.push_str(&format!(\"{x}\")); }\n w.warnings.push(out);\n}",
    ),
    (
        "format-then-push",
        Rust,
        "fn f(xs: &[u8]) { let mut out = String::new(); for x in xs { out.push_str(&format!(\"{x}\")); } send(out); }",
        "fn f(xs: &[u8]) { g().with_context(|| { let mut out = String::new(); for x in xs { out.push_str(&format!(\"{x}\")); } out }); }",
    ),
    (
        // A test that is in no module of its own: the file is one of tests.
        "format-then-push",
        Rust,
        "fn f(xs: &[u8]) { let mut out = String::new(); for x in xs { out.push_str(&format!(\"{x}\")); } send(out); }",
        "fn f(xs: &[u8]) { let mut out = String::new(); for x in xs { out.push_str(&format!(\"{x}\")); } send(out); }\n#[test]\nfn g() {}\n",
    ),
    (
        "loop-strcat",
        C,
        "void f(char *out, char **xs, int n) { for (int i = 0; i < n; i++) strcat(out, xs[i]); }",
        "void f(char *failure_text, char **xs, int n) { for (int i = 0; i < n; i++) strcat(failure_text, xs[i]); }",
    ),
    (
        "loop-stream-flush",
        Cpp,
        "void f(const V& xs) { std::ofstream out(path); for (const auto& x : xs) { out << x << std::endl; } }",
        "void f(const V& xs) { for (const auto& x : xs) { std::cout << x << std::endl; } }",
    ),
    (
        // A file for each round is closed in it.
        "loop-stream-flush",
        Cpp,
        "void f(const V& xs) { std::ofstream out(path); for (const auto& x : xs) { out << x << std::endl; } }",
        "void f(const V& xs) { for (const auto& x : xs) { std::ofstream out(x.path); out << x << std::endl; } }",
    ),
    (
        "param-by-value",
        Cpp,
        "int f(const std::vector<int> v) { int n = 0; for (int x : v) n += x; return n; }",
        "int f(const std::string v) { int n = 0; for (char x : v) n += x; return n; }",
    ),
    (
        // Letters, of which no copy is made.
        "case-fold-compare",
        Rust,
        "fn f(a: &str, b: &str) -> bool { a.to_ascii_lowercase() == b.to_ascii_lowercase() }",
        "fn f(a: char, b: char) -> bool { a.to_ascii_lowercase() == b.to_ascii_lowercase() }",
    ),
    (
        // Each round makes a text of plain letters anyway.
        "range-copy",
        Cpp,
        "void f(const std::vector<std::string>& v) { for (const std::string s : v) use(s.size()); }",
        "void f() { const auto v = {\"a\", \"b\"}; for (const std::string s : v) use(s.size()); }",
    ),
];

/// Everything else.
const OTHERS: [Row; 8] = [
    (
        "dataframe-row-loop",
        Python,
        "def f(xs):\n    df = pd.DataFrame()\n    for x in xs:\n        df = df.append(x)\n",
        "def f(node, xs):\n    for x in xs:\n        node = node.append(x)\n",
    ),
    (
        // A point that gets one more.
        "dataframe-row-loop",
        Python,
        "def f(xs):\n    df = pd.DataFrame()\n    for x in xs:\n        df = df.append(x)\n",
        "def f(curve, xs):\n    for x in xs:\n        curve = np.append(curve, x)\n",
    ),
    (
        // One loop of a few rounds.
        "loop-sort",
        Python,
        "def f(groups, names):\n    for group in groups:\n        for part in group:\n            use(part, sorted(names))\n",
        "def f(languages, names):\n    for language in languages:\n        use(language, sorted(names))\n",
    ),
    (
        // Only who answers others holds them up.
        "async-blocking-call",
        JavaScript,
        "async function f(req, res) { res.end(fs.readFileSync('a')); }",
        "async function build() { return fs.readFileSync('a'); }",
    ),
    (
        // The guard is given away.
        "async-lock-across-await",
        Rust,
        "async fn f(s: &S) { let g = s.m.lock().unwrap(); send(&g).await; }",
        "async fn f(s: &S) { let g = s.m.lock().unwrap(); if s.flush(g) { send().await; } }",
    ),
    (
        // The list is written out by the file.
        "loop-defer",
        Go,
        "package p\nfunc f(xs []string) {\n\tfor _, x := range xs {\n\t\tg, _ := os.Open(x)\n\t\tdefer g.Close()\n\t}\n}\n",
        "package p\nvar xs = []string{\"a\", \"b\"}\nfunc f() {\n\tfor _, x := range xs {\n\t\tg, _ := os.Open(x)\n\t\tdefer g.Close()\n\t}\n}\n",
    ),
    (
        // Each round sets it up in its own way.
        "loop-costly-create",
        Swift,
        "func f(xs: [Date]) {\n  for x in xs {\n    let f = DateFormatter()\n    f.dateFormat = \"y\"\n    use(f.string(from: x))\n  }\n}\n",
        "func f(xs: [String]) {\n  for x in xs {\n    let f = DateFormatter()\n    f.dateFormat = x\n    use(f)\n  }\n}\n",
    ),
    (
        // Once, when the file is loaded.
        "loop-list-concat",
        Python,
        "def f(xs):\n    out = []\n    for x in xs:\n        out = out + [x]\n",
        "lines = read()\nout = []\nfor line in lines:\n    out = out + [line]\n",
    ),
];

#[test]
fn what_only_looks_dear_is_not_sure() {
    let mut faults = Vec::new();
    for (id, language, sure, unsure) in LISTS.into_iter().chain(MAPS).chain(TEXTS).chain(OTHERS) {
        for (source, wanted) in [(sure, true), (unsure, false)] {
            let mut parser = Parser::new();
            parser.set_rules(RuleSet::NONE.with(id));
            let facts = parser.analyze(language, source.as_bytes(), Limits::default()).unwrap();
            let high = facts.findings.iter().any(|finding| finding.confidence == Confidence::High);
            // A guard that is given away is no finding at all; all others are told, only less sure.
            let gone = facts.findings.is_empty() && (wanted || id != "async-lock-across-await");
            if gone || high != wanted || facts.syntax_errors > 0 {
                faults.push(format!("{id}: sure should be {wanted}: {:?}\n{source}", facts.findings));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
