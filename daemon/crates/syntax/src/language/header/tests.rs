//! What tells C++, what hides it, and what C and Objective-C have that looks like it.

use super::*;

fn told(cases: &[&str], expected: bool) {
    for case in cases {
        assert_eq!(is_cpp(case.as_bytes()), expected, "{case}");
        // As git checks it out on Windows.
        assert_eq!(is_cpp(case.replace('\n', "\r\n").as_bytes()), expected, "{case} with \\r\\n");
    }
}

#[test]
fn what_only_cpp_has_tells_cpp() {
    told(
        &[
            "class X {\n};\n",
            "class X;",
            "class EXPORT X final : Y {",
            "class __attribute__((visibility(\"default\"))) X {",
            "class [[nodiscard]] X {",
            "template <>\nclass X<int> {",
            "enum class Color : int { kRed };",
            "enum class Color { kRed };",
            "struct X : Y {\n  int a;\n};",
            "template <typename T>\nT largest(T a, T b);",
            "template<class T> struct X;",
            "extern template class X<int>;",
            "namespace a {\nint f(void);\n}",
            "namespace a::b {",
            "namespace {",
            "namespace a = b;",
            "inline namespace v1 {",
            "BEGIN_DECLS\nnamespace a {",
            "using Bytes = unsigned char*;",
            "using namespace a;",
            "using ::a;",
            "struct X {\npublic:\n  int a;\nprivate:\n  int b;\n};",
            "void f(std::string name);",
            "int size(const ::a::B* b);",
            "int size(A::b x);",
            "#include <vector>\n",
            "# include <sys/types.h>\n#  include\t<string> // text\n",
            "#include <QtCore/QString>\n",
            "struct X { bool operator==(X other); };",
            "struct X { int operator()(int a); };",
            "X& operator+= (X& a);",
            "struct X { virtual int f(); };",
            "struct X { virtual ~X(); };",
            "struct X { X() = default; };",
            "struct X { X(int) = delete; };",
            "static inline int f(double d) { return static_cast<int>(d); }",
            "int f(const struct x& a);",
            "int f(const X &a);",
            "int f(X const& a);",
            "int f(const unsigned long & a);",
            "struct X { int f() const; };",
            "struct X { int f() const { return 1; } };",
            "\u{feff}#pragma once\nclass X {};",
        ],
        true,
    );
}

#[test]
fn what_stands_before_the_first_sign_does_not_hide_it() {
    let licence = format!("/*\n{} */\n", " * Permission is hereby granted, don't use \"it\n".repeat(45));
    assert!(licence.len() > 2_000, "{}", licence.len());
    let cases = [
        "#ifndef A_H_\n#define A_H_\n#include <stdint.h>\nclass X {};\n#endif\n",
        "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(void);\n#ifdef __cplusplus\n}\n#endif\nclass X {};\n",
        "#ifndef __cplusplus\n#error \"for C++\"\n#endif\nnamespace a {\n",
        "#if 0\nint x;\n#elif defined(A)\nclass X {};\n#endif\n",
        "#ifdef __OBJC__\n@class NSView;\n#else\nclass NSView;\n#endif\n",
        "#define CLASS \\\n  int \\\n  x\nclass X {};",
        "#define A /* begins\n ends */ 1\nclass X {};",
        "#define QUOTE '\n#error don't\nclass X {};",
        "int a = 1'000'000;\nclass X {};",
        "char c = '\"', d = '\\'';\nclass X {};",
        "/**/ /***/ // class\nclass X {};",
        "int f() // it's\n{ }\nclass X {};",
    ];
    told(&cases, true);
    told(&cases.map(|case| licence.clone() + case).each_ref().map(String::as_str), true);
}

#[test]
fn what_is_shown_to_no_c_compiler_counts_if_there_is_nothing_else() {
    told(
        &[
            "#pragma once\n#include <stddef.h>\n#ifdef __cplusplus\nclass X {};\n#endif\n",
            "#if __cplusplus >= 201703L\n#include <span>\nnamespace a { class X; }\n#else\n#error \"C++17\"\n#endif\n",
            "#include <stdint.h>\nextern \"C++\" {\ntemplate <typename T> T f();\n}\n",
        ],
        true,
    );
    told(
        &[
            "#ifdef __cplusplus\nclass X {};\n#endif\nint f(void);\n",
            "int f(void);\n#ifdef __cplusplus\nclass X {};\n#endif\n",
            "int f(void);\nextern \"C++\" {\ntemplate <typename T> T f();\n}\n",
            "#define LIMIT 1\n#ifdef __cplusplus\n#include <cstddef>\nextern \"C\" {\n}\n#endif\n",
        ],
        false,
    );
}

