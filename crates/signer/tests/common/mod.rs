//! Helpers of the tests: hex, and the folder of public test data.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::PathBuf;

pub fn bytes(hex: &str) -> Vec<u8> {
    let hex = hex.trim_start_matches("0x");
    assert!(hex.len().is_multiple_of(2), "hex of whole bytes: {hex}");
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

pub fn fixed<const LENGTH: usize>(hex: &str) -> [u8; LENGTH] {
    bytes(hex).try_into().expect("hex of the expected length")
}

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
