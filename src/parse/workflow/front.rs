//! Front matter of a markdown file: the keys of a spore among free metadata.
//!
//! Front matter belongs to everybody: site generators, agents, note takers. Only where it names a spore or states one
//! of Spore's kinds are its keys held to the table; elsewhere they are kept as they are.

use super::decoder::{Decoder, Entry, instead, short};
use super::top::{self, Draft, note};
use crate::model::{Diagnostic, Kind, Limits, Span, Spore};
use crate::parse::node::Node;
use crate::parse::table;

/// Decodes front matter into `spore`; what is not Spore's is kept as metadata.
pub(in crate::parse) fn front_matter(node: &Node<'_>, spore: &mut Spore, diagnostics: &mut Vec<Diagnostic>) {
    let Some(entries) = node.entries() else { return };
    let mut decoder = Decoder::new(&Limits::DEFAULT, diagnostics);
    let (kind, near) = top::kind(node);
    spore.kind = kind.unwrap_or(Kind::Inert);
    let runs = matches!(spore.kind, Kind::Workflow | Kind::Command | Kind::Service);
    let tells = matches!(spore.kind, Kind::Result | Kind::Learning | Kind::Agent);
    if tells || !runs && node.get("spore").is_none() {
        for (key, value) in decoder.once(entries) {
            match (key.text.as_ref(), value.scalar()) {
                ("spore" | "id", Some(text)) if is_safe(text) => text.clone_into(&mut spore.id),
                ("title", Some(text)) => spore.title = Some(text.to_owned()),
                ("checklist", Some("update")) => spore.checklist_update = true,
                ("kind", Some(word)) if kind.is_none() => {
                    spore.metadata.push(note(key, value));
                    if near {
                        unknown_kind(&mut decoder, word, value.span);
                    }
                }
                ("kind", _) => {}
                _ => spore.metadata.push(note(key, value)),
            }
        }
        return;
    }
    held(&mut decoder, node, spore, runs);
    decoder.close();
}

/// Front matter that is Spore's: known keys must be right, others are metadata.
fn held<'n>(decoder: &mut Decoder<'_>, node: &'n Node<'n>, spore: &mut Spore, runs: bool) {
    let Some(entries) = node.entries() else { return };
    let mut draft = Draft::default();
    let mut strange = Vec::new();
    let mut take = |decoder: &mut Decoder<'_>, entry: Entry<'n>| match (entry.field.name, entry.node.scalar()) {
        ("spore" | "id", Some(text)) if is_safe(text) => text.clone_into(&mut spore.id),
        ("kind", Some(word)) if Kind::parse(word).is_none() => unknown_kind(decoder, word, entry.node.span),
        ("kind", Some(_)) => {}
        _ => draft.take(decoder, spore, entry),
    };
    decoder.walk(&table::SPORE, entries, &mut take, &mut strange);
    for (key, value) in strange {
        let hint = instead(&table::SPORE, &key.text);
        if runs && hint.starts_with("did you mean") {
            decoder.remark(|| {
                let message = format!("`{}` is kept as metadata; it is no key of a spore", short(&key.text));
                Diagnostic::warning("unknown-key", key.span, message).hint(hint)
            });
        }
        spore.metadata.push(note(key, value));
    }
    let whole = entries.first().map_or(node.span, |(key, _)| key.span);
    draft.close(decoder, spore, whole);
    for task in spore.tasks.iter_mut().chain(&mut spore.finally) {
        task.marked = runs;
    }
}

fn unknown_kind(decoder: &mut Decoder<'_>, word: &str, span: Span) {
    decoder.remark(|| {
        let message = format!("`{}` is no kind that Spore knows, so this file is inert", short(word));
        let hint = format!("write {}", table::names(&Kind::NAMES));
        Diagnostic::warning("unknown-kind", span, message).hint(hint)
    });
}

/// Whether a markdown file may be called so: one line without path separators.
fn is_safe(text: &str) -> bool {
    let odd = |c: char| c.is_control() || matches!(c, '/' | '\\');
    (1..=128).contains(&text.len()) && !text.starts_with('.') && !text.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Dialect;
    use crate::parse::yaml;

    fn read(text: &str) -> (Spore, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let mut spore = Spore::empty("file.md", Dialect::Markdown);
        for node in yaml::documents(text, 0, &Limits::DEFAULT, &mut diagnostics) {
            front_matter(&node, &mut spore, &mut diagnostics);
        }
        (spore, diagnostics)
    }

    fn keys(spore: &Spore) -> Vec<&str> {
        spore.metadata.iter().map(|note| note.key.as_str()).collect()
    }

    #[test]
    fn front_matter_of_others_is_left_in_peace() {
        let (spore, diagnostics) =
            read("name: x\ntimeout: whenever\ntasks: [1]\nenv: production\ntitle: T\ntitel: 1\n");
        assert_eq!(diagnostics, []);
        assert_eq!((spore.kind, spore.title.as_deref()), (Kind::Inert, Some("T")));
        assert_eq!(keys(&spore), ["name", "timeout", "tasks", "env", "titel"]);
    }

    #[test]
    fn front_matter_of_a_workflow_is_held_to_the_table() {
        let (spore, diagnostics) = read(
            "spore: GKE-INTEGRATION-001\nkind: workflow\nparams: {a: 1}\ntimeout: soon\ndefautls: {}\nOwner: me\n",
        );
        let codes: Vec<_> = diagnostics.iter().map(|diagnostic| (diagnostic.code, diagnostic.is_error())).collect();
        assert_eq!(codes, [("bad-duration", true), ("unknown-key", false)]);
        assert_eq!((spore.id.as_str(), spore.params.len()), ("GKE-INTEGRATION-001", 1));
        assert_eq!(keys(&spore), ["defautls", "Owner"]);
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for name in ["../../etc/x", "a/b", ".git", "\"a\\nb\""] {
            let (spore, diagnostics) = read(&format!("kind: workflow\nspore: {name}\n"));
            assert_eq!((spore.id.as_str(), diagnostics[0].code), ("file.md", "bad-name"), "{name}");
        }
    }

    #[test]
    fn an_unknown_kind_is_metadata_and_a_slip_is_told() {
        let (spore, diagnostics) = read("kind: integration-report\n");
        assert_eq!((diagnostics.len(), keys(&spore)), (0, vec!["kind"]));
        let (spore, diagnostics) = read("kind: Workflow\n");
        assert_eq!((spore.kind, diagnostics[0].code), (Kind::Inert, "unknown-kind"));
    }
}