#[test]
fn headers_of_c_and_objective_c_tell_nothing() {
    told(
        &[
            "",
            "#ifndef A_H\n#define A_H\n#ifdef __cplusplus\nextern \"C\" {\n#endif\nint f(const char *name, void (*g)(int));\n\
             #ifdef __cplusplus\n}\n#endif\n#endif\n",
            "#if defined(__cplusplus)\n#include <atomic>\n#define A(t) std::atomic<t>\n#else\n#include <stdatomic.h>\n#endif\nint x;\n",
            "#if !defined(__cplusplus)\ntypedef int bool;\n#else\ntemplate <class T> class X;\n#endif\nint x;\n",
            "#ifdef A\n#if defined(B) && defined(__cplusplus)\nclass X {};\n#elif defined(C)\nint y;\n#endif\n#endif\nint x;",
            "#ifdef __cplusplus\n#ifdef A\nint z;\n#else\nclass X {};\n#endif\nclass Y {};\n#endif\nint x;",
            "#if 0\nclass X {};\n#endif\nint x;",
            "/* A note about the\nclass of things; template <a>, std::string\n*/\nint x;",
            "// class X {\n// using namespace std;\nint x; // public:\n",
            "#define namespace_x 1\nint namespace_x, class_of, using_it;",
            "#define NEW(T) static_cast<T>(0)\n#define CLASS(x) class x { \\\n public: \\\n }\nint x;",
            "const char *text = \"class X { std::string a; };\";",
            "struct class { int class; };\nstruct class *find(struct class *class, int namespace, char *template);",
            "struct namespace {\n  int using, private, public, virtual;\n};",
            "union class;\nenum class { A, B };\nextern struct class x;",
            "int f(a, class, virtual)\n  char *a;\n  int class;\n{\n  return class < a ? private : public;\n}",
            "struct x { unsigned private : 1, public : 2; };",
            "static inline int f(int a, int b) { if (template < a) return a & b; x->default_ = delete; return operator == b; }",
            "int f(int a) { switch (a) { case private: return 1; default: return 2; } }",
            "typedef struct a_s a_t;\nstruct a_s { const int *a; int *const b; const char name[8]; };",
            "int f(int *const restrict a, const int b) { return *a & b; }",
            "int (*const f)(void);\nextern int g(void) __attribute__((const));",
            "static inline void f(void) { __asm__ volatile(\"\" ::: \"memory\"); __asm__(\"nop\" :: \"r\"(x)::\"cc\"); }",
            "[[gnu::packed]] int x;\n[[nodiscard, vendor::note(a::b)]] int f(void);",
            "#define KIND(x) _Generic((x), struct a: 1, struct b: 2)\nint k = _Generic(x, struct a: 1, struct b: 2);",
            "constexpr int a = 1;\nvoid *b = nullptr;\nauto c = 2;\nbool d = true;\nstatic_assert(sizeof(int) == 4);",
            "enum kind : unsigned char { A };",
            "#include <sys/types.h>\n#include \"noextension\"\n#include MACRO\nint x;",
            "#include <stdio",
            "#import <Foundation/Foundation.h>\n@interface X : NSObject\n- (void)f:(std::string)a;\n@end\n",
            "#include <a.h>\n@class X;\n@protocol Y;\nnamespace a {",
            "#ifdef __OBJC__\n#import <Foundation/Foundation.h>\n#else\ntypedef void *id;\n#endif\nint f(id x);",
        ],
        false,
    );
}

#[test]
fn any_bytes_are_read_once_and_none_behind_the_bound() {
    let sign = "\nclass X {};";
    for unit in [
        "/",
        "/*",
        "\"",
        "'",
        "\\",
        "#",
        "#if\n",
        "#endif\n",
        "#else\n",
        "\\\n",
        "::",
        "[[",
        "(",
        "class ",
        "const ",
        "operator=",
        "\0",
        "\u{ff}",
        "1'",
        "@",
        "<",
    ] {
        let text = unit.repeat(BEGINNING / unit.len());
        for end in [0, 1, 2, 3, 10, text.len()] {
            is_cpp(&text.as_bytes()[..end]);
        }
        assert!(!is_cpp(text.as_bytes()), "{unit:?} shows nothing of C++");
    }
    assert!(is_cpp((" ".repeat(BEGINNING - sign.len()) + sign).as_bytes()));
    assert!(!is_cpp((" ".repeat(BEGINNING) + sign).as_bytes()));
}
