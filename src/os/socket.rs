//! Local sockets between processes of one user.
//!
//! A socket's path may have 107 bytes only, and folders are often deeper. So a folder is opened first, and the socket
//! reached through its descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::buffer::spare_capacity;
use rustix::fs::{Mode, OFlags};
use rustix::net::RecvFlags;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Bytes read at a time.
const READ_BYTES: usize = 16 << 10;

/// A socket for its owner alone, at `name` in `folder`. One that a dead process left there is replaced; who asks must
/// hold a lock that tells it is dead.
///
/// # Errors
/// What the file system or the kernel says.
#[expect(clippy::disallowed_methods, reason = "this is where files are written")]
pub fn listen(folder: &Path, name: &str) -> io::Result<UnixListener> {
    let path = folder.join(name);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (short, _folder) = short(folder, name)?;
    let listener = UnixListener::bind(short)?;
    rustix::fs::chmod(&path, Mode::RUSR | Mode::WUSR)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to the socket at `name` in `folder`.
///
/// # Errors
/// What the kernel says; [`io::ErrorKind::ConnectionRefused`] and [`io::ErrorKind::NotFound`] when nobody listens.
pub fn connect(folder: &Path, name: &str) -> io::Result<UnixStream> {
    let (short, _folder) = short(folder, name)?;
    let stream = UnixStream::connect(short)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Two ends that are connected with each other: one that never blocks, and one for another process.
///
/// # Errors
/// When the kernel has no descriptor left.
pub fn pair() -> io::Result<(UnixStream, OwnedFd)> {
    let (mine, other) = UnixStream::pair()?;
    mine.set_nonblocking(true)?;
    Ok((mine, other.into()))
}

/// One end, watched by the event loop for something to read. It is not watched for room to write: a socket has room nearly
/// always, and every message that the other end takes would wake this one to say so.
#[derive(Debug)]
pub struct Watched(AsyncFd<UnixStream>);

impl Watched {
    /// Watches an end that never blocks. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When the kernel watches no more.
    #[expect(deprecated, reason = "an owned descriptor stays open as long as it is watched; the successor is unsafe")]
    pub fn new(stream: UnixStream) -> io::Result<Self> {
        Ok(Self(AsyncFd::with_interest(stream, Interest::READABLE)?))
    }

    /// Waits for something to read, and adds what there is to `received`; 0 when nothing will come any more.
    ///
    /// # Errors
    /// As read(2).
    pub async fn read(&self, received: &mut Vec<u8>) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            received.reserve(READ_BYTES);
            match rustix::net::recv(self.0.get_ref(), spare_capacity(received), RecvFlags::empty()) {
                Ok((count, _)) => {
                    // What fits with room to spare was all there is: the next message wakes anew.
                    if count > 0 && count < READ_BYTES {
                        ready.clear_ready();
                    }
                    return Ok(count);
                }
                Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The end, watched no more.
    #[must_use]
    pub fn into_inner(self) -> UnixStream {
        self.0.into_inner()
    }

    /// Writes what the kernel takes now.
    ///
    /// # Errors
    /// As write(2); [`io::ErrorKind::WouldBlock`] when it takes nothing now.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.0.get_ref(), bytes)
    }
}

/// Whether the other end is a process of this process's own user.
#[must_use]
pub fn is_own(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

/// Takes the socket that this process's starter has put in the place of its standard input, which is empty from then on.
///
/// # Errors
/// When there is none.
pub fn take_inherited() -> io::Result<UnixStream> {
    let stream = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// A path of few bytes to `name` in `folder`, good while the folder is held open.
fn short(folder: &Path, name: &str) -> io::Result<(PathBuf, OwnedFd)> {
    let open = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((format!("/proc/self/fd/{}/{name}", open.as_raw_fd()).into(), open))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};

    #[test]
    fn deep_folders_have_sockets_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("x".repeat(200)).join("y".repeat(200));
        super::super::file::create_dir_all(&deep).expect("made");
        assert_eq!(connect(&deep, "s").expect_err("nobody listens").kind(), io::ErrorKind::NotFound);
        for _ in 0..2 {
            let listener = listen(&deep, "s").expect("listens");
            let mut one = connect(&deep, "s").expect("connected");
            let (mut other, _) = listener.accept().expect("accepted");
            assert!(is_own(&other));
            one.write_all(b"x").expect("written");
            let mut byte = [0];
            other.read_exact(&mut byte).expect("read");
            assert_eq!(&byte, b"x");
        }
        assert_eq!(connect(&deep, "s").expect_err("nobody listens").kind(), io::ErrorKind::ConnectionRefused);
    }
}
