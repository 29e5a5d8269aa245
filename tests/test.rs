//! The one test binary: each module below tests one promise.
