//! What the commands of a shell script name.

use super::lexer::{HOLE, Token, lex};
use super::{DEPTH_MAX, Mentions, Role, Text, look};
use crate::model::Language;

/// Words before a command, after which it still comes.
const BEFORE: [&str; 29] = [
    "!", "{", "if", "then", "else", "elif", "do", "while", "until", "time", "env", "sudo", "doas", "nohup", "nice",
    "ionice", "timeout", "exec", "command", "builtin", "xargs", "setsid", "stdbuf", "chroot", "busybox", "npx", "uv",
    "poetry", "run",
];
/// Commands whose arguments are scripts.
const EVALUATING: [&str; 6] = ["eval", "trap", "watch", "parallel", "su", "xargs"];
/// Options that are followed by a file with orders.
const ORDERS: [&str; 8] = ["-f", "--file", "--config", "-c", "-r", "--require", "--import", "--makefile"];
/// Files that programs take their orders from without being told.
const IMPLICIT: [(&str, &[&str]); 9] = [
    ("make", &["GNUmakefile", "makefile", "Makefile"]),
    ("gmake", &["GNUmakefile", "makefile", "Makefile"]),
    ("just", &["justfile", "Justfile", ".justfile"]),
    ("npm", &["package.json"]),
    ("pnpm", &["package.json"]),
    ("yarn", &["package.json"]),
    ("rake", &["Rakefile"]),
    ("task", &["Taskfile.yml"]),
    ("pre-commit", &[".pre-commit-config.yaml"]),
];

/// Looks at a whole script.
pub(super) fn script(text: &str, depth: u32, mentions: &mut Mentions) {
    let lexed = lex(text);
    let (mut words, mut input, mut next): (Vec<String>, Vec<String>, Token) = (Vec::new(), Vec::new(), Token::End);
    for token in lexed.tokens {
        match token {
            Token::Word(word) => match std::mem::replace(&mut next, Token::End) {
                Token::From => input.push(word),
                Token::To => {}
                _ => words.push(word),
            },
            Token::End => {
                let fed = words.iter().any(|word| interpreter(word).is_some());
                command(&std::mem::take(&mut words), depth, mentions);
                for file in std::mem::take(&mut input) {
                    file_named(&file, if fed { Role::Run } else { Role::Named }, mentions);
                }
                next = Token::End;
            }
            redirection => next = redirection,
        }
    }
    for inner in lexed.inner {
        look(&inner, Text::Shell, depth + 1, mentions);
    }
    for here in lexed.here {
        let mut inside = Mentions::default();
        look(&here, Text::Shell, depth + 1, &mut inside);
        // Most such texts are prose: what they seem to run counts only if it is there and a script.
        for mention in inside.files {
            mentions.add(&mention.path, Role::Named, mention.beside);
        }
    }
}

/// Looks at one command: its words, with holes.
pub(super) fn command(words: &[String], depth: u32, mentions: &mut Mentions) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        if let Some((name, value)) = as_assignment(word) {
            assignment(name, value, mentions);
        } else if !(BEFORE.contains(&system_name(word)) || (at > 0 && is_option_or_number(word))) {
            break;
        }
        at += 1;
    }
    // What stands before may take scripts too: `xargs sh -c …`.
    let Some(head) = words.get(at) else { return };
    let rest = &words[at + 1..];
    let name = base(head);
    if let Some(language) = interpreter(head) {
        if head.contains('/') {
            file_named(head, Role::Run, mentions);
        }
        return interpreted(language, name, rest, depth, mentions);
    }
    match name {
        "." | "source" => {
            if let Some(file) = rest.first() {
                file_named(file, Role::Run, mentions);
            }
        }
        "export" | "declare" | "local" | "readonly" | "typeset" => {
            for (name, value) in rest.iter().filter_map(|word| as_assignment(word)) {
                assignment(name, value, mentions);
            }
            return;
        }
        "cd" | "pushd" => {
            let folder = rest.iter().find(|word| !word.starts_with('-') && !word.contains(HOLE));
            mentions.folders.extend(folder.cloned());
        }
        _ if head.contains('/') || head.contains(HOLE) || head.starts_with('~') => {
            file_named(head, Role::Run, mentions);
        }
        _ => {
            mentions.programs.insert(head.clone());
        }
    }
    let implicit = IMPLICIT.iter().find(|(program, _)| *program == name);
    for file in implicit.iter().flat_map(|(_, files)| files.iter()) {
        mentions.add(file, Role::Used, false);
    }
    if EVALUATING.contains(&name) {
        for script in rest.iter().filter(|word| word.contains(' ') || word.contains('/')) {
            look(&script.replace(HOLE, "$X"), Text::Shell, depth + 1, mentions);
        }
    }
    arguments(rest, depth, mentions);
}

