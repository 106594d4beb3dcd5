//! The rows of the determinism vectors.

mod common;

use merkat_pricing::price;

#[test]
fn every_row_of_the_vectors_is_priced_to_the_bit() {
    let Some(path) = common::data("vectors/determinism/q64_black76_vectors.csv") else {
        return;
    };
    let text = std::fs::read_to_string(path).expect("the vectors are text");
    let (mut rows, mut wrong) = (0, Vec::new());
    for (number, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<i128> = line
            .split(',')
            .map(|field| field.parse().expect("an integer"))
            .collect();
        let [forward, strike, years, vol, is_call, expected] = fields[..] else {
            panic!("line {}: expected 6 fields: {line}", number + 1);
        };
        rows += 1;
        let found = price(forward, strike, years, vol, is_call == 1);
        if found != Ok(expected) {
            wrong.push(format!(
                "line {}: {found:?}, expected {expected}",
                number + 1
            ));
        }
    }
    assert_eq!(rows, 1_301, "the file has 1,301 rows");
    assert!(
        wrong.is_empty(),
        "{} rows differ, first {}",
        wrong.len(),
        wrong[0]
    );
}
