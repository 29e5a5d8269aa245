//! A command: how to start a program, as a value.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Text with `{{ … }}` in it, evaluated just before use. Text without is itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

impl Template {
    /// Whether nothing in it needs evaluation.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        !self.0.contains("{{") && !self.0.contains("{%") && !self.0.contains("{#")
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// The language of a script: which interpreter reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// POSIX shell: `sh -e`.
    Sh,
    /// `bash -e -o pipefail`.
    Bash,
    /// `zsh -e -o pipefail`.
    Zsh,
    /// Python 3.
    Python,
    /// Node.js.
    Node,
    /// Ruby.
    Ruby,
    /// Perl.
    Perl,
}

impl Language {
    /// The language of a fence's first word, in any case. A console transcript is `sh`, once its prompts are taken off.
    #[must_use]
    pub fn of_fence(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "sh" | "shell" | "console" | "shell-session" | "sh-session" | "shellsession" => Self::Sh,
            "bash" => Self::Bash,
            "zsh" => Self::Zsh,
            "python" | "python3" | "py" => Self::Python,
            "node" | "javascript" | "js" => Self::Node,
            "ruby" | "rb" => Self::Ruby,
            "perl" | "pl" => Self::Perl,
            _ => return None,
        })
    }

    /// The name of the interpreter's program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Sh => "sh",
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Python => "python3",
            Self::Node => "node",
            Self::Ruby => "ruby",
            Self::Perl => "perl",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())
    }
}

/// How to start a program, as the author wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// A script, given to its interpreter to the letter: no template is ever spliced into it.
    Script {
        /// Who reads it; a `#!` line at its beginning has the last word.
        language: Language,
        /// The text.
        text: String,
    },
    /// A program and its arguments, without a shell. Each may be a template.
    Argv(Vec<Template>),
}

impl Command {
    /// One line for people: the first line of the script, or the arguments joined.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Script { text, .. } => {
                let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                let first = lines.next().unwrap_or_default();
                if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
            }
            Self::Argv(words) => words.iter().map(|word| word.0.as_str()).collect::<Vec<_>>().join(" "),
        }
    }
}
