//! The JSON Schema of authored spores, made from the table that the decoder reads.

use serde_json::{Map, Value, json};

use super::table::{self, Field, Object, Shape};

/// The objects that the schema defines by name.
const OBJECTS: [&Object; 10] = [
    &table::SPORE,
    &table::ON,
    &table::PUSH,
    &table::SCHEDULE,
    &table::PARAM,
    &table::CONCURRENCY,
    &table::RETRY,
    &table::SECRET,
    &table::DEFAULTS,
    &table::TASK,
];

const DURATION: &str = r"^\s*(\d+(\.\d*)?\s*(ms|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\s*)+$";
const NAME: &str = "^[a-z0-9][a-z0-9._-]{0,62}$";
/// Says what an id cannot hold, because not every validator knows classes of letters such as `\p{L}`.
const TASK_ID: &str = r##"^(?![.-])[^\x00-\x20!"#$%&'()*/;<>?\\^`{|}~\x7f]{1,128}$"##;
const IDENTIFIER: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
const ENV_NAME: &str = "^(?!SPORE_)[A-Za-z_][A-Za-z0-9_]*$";

/// JSON Schema (draft 2020-12) of a YAML spore, with a description and an example for every key.
#[must_use]
pub fn spore_schema() -> Value {
    let definitions: Map<String, Value> =
        OBJECTS.iter().map(|object| (object.name.to_owned(), self::object(object))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Spore",
        "description": table::SPORE.doc,
        "type": "object",
        "if": {"properties": {"kind": {"enum": ["agent", "result", "learning"]}}, "required": ["kind"]},
        "then": {"description": "Its keys are free metadata."},
        "else": {"$ref": "#/$defs/spore"},
        "$defs": definitions,
    })
}

