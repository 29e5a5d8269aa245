//! The terminal executor: commands as processes of this machine.
//!
//! A command gets a process group of its own, an environment that does not depend on how Spore was started, nothing on
//! its standard input, and no descriptor beyond 0, 1 and 2. Its output is masked and kept, head and tail, in log files
//! that exist only when there is something in them.

mod artifacts;
mod collect;
mod entry;
mod environment;
mod line;
mod log;
mod machine;
mod output;
mod prepare;
mod reading;
mod simple;
mod streams;
mod supervise;
mod supervised;

pub use machine::Terminal;
pub use reading::read_log;
pub use supervised::is_supervised;
