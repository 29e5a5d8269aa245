//! The house rules, one small function each. A rule returns what is wrong, in sentences that say what to do.

use std::collections::{BTreeMap, BTreeSet};

use super::source::File;

/// Lines of a file, its unit tests included.
const FILE_LINES_MAX: usize = 500;
/// Lines of a function.
const FUNCTION_LINES_MAX: usize = 70;
/// Words that say nothing about what a thing is.
const EMPTY_WORDS: [&str; 11] =
    ["manager", "helper", "helpers", "util", "utils", "handler", "handlers", "service", "services", "data", "info"];
/// Words that DESIGN gives up for one of ours.
const OTHER_WORDS: [(&str, &str); 11] = [
    ("document", "a spore"),
    ("card", "a spore"),
    ("node", "a task"),
    ("job", "a task"),
    ("graph", "a dag"),
    ("schedule", "a plan"),
    ("runner", "an executor"),
    ("backend", "an executor"),
    ("worker", "an instance"),
    ("ledger", "a journal"),
    ("insight", "a lesson"),
];
/// Those of them that YAML and markdown call their own parts by.
const FORMAT_WORDS: [&str; 2] = ["document", "node"];
/// Those words of both lists that Kubernetes calls its own parts by, and the rooms that speak its language.
const KUBERNETES_WORDS: [&str; 6] = ["node", "job", "schedule", "service", "document", "worker"];
const KUBERNETES_ROOMS: [&str; 2] = ["src/executor/gke", "src/sim/gke"];
/// Which package is named in which files of `src`: an ending in `/` means a whole room.
const PACKAGES: &[(&str, &[&str])] = &[
    ("pulldown_cmark", &["parse/markdown.rs"]),
    ("serde_yaml", &["parse/yaml.rs"]),
    ("git2", &["repo/git.rs", "repo/git/"]),
    ("toml", &["repo/project.rs", "repo/project/", "trust/decisions.rs"]),
    ("walkdir", &["repo/files.rs", "executor/terminal/artifacts.rs"]),
    ("notify", &["watch/notify.rs", "watch/notify/"]),
    ("minijinja", &["plan/template.rs", "render/page.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("annotate_snippets", &["render/snippet.rs"]),
    ("aho_corasick", &["executor/mask.rs"]),
    ("anstream", &["cli/live.rs"]),
    ("anstyle", &["render/style.rs"]),
    ("base64", &["executor/mask/forms.rs", "executor/gke/trailer/reading.rs", "sim/"]),
    ("close_fds", &["os/process/launch.rs"]),
    ("crc32fast", &["os/seal.rs"]),
    ("croner", &["model/cron.rs"]),
    ("globset", &["executor/terminal/artifacts.rs"]),
    ("percent_encoding", &["executor/mask/forms.rs"]),
    ("unicode_width", &["render/style.rs"]),
    ("rustix", &["os/"]),
    ("nix", &["os/process/launch.rs", "os/process/pty.rs", "os/poll.rs"]),
    ("sha2", &["model/digest.rs"]),
    ("ulid", &["model/id.rs"]),
    ("tracing_subscriber", &["cli/"]),
    ("axum", &["sim/"]),
    ("json_patch", &["sim/"]),
    ("futures_util", &["executor/gke/", "sim/"]),
    ("kube", &["executor/gke/"]),
    ("k8s_openapi", &["executor/gke/"]),
    ("rustls", &["executor/gke/"]),
];
/// What a translator must not touch.
const IMPURE: [&str; 9] = [
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tracing",
];
/// What may stand at the top of the project besides dot files.
const TOP_LEVEL: [&str; 18] = [
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "CHANGELOG.md",
    "README.md",
    "benches",
    "build.rs",
    "clippy.toml",
    "hooks",
    "rustfmt.toml",
    "schemas",
    "spore.toml",
    "spores",
    "src",
    "templates",
    "tests",
    "target",
    "results",
];

/// The floors of the house: each room with its floor.
pub(super) type Floors = BTreeMap<String, u32>;

/// Reads the table in the documentation of `lib.rs`, so that the documentation is the law.
pub(super) fn floors(lib: &str) -> Floors {
    let rows = lib.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut floors = Floors::new();
    for row in rows {
        let mut cells = row.split(" | ");
        let floor = cells.next().and_then(|cell| cell.split(' ').next()).and_then(|number| number.parse().ok());
        let (Some(floor), Some(rooms)) = (floor, cells.next()) else { continue };
        floors.extend(rooms.split("[`").skip(1).filter_map(|room| Some((room.split_once('`')?.0.to_owned(), floor))));
    }
    floors
}

/// A room uses only rooms of lower floors.
pub(super) fn uses_lower_floors(file: &File, floors: &Floors) -> Vec<String> {
    let module = file.module();
    let Some(room) = module.first().copied() else { return Vec::new() };
    let Some(floor) = floors.get(room) else {
        return vec![format!("the room `{room}` stands on no floor: give it a place in the table of src/lib.rs")];
    };
    let mut wrong = Vec::new();
    for path in file.paths() {
        let names: Vec<&str> = path.split("::").collect();
        let ups = names.iter().take_while(|name| **name == "super").count();
        let used = match names[0] {
            "crate" => names.get(1),
            "super" if ups >= module.len() => names.get(ups).filter(|name| floors.contains_key(**name)),
            _ => None,
        };
        let Some(used) = used.filter(|used| **used != room) else { continue };
        match floors.get(*used) {
            Some(below) if below < floor => {}
            Some(other) => wrong.push(format!(
                "`{path}`: the room `{room}` (floor {floor}) must not see `{used}` (floor {other}); move what both need down, or join them in `engine`"
            )),
            None => wrong.push(format!("`{path}`: `{used}` is no room; name the room it stands in")),
        }
    }
    wrong
}

/// A package is named in its one room only.
pub(super) fn one_package_one_room(file: &File) -> Vec<String> {
    let Some(inside) = file.path.strip_prefix("src/") else { return Vec::new() };
    let own_modules = file.defined("mod");
    let allowed =
        |rooms: &[&str]| rooms.iter().any(|room| inside == *room || (room.ends_with('/') && inside.starts_with(room)));
    let mut wrong: Vec<String> = Vec::new();
    for path in file.paths() {
        let package = path.split("::").next().unwrap_or_default();
        let Some((_, rooms)) = PACKAGES.iter().find(|(name, _)| *name == package) else { continue };
        if !allowed(rooms) && !own_modules.contains(&package) {
            wrong.push(format!("`{path}`: `{package}` belongs to {} alone; ask that room", rooms.join(" and ")));
        }
    }
    wrong
}

/// A translator, and the machine of a run, only turns values into values.
pub(super) fn translators_are_pure(file: &File, floors: &Floors) -> Vec<String> {
    let module = file.module();
    let is_translator = module.first().and_then(|room| floors.get(*room)).is_some_and(|floor| *floor <= 1);
    if !is_translator && !module.starts_with(&["run", "machine"]) {
        return Vec::new();
    }
    let touches = |path: &String| IMPURE.iter().any(|bad| path == bad || path.starts_with(&format!("{bad}::")));
    let mut wrong: Vec<String> = file.paths().iter().filter(|path| touches(path)).cloned().collect();
    wrong.extend(file.code.contains("async ").then(|| "async".to_owned()));
    wrong
        .iter()
        .map(|what| format!("`{what}`: this room turns values into values; take what it needs as an argument"))
        .collect()
}

/// Every file says what it is for.
pub(super) fn has_header(file: &File) -> Vec<String> {
    let says = file.text.lines().next().is_some_and(|line| line.starts_with("//! ") && line.len() > 12);
    if says { Vec::new() } else { vec!["the first line must say what the file is for: `//! …`".into()] }
}

/// Files and functions stay small.
pub(super) fn is_small(file: &File) -> Vec<String> {
    let lines = file.text.lines().count();
    let mut wrong = Vec::new();
    if lines > FILE_LINES_MAX {
        wrong.push(format!("{lines} lines; {FILE_LINES_MAX} are the end: give one part of it a file of its own"));
    }
    for (name, line, lines) in file.functions() {
        if lines > FUNCTION_LINES_MAX {
            wrong.push(format!(
                "line {line}: `{name}` has {lines} lines; {FUNCTION_LINES_MAX} are the end: name its parts"
            ));
        }
    }
    wrong
}

/// `mod.rs` and `lib.rs` list and re-export; what does something has a file with a name.
pub(super) fn mod_only_lists(file: &File) -> Vec<String> {
    if !file.path.starts_with("src/") || !["mod.rs", "lib.rs"].contains(&file.name()) {
        return Vec::new();
    }
    let logic = ["fn", "struct", "enum", "trait", "impl", "const", "static", "type", "macro_rules"];
    let mut words = file.code.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let found = words.find(|word| logic.contains(word));
    found
        .map(|word| format!("`{word}` in a file that only lists and re-exports: move it to a file with a name"))
        .into_iter()
        .collect()
}

/// Names say what a thing is.
pub(super) fn names_say_something(file: &File) -> Vec<String> {
    let kinds = ["struct", "enum", "trait", "mod", "type"];
    let names = kinds.iter().flat_map(|kind| file.defined(kind));
    let mut wrong = Vec::new();
    for name in names {
        let is_empty = |word: &String| EMPTY_WORDS.contains(&word.as_str()) && !is_of_kubernetes(file, word);
        if let Some(empty) = words(name).into_iter().find(is_empty) {
            wrong.push(format!("`{name}`: the word `{empty}` fits everything; say what it is or does"));
        }
    }
    wrong
}

/// A room's name is not repeated in its types: `journal::Error`, not `journal::JournalError`.
pub(super) fn names_do_not_stutter(file: &File) -> Vec<String> {
    let Some(room) = file.module().first().map(|room| (*room).to_owned()) else { return Vec::new() };
    let names = ["struct", "enum", "trait", "type"].iter().flat_map(|kind| file.defined(kind));
    let mut wrong = Vec::new();
    for name in names {
        let words = words(name);
        if words.len() > 1 && words[0] == room {
            wrong.push(format!("`{room}::{name}` says `{room}` twice: leave it out of the type's name"));
        }
    }
    wrong
}

/// `JournalError` → `journal`, `error`; `log_tail` → `log`, `tail`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if (c.is_uppercase() || c == '_') && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c != '_', words.last_mut()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Types are called by the words of the house; a format's own words stay in its translator.
pub(super) fn words_are_our_own(file: &File) -> Vec<String> {
    let names = ["struct", "enum", "trait", "type"].iter().flat_map(|kind| file.defined(kind));
    let is_translator = file.path.starts_with("src/parse/");
    let mut wrong = Vec::new();
    for name in names {
        let other = words(name).into_iter().find_map(|word| OTHER_WORDS.iter().find(|(other, _)| *other == word));
        let Some((other, ours)) = other else { continue };
        if !(is_translator && FORMAT_WORDS.contains(other) || is_of_kubernetes(file, other)) {
            wrong.push(format!("`{name}`: `{other}` is called {ours} here"));
        }
    }
    wrong
}

fn is_of_kubernetes(file: &File, word: &str) -> bool {
    KUBERNETES_WORDS.contains(&word) && KUBERNETES_ROOMS.iter().any(|room| file.path.starts_with(room))
}

/// The text of an error is a lower-case fragment, so that it reads well after `error:` and inside another one.
pub(super) fn errors_are_fragments(file: &File) -> Vec<String> {
    let texts = file.text.split(concat!("#[", "error(\"")).skip(1).filter_map(|rest| rest.split("\")]").next());
    let wrong = texts.filter(|text| text.starts_with(char::is_uppercase) || text.ends_with('.'));
    wrong.map(|text| format!("the error text `{text}` is no lower-case fragment: no capital, no full stop")).collect()
}

/// Each dependency has its reason above it. `manifest` is Cargo.toml.
pub(super) fn dependencies_have_reasons(manifest: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut is_listing, mut has_reason) = (false, false);
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_listing = line == "[dependencies]";
            has_reason = false;
        } else if line.starts_with('#') {
            has_reason = true;
        } else if let Some((name, _)) = line.split_once('=').filter(|_| is_listing) {
            if !has_reason {
                wrong.push(format!("`{}` has no comment above it that says why it is needed", name.trim()));
            }
            has_reason = false;
        }
    }
    wrong
}

