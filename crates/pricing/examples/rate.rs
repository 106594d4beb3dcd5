//! Prints how long a price takes: `cargo run --release -p merkat-pricing --example rate`.

use std::hint::black_box;
use std::time::Instant;

use merkat_pricing::Moneyness;
use merkat_pricing::price;

fn main() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |least: u64, most: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        least + state % (most - least)
    };
    let rows: Vec<[i128; 4]> = (0..20_000)
        .map(|_| {
            let forward = i128::from(draw(50_000, 80_000)) << 64;
            let strike = forward * i128::from(draw(300, 3_000)) / 1_000;
            let years = (i128::from(draw(3_600, 63_072_000)) << 64) / 31_536_000;
            let vol = (i128::from(draw(50, 1_500)) << 64) / 1_000;
            [forward, strike, years, vol]
        })
        .collect();
    let best = |label: &str, run: &dyn Fn(&[i128; 4]) -> i128| {
        let mut least = u128::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            let sum: i128 = rows.iter().map(run).fold(0, i128::wrapping_add);
            black_box(sum);
            least = least.min(start.elapsed().as_nanos());
        }
        println!("{label}: {} ns each", least / rows.len() as u128);
    };
    best("price", &|[forward, strike, years, vol]| {
        price(*forward, *strike, *years, *vol, true).unwrap_or_default()
    });
    best("price at a known root and logarithm", &|[
        forward,
        strike,
        _,
        vol,
    ]| {
        Moneyness::new(*forward as u128, *strike as u128).price(*vol as u128 / 3, true)
    });
}
