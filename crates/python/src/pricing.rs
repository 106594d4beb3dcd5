//! Prices: the integer ones of the venue, and floating-point kernels for display.

use merkat_kernels::{Columns, Contracts, implied_vols as solve, values};
use merkat_pricing::{OutOfDomain, greeks, price};
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::value_error;

/// Delta, gamma, vega, theta.
type Sensitivities = (i128, i128, i128, i128);

/// Runs `work` on every row of five columns and names the row that is refused.
fn each<Output>(
    columns: [&[i128]; 4],
    is_call: &[bool],
    work: impl Fn([i128; 4], bool) -> Result<Output, OutOfDomain>,
) -> PyResult<Vec<Output>> {
    let count = is_call.len();
    if columns.iter().any(|column| column.len() != count) {
        return Err(value_error(format!(
            "columns of {:?} numbers and {count} flags: give one length",
            columns.map(<[i128]>::len)
        )));
    }
    let row = |index: usize| {
        let inputs = columns.map(|column| column[index]);
        work(inputs, is_call[index]).map_err(|error| value_error(format!("row {index}: {error}")))
    };
    (0..count).map(row).collect()
}

/// Price in Q64.64 of pricing.md; raises ValueError outside the domain.
#[pyfunction]
pub fn black76_q64(
    forward: i128,
    strike: i128,
    years: i128,
    vol: i128,
    is_call: bool,
) -> PyResult<i128> {
    price(forward, strike, years, vol, is_call).map_err(|error| value_error(error.to_string()))
}

/// The same for columns.
#[pyfunction]
#[pyo3(signature = (forward, strike, years, vol, is_call))]
#[allow(
    clippy::needless_pass_by_value,
    reason = "lists are taken over from Python"
)]
pub fn black76_q64_batch(
    py: Python<'_>,
    forward: Vec<i128>,
    strike: Vec<i128>,
    years: Vec<i128>,
    vol: Vec<i128>,
    is_call: Vec<bool>,
) -> PyResult<Vec<i128>> {
    let columns: [&[i128]; 4] = [&forward, &strike, &years, &vol];
    py.detach(|| {
        each(
            columns,
            &is_call,
            |[forward, strike, years, vol], is_call| price(forward, strike, years, vol, is_call),
        )
    })
}

fn sensitivities(inputs: [i128; 4], is_call: bool) -> Result<Sensitivities, OutOfDomain> {
    let [forward, strike, years, vol] = inputs;
    let found = greeks(forward, strike, years, vol, is_call)?;
    Ok((found.delta, found.gamma, found.vega, found.theta))
}

/// Delta, gamma, vega and theta in Q64.64.
#[pyfunction]
pub fn greeks_q64(
    forward: i128,
    strike: i128,
    years: i128,
    vol: i128,
    is_call: bool,
) -> PyResult<Sensitivities> {
    sensitivities([forward, strike, years, vol], is_call)
        .map_err(|error| value_error(error.to_string()))
}

/// The same for columns.
#[pyfunction]
#[pyo3(signature = (forward, strike, years, vol, is_call))]
#[allow(
    clippy::needless_pass_by_value,
    reason = "lists are taken over from Python"
)]
pub fn greeks_q64_batch(
    py: Python<'_>,
    forward: Vec<i128>,
    strike: Vec<i128>,
    years: Vec<i128>,
    vol: Vec<i128>,
    is_call: Vec<bool>,
) -> PyResult<Vec<Sensitivities>> {
    let columns: [&[i128]; 4] = [&forward, &strike, &years, &vol];
    py.detach(|| each(columns, &is_call, sensitivities))
}

/// Copies of float columns, all as long as the first.
struct Inputs {
    columns: Vec<Vec<f64>>,
    is_call: Vec<u8>,
}

