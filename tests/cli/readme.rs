//! README.md is told word for word: its spores are checked, its commands run, its tables compared, its links followed.

use std::path::Path;
use std::process::Stdio;

use spore::cli::exit::Exit;
use spore::model::{Limits, format_duration, parse_duration};

use super::folder::Folder;

const README: &str = include_str!("../../README.md");

/// A fenced block, with the line that introduces it.
struct Block {
    line: usize,
    language: String,
    title: String,
    body: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<(String, Block)> = None;
    let mut said = "";
    for (at, line) in README.lines().enumerate() {
        match &mut open {
            Some((fence, _)) if line == fence => blocks.extend(open.take().map(|(_, block)| block)),
            Some((_, block)) => {
                block.body.push_str(line);
                block.body.push('\n');
            }
            None if line.starts_with("```") => {
                let language = line.trim_start_matches('`');
                let fence = line[..line.len() - language.len()].to_owned();
                let block = Block { line: at + 1, language: language.into(), title: said.into(), body: String::new() };
                open = Some((fence, block));
                said = "";
            }
            None if !line.trim().is_empty() => said = line,
            None => {}
        }
    }
    assert!(open.is_none(), "README.md has a block that never ends");
    blocks
}

/// A folder as a clone of the project looks to who tries its examples.
fn clone() -> Folder {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new();
    for name in ["spore.toml", "spores/compile.md", "schemas/spore.schema.json"] {
        folder.write(name, std::fs::read(root.join(name)).expect("a file of the project"));
    }
    folder
}

/// The commands of a console block, each with what it is said to print.
fn commands(body: &str) -> Vec<(&str, String)> {
    let mut commands: Vec<(&str, String)> = Vec::new();
    for line in body.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command, String::new()));
        } else if let Some((_, said)) = commands.last_mut() {
            said.push_str(line);
            said.push('\n');
        }
    }
    commands
}

/// The text with everything that differs from run to run under one name. Lines are sorted, because tasks that run at the
/// same time end in any order.
fn without_chance(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(line_without_chance).collect();
    lines.sort();
    lines
}

fn line_without_chance(line: &str) -> String {
    let is_run = |part: &str| part.len() == 26 && part.starts_with("01");
    let word = |word: &str| {
        if word.starts_with(|c: char| c.is_ascii_digit()) && parse_duration(word).is_ok() {
            return "TIME".to_owned();
        }
        let parts = word.split_inclusive(|c: char| !c.is_alphanumeric()).map(|part| {
            let name = part.trim_end_matches(|c: char| !c.is_alphanumeric());
            if is_run(name) { part.replace(name, "RUN") } else { part.to_owned() }
        });
        let word: String = parts.collect();
        match word.strip_prefix("results/").and_then(|rest| rest.splitn(3, '/').nth(2)) {
            Some(name) => format!("results/YYYY/MM/{name}"),
            None => word,
        }
    };
    let words: Vec<String> = line.split(' ').map(word).collect();
    let line = words.join(" ");
    match line.strip_suffix(" at a time").and_then(|line| line.rsplit_once(' ')) {
        Some((line, _)) => format!("{line} N at a time"),
        None => line,
    }
}