/// Each dependency is used by the library. `manifest` is Cargo.toml.
pub(super) fn dependencies_are_used(manifest: &str, files: &[File]) -> Vec<String> {
    let listed = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let listed = listed.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let names = listed.filter_map(|line| Some(line.split_once('=')?.0.trim()));
    let source = |file: &&File| file.path.starts_with("src/");
    let paths: BTreeSet<String> = files.iter().filter(source).flat_map(File::paths).collect();
    let is_used = |name: &&str| paths.iter().any(|path| path.split("::").next() == Some(&*name.replace('-', "_")));
    names.filter(|name| !is_used(name)).map(|name| format!("`{name}` is used nowhere: take it out")).collect()
}

/// What is not done is not on the main branch.
pub(super) fn nothing_is_left_for_later(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
        if file.prose.split(|c: char| !c.is_alphanumeric()).any(|word| word == mark) {
            wrong.push(format!("a comment says {mark}: do it, or open an issue"));
        }
    }
    for call in ["todo!", "unimplemented!"] {
        if file.code.contains(call) {
            wrong.push(format!("`{call}`: do it, or take the function out"));
        }
    }
    wrong
}

/// Tests run, always, and wait for what they wait for.
pub(super) fn tests_are_honest(file: &File) -> Vec<String> {
    let mut wrong = Vec::new();
    if file.code.contains(concat!("#[", "ignore")) {
        wrong.push("an ignored test tests nothing: run it, or take it out".into());
    }
    for sleep in ["thread::sleep", "time::sleep"] {
        if file.test_code().contains(sleep) {
            wrong.push(format!("`{sleep}` in a test: wait for the thing itself, or bring a clock"));
        }
    }
    wrong
}

/// Nobody else's machine has these paths. Also for files that are not Rust.
pub(super) fn names_no_machine(text: &str) -> Vec<String> {
    let places = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];
    let found = places.iter().filter(|place| text.contains(*place));
    found
        .map(|place| format!("`{place}` is a path of one machine: find it from the project, or by a variable"))
        .collect()
}

/// The top of the project holds what DESIGN lists, and nothing more.
pub(super) fn belongs_at_the_top(name: &str) -> Vec<String> {
    if name.starts_with('.') || TOP_LEVEL.contains(&name) {
        return Vec::new();
    }
    vec![format!("`{name}` has no place at the top of the project: find it a folder")]
}
