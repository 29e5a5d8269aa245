//! `spore status --follow` on a terminal: one picture that fills the screen and is always as things are.
//!
//! A picture is drawn when something has changed, in one write and over the one before, so that nothing flickers. Whatever
//! ends it (a key, a signal, a panic), the screen is given back as it was.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::exit::Exit;
use super::failure::Failure;
use super::hand::{Hand, Wish};
use super::screen::Screen;
use super::status;
use crate::engine::{self, Following, Found, World};
use crate::model::{RunId, Status};
use crate::os::terminal::{self, Keys};
use crate::render::{self, Style};

/// From one picture to the next when nothing has changed but the time.
const TICK: Duration = Duration::from_secs(1);
/// The same, while a log is shown.
const LOG_TICK: Duration = Duration::from_millis(250);
/// Rows of a screen that does not say how many it has.
const ROWS: usize = 24;

/// To the other screen, without a cursor; and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// Around a picture: terminals that know it show all of it at once.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[H";
const END: &str = "\u{1b}[J\u{1b}[?2026l";

/// What happens while somebody looks.
enum Happened {
    Status(Box<Status>),
    Failed(engine::Error),
    Keys(Vec<u8>),
    /// What was asked for is done, or not.
    Answered(String),
    Resized,
    /// A signal, or the end of the terminal.
    Leave,
}

/// Shows the folder until somebody leaves.
pub(super) fn show(dir: &Path, screen: &Screen) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let mut following = Following::new(dir)?;
    let first = following.wait()?;
    let held = Held::take()?;
    let came = runtime.block_on(async {
        let (sender, happened) = unbounded_channel();
        listen(&sender).map_err(Failure::Runtime)?;
        spawn_follower(following, sender.clone())?;
        spawn_keys(sender.clone())?;
        let picture =
            Picture { dir: dir.to_path_buf(), style: screen.out, hand: Hand::new(first), drawn: String::new() };
        picture.go_on(happened, &sender).await
    });
    runtime.shutdown_background();
    drop(held);
    came
}

/// The screen and the keys, as long as they are ours.
struct Held(#[expect(dead_code, reason = "it gives the keys back")] Keys);

impl Held {
    fn take() -> Result<Self, Failure> {
        let keys = Keys::take()?;
        // What a panic says must not go with the other screen.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            put(LEAVE);
            before(panic);
        }));
        put(ENTER);
        Ok(Self(keys))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        put(LEAVE);
    }
}

fn put(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that is gone shows nothing anyway.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn listen(sender: &UnboundedSender<Happened>) -> io::Result<()> {
    let leave = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let kinds = leave.into_iter().map(|kind| (kind, true)).chain([(SignalKind::window_change(), false)]);
    for (kind, ends) in kinds {
        let mut caught = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while caught.recv().await.is_some() {
                let _ = sender.send(if ends { Happened::Leave } else { Happened::Resized });
            }
        });
    }
    Ok(())
}

fn spawn_follower(mut following: Following, sender: UnboundedSender<Happened>) -> Result<(), Failure> {
    let follow = move || {
        loop {
            let (happened, goes_on) = match following.wait() {
                Ok(status) => (Happened::Status(Box::new(status)), true),
                Err(error) => (Happened::Failed(error), false),
            };
            if sender.send(happened).is_err() || !goes_on {
                return;
            }
        }
    };
    std::thread::Builder::new().name("follower".into()).spawn(follow).map(drop).map_err(Failure::Runtime)
}

fn spawn_keys(sender: UnboundedSender<Happened>) -> Result<(), Failure> {
    let read = move || {
        while let Ok(Some(keys)) = Keys::read() {
            if sender.send(Happened::Keys(keys)).is_err() {
                return;
            }
        }
        let _ = sender.send(Happened::Leave);
    };
    std::thread::Builder::new().name("keys".into()).spawn(read).map(drop).map_err(Failure::Runtime)
}

struct Picture {
    dir: PathBuf,
    style: Style,
    hand: Hand,
    /// What stands on the screen.
    drawn: String,
}

impl Picture {
    async fn go_on(
        mut self,
        mut happened: UnboundedReceiver<Happened>,
        sender: &UnboundedSender<Happened>,
    ) -> Result<Exit, Failure> {
        loop {
            self.read_log();
            self.draw();
            let tick = if self.hand.gaze.log.is_some() { LOG_TICK } else { TICK };
            let one = match tokio::time::timeout(tick, happened.recv()).await {
                Ok(Some(one)) => one,
                Ok(None) => return Ok(Exit::Success),
                Err(_) => {
                    self.hand.wait();
                    continue;
                }
            };
            let wish = match one {
                Happened::Status(status) => {
                    self.hand.look(*status);
                    None
                }
                Happened::Failed(error) => return Err(error.into()),
                Happened::Answered(said) => {
                    self.hand.hear(said);
                    None
                }
                Happened::Keys(keys) => self.hand.press(&keys),
                Happened::Resized => {
                    self.drawn.clear();
                    None
                }
                Happened::Leave => return Ok(Exit::Success),
            };
            match wish {
                Some(Wish::Leave) => return Ok(Exit::Success),
                Some(wish) => self.wish(wish, sender.clone()),
                None => {}
            }
        }
    }

    /// Does it beside, so that the picture goes on.
    fn wish(&self, wish: Wish, sender: UnboundedSender<Happened>) {
        let dir = self.dir.clone();
        let ask = move || {
            let world = World::here();
            let came = match wish {
                Wish::Cancel(run) => cancel(&world, &dir, run),
                Wish::Pause => engine::pause(&world, &dir, None),
                Wish::Unpause | Wish::Leave => engine::unpause(&world, &dir),
            };
            let said = came.unwrap_or_else(|error| {
                let hint = error.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
                format!("{error}{hint}")
            });
            let _ = sender.send(Happened::Answered(said));
        };
        // Without a thread nothing is done, and nothing is said to be.
        let _ = std::thread::Builder::new().name("asking".into()).spawn(ask);
    }

    fn read_log(&mut self) {
        let (Some(_), Some(run)) = (&self.hand.gaze.log, self.hand.gaze.chosen) else { return };
        let root = engine::find_run(&self.dir, &run.to_string()).map(|found| found.root);
        let read = root.and_then(|root| engine::log_end(&Found { root, run }));
        self.hand.gaze.log = Some(read.unwrap_or_default());
    }

    fn draw(&mut self) {
        let size = terminal::size(&io::stdout());
        let (columns, rows) = size.unwrap_or((self.style.width, ROWS));
        self.style.width = columns;
        let (status, gaze) = (&self.hand.status, &self.hand.gaze);
        let lines = render::status_frame(status, &status::start(status), World::here().now(), gaze, rows, self.style);
        let picture = format!("{BEGIN}{}\u{1b}[K{END}", lines.join("\u{1b}[K\r\n"));
        if picture != self.drawn {
            put(&picture);
            self.drawn = picture;
        }
    }
}

fn cancel(world: &World, dir: &Path, run: RunId) -> Result<String, engine::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(engine::Error::Runtime)?.block_on(engine::cancel(world, dir, &run.to_string(), false))
}
