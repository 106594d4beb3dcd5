//! The folder of public test data.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;

pub mod chain;
pub mod plain;
pub mod plain_rows;

/// The folder of test data: MERKAT_DATA, else `shared/data` beside the project. `None`, with the reason printed, if it
/// is not there, unless MERKAT_DATA_REQUIRED=1.
pub fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("MERKAT_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let file = root.join(path);
    if file.exists() {
        return Some(file);
    }
    let required = std::env::var("MERKAT_DATA_REQUIRED").is_ok_and(|value| value == "1");
    assert!(
        !required,
        "{} is missing and MERKAT_DATA_REQUIRED=1",
        file.display()
    );
    println!(
        "skipped: {} is missing; set MERKAT_DATA to the folder of test data",
        file.display()
    );
    None
}
