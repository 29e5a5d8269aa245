//! Which fields objects have, and by what the items of their lists are known: one table, for strict validation, for
//! strategic merges, for server-side apply and for `kubectl explain`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How often a type stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Many {
    /// Once.
    One,
    /// In a list that only changes as a whole.
    Atomic,
    /// In a list whose items are known by one of their fields.
    Keyed(&'static str),
    /// In a list that holds each only once.
    Set,
    /// Under names.
    Map,
}

/// What stands in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// The type; `str`, `bytes`, `int`, `bool`, `Quantity` and `IntOrString` have no fields, and `any` has whatever it likes.
    pub(super) of: &'static str,
    /// How often.
    pub(super) many: Many,
    /// Its number in Protobuf, or 0.
    pub(super) number: u64,
}

/// The fields of a type, in their order.
pub(super) type Fields = Vec<(&'static str, Shape)>;

static TYPES: LazyLock<BTreeMap<&'static str, Fields>> = LazyLock::new(|| {
    include_str!("schema.txt").lines().filter(|line| !line.starts_with('#')).filter_map(read).collect()
});

fn read(line: &'static str) -> Option<(&'static str, Fields)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let fields = words.filter_map(|word| {
        let (field, shape) = word.split_once(':')?;
        Some((field, shape_of(shape)))
    });
    let Some(kind) = name.strip_prefix('$') else { return Some((name, fields.collect())) };
    let one = |of, number| Shape { of, many: Many::One, number };
    let common = [("apiVersion", one("str", 0)), ("kind", one("str", 0)), ("metadata", one("Meta", 1))];
    Some((kind, common.into_iter().chain(fields).collect()))
}

fn shape_of(text: &'static str) -> Shape {
    let (text, number) = text.split_once('@').unwrap_or((text, "0"));
    Shape { number: number.parse().unwrap_or(0), ..plain_shape(text) }
}

fn plain_shape(text: &'static str) -> Shape {
    let number = 0;
    if let Some(inner) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return Shape { of: inner, many: Many::Map, number };
    }
    let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return Shape { of: text, many: Many::One, number };
    };
    match (inner.split_once('/'), inner.strip_suffix('=')) {
        (Some((of, key)), _) => Shape { of, many: Many::Keyed(key), number },
        (None, Some(of)) => Shape { of, many: Many::Set, number },
        (None, None) => Shape { of: inner, many: Many::Atomic, number },
    }
}

/// Every type that has fields, by name.
pub(super) fn types() -> impl Iterator<Item = (&'static str, &'static Fields)> {
    TYPES.iter().map(|(name, fields)| (*name, fields))
}

/// The fields of a type; `None` for one whose fields are not known.
pub(super) fn fields(type_name: &str) -> Option<&'static Fields> {
    TYPES.get(type_name)
}

/// One field of a type.
pub(super) fn field(type_name: &str, name: &str) -> Option<&'static Shape> {
    fields(type_name)?.iter().find(|(other, _)| *other == name).map(|(_, shape)| shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::gke::Kind;

    #[test]
    fn every_kind_is_known_and_every_type_that_is_named() {
        for kind in Kind::ALL {
            assert!(fields(kind.resource().kind).is_some(), "{kind:?}");
        }
        let plain = ["str", "bytes", "int", "bool", "Quantity", "IntOrString", "any"];
        for (name, fields) in types() {
            for (field, shape) in fields {
                let known = plain.contains(&shape.of) || TYPES.contains_key(shape.of);
                assert!(known, "{name}.{field} is a `{}`", shape.of);
                if let Many::Keyed(key) = shape.many {
                    assert!(shape.of == "any" || super::field(shape.of, key).is_some(), "{name}.{field}");
                }
            }
        }
    }
}
