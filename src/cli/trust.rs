//! `spore trust`: looking at what spores would do, approving it, and deciding what may run in a folder.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::args::{Format, Trust};
use super::exit::Exit;
use super::failure::Failure;
use super::screen::{self, Screen};
use crate::engine::{self, Review, World};
use crate::render;
use crate::render::report::TrustListReport;
use crate::trust::{Mode, Settings};

/// Does what the options say.
pub(super) fn trust(asked: &Trust, screen: &Screen) -> Result<Exit, Failure> {
    let mut settings = Settings::load().map_err(engine::Error::from)?;
    let format = asked.output.format;
    if let Some(mode) = asked.mode {
        let [dir] = asked.paths.as_slice() else { return decide_here(&mut settings, mode.into(), asked, screen) };
        return decide(&mut settings, dir, mode.into(), asked, screen);
    }
    if !asked.revoke.is_empty() {
        let mut last = None;
        let mut revoked = Vec::new();
        for wanted in &asked.revoke {
            let report = engine::revoke(&settings, wanted)?;
            revoked.extend(report.revoked.iter().copied());
            last = Some(report);
        }
        return match last {
            Some(report) => tell(&TrustListReport { revoked, ..report }, format, screen),
            None => Ok(Exit::Success),
        };
    }
    if asked.list || asked.paths.is_empty() {
        let dir = asked.paths.first().map_or(Path::new("."), PathBuf::as_path);
        return tell(&engine::list_trust(&settings, dir)?, format, screen);
    }
    look(&settings, asked, screen)
}

fn decide_here(settings: &mut Settings, mode: Mode, asked: &Trust, screen: &Screen) -> Result<Exit, Failure> {
    if !asked.paths.is_empty() {
        return Err(Failure::Usage {
            message: "`--mode` decides about one folder at a time".into(),
            hint: format!("`spore trust --mode {} DIR`", mode.word()),
        });
    }
    decide(settings, Path::new("."), mode, asked, screen)
}

fn decide(settings: &mut Settings, dir: &Path, mode: Mode, asked: &Trust, screen: &Screen) -> Result<Exit, Failure> {
    if !dir.is_dir() {
        return Err(Failure::Usage {
            message: format!("`{}` is no folder", dir.display()),
            hint: format!("`spore trust --mode {} DIR`", mode.word()),
        });
    }
    let report = engine::decide(settings, dir, mode, asked.signers.as_deref(), World::here().now())?;
    tell(&report, asked.output.format, screen)
}

fn tell(report: &TrustListReport, format: Format, screen: &Screen) -> Result<Exit, Failure> {
    screen::print(&match format {
        Format::Json => render::json(report),
        Format::Text => render::trust_list_text(report, screen.out),
    })?;
    Ok(Exit::Success)
}

/// Shows files, and approves those that somebody says yes to. What is approved is what was shown.
fn look(settings: &Settings, asked: &Trust, screen: &Screen) -> Result<Exit, Failure> {
    let format = asked.output.format;
    let reviews = asked.paths.iter().map(|path| engine::review(settings, path));
    let mut reviews = reviews.collect::<Result<Vec<Review>, _>>()?;
    let can_ask = io::stdin().is_terminal() && screen.err_is_terminal && format == Format::Text;
    let (mut is_open, mut wants_more) = (false, false);
    for (at, review) in reviews.iter_mut().enumerate() {
        if format == Format::Text {
            let space = if at == 0 { "" } else { "\n" };
            screen::print(&format!("{space}{}", render::trust_text(&review.report, screen.out)))?;
        }
        if review.asks() && (asked.yes || (can_ask && ask("\nApprove? [y/N] ")?.is_yes())) {
            engine::approve(settings, std::slice::from_mut(review), World::here().now())?;
            if format == Format::Text {
                screen::print("\napproved\n")?;
            }
        }
        wants_more |= review.asks();
        is_open |= !review.report.runs;
    }
    if format == Format::Json {
        screen::print(&render::json(&reviews.iter().map(|review| &review.report).collect::<Vec<_>>()))?;
    } else if wants_more && !can_ask {
        let hint = "when you have read it: the same again with `--yes`";
        screen::complain(&render::error_text("nobody is here to approve it", Some(hint), screen.err));
    }
    Ok(if is_open { Exit::Refused } else { Exit::Success })
}

/// What a person typed.
struct Typed(String);

impl Typed {
    fn is_yes(&self) -> bool {
        matches!(self.0.to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

fn ask(question: &str) -> io::Result<Typed> {
    let mut err = io::stderr().lock();
    err.write_all(question.as_bytes())?;
    err.flush()?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(Typed(line.trim().to_owned()))
}

/// Asks what may run in the folder `root`, which is to be watched, where somebody is there to be asked. `None` when nobody
/// is, or nothing was chosen. `signed` is not among the answers: it needs a file to be named, and so a command line.
///
/// # Errors
/// When the terminal cannot be read.
pub fn ask_mode(root: &Path) -> io::Result<Option<Mode>> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(None);
    }
    let question = format!(
        "Nobody has decided what may run in {root}.\n  \
         a  approve: you approve each spore, and again when it changes\n  \
         o  open: everything that lies in the folder runs\n\
         (For signed commits, end this and type `spore trust --mode signed --signers FILE {root}`.)\n\
         Which? [a/o/N] ",
        root = crate::os::shell_word(&root.display().to_string())
    );
    Ok(match ask(&question)?.0.to_ascii_lowercase().as_str() {
        "a" | "approve" => Some(Mode::Approve),
        "o" | "open" => Some(Mode::Open),
        _ => None,
    })
}
