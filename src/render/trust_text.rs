//! What a spore would do if it were allowed to, for people. All of it is shown to the letter and nothing of it is obeyed:
//! whatever a terminal would hide or act on shows as an escape.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::report::{ChangeReport, CommandReport, TrustListReport, TrustReport, TrustState};
use super::style::{Style, Tone, count, turns_reading};
use super::table::{Cell, plain, table, toned};

/// Lines of one text; a longer one is for an editor.
const LINES_MAX: usize = 400;
/// Approvals that are told one by one.
const TOLD_MAX: usize = 200;

/// Everything that a person should see before saying yes.
#[must_use]
pub fn trust_text(report: &TrustReport, style: Style) -> String {
    let mut text =
        format!("{}{}{}\n", style.paint(Tone::Strong, &visible(&report.path)), style.dot(), state(report, style));
    facts(report, style, &mut text);
    for change in &report.changes {
        changed(change, style, &mut text);
    }
    if report.state != TrustState::Approved {
        for command in &report.commands {
            let language = command.language.as_deref().map_or_else(|| "a program".to_owned(), str::to_owned);
            let head = format!("{}{dot}{}{dot}{language}", command.task, visible(&command.executor), dot = style.dot());
            let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, &head));
            match &command.command {
                CommandReport::Script(script) => lines(script, style, &mut text),
                CommandReport::Argv(words) => {
                    lines(
                        &words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(" "),
                        style,
                        &mut text,
                    );
                }
            }
        }
        for script in &report.scripts {
            let head = format!("{}{}{}", visible(&script.path), style.dot(), visible(&script.what));
            let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, &head));
            if let Some(script) = &script.text {
                lines(script, style, &mut text);
            }
        }
    }
    text
}

fn state(report: &TrustReport, style: Style) -> String {
    let at = report.approved.map(|at| format!(" {at}")).unwrap_or_default();
    match report.state {
        TrustState::Approved => style.paint(Tone::Good, "approved") + &at,
        TrustState::Changed => style.paint(Tone::Warn, "changed") + " since it was approved" + &at,
        TrustState::New => style.paint(Tone::Warn, "not approved"),
        TrustState::Refused => style.paint(Tone::Bad, "cannot be approved"),
    }
}

/// What it needs, each kind on a line of its own.
fn facts(report: &TrustReport, style: Style, text: &mut String) {
    let mut fact = |name: &str, tone: Tone, what: &[String]| {
        if !what.is_empty() {
            let what: Vec<Cow<'_, str>> = what.iter().map(|what| visible(what)).collect();
            let _ = writeln!(
                text,
                "  {} {}",
                style.paint(Tone::Dim, &format!("{name:<9}")),
                style.paint(tone, &what.join(", "))
            );
        }
    };
    fact("digest", Tone::Dim, &[report.digest.to_string()]);
    fact("refused", Tone::Bad, report.refused.as_slice());
    fact("runs on", Tone::Busy, &report.executors);
    fact("images", Tone::Busy, &report.images);
    fact("agents", Tone::Busy, &report.agents);
    let secrets = report.secrets.iter().map(|secret| match &secret.file {
        Some(file) => format!("{} (from the file {file})", secret.name),
        None => secret.name.clone(),
    });
    fact("secrets", Tone::Warn, &secrets.collect::<Vec<_>>());
    fact("makes", Tone::Dim, &report.made);
    fact("unclear", Tone::Warn, &report.unclear);
    fact("note", Tone::Warn, &report.warnings);
    if !report.counts {
        let runs = if report.runs {
            "it runs by itself; nobody is asked in this folder"
        } else {
            "an approval is not enough in this folder"
        };
        fact("trust", if report.runs { Tone::Good } else { Tone::Bad }, &[runs.to_owned()]);
    }
    if report.state == TrustState::Approved || !report.counts {
        fact("waits", Tone::Bad, report.because.as_slice());
        fact("to do", Tone::Busy, report.hint.as_slice());
    }
}

