//! How doors reach a watcher: questions and answers as lines of JSON over a socket in the folder's `.spore/`, which only its
//! owner may open.

mod client;
mod error;
mod server;

pub use client::Client;
pub use error::Error;
pub use server::{Question, Server};

/// The name of the socket in the folder of this machine's state.
const SOCKET: &str = "watch.sock";
/// Bytes of one question.
const QUESTION_BYTES_MAX: u64 = 64 << 10;
