//! Reads a map of settings key by key, and gathers what is wrong with it in sentences.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::model::parse_duration;

/// One map under `with:`, being read. Every key that is asked for is known; what was not asked for is a misspelling.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    map: Map<String, Value>,
    /// Where the map stands, such as `volumes[0].`.
    place: String,
    known: Vec<&'static str>,
    problems: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(map: Map<String, Value>, place: String, problems: &'a mut Vec<String>) -> Self {
        Self { map, place, known: Vec::new(), problems }
    }

    /// Says what is wrong with the setting `key`.
    pub(super) fn wrong(&mut self, key: &str, what: &str) {
        self.problems.push(format!("`{}{key}` {what}", self.place));
    }

    /// The value of `key`, unless it is absent, null, or a template whose value is not known yet.
    pub(super) fn value(&mut self, key: &'static str) -> Option<Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.map.get(key).filter(|value| !value.is_null() && !is_template(value)).cloned()
    }

    /// Whether something stands at `key`, were it a template.
    pub(super) fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        match text_of(&value) {
            Some(text) if !text.is_empty() => Some(text),
            _ => {
                self.wrong(key, &format!("must be a text, not {}", shown(&value)));
                None
            }
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        match &value {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" || text == "false" => Some(text == "true"),
            _ => {
                self.wrong(key, &format!("must be `true` or `false`, not {}", shown(&value)));
                None
            }
        }
    }

    pub(super) fn count(&mut self, key: &'static str) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok()).filter(|number| *number > 0);
        if number.is_none() {
            self.wrong(key, &format!("must be a whole number from 1, not {}", shown(&value)));
        }
        number
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        let text = self.text(key)?;
        match parse_duration(&text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.wrong(key, &format!("must be a duration such as `15m`: {error}"));
                None
            }
        }
    }

    /// A list; a single value stands for a list of one.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Value> {
        match self.value(key) {
            None => Vec::new(),
            Some(Value::Array(list)) => list.into_iter().filter(|value| !is_template(value)).collect(),
            Some(value) => vec![value],
        }
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let list = self.list(key);
        let texts: Vec<String> = list.iter().filter_map(text_of).collect();
        if texts.len() != list.len() {
            self.wrong(key, "must be a list of texts");
        }
        texts
    }

    /// The map at `key`.
    pub(super) fn map(&mut self, key: &'static str) -> Map<String, Value> {
        match self.value(key) {
            None => Map::new(),
            Some(Value::Object(map)) => map,
            Some(value) => {
                self.wrong(key, &format!("must be a map of names to values, not {}", shown(&value)));
                Map::new()
            }
        }
    }

    /// The map of texts at `key`.
    pub(super) fn text_map(&mut self, key: &'static str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for (name, value) in self.map(key) {
            match text_of(&value) {
                Some(_) if is_template(&value) => {}
                Some(text) => pairs.push((name, text)),
                None => self.wrong(&format!("{key}.{name}"), &format!("must be a text, not {}", shown(&value))),
            }
        }
        pairs
    }

    /// A map that stands in a list or under a name.
    pub(super) fn inner(&mut self, place: &str, value: Value) -> Option<Reader<'_>> {
        match value {
            Value::Object(map) => Some(Reader::new(map, format!("{}{place}.", self.place), self.problems)),
            value => {
                self.wrong(place, &format!("must be a map, not {}", shown(&value)));
                None
            }
        }
    }

    /// Names every key that nobody has asked for, with the nearest one that exists.
    pub(super) fn finish(self) {
        for key in self.map.keys().filter(|key| !self.known.contains(&key.as_str())) {
            let nearest = self.known.iter().map(|known| (strsim::jaro_winkler(key, known), known));
            let nearest = nearest.max_by(|one, other| one.0.total_cmp(&other.0)).filter(|(near, _)| *near > 0.8);
            let hint = match nearest {
                Some((_, known)) => format!("; did you mean `{known}`?"),
                None => format!("; what is known is {}", self.known.join(", ")),
            };
            self.problems.push(format!("`{}{key}` is not known{hint}", self.place));
        }
    }
}

/// Whether a value, or something in it, is not evaluated yet.
fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

/// Numbers and flags are texts to Kubernetes wherever it asks for a text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "a map".into(),
        value => format!("`{}`", text_of(value).unwrap_or_default().escape_debug()),
    }
}