fn object(object: &Object) -> Value {
    let properties: Map<String, Value> =
        object.fields.iter().map(|field| (field.name.to_owned(), property(field))).collect();
    let mut schema = json!({
        "type": "object",
        "description": object.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    let required: Vec<&str> = object.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    match object.name {
        "spore" => {
            schema["patternProperties"] = json!({"^x-": {"description": "A place for anchors; Spore passes it over."}});
            schema["allOf"] = json!([
                {"if": kind("workflow"), "then": {"required": ["tasks"], "properties": {"run": false}}},
                {"if": kind("service"), "then": {"properties": {"run": false}}},
                {"if": kind("command"), "then": {"anyOf": [
                    {"required": ["run"]}, {"required": ["verb"]}, {"required": ["tasks"]},
                ]}},
            ]);
        }
        "task" => schema["anyOf"] = json!([{"required": ["run"]}, {"required": ["agent"]}]),
        _ => {}
    }
    schema
}

fn kind(word: &str) -> Value {
    json!({"properties": {"kind": {"const": word}}, "required": ["kind"]})
}

fn property(field: &Field) -> Value {
    let mut schema = shape(&field.shape);
    schema["description"] = json!(field.doc);
    if let Some(default) = field.default {
        schema["default"] = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
    }
    // The examples of the table are YAML: lists and maps that JSON would spell in another way are left out.
    let example = serde_json::from_str::<Value>(field.example).ok();
    let plain = !field.example.starts_with(['[', '{']);
    if let Some(example) = example.or_else(|| plain.then(|| json!(field.example))) {
        schema["examples"] = json!([example]);
    }
    schema
}

fn shape(shape: &Shape) -> Value {
    let scalar = || json!({"type": ["string", "number", "boolean"]});
    let list = |items: Value| json!({"anyOf": [items.clone(), {"type": "array", "items": items}]});
    match shape {
        Shape::Name => json!({"type": "string", "pattern": NAME}),
        Shape::Text | Shape::Template | Shape::Scalar => scalar(),
        Shape::Flag => json!({"type": "boolean"}),
        Shape::Count(min, u32::MAX) => json!({"type": "integer", "minimum": min}),
        Shape::Count(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Number(min) => json!({"type": "number", "minimum": min}),
        Shape::Duration => json!({"type": "string", "pattern": DURATION}),
        Shape::Word(words) => json!({"type": "string", "enum": words}),
        Shape::Texts => list(scalar()),
        Shape::Branches => json!({"anyOf": [list(scalar()), {"type": "null"}]}),
        Shape::Needs => {
            let id = json!({"type": ["string", "number"], "pattern": TASK_ID});
            json!({"anyOf": [id.clone(), {"type": "array", "items": id}, {"type": "null"}]})
        }
        Shape::Cron => json!({"type": "string", "pattern": r"^\s*(@[a-z]+|\S+(\s+\S+){4})\s*$"}),
        Shape::Timers(object) => list(json!({"anyOf": [self::shape(&Shape::Cron), reference(object)]})),
        Shape::Words(words) => list(json!({"type": "string", "enum": words})),
        Shape::Signed(min, max) => json!({"type": "integer", "minimum": min, "maximum": max}),
        Shape::Run => {
            let script = json!({"type": ["string", "number", "boolean"], "pattern": r"\S"});
            json!({"anyOf": [script, {"type": "array", "minItems": 1, "items": scalar()}]})
        }
        Shape::ExitCodes => list(json!({"type": "integer", "minimum": 1, "maximum": 255})),
        Shape::Scalars => json!({"type": "array", "items": scalar()}),
        Shape::Axes => json!({
            "type": "object",
            "propertyNames": {"pattern": IDENTIFIER},
            "additionalProperties": {"type": "array", "minItems": 1, "items": scalar()},
        }),
        Shape::Env => json!({
            "type": "object",
            "propertyNames": {"pattern": ENV_NAME},
            "additionalProperties": {"anyOf": [scalar(), {"$ref": "#/$defs/secret"}]},
        }),
        Shape::Free => json!({"type": "object"}),
        Shape::Any => json!({}),
        Shape::Object(object) => reference(object),
        Shape::Short(object, short) => json!({"anyOf": [self::shape(short), reference(object)]}),
        Shape::Params => json!({
            "type": "object",
            "propertyNames": {"pattern": IDENTIFIER},
            "additionalProperties": {"anyOf": [scalar(), {"type": "null"}, reference(&table::PARAM)]},
        }),
        Shape::Tasks => json!({
            "type": "object",
            "propertyNames": {"pattern": TASK_ID},
            "additionalProperties": {"anyOf": [self::shape(&Shape::Run), reference(&table::TASK)]},
        }),
    }
}

fn reference(object: &Object) -> Value {
    json!({"$ref": format!("#/$defs/{}", object.name)})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, Language, Limits};

    #[test]
    fn the_table_agrees_with_the_model() {
        for word in table::LANGUAGES {
            assert!(Language::of_fence(word).is_some(), "{word}");
        }
        for word in Kind::NAMES {
            assert!(Kind::parse(word).is_some(), "{word}");
        }
        let (_, limit) = table::RETRY.field("limit").expect("retry has a limit");
        assert!(matches!(limit.shape, Shape::Count(0, max) if max + 1 == Limits::DEFAULT.attempts_max));
    }

    #[test]
    fn every_key_is_told_once() {
        for object in OBJECTS {
            assert!(object.fields.len() <= 32, "the decoder keeps places for 32 keys");
            for (index, field) in object.fields.iter().enumerate() {
                assert_eq!(object.field(field.name).map(|(at, _)| at), Some(index), "{}", field.name);
                assert!(field.doc.ends_with('.'), "{}", field.name);
            }
            for (theirs, _) in object.foreign {
                assert!(object.field(theirs).is_none(), "`{theirs}` is a key of {}", object.name);
            }
        }
    }

    /// The keys of an object as README.md shows them.
    fn key_table(object: &Object) -> String {
        let head = ["key", "value", "default", "meaning"].map(str::to_owned);
        let row = |field: &Field| {
            let default = match field.default {
                Some(default) => format!("`{default}`"),
                None if field.required => "required".to_owned(),
                None => String::new(),
            };
            [format!("`{}`", field.name), field.shape.expected(), default, field.doc.to_owned()]
        };
        let rows: Vec<[String; 4]> = std::iter::once(head).chain(object.fields.iter().map(row)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths = [0, 1, 2, 3].map(width);
        let mut table = String::new();
        for (at, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!(" {cell:<width$} |"));
            table.extend(std::iter::once("|".to_owned()).chain(cells).chain(["\n".to_owned()]));
            if at == 0 {
                table.extend(widths.map(|width| format!("|{}", "-".repeat(width + 2))));
                table.push_str("|\n");
            }
        }
        table
    }

    #[test]
    fn the_readme_shows_every_key() {
        let readme = include_str!("../../README.md");
        for object in OBJECTS {
            let table = key_table(object);
            assert!(readme.contains(&table), "README.md lacks the keys of {} as they are:\n\n{table}", object.name);
        }
    }
}
