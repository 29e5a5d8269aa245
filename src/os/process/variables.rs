//! Environment variables in the form in which the kernel takes them, so that what many commands share is made once.

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// Environment variables, each name once.
#[derive(Clone, Debug, Default)]
pub struct Variables(Vec<Variable>);

#[derive(Clone, Debug)]
struct Variable {
    name_bytes: usize,
    /// `NAME=value`.
    text: CString,
}

impl Variable {
    fn name(&self) -> &[u8] {
        &self.text.as_bytes()[..self.name_bytes]
    }
}

impl Variables {
    /// Sets a variable, over what was set before. False when the kernel could not take it, because it holds a NUL.
    pub fn set(&mut self, name: &OsStr, value: &OsStr) -> bool {
        let mut text = Vec::with_capacity(name.len() + value.len() + 2);
        text.extend_from_slice(name.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
        let Ok(text) = CString::new(text) else { return false };
        let variable = Variable { name_bytes: name.len(), text };
        match self.0.iter_mut().find(|before| before.name() == name.as_bytes()) {
            Some(before) => *before = variable,
            None => self.0.push(variable),
        }
        true
    }

    /// These with `over` over them.
    pub(super) fn with<'a>(&'a self, over: &'a Self) -> impl Iterator<Item = &'a CStr> {
        let is_hidden = |variable: &Variable| over.0.iter().any(|other| other.name() == variable.name());
        let shown = self.0.iter().filter(move |variable| !is_hidden(variable));
        shown.chain(&over.0).map(|variable| variable.text.as_c_str())
    }

    /// All of them, as the kernel takes them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &CStr> {
        self.0.iter().map(|variable| variable.text.as_c_str())
    }

    /// Names and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|variable| {
            let value = &variable.text.as_bytes()[variable.name_bytes + 1..];
            (OsStr::from_bytes(variable.name()), OsStr::from_bytes(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_once() {
        let set = |pairs: &[(&str, &str)]| {
            let mut variables = Variables::default();
            for (name, value) in pairs {
                assert!(variables.set(name.as_ref(), value.as_ref()));
            }
            variables
        };
        let shared = set(&[("A", "1"), ("B", "x=y"), ("A", "2"), ("AB", "")]);
        let own = set(&[("B", "own"), ("C", "")]);
        let all: Vec<_> = shared.with(&own).map(|text| text.to_str().expect("text")).collect();
        assert_eq!(all, ["A=2", "AB=", "B=own", "C="]);
        let pairs: Vec<_> = shared.pairs().collect();
        assert_eq!(pairs[1], ("B".as_ref(), "x=y".as_ref()));
        assert!(!Variables::default().set("A".as_ref(), "\0".as_ref()));
    }
}
