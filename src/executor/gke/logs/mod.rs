//! The log of a container, followed while it is written, and gone on with after a cut: nothing twice, nothing left out.

mod follow;
mod lines;
mod sink;

pub(super) use follow::{Drained, Follow, Phase, Pulse, Source};
pub(super) use sink::Sink;
