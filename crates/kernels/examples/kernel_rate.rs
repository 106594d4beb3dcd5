//! Prints how many options a second are valued: `cargo run --release -p merkat-kernels --example kernel_rate`.
#![allow(clippy::float_arithmetic, reason = "measures floats")]

use std::hint::black_box;
use std::time::Instant;

use merkat_kernels::{Columns, Contract, Contracts, implied_vols, value, values};

const COUNT: usize = 4_096;

fn main() {
    let spread = |least: f64, most: f64, step: usize| -> Vec<f64> {
        let part = |index: usize| ((index * step) % 1_009) as f64 / 1_009.0;
        (0..COUNT)
            .map(|index| least + (most - least) * part(index))
            .collect()
    };
    let (forward, strike) = (
        spread(60_000.0, 70_000.0, 7),
        spread(20_000.0, 150_000.0, 31),
    );
    let (years, vol, rate) = (
        spread(0.003, 2.0, 13),
        spread(0.1, 2.0, 17),
        spread(0.0, 0.05, 3),
    );
    let is_call: Vec<u8> = (0..COUNT).map(|index| (index % 2) as u8).collect();
    let contracts = Contracts {
        forward: &forward,
        strike: &strike,
        years: &years,
        vol: &vol,
        rate: &rate,
        is_call: &is_call,
    };
    let mut store = vec![vec![0.0; COUNT]; 8];
    let mut least = f64::INFINITY;
    for _ in 0..200 {
        let [price, delta, gamma, vega, theta, rho, vanna, volga] = &mut store[..] else {
            unreachable!("eight columns");
        };
        let mut columns = Columns {
            price,
            delta,
            gamma,
            vega,
            theta,
            rho,
            vanna,
            volga,
        };
        let start = Instant::now();
        values(black_box(&contracts), &mut columns);
        least = least.min(start.elapsed().as_secs_f64());
    }
    println!("price and 7 Greeks: {:.1} M/s", COUNT as f64 / least / 1e6);
    let mut least = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        for index in 0..COUNT {
            black_box(value(Contract {
                forward: forward[index],
                strike: strike[index],
                years: years[index],
                vol: vol[index],
                rate: rate[index],
                is_call: is_call[index] == 1,
            }));
        }
        least = least.min(start.elapsed().as_secs_f64());
    }
    println!("one by one: {:.1} M/s", COUNT as f64 / least / 1e6);
    let price: Vec<f64> = store[0].clone();
    let mut found = vec![0.0; COUNT];
    let mut least = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        implied_vols(black_box(&contracts), &price, &mut found);
        least = least.min(start.elapsed().as_secs_f64());
    }
    println!(
        "implied volatilities: {:.1} M/s",
        COUNT as f64 / least / 1e6
    );
}
