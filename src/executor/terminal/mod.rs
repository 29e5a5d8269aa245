//! The terminal executor: commands as processes of this machine.
//!
//! A command gets a process group of its own, an environment that does not depend on how Spore was started, nothing on
//! its standard input, and no descriptor beyond 0, 1 and 2. Its output is masked and kept, head and tail, in log files
//! that exist only when there is something in them.
//!
//! Commands are not children of the engine. A [`supervise`]d run has a process of its own that starts them, sees to them
//! and writes down how they end:
//!
//! ```text
//! engine ── Terminal ── Link ──(supervisor.sock)── supervisor ── commands
//!               ▲                                      │
//!               └────────── attempts.jsonl ◀───────────┘
//! ```

mod artifacts;
mod attempts;
mod collect;
mod connection;
mod environment;
mod leftovers;
mod link;
mod machine;
mod spares;
mod supervised;
mod supervisor;
mod wire;

pub use attempts::make_ready;
pub use leftovers::end_leftovers;
pub use machine::Terminal;
pub use spares::Spares;
pub use supervised::{Stage, Supervised, is_supervised};
pub use supervisor::{supervise, supervise_many};
pub use wire::SUBCOMMAND;
