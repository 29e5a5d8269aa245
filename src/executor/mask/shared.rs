//! The mask that was made last: all attempts of a run have the same secrets, and need not have a mask made for each.

use std::sync::{Arc, Mutex, PoisonError};

use super::Mask;
use crate::model::Secret;

/// Makes masks, and hands out the last one again as long as the secrets are the same.
#[derive(Debug)]
pub(in crate::executor) struct Masks(Mutex<(Arc<[Secret]>, Mask)>);

impl Default for Masks {
    fn default() -> Self {
        Self(Mutex::new((Arc::from([]), Mask::default())))
    }
}

impl Masks {
    /// The mask of these secrets.
    pub(in crate::executor) fn of(&self, secrets: &Arc<[Secret]>) -> Mask {
        if secrets.is_empty() {
            return Mask::default();
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&last.0, secrets) && last.0 != *secrets {
            *last = (Arc::clone(secrets), Mask::new(secrets));
        }
        last.1.clone()
    }
}