/// `NAME=value` before a command, or a variable of a task.
pub(super) fn assignment(name: &str, value: &str, mentions: &mut Mentions) {
    if name.ends_with("PATH") {
        for folder in value.split(':') {
            let inside = folder.trim_start_matches(HOLE).trim_start_matches('/');
            let folder = if folder.starts_with(HOLE) { inside } else { folder };
            if !folder.is_empty() && !folder.contains(HOLE) {
                mentions.search.insert(folder.to_owned());
            }
        }
    } else {
        file_named(value, Role::Named, mentions);
    }
}

/// The arguments of a program that is not known to run any of them.
fn arguments(words: &[String], depth: u32, mentions: &mut Mentions) {
    for (at, word) in words.iter().enumerate() {
        if let Some(language) = interpreter(word) {
            return interpreted(language, base(word), &words[at + 1..], depth + 1, mentions);
        }
        let after_orders = at > 0 && ORDERS.contains(&words[at - 1].as_str());
        let value =
            if word.starts_with('-') { word.split_once('=').map(|(_, value)| value) } else { Some(word.as_str()) };
        if let Some(value) = value {
            file_named(value, if after_orders { Role::Used } else { Role::Named }, mentions);
        }
    }
}

/// The arguments of an interpreter.
fn interpreted(language: Language, name: &str, words: &[String], depth: u32, mentions: &mut Mentions) {
    let kind = Text::of(language);
    if depth > DEPTH_MAX {
        return look("", kind, depth, mentions);
    }
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let next = words.get(at + 1);
        let short = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
        at += 1;
        if !word.starts_with('-') {
            if matches!((name, word.as_str()), ("deno" | "bun", "run")) {
                continue;
            }
            file_named(word, Role::Run, mentions);
            return arguments(&words[at..], depth, mentions);
        }
        let takes_code = match kind {
            Text::Shell => short.contains('c'),
            Text::Code(Language::Python) => short.ends_with('c'),
            Text::Code(_) => short.ends_with(['e', 'E', 'p']) || word == "--eval",
        };
        let Some(next) = next else { continue };
        if takes_code {
            look(&next.replace(HOLE, "$X"), kind, depth + 1, mentions);
            return arguments(&words[at + 1..], depth, mentions);
        }
        match (kind, word.as_str()) {
            (Text::Code(Language::Python), "-m") => {
                let module = next.replace('.', "/");
                for file in [format!("{module}.py"), format!("{module}/__init__.py"), format!("{module}/__main__.py")] {
                    mentions.add(&file, Role::Used, false);
                }
                return arguments(&words[at + 1..], depth, mentions);
            }
            (Text::Code(Language::Python), "-W" | "-X") => at += 1,
            (Text::Shell, _) if short.ends_with(['o', 'O']) => at += 1,
            (_, "--rcfile" | "--init-file" | "-r" | "--require" | "--import" | "--loader") => {
                file_named(next, Role::Used, mentions);
                at += 1;
            }
            _ => {}
        }
    }
}

/// Notes a word that stands where a file may be named.
fn file_named(word: &str, role: Role, mentions: &mut Mentions) {
    if !word.contains(HOLE) && !word.starts_with('~') {
        return mentions.add(word, role, false);
    }
    // `$HERE/lib.sh` stands most likely beside the script, or in the working folder.
    let after = word.rsplit(HOLE).next().unwrap_or_default();
    match after.strip_prefix('/').filter(|rest| !rest.is_empty()) {
        Some(rest) => mentions.add(rest, if role == Role::Run { Role::Used } else { role }, true),
        None if role == Role::Named => return,
        None => {}
    }
    if role == Role::Run {
        mentions.unclear.insert(word.replace(HOLE, "…"));
    }
}

fn as_assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    (is_name && !name.starts_with(|c: char| c.is_ascii_digit())).then_some((name, value))
}

fn is_option_or_number(word: &str) -> bool {
    word.starts_with('-') || word.starts_with(|c: char| c.is_ascii_digit())
}

/// The name of a program of the system, by its full path too.
fn system_name(word: &str) -> &str {
    word.strip_prefix("/usr/bin/").or_else(|| word.strip_prefix("/bin/")).unwrap_or(word)
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// The language of an interpreter, by its program's name; a version may follow it.
fn interpreter(word: &str) -> Option<Language> {
    let name = base(word).trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match name {
        "sh" | "dash" | "ash" | "ksh" | "mksh" | "fish" => Language::Sh,
        "bash" | "rbash" => Language::Bash,
        "zsh" => Language::Zsh,
        "python" | "pypy" => Language::Python,
        "node" | "nodejs" | "deno" | "bun" | "tsx" | "ts-node" | "lua" | "php" | "Rscript" => Language::Node,
        "ruby" => Language::Ruby,
        "perl" => Language::Perl,
        _ => return None,
    })
}
