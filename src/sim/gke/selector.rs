//! Which objects are meant: by label and by field, as the API writes it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Object, Refusal};

/// Conditions on labels; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Conditions on labels and fields; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Those on labels.
    pub labels: Terms,
    /// Those on fields: path, whether it must be equal, value.
    fields: Vec<(String, bool, String)>,
}

impl Selector {
    /// Reads `labelSelector` and `fieldSelector` of a request; empty means everything.
    ///
    /// # Errors
    /// When one of them is no selector.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        let fields = fields.split(',').map(str::trim).filter(|field| !field.is_empty()).map(|field| {
            let (path, equal, value) = match (field.split_once("!="), field.split_once("==")) {
                (Some((path, value)), _) => (path, false, value),
                (None, Some((path, value))) => (path, true, value),
                (None, None) => {
                    let (path, value) = field.split_once('=').ok_or_else(|| {
                        Refusal::bad_request(format!("invalid selector: '{field}'; can't understand '{field}'"))
                    })?;
                    (path, true, value)
                }
            };
            Ok((path.trim().to_owned(), equal, value.trim().to_owned()))
        });
        Ok(Self { labels: Terms::parse(labels)?, fields: fields.collect::<Result<_, Refusal>>()? })
    }

    /// Whether the object is meant.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        self.labels.match_labels(&object.labels)
            && self.fields.iter().all(|(path, equal, value)| (object.field(path) == *value) == *equal)
    }

    /// Whether everything is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.0.is_empty() && self.fields.is_empty()
    }
}

impl Terms {
    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    ///
    /// # Errors
    /// When it is no selector.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut terms = Vec::new();
        for part in split(text) {
            terms.push(term(part).ok_or_else(|| {
                Refusal::bad_request(format!("unable to parse requirement: found '{part}' in the selector '{text}'"))
            })?);
        }
        Ok(Self(terms))
    }

    /// Reads the `selector` of an object: `matchLabels` and `matchExpressions`, or bare labels.
    #[must_use]
    pub fn of_object(selector: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bare = selector.get("matchLabels").is_none() && selector.get("matchExpressions").is_none();
        let labels = if bare { selector } else { &selector["matchLabels"] };
        let equal = labels.as_object().into_iter().flatten();
        let mut terms: Vec<Term> = equal.map(|(name, value)| Term::In(name.clone(), vec![text(value)])).collect();
        for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
            let (name, values) = (text(&expression["key"]), expression["values"].as_array());
            let values = values.into_iter().flatten().map(text).collect();
            terms.push(match expression["operator"].as_str() {
                Some("NotIn") => Term::NotIn(name, values),
                Some("Exists") => Term::Exists(name),
                Some("DoesNotExist") => Term::Absent(name),
                _ => Term::In(name, values),
            });
        }
        Self(terms)
    }

    /// Whether these labels are meant.
    #[must_use]
    pub fn match_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|term| match term {
            Term::In(name, values) => labels.get(name).is_some_and(|value| values.contains(value)),
            Term::NotIn(name, values) => labels.get(name).is_none_or(|value| !values.contains(value)),
            Term::Exists(name) => labels.contains_key(name),
            Term::Absent(name) => !labels.contains_key(name),
        })
    }
}

/// At the commas that stand in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn term(part: &str) -> Option<Term> {
    let set = |text: &str| {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(inner.split(',').map(|value| value.trim().to_owned()).collect::<Vec<_>>())
    };
    if let Some((name, rest)) = part.split_once(" notin ") {
        return Some(Term::NotIn(key(name)?, set(rest)?));
    }
    if let Some((name, rest)) = part.split_once(" in ") {
        return Some(Term::In(key(name)?, set(rest)?));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Some(Term::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Term::In(key(name)?, vec![value.trim().to_owned()]));
    }
    match part.strip_prefix('!') {
        Some(name) => Some(Term::Absent(key(name)?)),
        None => Some(Term::Exists(key(part)?)),
    }
}

fn key(text: &str) -> Option<String> {
    let text = text.trim();
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_selected_as_kubectl_writes_it() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("tier", "a")].map(|(k, v)| (k.into(), v.into())).into();
        for (text, expected) in [
            ("", true),
            ("app=web", true),
            ("app==web,tier!=b", true),
            ("app in (db, web),tier notin (b,c)", true),
            ("app,!gone", true),
            ("gone", false),
            ("!app", false),
            ("app in (db)", false),
            ("tier!=a", false),
        ] {
            assert_eq!(Terms::parse(text).expect(text).match_labels(&labels), expected, "{text}");
        }
        for text in ["a b", "=x", "a in b", "a in (b"] {
            assert!(Terms::parse(text).is_err(), "{text}");
        }
    }
}
