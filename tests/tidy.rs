//! Reads the project's own files and enforces the rules of the house. Each rule is first shown to find what it forbids.

mod rules;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::File;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder`, without what is built.
fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let built =
            path.file_name().is_some_and(|name| ["target", "corpus", "artifacts"].iter().any(|one| name == *one));
        if path.is_dir() && !built {
            files_below(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The text files of these folders, with their paths from the top.
fn texts(folders: &[&str]) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in folders {
        files_below(&top().join(folder), &mut paths);
    }
    paths.sort();
    let texts = paths.iter().filter_map(|path| {
        let inside = path.strip_prefix(top()).expect("below the top").to_str()?.to_owned();
        Some((inside, fs::read_to_string(path).ok()?))
    });
    texts.collect()
}

fn sources() -> Vec<File> {
    let is_rust = |path: &str| Path::new(path).extension().is_some_and(|ending| ending == "rs");
    let texts = texts(&["src", "tests", "benches"]).into_iter().filter(|(path, _)| is_rust(path));
    let files: Vec<File> = texts.map(|(path, text)| File::new(&path, &text)).collect();
    assert!(files.len() > 40, "only {} files were found", files.len());
    files
}

/// Applies `rule` to every source file and fails with all it finds.
fn hold(rule: impl Fn(&File) -> Vec<String>) {
    let wrong: Vec<String> = sources()
        .iter()
        .flat_map(|file| rule(file).into_iter().map(|wrong| format!("{}: {wrong}", file.path)).collect::<Vec<_>>())
        .collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

fn floors() -> rules::Floors {
    let floors = rules::floors(&fs::read_to_string(top().join("src/lib.rs")).expect("the map"));
    assert!(floors.len() >= 12, "the table of floors was not understood: {floors:?}");
    floors
}

fn file(path: &str, text: &str) -> File {
    File::new(path, text)
}

#[test]
fn a_room_uses_only_lower_floors() {
    let floors = floors();
    let wrong = |path, text| rules::uses_lower_floors(&file(path, text), &floors).len();
    assert_eq!(wrong("src/parse/x.rs", "use crate::plan::Options;"), 1);
    assert_eq!(wrong("src/parse/x.rs", "use crate::{\n model::{A, b::C},\n plan::Options,\n engine};"), 2);
    assert_eq!(wrong("src/repo/x.rs", "fn f() { crate::journal::open() }"), 1);
    assert_eq!(wrong("src/repo/x.rs", "use super::super::journal::open;"), 1);
    assert_eq!(wrong("src/cellar/x.rs", ""), 1);
    assert_eq!(wrong("src/engine/x.rs", "use crate::{os, parse as reader, plan::{self as planner, Plan}};"), 0);
    assert_eq!(wrong("src/repo/x.rs", "//! See [`crate::journal`].\nuse crate::{os, model::Span}; use super::git;"), 0);
    hold(|file| rules::uses_lower_floors(file, &floors));
}

#[test]
fn the_map_names_every_room() {
    let floors = floors();
    for (path, _) in texts(&["src"]) {
        let module = file(&path, "").module().first().map(|room| (*room).to_owned());
        assert!(module.as_ref().is_none_or(|room| floors.contains_key(room)), "{path} is not on the map in src/lib.rs");
    }
    for room in floors.keys() {
        let there = top().join(format!("src/{room}.rs")).exists() || top().join(format!("src/{room}/mod.rs")).exists();
        assert!(there, "src/lib.rs promises a room `{room}` that is not there");
    }
}

#[test]
fn a_package_is_named_in_one_room() {
    let wrong = |path, text| rules::one_package_one_room(&file(path, text)).len();
    assert_eq!(wrong("src/parse/needs.rs", "use pulldown_cmark::Parser;"), 1);
    assert_eq!(wrong("src/render/x.rs", "fn f() { git2::Repository::open(p); }"), 1);
    assert_eq!(wrong("src/cli/x.rs", "use clap::{Parser, Args}; // git2::x"), 0);
    assert_eq!(wrong("src/watch/mod.rs", "mod notify;\npub use notify::Follow;"), 0);
    hold(rules::one_package_one_room);
}

#[test]
fn translators_only_turn_values_into_values() {
    let floors = floors();
    let wrong = |path, text| rules::translators_are_pure(&file(path, text), &floors).len();
    assert_eq!(wrong("src/plan/x.rs", "use std::{fmt, fs};"), 1);
    assert_eq!(wrong("src/render/x.rs", "async fn f() { tracing::info!(1) }"), 2);
    assert_eq!(wrong("src/run/machine.rs", "use tokio::sync::mpsc;"), 1);
    assert_eq!(wrong("src/run/driver.rs", "use tokio::sync::mpsc;"), 0);
    hold(|file| rules::translators_are_pure(file, &floors));
}

#[test]
fn every_file_says_what_it_is_for() {
    assert_eq!(rules::has_header(&file("src/a.rs", "use x;\n")).len(), 1);
    assert_eq!(rules::has_header(&file("src/a.rs", "//!\n")).len(), 1);
    hold(rules::has_header);
}

#[test]
fn files_and_functions_are_small() {
    let long = format!("fn f() {{\n{}}}\nfn g();", "    // {\n".repeat(70));
    assert_eq!(rules::is_small(&file("src/a.rs", &long)).len(), 1);
    assert_eq!(rules::is_small(&file("src/a.rs", &"\n".repeat(501))).len(), 1);
    let strings =
        format!("fn f() {{ let a = '{{'; let b = \"}}\\\"{{\"; let c: &'a str = r#\"{{\"#; }}\n{}", "\n".repeat(90));
    assert_eq!(rules::is_small(&file("src/a.rs", &strings)).len(), 0);
    hold(rules::is_small);
}

#[test]
fn lists_only_list() {
    assert_eq!(rules::mod_only_lists(&file("src/a/mod.rs", "mod b;\npub fn c() {}")).len(), 1);
    assert_eq!(
        rules::mod_only_lists(&file("src/a/mod.rs", "//! fn\n#[cfg(unix)]\npub(crate) use b::{C, d};")).len(),
        0
    );
    hold(rules::mod_only_lists);
}

#[test]
fn names_say_something_and_do_not_stutter() {
    let empty = |text| rules::names_say_something(&file("src/a.rs", text)).len();
    for text in ["struct TaskManager;", "enum Info {}", "mod utils;", "trait EventHandler {}", "type Data = ();"] {
        assert_eq!(empty(text), 1, "{text}");
    }
    assert_eq!(empty("struct Metadata; enum Kind { Service }"), 0);
    let stutter = |text| rules::names_do_not_stutter(&file("src/journal/a.rs", text)).len();
    assert_eq!((stutter("struct JournalError;"), stutter("struct Journal; struct Error;")), (1, 0));
    hold(rules::names_say_something);
    hold(rules::names_do_not_stutter);
}

#[test]
fn types_are_called_by_our_words() {
    let wrong = |path, text| rules::words_are_our_own(&file(path, text)).len();
    assert_eq!(wrong("src/run/a.rs", "struct JobRunner; enum Node {}"), 2);
    assert_eq!(wrong("src/parse/a.rs", "struct Node; struct Document; type Worker = ();"), 1);
    assert_eq!(wrong("src/run/a.rs", "struct Task; fn node() {}"), 0);
    hold(rules::words_are_our_own);
}

#[test]
fn errors_are_lower_case_fragments() {
    let wrong = |text: &str| rules::errors_are_fragments(&file("src/a.rs", &format!("#[{text}"))).len();
    assert_eq!(
        (wrong("error(\"Cannot\")]"), wrong("error(\"cannot.\")]"), wrong("error(\"cannot `{0}`\", x)]")),
        (1, 1, 0)
    );
    hold(rules::errors_are_fragments);
}

#[test]
fn dependencies_have_a_reason_and_a_use() {
    let manifest = "[dependencies]\n# Why.\na-b = \"1\"\nc = \"1\"\n[dev-dependencies]\nd = \"1\"\n";
    assert_eq!(rules::dependencies_have_reasons(manifest).len(), 1);
    let files = [file("src/x.rs", "use a_b::x; // c::x"), file("tests/x.rs", "use c::x;")];
    assert_eq!(rules::dependencies_are_used(manifest, &files), ["`c` is used nowhere: take it out"]);
    let manifest = fs::read_to_string(top().join("Cargo.toml")).expect("the manifest");
    let mut wrong = rules::dependencies_have_reasons(&manifest);
    wrong.extend(rules::dependencies_are_used(&manifest, &sources()));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_left_for_later() {
    let wrong = |text| rules::nothing_is_left_for_later(&file("src/a.rs", text)).len();
    assert_eq!(wrong(concat!("// TO", "DO: x")), 1);
    assert_eq!(wrong("fn f() { todo!() }"), 1);
    assert_eq!(wrong(concat!("fn f() { g(\"TO", "DO todo!\") }")), 0);
    hold(rules::nothing_is_left_for_later);
}

#[test]
fn tests_are_honest() {
    let wrong = |path, text| rules::tests_are_honest(&file(path, text)).len();
    assert_eq!(wrong("tests/a.rs", concat!("#[", "ignore]\nfn f() {}")), 1);
    assert_eq!(wrong("tests/a.rs", "fn f() { std::thread::sleep(x) }"), 1);
    assert_eq!(wrong("src/a.rs", "#[cfg(test)]\nmod tests { fn f() { tokio::time::sleep(x) } }"), 1);
    assert_eq!(wrong("src/a.rs", "fn f() { thread::sleep(x) }"), 0);
    hold(rules::tests_are_honest);
}

#[test]
fn no_file_names_one_machine() {
    assert_eq!(rules::names_no_machine(concat!("cd /wo", "rk/x")).len(), 1);
    let folders = ["src", "tests", "benches", "spores", "schemas", "hooks", "templates", ".ci"];
    let mut texts = texts(&folders);
    for name in ["README.md", "CHANGELOG.md", "Cargo.toml", "build.rs", "clippy.toml"] {
        texts.extend(fs::read_to_string(top().join(name)).ok().map(|text| (name.to_owned(), text)));
    }
    let found =
        texts.iter().flat_map(|(path, text)| rules::names_no_machine(text).into_iter().map(move |wrong| (path, wrong)));
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_top_holds_what_belongs_there() {
    assert_eq!(rules::belongs_at_the_top("scratch.txt").len(), 1);
    let names = fs::read_dir(top()).expect("listed").map(|entry| entry.expect("an entry").file_name());
    let wrong: Vec<String> = names.flat_map(|name| rules::belongs_at_the_top(&name.to_string_lossy())).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
