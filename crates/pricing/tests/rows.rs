//! Rows of a whole chain.

mod common;

use common::chain::{DAY_NS, NOON_NS, listings, usd, vector};
use merkat_pricing::{BuildInput, RiskSet, Samples, admit, build};

#[test]
fn speed() {
    let expiries: Vec<u64> = [1, 2, 3, 7, 14, 21, 28, 60, 90, 180, 270, 360, 720]
        .map(|days| NOON_NS + days * DAY_NS)
        .to_vec();
    let list = listings(&expiries, 70, usd(100_000));
    let vector = vector(NOON_NS, usd(100_000), &expiries);
    println!("{:?}", admit(&vector, &list, None));
    let set = RiskSet::default();
    let input = BuildInput {
        vector: &vector,
        set: &set,
        listings: &list,
        samples: Samples::default(),
        basis_clamp: 5_000_000,
        maintenance_rate: 30_000_000,
        standing: None,
    };
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let _ = admit(&vector, &list, None);
        println!("admit {:?}", start.elapsed());
        let start = std::time::Instant::now();
        let rows = build(&input).unwrap();
        println!("{} rows {:?}", rows.rows().len(), start.elapsed());
        let start = std::time::Instant::now();
        let c = rows.commitment();
        println!("hash {:?} {}", start.elapsed(), c.chunks.len());
        let r = rows.row_of(60).unwrap();
        println!("{r:?} {:?}", rows.entries(59));
    }
}
