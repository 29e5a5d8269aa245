//! Front matter of a markdown file: the same keys, among free metadata.

use crate::model::{Diagnostic, Kind, Note, Spore};
use crate::parse::node::Node;

/// Decodes front matter into `spore`; what is not Spore's is kept as metadata.
pub(in crate::parse) fn front_matter(node: &Node<'_>, spore: &mut Spore, diagnostics: &mut Vec<Diagnostic>) {
    let _ = diagnostics;
    for (key, value) in node.entries().unwrap_or_default() {
        match key.text.as_ref() {
            "kind" => spore.kind = value.scalar().and_then(Kind::parse).unwrap_or(Kind::Inert),
            "spore" | "id" => spore.id = value.scalar().unwrap_or_default().to_owned(),
            "title" => spore.title = value.scalar().map(str::to_owned),
            _ => spore.metadata.push(Note { key: key.text.to_string(), value: value.to_value() }),
        }
    }
}
