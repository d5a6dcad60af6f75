//! The direction of dependence inside the crate, and which module may use which library.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from below to above: a module may use those of the rows above its own. Sub-modules count as the module.
const LAYERS: &[&[&str]] = &[
    &["error"],
    &["spec", "options", "completion", "message", "json_path"],
    &["template", "metrics", "stats", "provider", "cache"],
    &["inference", "semantic"],
    &["exec"],
];

/// Each library with the modules that may use it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("arrow", &["exec"]),
    ("reqwest", &["provider", "inference"]),
    ("tokio", &["provider", "inference"]),
    ("tokio_util", &["provider", "inference"]),
    ("tiktoken_rs", &["inference"]),
    ("jsonschema", &["metrics"]),
    ("regex", &["metrics"]),
    ("rayon", &["stats", "semantic"]),
    ("statrs", &["stats"]),
    ("libm", &["stats", "semantic"]),
    ("pulp", &["semantic"]),
    ("tokenizers", &["semantic"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Path without extension relative to `src`, and the code without comments and tests.
fn modules() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    files(&source(), &mut paths);
    let mut modules = Vec::new();
    for path in paths {
        let name = path.strip_prefix(source()).unwrap().with_extension("").to_str().unwrap().to_string();
        if name == "lib" || name.ends_with("tests") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap().lines();
        let code = code.filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        modules.push((name, code));
    }
    modules
}

/// The names that follow `prefix` in the code, with those in braces: `crate::{error, spec::X}`.
fn used_after(code: &str, prefix: &str) -> Vec<String> {
    let identifier = |text: &str| text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.push(identifier(rest)),
            Some(group) => {
                let mut depth = 0;
                let end = group.find(|c| {
                    depth += i32::from(c == '{') - i32::from(c == '}');
                    depth < 0
                });
                let mut level = 0;
                let top_level: String = (group[..end.unwrap_or(0)].chars())
                    .filter(|&c| {
                        level += i32::from(c == '{') - i32::from(c == '}');
                        level == 0
                    })
                    .collect();
                names.extend(top_level.split(',').map(identifier).filter(|name: &String| !name.is_empty()));
            }
        }
    }
    names
}

fn layer(module: &str) -> &str {
    module.split('/').next().unwrap_or(module)
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let modules = modules();
    assert!(modules.len() > 20, "{}", modules.len());
    for (module, code) in &modules {
        let layer = layer(module);
        let row = LAYERS.iter().position(|row| row.contains(&layer)).unwrap_or_else(|| panic!("no layer has {layer}"));
        let below = LAYERS[..row].concat();
        for used in used_after(code, "crate::") {
            // Error and Result are exported at the root.
            let is_module = used.starts_with(char::is_lowercase);
            assert!(!is_module || used == layer || below.contains(&used.as_str()), "{module} uses {used}");
        }
    }
}

#[test]
fn libraries_stay_in_their_layer() {
    for (module, code) in &modules() {
        for (library, layers) in LIBRARIES {
            let uses = used_path(code, library);
            assert!(!uses || layers.contains(&layer(module)), "{module} uses {library}");
        }
    }
}

/// Whether `library::` stands in the code as the head of a path.
fn used_path(code: &str, library: &str) -> bool {
    code.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

#[test]
fn the_scan_sees_what_it_should() {
    let code = "use crate::error::Error;\nuse crate::{spec::{A, B}, options};\nlet x = crate::stats::f();";
    assert_eq!(used_after(code, "crate::"), ["error", "spec", "options", "stats"]);
    assert!(used_path("use tokio::sync;", "tokio") && !used_path("use my_tokio::x; a::tokio::y", "tokio"));
}
