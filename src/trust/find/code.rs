//! What scripts of other languages name: the modules that Python imports, and texts in quotes that look like a path.

use super::{Mentions, Role};
use crate::model::Language;

/// Characters of a text in quotes; longer ones are no paths.
const QUOTED_CHARS_MAX: usize = 255;

/// Looks at a whole script.
pub(super) fn script(text: &str, language: Language, mentions: &mut Mentions) {
    for line in text.lines() {
        if language == Language::Python {
            imports(line.trim(), mentions);
        }
        let requires = ["require", "import", "from ", "load"].iter().any(|word| line.contains(word));
        for quoted in quoted(line) {
            let written = quoted.trim_start_matches("./");
            if !quoted.contains('/') && !quoted.contains('.') && !requires {
                continue;
            }
            mentions.add(quoted, Role::Named, true);
            let endings: &[&str] = match language {
                Language::Node if requires => &[".js", ".mjs", ".cjs", ".ts", "/index.js"],
                Language::Ruby if requires => &[".rb"],
                Language::Perl if requires => &[".pm", ".pl"],
                _ => &[],
            };
            for ending in endings {
                mentions.add(&format!("{written}{ending}"), Role::Used, true);
            }
        }
    }
}

/// `import a.b, c` and `from .a import b`
fn imports(line: &str, mentions: &mut Mentions) {
    let code = line.split('#').next().unwrap_or_default();
    let mut add = |module: &str| {
        let module = module.split_whitespace().next().unwrap_or_default().trim_start_matches('.').replace('.', "/");
        let is_name = !module.is_empty() && module.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '/');
        if is_name {
            mentions.add(&format!("{module}.py"), Role::Used, true);
            mentions.add(&format!("{module}/__init__.py"), Role::Used, true);
        }
    };
    if let Some(modules) = code.strip_prefix("import ") {
        modules.split(',').for_each(add);
    } else if let Some((module, names)) = code.strip_prefix("from ").and_then(|rest| rest.split_once(" import ")) {
        add(module);
        for name in names.trim_matches(['(', ')', ' ']).split(',') {
            add(&format!("{}.{}", module.trim(), name.trim()));
        }
    }
}

/// The texts in quotes of one line, those without a space.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let at = rest.find(['"', '\'', '`'])?;
            let quote = &rest[at..=at];
            let inside = &rest[at + 1..];
            let text = inside.find(quote).map_or("", |end| &inside[..end]);
            if !text.is_empty() && text.len() <= QUOTED_CHARS_MAX && !text.contains(char::is_whitespace) {
                rest = &inside[text.len() + 1..];
                return Some(text);
            }
            // An apostrophe in a comment must not hide what comes after it.
            rest = inside;
        }
    })
}
