//! Parameters: what was given and what the author declared become typed values.

use indexmap::IndexMap;
use serde_json::Value;

use crate::model::{Diagnostic, Param, ParamType, Span, Spore};

use super::names::{hinted, listed};
use super::request::Options;

/// The values of all parameters that have one.
pub(super) fn resolve(spore: &Spore, options: &Options, diagnostics: &mut Vec<Diagnostic>) -> IndexMap<String, Value> {
    for name in options.params.keys().filter(|name| !spore.params.contains_key(*name)) {
        let message = format!("no parameter is called `{name}`");
        let known = spore.params.keys().map(String::as_str);
        diagnostics.push(hinted(
            Diagnostic::error("unknown-param", Span::default(), message),
            name,
            known.clone(),
            || {
                Some(if spore.params.is_empty() {
                    "the spore declares none".into()
                } else {
                    format!("it declares {}", listed(known, 8))
                })
            },
        ));
    }
    let mut values = IndexMap::with_capacity(spore.params.len());
    for (name, param) in &spore.params {
        let default = param.default.as_ref().filter(|default| !default.is_null()).and_then(|default| {
            let typed = cast(param, default);
            if typed.is_none() {
                diagnostics.push(unfit("bad-default", name, param, &format!("the default {default}")));
            }
            typed
        });
        let given = options.params.get(name).map(|text| (text, read(param, text)));
        match given {
            Some((_, Some(value))) => {
                values.insert(name.clone(), value);
            }
            Some((text, None)) => diagnostics.push(unfit("bad-param", name, param, &format!("`{text}`"))),
            None => match default {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None if param.required && param.default.is_none() => diagnostics.push(
                    Diagnostic::error("missing-param", param.span, format!("the parameter `{name}` is required"))
                        .hint(format!("give it with `--param {name}=…`: {}", allowed(param))),
                ),
                None => {}
            },
        }
    }
    values
}

fn unfit(code: &'static str, name: &str, param: &Param, what: &str) -> Diagnostic {
    let message = format!("{what} is no value for the parameter `{name}`");
    Diagnostic::error(code, param.span, message).hint(format!("it takes {}", allowed(param)))
}

/// What a parameter takes, in words.
fn allowed(param: &Param) -> String {
    if !param.choices.is_empty() {
        let choices: Vec<String> = param.choices.iter().map(plain).collect();
        return format!("one of {}", listed(choices.iter().map(String::as_str), 12));
    }
    match param.kind {
        ParamType::String => "any text",
        ParamType::Integer => "a whole number",
        ParamType::Number => "a number",
        ParamType::Boolean => "`true` or `false`",
    }
    .to_owned()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A value given as text.
fn read(param: &Param, text: &str) -> Option<Value> {
    let value = match param.kind {
        ParamType::String => Value::String(text.to_owned()),
        ParamType::Integer => Value::from(text.trim().parse::<i64>().ok()?),
        ParamType::Number => number(text.trim())?,
        ParamType::Boolean => Value::Bool(text.trim().parse().ok()?),
    };
    chosen(param, value)
}

fn number(text: &str) -> Option<Value> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(Value::from(whole));
    }
    serde_json::Number::from_f64(text.parse().ok()?).map(Value::Number)
}

/// A value written in the spore. Where text is declared, a bare number or `true` is taken as the text it looks like.
fn cast(param: &Param, value: &Value) -> Option<Value> {
    let value = match (param.kind, value) {
        (ParamType::String, Value::String(_))
        | (ParamType::Number, Value::Number(_))
        | (ParamType::Boolean, Value::Bool(_)) => value.clone(),
        (ParamType::String, Value::Number(_) | Value::Bool(_)) => Value::String(value.to_string()),
        (ParamType::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => value.clone(),
        (ParamType::Integer | ParamType::Number | ParamType::Boolean, Value::String(text)) => {
            return read(param, text);
        }
        _ => return None,
    };
    chosen(param, value)
}

/// The value, when it is among the choices. They are compared as people read them, so `1` in a list fits the text `1`.
fn chosen(param: &Param, value: Value) -> Option<Value> {
    let fits = param.choices.is_empty() || param.choices.iter().any(|choice| plain(choice) == plain(&value));
    fits.then_some(value)
}
