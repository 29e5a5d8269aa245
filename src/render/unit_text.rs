//! The files by which a system starts a watcher by itself: a unit of systemd, an agent of launchd.

use std::fmt::Write as _;

use super::report::{UnitReport, UnitState};
use super::style::{Style, Tone, clean};

/// What is to be started, and how it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started<'a> {
    /// The name of the unit, or the label of the agent.
    pub name: &'a str,
    /// The folder to watch.
    pub folder: &'a str,
    /// The program, and its arguments.
    pub words: &'a [String],
    /// `PATH`, as commands are to see it.
    pub path: &'a str,
    /// Where its output goes, where the system has no journal of its own.
    pub log: &'a str,
}

/// The first line of a file that Spore wrote, and may write anew or remove.
pub const SYSTEMD_MARK: &str = "# Written by `spore service install`, which also brings it up to date.";
/// The same, of a property list.
pub const LAUNCHD_MARK: &str = "<!-- Written by `spore service install`, which also brings it up to date. -->";

/// A unit of systemd's user manager. Only the watcher is ended with it: commands go on, and the next one takes them up.
#[must_use]
pub fn systemd_unit(started: &Started<'_>) -> String {
    let mut words = started.words.iter();
    let program = words.next().map(|program| systemd_word(program, false)).unwrap_or_default();
    let words: Vec<String> = words.map(|word| systemd_word(word, true)).collect();
    let words = words.join(" ");
    let mut text = format!("{SYSTEMD_MARK}\n[Unit]\nDescription=Spore watches {}\n\n", percent(started.folder));
    let _ = writeln!(text, "[Service]\nType=exec\nExecStart={program} {words}\nExecReload=/bin/kill -HUP $MAINPID");
    // Its commands are no part of it: they outlive it.
    text.push_str("KillMode=process\nTimeoutStopSec=30\nRestart=on-failure\nRestartSec=5\n");
    // What is wrong with the command line, or not decided, is so the next time too.
    text.push_str("RestartPreventExitStatus=2 5\n");
    let _ = writeln!(text, "Environment={}", systemd_word(&format!("PATH={}", started.path), false));
    text.push_str("\n[Install]\nWantedBy=default.target\n");
    text
}

/// An agent of launchd.
#[must_use]
pub fn launchd_agent(started: &Started<'_>) -> String {
    let words: Vec<String> = started.words.iter().map(|word| format!("    <string>{}</string>", xml(word))).collect();
    let words = words.join(
        "
",
    );
    let (name, path, log) = (xml(started.name), xml(started.path), xml(started.log));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
{LAUNCHD_MARK}
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key><string>{name}</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key><string>{path}</string>
  </dict>
  <key>RunAtLoad</key><true/>
  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key><true/>
  <key>ProcessType</key><string>Background</string>
  <key>StandardOutPath</key><string>{log}</string>
  <key>StandardErrorPath</key><string>{log}</string>
</dict>
</plist>
"#
    )
}

/// What became of it, and what is left to type.
#[must_use]
pub fn unit_text(report: &UnitReport, style: Style) -> String {
    let (tone, mark, said) = match report.state {
        UnitState::Installed => (Tone::Good, style.pick("✓", "+"), "is installed"),
        UnitState::Renewed => (Tone::Good, style.pick("✓", "+"), "is brought up to date"),
        UnitState::Unchanged => (Tone::Good, style.pick("✓", "+"), "is installed and up to date"),
        UnitState::Outdated => (Tone::Warn, "!", "is installed and not up to date"),
        UnitState::Removed => (Tone::Good, style.pick("✓", "+"), "is taken out"),
        UnitState::Absent => (Tone::Dim, style.pick("·", "."), "is not installed"),
    };
    let mut text = format!("{} {} {said}\n", style.paint(tone, mark), style.paint(Tone::Strong, &clean(&report.name)));
    let _ = writeln!(text, "  {}", style.paint(Tone::Dim, &clean(&report.file)));
    if report.state == UnitState::Outdated {
        let _ = writeln!(text, "  to bring it up to date: `spore service install`");
    }
    if !report.to_type.is_empty() {
        text.push_str("  the system could not be told from here; to do it:\n\n");
        for command in &report.to_type {
            let _ = writeln!(text, "  {}", clean(command));
        }
    }
    text
}

/// One word as `systemd.syntax(7)` and `systemd.service(5)` read it. In arguments, a dollar would begin a variable.
fn systemd_word(text: &str, is_argument: bool) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            '%' => word.push_str("%%"),
            '$' if is_argument => word.push_str("$$"),
            c => word.push(c),
        }
    }
    word + "\""
}

fn percent(text: &str) -> String {
    text.replace('%', "%%")
}

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_stay_what_they_are() {
        assert_eq!(systemd_word(r#"/a b/50%/"x"\$HOME"#, true), r#""/a b/50%%/\"x\"\\$$HOME""#);
        assert_eq!(systemd_word("/$x", false), "\"/$x\"");
        assert_eq!(xml("a<b>&c"), "a&lt;b&gt;&amp;c");
    }
}
