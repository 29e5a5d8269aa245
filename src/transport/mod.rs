//! How doors reach a watcher: questions and answers as lines of JSON over a socket in the folder's `.spore/`, which only its
//! owner may open.

mod client;
mod error;
mod server;
mod socket;

pub use client::Client;
pub use error::Error;
pub use server::{Question, Server};