impl Inputs {
    fn new(
        py: Python<'_>,
        names: &[&str],
        buffers: &[&PyBuffer<f64>],
        is_call: &PyBuffer<u8>,
    ) -> PyResult<Self> {
        let columns: Vec<Vec<f64>> = buffers
            .iter()
            .map(|buffer| buffer.to_vec(py))
            .collect::<PyResult<_>>()?;
        let is_call = is_call.to_vec(py)?;
        for (name, column) in names.iter().zip(&columns) {
            if column.len() != is_call.len() {
                return Err(value_error(format!(
                    "{name} has {} numbers, is_call {}: give columns of one length",
                    column.len(),
                    is_call.len()
                )));
            }
        }
        Ok(Self { columns, is_call })
    }
}

fn bytes_of<'py>(py: Python<'py>, numbers: &[f64]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|one| one.to_ne_bytes()).collect();
    PyBytes::new(py, &bytes)
}

/// Price, delta, gamma, vega, theta, rho, vanna, volga: eight columns of doubles, one after the other.
#[pyfunction]
#[pyo3(signature = (forward, strike, years, vol, rate, is_call))]
#[allow(
    clippy::needless_pass_by_value,
    reason = "buffers are released when they are dropped"
)]
pub fn black76_values<'py>(
    py: Python<'py>,
    forward: PyBuffer<f64>,
    strike: PyBuffer<f64>,
    years: PyBuffer<f64>,
    vol: PyBuffer<f64>,
    rate: PyBuffer<f64>,
    is_call: PyBuffer<u8>,
) -> PyResult<Bound<'py, PyBytes>> {
    let names = ["forward", "strike", "years", "vol", "rate"];
    let buffers = [&forward, &strike, &years, &vol, &rate];
    let inputs = Inputs::new(py, &names, &buffers, &is_call)?;
    let count = inputs.is_call.len();
    let out = py.detach(|| {
        let mut out = vec![0.0; 8 * count];
        let mut rest = out.as_mut_slice();
        let mut next = || {
            let (column, after) = core::mem::take(&mut rest).split_at_mut(count);
            rest = after;
            column
        };
        let mut columns = Columns {
            price: next(),
            delta: next(),
            gamma: next(),
            vega: next(),
            theta: next(),
            rho: next(),
            vanna: next(),
            volga: next(),
        };
        let contracts = Contracts {
            forward: &inputs.columns[0],
            strike: &inputs.columns[1],
            years: &inputs.columns[2],
            vol: &inputs.columns[3],
            rate: &inputs.columns[4],
            is_call: &inputs.is_call,
        };
        values(&contracts, &mut columns);
        out
    });
    Ok(bytes_of(py, &out))
}

/// Implied volatilities: one column of doubles; NaN where there is none.
#[pyfunction]
#[pyo3(signature = (forward, strike, years, rate, price, is_call))]
#[allow(
    clippy::needless_pass_by_value,
    reason = "buffers are released when they are dropped"
)]
pub fn implied_vols<'py>(
    py: Python<'py>,
    forward: PyBuffer<f64>,
    strike: PyBuffer<f64>,
    years: PyBuffer<f64>,
    rate: PyBuffer<f64>,
    price: PyBuffer<f64>,
    is_call: PyBuffer<u8>,
) -> PyResult<Bound<'py, PyBytes>> {
    let names = ["forward", "strike", "years", "rate", "price"];
    let buffers = [&forward, &strike, &years, &rate, &price];
    let inputs = Inputs::new(py, &names, &buffers, &is_call)?;
    let out = py.detach(|| {
        let mut out = vec![0.0; inputs.is_call.len()];
        let contracts = Contracts {
            forward: &inputs.columns[0],
            strike: &inputs.columns[1],
            years: &inputs.columns[2],
            vol: &[],
            rate: &inputs.columns[3],
            is_call: &inputs.is_call,
        };
        solve(&contracts, &inputs.columns[4], &mut out);
        out
    });
    Ok(bytes_of(py, &out))
}