fn changed(change: &ChangeReport, style: Style, text: &mut String) {
    let head = format!("what has changed in {}", visible(&change.path));
    let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, &head));
    for line in change.difference.lines().take(LINES_MAX) {
        let tone = match line.chars().next() {
            Some('+') => Some(Tone::Good),
            Some('-') => Some(Tone::Bad),
            Some('@') => Some(Tone::Dim),
            _ => None,
        };
        let line = visible(line);
        let _ = writeln!(text, "  {}", tone.map_or_else(|| line.to_string(), |tone| style.paint(tone, &line)));
    }
    left_out(change.difference.lines().count(), style, text);
}

fn lines(shown: &str, style: Style, text: &mut String) {
    let bar = style.paint(Tone::Dim, style.pick("│", "|"));
    // `str::lines` takes a carriage return off the end, and it is not to be hidden.
    let all: Vec<&str> = shown.strip_suffix('\n').unwrap_or(shown).split('\n').collect();
    for line in all.iter().take(LINES_MAX) {
        let _ = writeln!(text, "  {bar} {}", visible(line));
    }
    left_out(all.len(), style, text);
}

fn left_out(lines: usize, style: Style, text: &mut String) {
    if lines > LINES_MAX {
        let more = format!("… {} more, which count all the same: read the file", count(lines - LINES_MAX, "line"));
        let _ = writeln!(text, "  {}", style.paint(Tone::Warn, &more));
    }
}

/// `text` with every character that does not show as itself written as an escape.
fn visible(text: &str) -> Cow<'_, str> {
    let hides = |c: char| {
        (c.is_control() && c != '\t')
            || turns_reading(c)
            || matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2028}' | '\u{2029}')
            || matches!(c, '\u{2060}'..='\u{2064}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
            || matches!(c, '\u{fe00}'..='\u{fe0e}' | '\u{e0000}'..='\u{e0fff}')
    };
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            c if hides(c) && u32::from(c) < 0x100 => {
                let _ = write!(shown, "\\x{:02x}", u32::from(c));
            }
            c if hides(c) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
            }
            c => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// What is decided about a folder, and what is approved in it.
#[must_use]
pub fn trust_list_text(report: &TrustListReport, style: Style) -> String {
    let mut text = format!("{}\n", style.paint(Tone::Strong, &visible(&report.folder)));
    let mode = match (report.mode.as_deref(), report.decided) {
        (Some(mode), Some(at)) => format!("{mode}, decided {at}"),
        _ => "nobody has decided, which is as approve".to_owned(),
    };
    let _ = writeln!(text, "  mode      {mode}");
    let asks = match (report.asks.iter().any(|ask| ask == "signed"), report.asks.iter().any(|ask| ask == "approve")) {
        (false, false) => "nothing: all that lies in the folder runs",
        (true, false) => "the signature of an allowed signer",
        (false, true) => "the approval of a person",
        (true, true) => "the signature of an allowed signer, and the approval of a person",
    };
    let _ = writeln!(text, "  needs     {asks}");
    if let Some(signers) = &report.signers {
        let _ = writeln!(text, "  signers   {} (as it was then)", visible(signers));
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "  {}      {}", style.paint(Tone::Warn, "note"), visible(warning));
    }
    for digest in &report.revoked {
        let _ = writeln!(text, "  {}   {digest}", style.paint(Tone::Warn, "revoked"));
    }
    let approvals = report.approvals.iter().take(TOLD_MAX);
    let rows: Vec<Vec<Cell>> = approvals
        .map(|approval| {
            let digest = approval.digest.short(12);
            vec![
                plain(visible(&approval.path)),
                toned(Tone::Dim, digest),
                toned(Tone::Dim, approval.approved.to_string()),
            ]
        })
        .collect();
    let _ = writeln!(text, "\n{}", count(report.approvals.len(), "approval"));
    text.push_str(&table(&rows, 0, style));
    if report.approvals.len() > TOLD_MAX {
        let _ = writeln!(text, "and {} more", report.approvals.len() - TOLD_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_and_nothing_is_obeyed() {
        assert_eq!(
            visible("a\u{1b}[2Jb\rc\u{202e}d\u{200b}\u{7}\u{9b}1A\te"),
            "a\\x1b[2Jb\\rc\\u{202e}d\\u{200b}\\x07\\x9b1A\te"
        );
        assert!(matches!(visible("plain żółw"), Cow::Borrowed(_)));
    }
}
