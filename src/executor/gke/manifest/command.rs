//! What the container is told to execute.
//!
//! A command is started as the terminal starts it, with the interpreter and the flags of its language; the image has to have
//! it. Kubernetes takes `$(NAME)` in commands for the value of a variable, so what is no such wish is written in a way that
//! it leaves alone; and a word that holds a secret becomes such a wish, with the value in a Secret.

use crate::model::{CommandLine, Language, Secret};

/// Longer scripts are handed over as files: an object of a cluster is no place for a long text on one line.
const SCRIPT_ARGUMENT_BYTES_MAX: usize = 64 << 10;
/// Where a script that is a file stands in the container.
pub(in crate::executor::gke) const SCRIPT: &str = "/spore/script";

/// A command, as a container takes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// The program and its arguments.
    pub(super) words: Vec<String>,
    /// A file that stands at [`SCRIPT`].
    pub(super) script: Option<String>,
    /// Variables that hold words with secrets in them.
    pub(super) hidden: Vec<(String, String)>,
}

/// The words of a command.
///
/// # Errors
/// The reason, as a sentence for people, where it cannot be started.
pub(super) fn words(command: &CommandLine, secrets: &[Secret]) -> Result<Start, String> {
    let Plain { words, script } = plain(command, secrets)?;
    let mut made = Start { words: Vec::new(), script, hidden: Vec::new() };
    for (index, word) in words.into_iter().enumerate() {
        if holds_secret(&word, secrets) {
            let name = format!("SPORE_WORD_{index}");
            made.words.push(format!("$({name})"));
            made.hidden.push((name, word));
        } else {
            made.words.push(escaped(&word));
        }
    }
    Ok(made)
}

/// A command as it is.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct Plain {
    /// The program and its arguments.
    pub(in crate::executor::gke) words: Vec<String>,
    /// A file that stands at [`SCRIPT`].
    pub(in crate::executor::gke) script: Option<String>,
}

/// The words of a command, of which nothing is hidden and nothing escaped. A script that is long or holds a secret is a file.
///
/// # Errors
/// The reason, as a sentence for people, where it cannot be started.
pub(in crate::executor::gke) fn plain(command: &CommandLine, secrets: &[Secret]) -> Result<Plain, String> {
    match command {
        CommandLine::Argv(words) if words.is_empty() => Err("the command is an empty list".into()),
        CommandLine::Argv(words) if words.iter().any(|word| word.contains('\0')) => {
            Err("an argument holds a NUL character, which no program can be given".into())
        }
        CommandLine::Argv(words) => Ok(Plain { words: words.clone(), script: None }),
        CommandLine::Script { text, .. } if text.contains('\0') => Err("the script holds a NUL character".into()),
        CommandLine::Script { language, text } => script(*language, text, secrets),
    }
}

fn script(language: Language, text: &str, secrets: &[Secret]) -> Result<Plain, String> {
    if let Some(line) = text.strip_prefix("#!") {
        let line = line.lines().next().unwrap_or_default().trim();
        let (word, argument) = line.split_once([' ', '\t']).map_or((line, ""), |(word, rest)| (word, rest.trim()));
        if word.is_empty() {
            return Err("the `#!` line names no interpreter".into());
        }
        let argument = (!argument.is_empty()).then_some(argument);
        let words = [word].into_iter().chain(argument).chain([SCRIPT]).map(str::to_owned).collect();
        return Ok(Plain { words, script: Some(text.to_owned()) });
    }
    let (options, take_text): (&[&str], &str) = match language {
        Language::Sh => (&["-e"], "-c"),
        Language::Bash | Language::Zsh => (&["-e", "-o", "pipefail"], "-c"),
        Language::Python => (&[], "-c"),
        Language::Node | Language::Ruby | Language::Perl => (&[], "-e"),
    };
    let mut words: Vec<String> = [language.program()].iter().chain(options).map(|word| (*word).to_owned()).collect();
    if text.len() > SCRIPT_ARGUMENT_BYTES_MAX || holds_secret(text, secrets) {
        words.push(SCRIPT.to_owned());
        return Ok(Plain { words, script: Some(text.to_owned()) });
    }
    words.extend([take_text.to_owned(), text.to_owned()]);
    Ok(Plain { words, script: None })
}

/// Whether a text holds a secret that is covered wherever it appears.
pub(super) fn holds_secret(text: &str, secrets: &[Secret]) -> bool {
    secrets.iter().any(|secret| secret.value.len() >= 3 && text.contains(&secret.value))
}

/// A text that Kubernetes hands on as it is: `$(NAME)` stands for a variable there, and `$$` for `$`.
pub(super) fn escaped(text: &str) -> String {
    if text.contains("$(") || text.contains("$$") { text.replace('$', "$$") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script_of(language: Language, text: &str) -> Start {
        words(&CommandLine::Script { language, text: text.into() }, &[]).expect("a command")
    }

    #[test]
    fn languages_are_started_as_on_the_terminal() {
        assert_eq!(script_of(Language::Sh, "true").words, ["sh", "-e", "-c", "true"]);
        assert_eq!(script_of(Language::Bash, "true").words, ["bash", "-e", "-o", "pipefail", "-c", "true"]);
        assert_eq!(script_of(Language::Python, "pass").words, ["python3", "-c", "pass"]);
        assert_eq!(script_of(Language::Node, "1").words, ["node", "-e", "1"]);
        let made = script_of(Language::Sh, "#!/usr/bin/env -S awk -f\nBEGIN {}");
        assert_eq!(made.words, ["/usr/bin/env", "-S awk -f", SCRIPT]);
        assert!(made.script.is_some());
        let made = script_of(Language::Sh, &"true\n".repeat(20_000));
        assert_eq!(made.words, ["sh", "-e", SCRIPT]);
    }

    #[test]
    fn kubernetes_takes_nothing_for_a_variable() {
        assert_eq!(escaped("echo $HOME"), "echo $HOME");
        assert_eq!(escaped("kill -9 $$; x=$(date)"), "kill -9 $$$$; x=$$(date)");
        let argv = |words: &[&str]| CommandLine::Argv(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(words(&argv(&["echo", "$(A)"]), &[]).expect("words").words, ["echo", "$$(A)"]);
        assert!(words(&argv(&[]), &[]).is_err() && words(&argv(&["a\0"]), &[]).is_err());
    }

    #[test]
    fn words_with_secrets_are_wishes_for_variables() {
        let secrets = [Secret { name: "T".into(), value: "hunter2".into() }];
        let made = words(&CommandLine::Argv(vec!["x".into(), "--token=hunter2".into()]), &secrets).expect("words");
        assert_eq!(made.words, ["x", "$(SPORE_WORD_1)"]);
        assert_eq!(made.hidden, [("SPORE_WORD_1".into(), "--token=hunter2".into())]);
        let text = CommandLine::Script { language: Language::Sh, text: "echo hunter2".into() };
        assert_eq!(words(&text, &secrets).expect("words").words, ["sh", "-e", SCRIPT]);
    }
}
