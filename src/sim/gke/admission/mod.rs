//! What happens to an object before it is stored: what is missing is filled in, and what must not be is refused.

mod admit;
mod check;
mod defaults;
mod fixed;
mod requests;
#[cfg(test)]
mod tests;
mod warden;

pub(super) use admit::{Request, Verb, admit};
