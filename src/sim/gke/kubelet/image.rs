//! Images: names that are pulled from nowhere, and folders of this machine.

use std::path::PathBuf;

use crate::model::Digest;

/// What an image stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// The container sees this machine.
    Named,
    /// The container sees this folder as its root.
    Root(PathBuf),
    /// Its registry does not have it: a name whose tag is `missing`.
    Missing,
    /// It is no name of an image.
    Invalid,
}

impl Image {
    /// Reads `[registry[:port]/]path[:tag][@digest]`, or an absolute path.
    pub(super) fn of(text: &str) -> Self {
        if text.starts_with('/') {
            let root = PathBuf::from(text);
            return if root.is_dir() { Self::Root(root) } else { Self::Missing };
        }
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let is_digest = |digest: &str| {
            digest.split_once(':').is_some_and(|(_, hex)| hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (path, tag) = match name[slash..].split_once(':') {
            Some((last, tag)) => (&name[..slash + last.len()], Some(tag)),
            None => (name, None),
        };
        let is_tag = |tag: &str| {
            (1..=128).contains(&tag.len())
                && !tag.starts_with(['.', '-'])
                && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        let mut parts: Vec<&str> = path.split('/').collect();
        // The first part is a registry when it looks like a host.
        if parts.len() > 1 && (parts[0].contains(['.', ':']) || parts[0] == "localhost") {
            parts.remove(0);
        }
        let is_part = |part: &&str| {
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        if !parts.iter().all(is_part) || !tag.is_none_or(is_tag) || !digest.is_none_or(is_digest) {
            return Self::Invalid;
        }
        if tag == Some("missing") { Self::Missing } else { Self::Named }
    }
}

/// An identity for what was never pulled: always the same for the same name.
pub(super) fn image_id(text: &str) -> String {
    let name = text.split(['@', ':']).next().unwrap_or_default();
    format!("{name}@sha256:{}", Digest::of(text.as_bytes()).short(64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_what_is_none() {
        for good in [
            "busybox",
            "busybox:1.36",
            "gcr.io/a-b/c_d/e:v1",
            "localhost:5000/x",
            "ubuntu@sha256:0123456789abcdef0123456789abcdef",
        ] {
            assert_eq!(Image::of(good), Image::Named, "{good}");
        }
        for bad in ["", "Busybox", "a//b", "a:", "a b", "a:b:c", "-x", "a@sha256:xyz", "a:-b"] {
            assert_eq!(Image::of(bad), Image::Invalid, "{bad}");
        }
        assert_eq!(Image::of("busybox:missing"), Image::Missing);
        assert_eq!(Image::of("/"), Image::Root("/".into()));
        assert_eq!(Image::of("/no/such/folder"), Image::Missing);
    }
}
