//! Takes the list of artifacts out of a log, wherever the pieces of the log are cut.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::Digest;

/// Bytes of the list, at most: what was sent along is a third longer there, and ten thousand paths stand beside it.
const TRAILER_BYTES_MAX: usize = 8 << 20;

/// A file that the command made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::executor::gke) struct Found {
    pub(in crate::executor::gke) path: String,
    pub(in crate::executor::gke) size_bytes: u64,
    /// `None` when the file could not be read.
    pub(in crate::executor::gke) digest: Option<Digest>,
    /// What is in it, where that was sent along.
    pub(in crate::executor::gke) content: Option<Vec<u8>>,
}

/// The end of a log, which is not the command's.
#[derive(Debug)]
pub(in crate::executor::gke) struct Trailer {
    marker: String,
    begin: Vec<u8>,
    /// Before the list: what may be the beginning of its mark. After: the list.
    held: Vec<u8>,
    has_begun: bool,
}

impl Trailer {
    pub(in crate::executor::gke) fn new(marker: &str) -> Self {
        let begin = format!("{marker} begin\n").into_bytes();
        Self { marker: marker.to_owned(), begin, held: Vec::new(), has_begun: false }
    }

    /// Takes the next piece, and adds to `shown` what is the command's.
    pub(in crate::executor::gke) fn push(&mut self, piece: &[u8], shown: &mut Vec<u8>) {
        if self.has_begun {
            let room = TRAILER_BYTES_MAX.saturating_sub(self.held.len());
            self.held.extend_from_slice(&piece[..piece.len().min(room)]);
            return;
        }
        self.held.extend_from_slice(piece);
        if let Some(at) = memchr::memmem::find(&self.held, &self.begin) {
            shown.extend_from_slice(&self.held[..at]);
            self.held.drain(..at + self.begin.len());
            self.has_begun = true;
            return;
        }
        let longest = self.held.len().min(self.begin.len() - 1);
        let kept = (1..=longest).rev().find(|count| self.begin.starts_with(&self.held[self.held.len() - count..]));
        shown.extend(self.held.drain(..self.held.len() - kept.unwrap_or(0)));
    }

    /// The log is over: what was held back was the command's.
    pub(in crate::executor::gke) fn finish(&mut self, shown: &mut Vec<u8>) {
        if !self.has_begun {
            shown.append(&mut self.held);
        }
    }

    /// The files; `None` when the list did not come whole, as when the command was killed.
    pub(in crate::executor::gke) fn into_found(self) -> Option<Vec<Found>> {
        let text = String::from_utf8_lossy(&self.held).into_owned();
        let mut found: Vec<Found> = Vec::new();
        let mut content = String::new();
        for line in text.lines() {
            let Some(said) = line.strip_prefix(&self.marker) else {
                content.push_str(line.trim());
                continue;
            };
            if let Some(file) = found.last_mut().filter(|file| file.content.is_some()) {
                file.content = STANDARD.decode(&content).ok().filter(|bytes| file.is(bytes));
            }
            content.clear();
            match said.trim_start().split_once(' ') {
                None if said.trim() == "end" => return Some(found),
                Some(("unread", path)) => {
                    found.push(Found { path: path.to_owned(), size_bytes: 0, digest: None, content: None });
                }
                Some((word, rest)) => {
                    let mut file = parse(rest)?;
                    file.content = (word == "sent").then(Vec::new);
                    found.push(file);
                }
                None => return None,
            }
        }
        None
    }
}

impl Found {
    fn is(&self, bytes: &[u8]) -> bool {
        self.digest == Some(Digest::of(bytes))
    }
}

/// `SIZE DIGEST PATH`.
fn parse(text: &str) -> Option<Found> {
    let (size, rest) = text.split_once(' ')?;
    let (digest, path) = rest.split_once(' ')?;
    let digest = serde_json::from_value(format!("sha256:{digest}").into()).ok()?;
    Some(Found { path: path.to_owned(), size_bytes: size.parse().ok()?, digest: Some(digest), content: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_found_however_the_log_is_cut() {
        let digest = Digest::of(b"hello\n").short(64);
        let log = format!(
            "one\nMAR\nMARK beginning\ntwoMARK begin\nMARK sent 6 {digest} a b.txt\naGVs\nbG8K\nMARK kept 9 {digest} big\n\
             MARK unread x\nMARK end\n"
        );
        for cut in 0..log.len() {
            let (mut trailer, mut shown) = (Trailer::new("MARK"), Vec::new());
            trailer.push(&log.as_bytes()[..cut], &mut shown);
            trailer.push(&log.as_bytes()[cut..], &mut shown);
            trailer.finish(&mut shown);
            assert_eq!(String::from_utf8_lossy(&shown), "one\nMAR\nMARK beginning\ntwo");
            let found = trailer.into_found().expect("whole");
            assert_eq!((found[0].path.as_str(), found[0].content.as_deref()), ("a b.txt", Some(&b"hello\n"[..])));
            assert_eq!((found[1].size_bytes, found[1].content.is_none()), (9, true));
            assert_eq!((found.len(), found[2].digest), (3, None));
        }
    }

    #[test]
    fn a_list_that_is_cut_off_is_none() {
        let (mut trailer, mut shown) = (Trailer::new("MARK"), Vec::new());
        trailer.push(b"text MARK be", &mut shown);
        trailer.finish(&mut shown);
        assert_eq!(shown, b"text MARK be");
        assert_eq!(trailer.into_found(), None);
        let mut trailer = Trailer::new("MARK");
        trailer.push(b"MARK begin\nMARK kept 1 x", &mut shown);
        assert_eq!(trailer.into_found(), None);
    }
}
