//! What both ends know of the socket.

/// The name of the socket in the folder of this machine's state.
pub(super) const SOCKET: &str = "watch.sock";
/// Bytes of one question.
pub(super) const QUESTION_BYTES_MAX: u64 = 64 << 10;
