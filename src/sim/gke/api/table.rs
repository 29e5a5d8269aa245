//! Tables: what kubectl prints.

use std::sync::Arc;

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::columns::{self, Column};
use super::route::Call;
use crate::model::Timestamp;
use crate::sim::gke::{Cluster, Kind, Object};

/// What each row of a table says of its object besides the cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Its metadata.
    Meta,
    /// All of it.
    Whole,
    /// Nothing.
    Nothing,
}

/// Whether a table is wanted, and which.
pub(super) fn wanted(call: &Call) -> Option<Wish> {
    let first = call.accept().split(',').next().unwrap_or_default();
    if !first.split(';').any(|word| word.trim() == "as=Table") {
        return None;
    }
    Some(match call.query.get("includeObject") {
        Some("Object") => Wish::Whole,
        Some("None") => Wish::Nothing,
        _ => Wish::Meta,
    })
}

/// A table of these objects.
pub(super) fn table(cluster: &Cluster, kind: Kind, objects: &[Arc<Object>], wish: Wish) -> Value {
    let now = cluster.clock.wall_milliseconds();
    let columns = columns::of(kind);
    let definitions: Vec<Value> = columns.iter().map(definition).collect();
    let rows: Vec<Value> = objects.iter().map(|object| row(kind, object, wish, now)).collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1",
        "metadata": {"resourceVersion": objects.last().map_or(0, |object| object.version).to_string()},
        "columnDefinitions": definitions, "rows": rows,
    })
}

fn definition(column: &Column) -> Value {
    let format = if column.name == "Name" { "name" } else { "" };
    json!({
        "name": column.name, "type": "string", "format": format, "description": column.says,
        "priority": u8::from(column.is_wide),
    })
}

fn row(kind: Kind, object: &Object, wish: Wish, now: i64) -> Value {
    let value = object.value();
    let mut row = json!({"cells": columns::cells(kind, &value, now)});
    match wish {
        Wish::Nothing => {}
        Wish::Whole => row["object"] = value,
        Wish::Meta => {
            row["object"] = json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"],
            });
        }
    }
    row
}

/// How long ago something was, as kubectl writes it.
pub(super) fn age(moment: &Value, now: i64) -> String {
    let then = Timestamp::deserialize(moment).ok();
    then.map_or_else(|| "<unknown>".to_owned(), |then| span((now - then.0) / 1_000))
}

/// So many seconds, as `duration.HumanDuration` of apimachinery writes them.
pub(super) fn span(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, other: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{other}"),
    };
    match seconds {
        ..0 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_as_kubectl_writes_them() {
        for (seconds, text) in [
            (-5, "0s"),
            (119, "119s"),
            (125, "2m5s"),
            (180, "3m"),
            (3_600, "60m"),
            (11_100, "3h5m"),
            (100_000, "27h"),
            (180_000, "2d2h"),
            (1_000_000, "11d"),
            (63_072_000, "2y"),
        ] {
            assert_eq!(span(seconds), text, "{seconds}");
        }
    }
}
