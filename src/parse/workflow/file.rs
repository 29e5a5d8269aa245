//! A YAML file → its spores, one for each document.

use std::collections::HashMap;

use super::decoder::{Decoder, Entry, stands_for};
use super::top::{self, Draft, note};
use crate::model::{Diagnostic, Dialect, Kind, Limits, Order, Source, Span, Spore, TaskId};
use crate::parse::node::{Node, NodeKind};
use crate::parse::{table, yaml};

/// Every spore of a YAML file, with every diagnostic, sorted by place. A file that holds none gives one inert spore.
#[must_use]
pub fn yaml_spores(source: &Source, limits: &Limits) -> (Vec<Spore>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let documents = yaml::documents(&source.text, 0, limits, &mut diagnostics);
    let mut decoder = Decoder::new(limits, &mut diagnostics);
    let mut spores: Vec<Spore> = Vec::new();
    let mut names: HashMap<String, Span> = HashMap::new();
    for node in documents.iter().filter(|node| !matches!(node.kind, NodeKind::Null)) {
        let path =
            if spores.is_empty() { source.path.clone() } else { format!("{}#{}", source.path, spores.len() + 1) };
        let mut spore = Spore { order: Order::Needs, ..Spore::empty(path.clone(), Dialect::Yaml) };
        decode(&mut decoder, node, &mut spore);
        let place = node.get("spore").or_else(|| node.get("id")).map_or(node.span, |name| name.span);
        if let Some(first) = names.insert(spore.id.clone(), place) {
            decoder.remark(|| {
                let message = format!("two spores of this file are called `{}`", spore.id);
                let remark = Diagnostic::error("duplicate-spore", place, message).hint("give each its own name");
                remark.related(first, "the first stands here")
            });
            spore.id = path;
        }
        spores.push(spore);
    }
    decoder.close();
    if spores.is_empty() {
        spores.push(Spore { order: Order::Needs, ..Spore::empty(source.path.clone(), Dialect::Yaml) });
        if diagnostics.is_empty() {
            let message = "this file is empty";
            let hint = "a spore begins with `spore: name` and `kind: workflow`";
            diagnostics.push(Diagnostic::note("no-spore", Span::default(), message).hint(hint));
        }
    }
    diagnostics.sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.severity, diagnostic.code));
    (spores, diagnostics)
}

/// Decodes one document into `spore`, which keeps the id it has if the document does not name it.
fn decode<'n>(decoder: &mut Decoder<'_>, node: &'n Node<'n>, spore: &mut Spore) {
    let whole = node.entries().and_then(|entries| entries.first()).map_or(node.span, |(key, _)| key.span);
    if !is_spore(node) {
        decoder.remark(|| {
            let message = "this is no spore: it has none of the keys `spore`, `kind: workflow` and `tasks`";
            let hint = "a spore begins with `spore: name` and `kind: workflow`";
            Diagnostic::note("no-spore", Span::new(whole.start as usize, whole.end as usize), message).hint(hint)
        });
        return;
    }
    spore.kind = top::kind(node).0.unwrap_or(Kind::Inert);
    if matches!(spore.kind, Kind::Agent | Kind::Result | Kind::Learning) {
        free(decoder, node, spore);
    } else {
        strict(decoder, node, spore, whole);
    }
}

/// Whether a document is meant for Spore at all; compose files, manifests and settings of other tools are not.
fn is_spore(node: &Node<'_>) -> bool {
    let (kind, near) = top::kind(node);
    let foreign = ["apiVersion", "version", "services"].iter().any(|key| node.get(key).is_some());
    node.get("spore").is_some() || (!foreign && (kind.is_some() || near || node.get("tasks").is_some()))
}

/// A document whose every key must be known.
fn strict<'n>(decoder: &mut Decoder<'_>, node: &'n Node<'n>, spore: &mut Spore, whole: Span) {
    let Some(entries) = node.entries() else { return };
    let mut draft = Draft::default();
    let mut strange = Vec::new();
    let mut take = |decoder: &mut Decoder<'_>, entry: Entry<'n>| {
        if entry.field.name == "kind" {
            decoder.word(entry);
        } else {
            draft.take(decoder, spore, entry);
        }
    };
    decoder.walk(&table::SPORE, entries, &mut take, &mut strange);
    for (key, _) in strange.into_iter().filter(|(key, _)| !key.text.starts_with("x-")) {
        decoder.unknown_key(&table::SPORE, key);
    }
    let (name, stated) = (draft.name.map_or(whole, |(_, span)| span), draft.tasks);
    draft.close(decoder, spore, name);
    let runs = matches!(spore.kind, Kind::Workflow | Kind::Command | Kind::Service);
    for task in spore.tasks.iter_mut().chain(&mut spore.finally) {
        task.marked = runs || spore.kind == Kind::Inert;
    }
    separate(decoder, spore);
    let elsewhere = || entries.iter().take(100).any(|(key, _)| stands_for(&table::SPORE, &key.text, "tasks"));
    let missing = spore.kind == Kind::Workflow && stated.is_none() && !elsewhere();
    if missing || stated.is_some() && node.get("tasks").is_some_and(is_empty) {
        decoder.remark(|| {
            let hint = "add `tasks: {name: command}`";
            Diagnostic::error("no-tasks", stated.unwrap_or(name), "this spore has no tasks").hint(hint)
        });
    }
    if spore.kind == Kind::Inert && node.get("kind").is_none() {
        decoder.remark(|| {
            let message = "without a kind only `spore run` runs this spore, and no watcher does";
            Diagnostic::note("no-kind", name, message).hint("add the line `kind: workflow`")
        });
    }
}

fn is_empty(node: &Node<'_>) -> bool {
    match &node.kind {
        NodeKind::Null => true,
        NodeKind::Map(entries) => entries.is_empty(),
        _ => false,
    }
}

/// Reports tasks of `finally` that bear the id of another task, and leaves them out.
fn separate(decoder: &mut Decoder<'_>, spore: &mut Spore) {
    if spore.finally.is_empty() {
        return;
    }
    let firsts: HashMap<TaskId, Span> = spore.tasks.iter().map(|task| (task.id.clone(), task.span)).collect();
    spore.finally.retain(|task| {
        let Some(first) = firsts.get(&task.id) else { return true };
        decoder.remark(|| {
            let message = format!("`{}` is a task of `tasks` already", task.id);
            Diagnostic::error("duplicate-id", task.span, message)
                .hint("give one of the two another id")
                .related(*first, "the first stands here")
        });
        false
    });
}

/// A document whose keys are free: what it is called counts, everything else is metadata.
fn free<'n>(decoder: &mut Decoder<'_>, node: &'n Node<'n>, spore: &mut Spore) {
    let Some(entries) = node.entries() else { return };
    for (key, value) in decoder.once(entries) {
        match (key.text.as_ref(), value.scalar()) {
            ("spore" | "id", Some(text)) => text.clone_into(&mut spore.id),
            ("title", Some(text)) => spore.title = Some(text.to_owned()),
            ("instructions", Some(text)) => spore.instructions = Some(text.to_owned()),
            ("kind", _) => {}
            _ => spore.metadata.push(note(key, value)),
        }
    }
}
