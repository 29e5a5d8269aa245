//! The sections `[executors.NAME]`: settings of an executor for all spores of the folder that do not say otherwise.

use indexmap::IndexMap;
use serde_json::Value;
use toml::Spanned;

use super::Text;
use crate::model::EXECUTORS;
use crate::repo::Error;
use crate::repo::source::nearest;

/// The sections as they are written.
pub(super) type Authored = IndexMap<Spanned<String>, toml::Table>;

/// What the sections mean. Which settings an executor has is for the executor to say.
pub(super) fn read(authored: Authored, text: Text<'_>) -> Result<IndexMap<String, IndexMap<String, Value>>, Error> {
    let mut executors = IndexMap::new();
    for (name, table) in authored {
        if !EXECUTORS.contains(&name.get_ref().as_str()) {
            let message = format!("no executor is called `{}`", name.get_ref());
            let hint = nearest(name.get_ref(), EXECUTORS.into_iter()).map_or_else(
                || format!("there are {}", EXECUTORS.join(", ")),
                |name| format!("did you mean `{name}`?"),
            );
            return Err(text.wrong(name.span().start, &message, Some(hint)));
        }
        let mut settings = IndexMap::new();
        for (key, value) in table {
            let value = serde_json::to_value(value)
                .map_err(|error| text.wrong(name.span().start, &format!("`{key}` cannot be used: {error}"), None))?;
            settings.insert(key, value);
        }
        executors.insert(name.into_inner(), settings);
    }
    Ok(executors)
}
