//! The source files, and the crate paths that they name.

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub struct Source {
    /// Its path below `src/`, such as `store/db.rs`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// The package's directory.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a directory of the package whose name ends so.
pub fn files(directory: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(directory: &Path, ending: &str, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(directory) else {
            return;
        };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, ending, found);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(directory), ending, &mut found);
    found.sort();
    found
}

/// Every file of the library and the binary, without those that only tests compile.
pub fn sources() -> Vec<Source> {
    let src = root().join("src");
    files("src", ".rs")
        .into_iter()
        .filter(|path| !is_test_module(path))
        .map(|path| Source {
            text: fs::read_to_string(&path).unwrap(),
            path: path
                .strip_prefix(&src)
                .unwrap()
                .to_string_lossy()
                .into_owned(),
        })
        .collect()
}

/// Whether the `mod.rs` beside this file declares it under `#[cfg(test)]`.
fn is_test_module(path: &Path) -> bool {
    let map = fs::read_to_string(path.with_file_name("mod.rs")).unwrap_or_default();
    let name = path.file_stem().unwrap().to_string_lossy();
    map.contains(&format!("#[cfg(test)]\nmod {name};"))
}

impl Source {
    /// The module of this file, as segments: `store/db.rs` is `[store, db]`, `store/mod.rs` is `[store]`.
    pub fn module(&self) -> Vec<&str> {
        let path = self.path.strip_suffix(".rs").unwrap();
        let path = path.strip_suffix("/mod").unwrap_or(path);
        match path {
            "lib" | "main" => vec![],
            path => path.split('/').collect(),
        }
    }

    /// Whether the module is compiled for tests only: its parent declares it under `#[cfg(test)]`.
    fn is_test_only(&self) -> bool {
        let mut module = self.module();
        let Some(name) = module.pop() else {
            return false;
        };
        let parent = module.join("/");
        let declaration = format!("#[cfg(test)]\nmod {name};");
        [format!("src/{parent}/mod.rs"), format!("src/{parent}.rs")]
            .iter()
            .filter_map(|path| fs::read_to_string(root().join(path)).ok())
            .any(|text| text.contains(&declaration))
    }

    /// The code before its tests, without comment lines; nothing of a module that only tests have.
    pub fn code(&self) -> String {
        if self.is_test_only() {
            return String::new();
        }
        let text = self.text.split("#[cfg(test)]\nmod tests").next().unwrap();
        text.lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect()
    }

    /// Every path of this crate that the code names, as `store/db/Conn`, with the line it stands on in [`Self::code`].
    pub fn imports(&self) -> Vec<String> {
        let code = self.code();
        let mut found = Vec::new();
        for (at, word) in code.match_indices("crate::") {
            if is_word_start(&code, at) {
                expand(&code[at + word.len()..], "", &mut found);
            }
        }
        for (at, word) in code.match_indices("super::") {
            if !is_word_start(&code, at) || code[..at].ends_with("super::") {
                continue;
            }
            let mut module = self.module();
            module.pop();
            let mut rest = &code[at + word.len()..];
            while let Some(further) = rest.strip_prefix("super::") {
                module.pop();
                rest = further;
            }
            let mut base = module.join("/");
            if !base.is_empty() {
                base.push('/');
            }
            expand(rest, &base, &mut found);
        }
        found
    }
}

fn is_word_start(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$')
}

/// Reads a use tree (`a::b`, `a::{b, c::d}`) from the start of `text`; returns what follows it.
fn expand<'t>(text: &'t str, prefix: &str, found: &mut Vec<String>) -> &'t str {
    let end = text
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_' && letter != '*')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = format!("{prefix}{name}");
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(rest, &format!("{path}/"), found);
    }
    if name.is_empty()
        && let Some(mut rest) = rest.strip_prefix('{')
    {
        loop {
            rest = rest.trim_start_matches([' ', '\n', ',']);
            if let Some(after) = rest.strip_prefix('}') {
                return after;
            }
            if rest.is_empty() {
                return rest;
            }
            rest = expand(rest, prefix, found);
            if let Some(renamed) = rest.strip_prefix(" as ") {
                rest = renamed
                    .trim_start_matches(|letter: char| letter.is_alphanumeric() || letter == '_');
            }
        }
    }
    found.push(path);
    rest
}

#[test]
fn use_trees_are_read_whole() {
    let source = Source {
        path: "a/b.rs".to_owned(),
        text: "use crate::x::{self, y::{Z, W as V}, q};\nuse super::c::D;\nfn f() { crate::m::n(); }\n// crate::no\n#[cfg(test)]\nmod tests { use crate::t; }"
            .to_owned(),
    };
    assert_eq!(
        source.imports(),
        ["x/self", "x/y/Z", "x/y/W", "x/q", "m/n", "a/c/D"]
    );
}
