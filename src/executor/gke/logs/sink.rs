//! Where a log goes: masked, into the file of the attempt, with its last line told.

use std::path::Path;
use std::sync::Arc;

use crate::executor::gke::trailer::{Found, Trailer};
use crate::executor::traces::{Entry, LastLine, Log, read_log};
use crate::executor::{Mask, MaskStream};
use crate::model::{Limits, LogSize, Stream};
use crate::os::file;

/// Bytes by which the log of an earlier engine is recognised.
const PROBE_BYTES: usize = 4 << 10;

/// The file of one stream.
#[derive(Debug)]
pub(in crate::executor::gke) struct Sink {
    entry: Arc<Entry>,
    stream: Stream,
    trailer: Option<Trailer>,
    mask: Option<MaskStream>,
    log: Log,
    last: LastLine,
    is_untold: bool,
    /// What an earlier engine has left, until it is known whether the cluster still has all of it.
    old: Option<Old>,
}

#[derive(Debug)]
struct Old {
    bytes: Vec<u8>,
    /// What has come so far.
    new: Vec<u8>,
}

/// What is known when a log is over.
#[derive(Debug, Default)]
pub(in crate::executor::gke) struct Drained {
    pub(in crate::executor::gke) size: LogSize,
    pub(in crate::executor::gke) remarks: Vec<String>,
    /// The files that the command made; `None` when they were not told.
    pub(in crate::executor::gke) found: Option<Vec<Found>>,
}

impl Sink {
    /// The log of one stream. A file that is there already is written anew from the cluster's log, unless that has lost
    /// its beginning meanwhile.
    pub(in crate::executor::gke) fn new(
        entry: Arc<Entry>,
        stream: Stream,
        mask: &Mask,
        limits: &Limits,
        marker: Option<&str>,
    ) -> std::io::Result<Self> {
        let path = entry.log_path(stream);
        if let Some(folder) = path.parent() {
            file::create_dir_all(folder)?;
        }
        let bytes = whole(&path, limits)?;
        for name in [path.clone(), path.with_added_extension("tail")] {
            match file::remove(&name) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(Self {
            stream,
            trailer: marker.map(Trailer::new),
            mask: (!mask.is_empty()).then(|| mask.stream()),
            log: Log::new(path, limits),
            last: LastLine::default(),
            is_untold: false,
            old: (!bytes.is_empty()).then(|| Old { bytes, new: Vec::new() }),
            entry,
        })
    }

    /// Takes what the command printed.
    pub(in crate::executor::gke) fn push(&mut self, text: &[u8]) {
        match &mut self.trailer {
            None => self.take(text),
            Some(trailer) => {
                let mut shown = Vec::new();
                trailer.push(text, &mut shown);
                self.take(&shown);
            }
        }
    }

    fn take(&mut self, text: &[u8]) {
        match &mut self.mask {
            None => self.keep(text),
            Some(mask) => {
                let mut masked = Vec::new();
                mask.push(text, &mut masked);
                self.keep(&masked);
            }
        }
    }

    fn keep(&mut self, masked: &[u8]) {
        if masked.is_empty() {
            return;
        }
        self.last.push(masked);
        self.is_untold = true;
        match &mut self.old {
            None => self.log.push(masked),
            Some(old) => {
                old.new.extend_from_slice(masked);
                if old.new.len() >= old.bytes.len().min(PROBE_BYTES) {
                    self.settle_old();
                }
            }
        }
    }

    /// Decides what becomes of the log of an earlier engine. Whether something is missing between it and the new one.
    fn settle_old(&mut self) -> bool {
        let Some(old) = self.old.take() else { return false };
        let is_whole = old.new.starts_with(&old.bytes[..old.bytes.len().min(PROBE_BYTES)]);
        if !is_whole {
            self.log.push(&old.bytes);
        }
        self.log.push(&old.new);
        !is_whole && !old.new.is_empty()
    }

    /// Whether there is a line that was not told.
    pub(in crate::executor::gke) fn is_untold(&self) -> bool {
        self.is_untold
    }

    /// Tells the last line.
    pub(in crate::executor::gke) fn tell(&mut self) {
        if std::mem::take(&mut self.is_untold)
            && let Some(text) = self.last.text()
        {
            self.entry.tell_line(self.stream, &text);
        }
    }

    /// Tells something that is not of the command.
    pub(in crate::executor::gke) fn say(&self, text: &str) {
        self.entry.tell_line(Stream::Err, text);
    }

    /// The log is over.
    pub(in crate::executor::gke) fn close(mut self, mut has_gap: bool) -> Drained {
        let mut rest = Vec::new();
        if let Some(trailer) = &mut self.trailer {
            trailer.finish(&mut rest);
        }
        self.take(&rest);
        if let Some(mut mask) = self.mask.take() {
            let mut rest = Vec::new();
            mask.finish(&mut rest);
            self.keep(&rest);
        }
        has_gap |= self.settle_old();
        self.tell();
        let (size, remark) = self.log.close();
        let mut remarks: Vec<String> = remark.into_iter().collect();
        if has_gap {
            remarks.push("a part of the log is missing: the cluster had thrown it away before it was read".into());
        }
        Drained { size, remarks, found: self.trailer.and_then(Trailer::into_found) }
    }
}

fn whole(path: &Path, limits: &Limits) -> std::io::Result<Vec<u8>> {
    let (mut bytes, mut cursor) = (Vec::new(), 0);
    loop {
        let chunk = read_log(path, limits, cursor)?;
        if chunk.bytes.is_empty() {
            return Ok(bytes);
        }
        bytes.extend(chunk.bytes);
        cursor = chunk.cursor;
    }
}
