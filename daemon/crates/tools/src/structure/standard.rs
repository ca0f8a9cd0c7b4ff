//! What comes with a language and is no library that anybody chose: Rust's `std`, the headers of C and C++, modules of Node,
//! packages of Go and Java, modules of Python and Swift.

use agentd_syntax::Language;

/// Headers of C23 without their `.h`.
const C: &str = "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic \
                 stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype";

/// Headers of C++98 to C++26 that have no `.h`, but for those of C.
const CPP: &str = "algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts condition_variable contracts \
                   coroutine debugging deque exception execution expected filesystem flat_map flat_set format forward_list fstream \
                   functional future generator hazard_pointer hive initializer_list inplace_vector iomanip ios iosfwd iostream \
                   istream iterator latch limits linalg list locale map mdspan memory memory_resource meta mutex new numbers numeric \
                   optional ostream print queue random ranges ratio rcu regex scoped_allocator semaphore set shared_mutex simd \
                   source_location span spanstream sstream stack stacktrace stdexcept stdfloat stop_token streambuf string \
                   string_view strstream syncstream system_error text_encoding thread tuple type_traits typeindex typeinfo \
                   unordered_map unordered_set utility valarray variant vector version";

/// Modules of Node that may be imported without `node:`.
const NODE: &str = "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain \
                    events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl \
                    stream string_decoder timers tls trace_events tty url util v8 vm wasi worker_threads zlib";

/// First parts of the packages of Go 1.25, and what stands for C. Any other path names a module, most with a host, but one that
/// `go.mod` replaces may be called anything.
const GO: &str = "C archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go \
                  hash html image index io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv \
                  strings structs sync syscall testing text time unicode unique unsafe weak";

/// Modules of Python as its own `sys.stdlib_module_names` has them in 3.11, with those that 3.14 added; of the private ones only
/// what programs import.
const PYTHON: &str = "__future__ _thread abc aifc annotationlib antigravity argparse array ast asynchat asyncio asyncore atexit \
                      audioop base64 bdb binascii bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop \
                      collections colorsys compileall compression concurrent configparser contextlib contextvars copy copyreg crypt \
                      csv ctypes curses dataclasses datetime dbm decimal difflib dis distutils doctest email encodings ensurepip \
                      enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt \
                      getpass gettext glob graphlib grp gzip hashlib heapq hmac html http idlelib imaplib imghdr imp importlib \
                      inspect io ipaddress itertools json keyword lib2to3 linecache locale logging lzma mailbox mailcap marshal math \
                      mimetypes mmap modulefinder msilib msvcrt multiprocessing netrc nis nntplib nt ntpath nturl2path numbers \
                      opcode operator optparse os ossaudiodev pathlib pdb pickle pickletools pipes pkgutil platform plistlib poplib \
                      posix posixpath pprint profile pstats pty pwd py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random \
                      re readline reprlib resource rlcompleter runpy sched secrets select selectors shelve shlex shutil signal site \
                      smtpd smtplib sndhdr socket socketserver spwd sqlite3 sre_compile sre_constants sre_parse ssl stat statistics \
                      string stringprep struct subprocess sunau symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile \
                      termios textwrap this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty \
                      turtle turtledemo types typing unicodedata unittest urllib uu uuid venv warnings wave weakref webbrowser \
                      winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo";

/// Modules of Swift's toolchain and of its core libraries: <https://www.swift.org/documentation/core-libraries/> and the standard
/// library's own. Those of Apple's systems are libraries of a system.
const SWIFT: &str = "Android Builtin Cxx CxxStdlib Dispatch Distributed Foundation FoundationEssentials FoundationInternationalization \
                     FoundationNetworking FoundationXML Glibc Musl Observation RegexBuilder Swift SwiftShims Synchronization Testing \
                     WASILibc XCTest _Concurrency _Differentiation _StringProcessing";

fn lists(words: &str, name: &str) -> bool {
    words.split(' ').any(|word| word == name)
}

/// Whether the top name of an import comes with its language.
pub(super) fn has(language: Language, name: &str) -> bool {
    match language {
        Language::Rust => matches!(name, "std" | "core" | "alloc" | "proc_macro" | "test"),
        Language::C | Language::Cpp => match name.strip_suffix(".h") {
            Some(stem) => lists(C, stem),
            None => lists(CPP, name) || name.strip_prefix('c').is_some_and(|stem| lists(C, stem)),
        },
        Language::JavaScript | Language::TypeScript | Language::Tsx => name.starts_with("node:") || lists(NODE, name),
        Language::Go => lists(GO, name),
        Language::Java => name.starts_with("java."),
        Language::Python => lists(PYTHON, name),
        Language::Swift => lists(SWIFT, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_with_a_language_is_no_library() {
        for (language, own, others) in [
            (Language::Rust, "std core alloc", "serde stdx"),
            (Language::C, "stdio.h string.h threads.h", "zlib.h sys stdiox.h"),
            (
                Language::Cpp,
                "vector cstdio string version stdio.h complex ccomplex complex.h",
                "fmt boost c cmath.h omplex",
            ),
            (Language::TypeScript, "node:fs node:test fs path", "react @types/node fs-extra"),
            (Language::Go, "fmt net C", "example.org/x/y corp"),
            (Language::Java, "java.util java.io", "javax.inject org.junit"),
            (
                Language::Python,
                "json os re sys typing __future__ tomllib annotationlib",
                "requests yaml attr typing_extensions",
            ),
            (Language::Swift, "Swift Foundation XCTest _Concurrency", "UIKit Alamofire NIOCore"),
        ] {
            let all = |names: &str, wanted: bool| {
                for name in names.split_whitespace() {
                    assert_eq!(has(language, name), wanted, "{language:?} {name}");
                }
            };
            all(own, true);
            all(others, false);
        }
    }
}
