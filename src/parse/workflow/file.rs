//! A YAML file → its spores, one for each document.

use crate::model::{Diagnostic, Dialect, Kind, Limits, Source, Spore};
use crate::parse::node::Node;
use crate::parse::yaml;

/// Every spore of a YAML file, with every diagnostic, sorted by place.
#[must_use]
pub fn yaml_spores(source: &Source, limits: &Limits) -> (Vec<Spore>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let mut spores = Vec::new();
    for node in yaml::documents(&source.text, 0, limits, &mut diagnostics) {
        let mut spore = Spore::empty(source.path.clone(), Dialect::Yaml);
        decode_document(&node, &source.path, &mut spore, &mut diagnostics);
        spores.push(spore);
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    (spores, diagnostics)
}

/// Decodes the top-level keys of one document into `spore`.
pub(in crate::parse) fn decode_document(
    node: &Node<'_>,
    source_path: &str,
    spore: &mut Spore,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let _ = (source_path, diagnostics);
    if let Some(kind) = node.get("kind").and_then(Node::scalar).and_then(Kind::parse) {
        spore.kind = kind;
    }
}