#[test]
fn its_spores_are_right_and_its_commands_print_what_it_says() {
    let folder = clone();
    let bin = Path::new(env!("CARGO_BIN_EXE_spore")).parent().expect("a folder").to_path_buf();
    let path = std::env::join_paths(
        std::iter::once(bin).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let path = path.expect("a search path");
    let settings = tempfile::tempdir().expect("a folder");
    let (mut spores, mut ran) = (0, 0);
    for block in blocks() {
        let name = block.title.strip_prefix("**`").and_then(|title| title.split_once("`**"));
        if let Some((name, remark)) = name {
            folder.write(name, &block.body);
            folder.spore(&["check", name]).exits(if remark.contains("mistakes") { 3 } else { 0 });
            spores += 1;
        } else if block.language == "console" {
            for (command, said) in commands(&block.body) {
                let mut shell = std::process::Command::new("sh");
                shell.args(["-c", &format!("{{ {command}; }} 2>&1")]).current_dir(folder.root());
                shell.env("PATH", &path).env("LC_ALL", "C.UTF-8").env("HOME", folder.root()).stdin(Stdio::null());
                shell.env("XDG_CONFIG_HOME", settings.path());
                let output = shell.output().expect("a shell starts");
                let printed = String::from_utf8_lossy(&output.stdout);
                let line = block.line;
                assert_eq!(
                    without_chance(&printed),
                    without_chance(&said),
                    "README.md:{line}: `{command}` prints:\n{printed}"
                );
                ran += 1;
            }
        }
    }
    assert!(spores >= 5 && ran >= 9, "{spores} spores and {ran} commands");
}

#[test]
fn its_first_commands_are_two_that_work() {
    let setup = blocks().into_iter().find(|block| block.language == "sh").expect("a block of commands");
    let lines: Vec<&str> = setup.body.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let run = lines[0].strip_prefix("cargo run --release -- ").expect("the first runs an example");
    assert_eq!(lines[1], "cargo test");
    let words: Vec<&str> = run.split(' ').collect();
    clone().spore(&words).exits(0).says("succeeded");
}

#[test]
fn what_comes_after_installing_works() {
    let block = blocks().into_iter().find(|block| block.body.contains("cargo install")).expect("how to install");
    let folder = Folder::new();
    let command = block.body.lines().nth(1).expect("a second command");
    let command = command.replace("spore ", &format!("{} ", env!("CARGO_BIN_EXE_spore")));
    let mut shell = std::process::Command::new("sh");
    shell.args(["-ec", &command]).current_dir(folder.root()).env("HOME", folder.root());
    for (name, value) in [("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CEILING_DIRECTORIES", "/")] {
        shell.env(name, value);
    }
    let output = shell.output().expect("a shell starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("hello succeeded"));
}

/// The rows of the table below a heading, cell by cell, without its head.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let (_, section) = README.split_once(&format!("\n## {heading}\n")).expect("the section is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    lines
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
        .collect()
}

#[test]
fn its_exit_codes_are_the_programs() {
    let told: Vec<(String, String)> =
        rows("Exit codes").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let real: Vec<(String, String)> =
        Exit::TABLE.iter().map(|(_, code, meaning)| (code.to_string(), (*meaning).to_owned())).collect();
    assert_eq!(told, real);
}

fn bytes(count: u64) -> String {
    match count {
        _ if count.is_multiple_of(1 << 20) => format!("{} MiB", count >> 20),
        _ => format!("{count} bytes"),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn its_limits_are_the_programs() {
    // Taken apart by name, so that a new limit does not compile before it is told.
    let Limits {
        spore_bytes_max,
        tasks_max,
        needs_max,
        nesting_max,
        id_bytes_max,
        diagnostics_max,
        log_head_bytes_max,
        log_tail_bytes_max,
        output_bytes_max,
        artifacts_max,
        attempts_max,
        jobs_max,
        grace,
        template_fuel,
    } = Limits::DEFAULT;
    let size = |size: usize| u64::try_from(size).expect("a number");
    let real = [
        ("spore_bytes_max", bytes(size(spore_bytes_max))),
        ("tasks_max", grouped(size(tasks_max))),
        ("needs_max", grouped(size(needs_max))),
        ("nesting_max", grouped(size(nesting_max))),
        ("id_bytes_max", bytes(size(id_bytes_max))),
        ("diagnostics_max", grouped(size(diagnostics_max))),
        ("log_head_bytes_max", bytes(log_head_bytes_max)),
        ("log_tail_bytes_max", bytes(log_tail_bytes_max)),
        ("output_bytes_max", bytes(output_bytes_max)),
        ("artifacts_max", grouped(size(artifacts_max))),
        ("attempts_max", grouped(u64::from(attempts_max))),
        ("jobs_max", grouped(u64::from(jobs_max))),
        ("grace", format_duration(grace)),
        ("template_fuel", grouped(template_fuel)),
    ];
    let real = real.map(|(name, value)| (name.to_owned(), value));
    let told: Vec<(String, String)> = rows("Limits")
        .into_iter()
        .map(|row| (row[0].trim_end_matches(" *").trim_matches('`').to_owned(), row[1].clone()))
        .collect();
    assert_eq!(told, real);
}

#[test]
fn its_settings_are_understood_and_none_is_forgotten() {
    let rows = rows("Settings");
    for row in &rows {
        let [name, section, value, _] = &row[..] else { panic!("a row of another shape: {row:?}") };
        let settings = format!("{section}\n{name} = {value}\n");
        let folder = Folder::new().file("spore.toml", &settings).file("a.md", "# A\n");
        folder.spore(&["check"]).exits(0);
    }
    // `spore init` writes all of them; that it does is tested beside them.
    let written = include_str!("../../src/repo/init/spore.toml");
    let (written, _) = written.split_once("# [limits]").expect("the limits come last");
    for (name, _) in written.lines().filter_map(|line| line.trim_start_matches("# ").split_once(" = ")) {
        let is_of_author = ["name", "email"].contains(&name);
        assert!(is_of_author || rows.iter().any(|row| row[0] == name), "README.md does not tell of `{name}`");
    }
}

#[test]
fn its_starred_limits_are_settings() {
    for row in rows("Limits") {
        let name = row[0].trim_end_matches(" *").trim_matches('`');
        let value = if name == "grace" { "\"5s\"" } else { "50" };
        let settings = format!("[limits]\n{name} = {value}\n");
        let folder = Folder::new().file("spore.toml", &settings).file("a.md", "# A\n");
        let exit = if row[0].ends_with('*') { 0 } else { 3 };
        assert_eq!(folder.spore(&["check", "a.md"]).code, exit, "{name}");
    }
}

#[test]
fn it_names_every_command() {
    let help = Folder::new().spore(&["--help"]).exits(0).out;
    let commands = help.split_once("Commands:\n").and_then(|(_, rest)| rest.split_once("\n\n")).expect("commands").0;
    let real: Vec<String> = commands
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .map(|name| format!("spore {name}"))
        .collect();
    let told: Vec<String> = rows("Commands").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(told, real);
}

#[test]
fn its_links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    let headings: Vec<String> = README
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect();
    let mut followed = 0;
    for link in README.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
        if let Some(wanted) = link.strip_prefix('#') {
            assert!(headings.iter().any(|heading| heading == wanted), "no heading for {link}: {headings:?}");
        } else if !link.starts_with("https://") {
            assert!(root.join(link).exists(), "{link} is not there");
        }
        followed += 1;
    }
    assert!(followed >= 8, "{followed} links");
}

#[test]
fn its_formula_for_retries_is_the_programs() {
    let folder = Folder::new().file(
        "w.yaml",
        "spore: w\nkind: workflow\ntasks: {a: {run: exit 1, retry: {limit: 2, backoff: 20ms, factor: 3, max: 40ms}}}\n",
    );
    let id = folder.run("w.yaml", &[]).exits(100).id();
    let journal = folder.read(&format!(".spore/runs/{id}/journal.jsonl"));
    let facts: Vec<serde_json::Value> =
        journal.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let milliseconds = |fact: &serde_json::Value| {
        let at: &str = fact["at"].as_str().expect("a time");
        let (_, seconds) = at.trim_end_matches('Z').rsplit_once(':').expect("seconds");
        (seconds.parse::<f64>().expect("a number") * 1_000.0).round()
    };
    let started: Vec<f64> = facts.iter().filter(|fact| fact["event"] == "attempt_intended").map(milliseconds).collect();
    let ended: Vec<f64> = facts.iter().filter(|fact| fact["event"] == "attempt_ended").map(milliseconds).collect();
    assert_eq!((started.len(), ended.len()), (3, 3));
    for (n, least) in [20.0, 40.0].into_iter().enumerate() {
        let waited = (started[n + 1] - ended[n] + 60_000.0) % 60_000.0;
        assert!(waited >= least - 1.0, "before attempt {}: {waited} ms, at least {least}", n + 2);
    }
}
