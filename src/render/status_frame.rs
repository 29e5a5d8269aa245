//! How everything stands as one picture that fills a screen: the head above, the body between, the keys below.

use super::status_text::{Line, body_lines, head_lines, short};
use super::style::{Style, Tone, clean, columns, cut};
use crate::model::{RunId, Status, Timestamp};

/// Wanted runs that can be chosen on the screen.
const WAITING_MAX: usize = 200;

/// What of the picture is for who looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaze {
    /// The run that is chosen.
    pub chosen: Option<RunId>,
    /// What stands in the last line instead of the keys: a question, or what was answered.
    pub said: Option<String>,
    /// The end of what the chosen run printed, instead of the body.
    pub log: Option<String>,
}

/// A picture of `rows` lines, each at most as wide as the screen.
#[must_use]
pub fn status_frame(
    status: &Status,
    start: &str,
    now: Timestamp,
    gaze: &Gaze,
    rows: usize,
    style: Style,
) -> Vec<String> {
    let mut lines = head_lines(status, start, now, style);
    lines.truncate(rows.saturating_sub(2));
    let room = rows.saturating_sub(lines.len() + 2);
    lines.extend(match (&gaze.log, gaze.chosen) {
        (Some(log), Some(run)) => log_lines(log, run, room, style),
        _ => shown_lines(body_lines(status, now, style, WAITING_MAX), gaze.chosen, room, style),
    });
    lines.resize(rows.saturating_sub(1), String::new());
    lines.push(last_line(status, gaze, style));
    lines.truncate(rows);
    lines
}

/// The runs that can be chosen, in the order in which they stand.
#[must_use]
pub fn choices(status: &Status) -> Vec<RunId> {
    let running = status.running.iter().map(|one| one.run);
    let pending = status.pending.iter().take(WAITING_MAX).map(|one| one.run);
    running.chain(pending).chain(status.queued.iter().take(WAITING_MAX).map(|one| one.run)).collect()
}

/// As many lines as there is room for, with the chosen one among them.
fn shown_lines(lines: Vec<Line>, chosen: Option<RunId>, room: usize, style: Style) -> Vec<String> {
    let place = lines.iter().position(|line| line.run.is_some() && line.run == chosen);
    let total = lines.len();
    // What lies above is passed over only as far as the chosen line needs it, with two more below it.
    let from = place.map_or(0, |place| (place + 3).saturating_sub(room)).min(total.saturating_sub(room));
    let mark = style.paint(Tone::Busy, style.pick("❯", "="));
    let mut shown: Vec<String> = lines
        .into_iter()
        .enumerate()
        .skip(from)
        .take(room)
        .map(|(at, line)| match line.text.strip_prefix(' ') {
            Some(rest) if Some(at) == place => format!("{mark}{rest}"),
            _ => line.text,
        })
        .collect();
    let below = total.saturating_sub(from + room);
    if let Some(last) = shown.last_mut().filter(|_| below > 0) {
        *last = style.paint(Tone::Dim, &format!("    {} {} more lines", style.pick("↓", "v"), below + 1));
    }
    shown
}

fn log_lines(log: &str, run: RunId, room: usize, style: Style) -> Vec<String> {
    let title = format!("{} {}", style.paint(Tone::Strong, "log of"), style.paint(Tone::Strong, &short(run)));
    let mut lines = vec![String::new(), title];
    let printed: Vec<&str> = log.lines().collect();
    let from = printed.len().saturating_sub(room.saturating_sub(lines.len()));
    let width = style.width.saturating_sub(2);
    lines.extend(printed[from..].iter().map(|line| format!("  {}", cut(&clean(line), width, style))));
    if printed.is_empty() {
        lines.push(style.paint(Tone::Dim, "  it has printed nothing yet"));
    }
    lines.truncate(room);
    lines
}

fn last_line(status: &Status, gaze: &Gaze, style: Style) -> String {
    if let Some(said) = &gaze.said {
        let said = clean(said);
        return style.paint(Tone::Warn, &cut(&said, style.width.saturating_sub(1), style));
    }
    let pause = if status.paused.is_some() { "go on" } else { "pause" };
    let keys = if gaze.log.is_some() {
        vec![("l", "back"), ("c", "cancel"), ("q", "leave")]
    } else if choices(status).is_empty() {
        vec![("p", pause), ("q", "leave")]
    } else {
        vec![(style.pick("↑↓", "j/k"), "choose"), ("c", "cancel"), ("l", "log"), ("p", pause), ("q", "leave")]
    };
    let plain = keys.iter().map(|(key, what)| format!("{key} {what}")).collect::<Vec<_>>().join("   ");
    if columns(&plain) >= style.width {
        return cut(&plain, style.width.saturating_sub(1), style).into_owned();
    }
    let painted =
        keys.iter().map(|(key, what)| format!("{} {}", style.paint(Tone::Busy, key), style.paint(Tone::Dim, what)));
    painted.collect::<Vec<_>>().join("   ")
}
