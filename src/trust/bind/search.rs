//! The way from the commands of a spore to the files that they name, and on to those that these name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::content::{self, Named, State};
use super::{REFERENCES_MAX, Reference};
use crate::model::{Command, EnvValue, Language, Spore, Task, Work};
use crate::trust::find::{self, Mentions, Role, Text};

/// Scripts that run scripts that run scripts …
const DEPTH_MAX: u32 = 16;
/// The folder's own settings: where they send commands, and with what image.
const SETTINGS_FILE: &str = "spore.toml";
/// Folders that a name is looked for in.
const FOLDERS_MAX: usize = 16;
/// Bytes of all files that one spore's commands name.
const BYTES_MAX: u64 = 256 << 20;

/// Where the names of a text are looked for.
#[derive(Clone, Debug)]
struct Place {
    folders: Vec<PathBuf>,
    /// Where the script stands that names them.
    beside: Option<PathBuf>,
    depth: u32,
}

pub(super) struct Search<'a> {
    root: &'a Path,
    found: BTreeMap<PathBuf, Reference>,
    made: BTreeSet<PathBuf>,
    made_and_named: BTreeSet<String>,
    unclear: BTreeSet<String>,
    bytes: u64,
    refused: Option<String>,
}

impl<'a> Search<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self {
            root,
            found: BTreeMap::new(),
            made: BTreeSet::new(),
            made_and_named: BTreeSet::new(),
            unclear: BTreeSet::new(),
            bytes: 0,
            refused: None,
        }
    }

    pub(super) fn finish(self) -> (Vec<Reference>, Vec<String>, Vec<String>, Option<String>) {
        let references = self.found.into_values().collect();
        let list = |set: BTreeSet<String>| set.into_iter().collect();
        (references, list(self.made_and_named), list(self.unclear), self.refused)
    }

    pub(super) fn spore(&mut self, spore: &Spore) {
        let tasks = || spore.tasks.iter().chain(&spore.finally);
        let folder = |task: &Task| {
            let workdir = task.settings.workdir.as_ref().or(spore.defaults.workdir.as_ref());
            workdir.map_or_else(|| self.root.to_path_buf(), |workdir| self.root.join(workdir))
        };
        let folders: Vec<PathBuf> = tasks().map(folder).collect();
        for (task, folder) in tasks().zip(&folders) {
            self.made.extend(task.artifacts.iter().map(|artifact| tidy(&folder.join(artifact))));
        }
        for (task, folder) in tasks().zip(folders) {
            let place = Place { folders: vec![folder, self.root.to_path_buf()], beside: None, depth: 0 };
            let env = spore.env.iter().chain(&spore.defaults.env).chain(&task.settings.env);
            let mut search = BTreeSet::new();
            for (name, value) in env {
                if let EnvValue::Text(value) = value {
                    let mentions = find::in_variable(name, &value.0);
                    search.extend(mentions.search.iter().cloned());
                    self.take(mentions, &place);
                }
            }
            let mut mentions = match &task.work {
                Work::Command(Command::Script { language, text }) => script(text, *language),
                Work::Command(Command::Argv(words)) => {
                    find::in_words(&words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>())
                }
                Work::Agent(_) | Work::Group => Mentions::default(),
            };
            mentions.search.extend(search);
            self.take(mentions, &place);
            let executor = task.settings.executor.as_ref().or(spore.defaults.executor.as_ref());
            if executor.is_some_and(|executor| executor != "terminal") {
                self.elsewhere(spore, task);
            }
            if let Some(name) = &task.agent {
                self.agent(name);
            }
        }
    }

    /// What decides about a task that runs elsewhere: the folder's settings of executors, and the files that go with it.
    fn elsewhere(&mut self, spore: &Spore, task: &Task) {
        let files = task.settings.with.get("files").or_else(|| spore.defaults.with.get("files"));
        let files = files.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for path in files.chain([SETTINGS_FILE]) {
            let at = self.root.join(path);
            if path.contains("{{") {
                self.unclear.insert(format!("the file `{path}` that goes with it"));
            } else if self.add(&at, Named::ToRun).is_none() {
                self.insert(&at, State::Missing, None);
            }
        }
    }

    /// The file that defines the agent `name`.
    fn agent(&mut self, name: &str) {
        for path in [name.to_owned(), format!("agents/{name}.md"), format!(".claude/agents/{name}.md")] {
            let at = self.root.join(path);
            self.add(&at, Named::ToRun);
        }
    }

    fn take(&mut self, mentions: Mentions, place: &Place) {
        let mut place = place.clone();
        for folder in &mentions.folders {
            let more: Vec<PathBuf> = place.folders.iter().map(|known| known.join(folder)).collect();
            place.folders.extend(more);
            place.folders.dedup();
            if place.folders.len() > FOLDERS_MAX {
                place.folders.truncate(FOLDERS_MAX);
                self.unclear.insert("what it runs in the many folders that it goes into".to_owned());
            }
        }
        for mention in mentions.files {
            let named = if mention.role == Role::Named { Named::InPassing } else { Named::ToRun };
            let beside = place.beside.iter().filter(|_| mention.beside).chain(&place.folders);
            let places: Vec<PathBuf> = beside.map(|folder| folder.join(&mention.path)).collect();
            let mut is_there = false;
            for at in &places {
                if let Some(text) = self.add(at, named) {
                    is_there = true;
                    self.follow(&text, at, &mention, &place);
                }
            }
            let first = places.first().filter(|_| !is_there && mention.role == Role::Run);
            if let Some(at) = first.filter(|at| !content::is_system(self.root, &tidy(at))) {
                self.insert(at, State::Missing, None);
            }
        }
        for folder in &mentions.search {
            for program in &mentions.programs {
                for known in place.folders.clone() {
                    self.add(&known.join(folder).join(program), Named::ToRun);
                }
            }
        }
        self.unclear.extend(mentions.unclear);
    }

    /// Binds what stands at `at`. `None` when nothing is there; else the text that is to be followed, which may be empty.
    fn add(&mut self, at: &Path, named: Named) -> Option<String> {
        let path = tidy(at);
        if content::is_system(self.root, &path) {
            return Some(String::new());
        }
        if self.made.contains(&path) {
            self.made_and_named.insert(self.shown(&path));
            return Some(String::new());
        }
        if self.found.get(&path).is_some_and(|known| known.state != State::Missing) {
            return Some(String::new());
        }
        let (state, text) = content::look(self.root, at, named);
        match &state {
            State::Missing => return None,
            State::Unread { because } if because == "a folder" && named == Named::InPassing => return None,
            State::Unread { because } if because == "a folder" => {}
            State::TooLarge => {
                let because = format!("`{}` is too large to be approved", self.shown(&path));
                self.refused.get_or_insert(because);
            }
            State::File { bytes, .. } | State::Outside { bytes, .. } => self.bytes += bytes,
            State::System { .. } | State::Unread { .. } => {}
        }
        let followed = text.clone().unwrap_or_default();
        self.insert(at, state, text);
        Some(followed)
    }

    fn insert(&mut self, at: &Path, state: State, text: Option<String>) {
        let path = tidy(at);
        let reference = Reference { path: self.shown(&path), at: at.to_path_buf(), state, text };
        self.found.insert(path, reference);
        if self.found.len() > REFERENCES_MAX {
            self.refused.get_or_insert_with(|| format!("its commands name more than {REFERENCES_MAX} files"));
        }
        if self.bytes > BYTES_MAX {
            self.refused
                .get_or_insert_with(|| format!("the files that its commands name have more than {BYTES_MAX} bytes"));
        }
    }

    /// Looks into a script that was found.
    fn follow(&mut self, text: &str, at: &Path, mention: &find::Mention, place: &Place) {
        if text.is_empty() || self.refused.is_some() {
            return;
        }
        if place.depth >= DEPTH_MAX {
            self.unclear.insert(format!("what `{}` runs: too deep to follow", mention.path));
            return;
        }
        let Some(kind) = kind_of(text, at, mention.role) else { return };
        let folders = place.folders.clone();
        let beside = at.parent().map(Path::to_path_buf);
        self.take(find::in_text(text, kind), &Place { folders, beside, depth: place.depth + 1 });
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(self.root).unwrap_or(path).display().to_string()
    }
}

/// The script of a task; a `#!` line has the last word on its language.
fn script(text: &str, language: Language) -> Mentions {
    let kind = by_first_line(text).unwrap_or_else(|| Text::of(language));
    find::in_text(text, kind)
}

/// How a file is to be read; `None` for one that is no script.
fn kind_of(text: &str, at: &Path, role: Role) -> Option<Text> {
    let ending = at.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    by_first_line(text).or_else(|| match ending {
        "mjs" | "cjs" | "ts" => Some(Text::Code(Language::Node)),
        "mk" | "" => (role != Role::Named).then_some(Text::Shell),
        other => Language::of_fence(other).map(Text::of).or((role == Role::Run).then_some(Text::Shell)),
    })
}

fn by_first_line(text: &str) -> Option<Text> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let name = |word: &str| {
        word.rsplit('/').next().unwrap_or_default().trim_end_matches(|c: char| !c.is_alphabetic()).to_owned()
    };
    let known = line.split_whitespace().map(name).find_map(|name| Language::of_fence(&name));
    Some(known.map_or(Text::Shell, Text::of))
}

/// The path without `.` and `..`, as it is written: a name for it, not a way to it.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                tidy.pop();
            }
            part => tidy.push(part),
        }
    }
    tidy
}
