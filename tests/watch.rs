//! Noticing files: what a survey tells, and what a watched folder wakes for.

mod dances;
mod folder;
mod ground;
mod limits;
mod survey;

use std::path::Path;

use spore::os;

fn put(path: &Path, text: &str) {
    os::file::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
    os::file::write_over(path, text.as_bytes()).expect("the file is written");
}
