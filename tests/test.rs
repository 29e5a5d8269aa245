//! The one test binary: each module below tests one promise.

mod corpus;
mod executor;
mod journal;
mod markdown;
mod plan;
mod render;
mod repo;
mod tidy;
mod yaml;
