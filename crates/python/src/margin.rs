//! Rows and portfolio margin by themselves: for reports, studies and measurements, without an engine.

use std::sync::Arc;

use merkat_pricing::{BuildInput, Listing, RiskSet, Rows as PricedRows, Samples, SurfaceVector};
use merkat_settle::risk::{Market, Portfolio, portfolio_margin};
use merkat_values::codec::Reader;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::value_error;

/// Listing, kind, strike, expiry in ns, quantum.
type Terms = (u32, u8, i64, u64, i64);

/// A vector and a risk set from their bytes.
fn decoded(risk_set: &[u8], vector: &[u8]) -> PyResult<(RiskSet, SurfaceVector)> {
    let set = RiskSet::decode(risk_set)
        .ok_or_else(|| value_error("risk_set: no risk set of docs/spec/risk.md section 1"))?;
    let mut reader = Reader::new(vector);
    let vector = SurfaceVector::read(&mut reader)
        .ok()
        .filter(|_| reader.left() == 0)
        .ok_or_else(|| value_error("vector: no vector of version 2"))?;
    Ok((set, vector))
}

/// Where a listing stands among the rows.
fn place_of(market: &Market, listing: u32) -> PyResult<usize> {
    market.rows().place_of(listing).ok_or_else(|| {
        value_error(format!(
            "listing {listing} has no row; expected one of the rows"
        ))
    })
}

/// The rows that a vector makes of listings, without a row before: u32 count and the rows.
#[pyfunction]
#[allow(
    clippy::needless_pass_by_value,
    reason = "lists are taken over from Python"
)]
pub fn build_rows<'py>(
    py: Python<'py>,
    risk_set: &[u8],
    vector: &[u8],
    listings: Vec<Terms>,
    basis_clamp: i64,
    maintenance_rate: i64,
) -> PyResult<Bound<'py, PyBytes>> {
    let (set, vector) = decoded(risk_set, vector)?;
    let listings: Vec<Listing> = listings
        .into_iter()
        .map(|(listing, kind, strike, expiry_ns, quantum)| Listing {
            listing,
            kind,
            strike,
            expiry_ns,
            quantum,
            delivery_price: None,
        })
        .collect();
    let built = py.detach(|| {
        merkat_pricing::admit(&vector, &listings, None)?;
        merkat_pricing::build(&BuildInput {
            vector: &vector,
            set: &set,
            listings: &listings,
            samples: Samples::default(),
            basis_clamp,
            maintenance_rate,
            standing: None,
        })
    });
    let rows = built.map_err(|refusal| value_error(format!("vector: {refusal}")))?;
    let mut bytes = Vec::new();
    rows.write(&mut bytes);
    Ok(PyBytes::new(py, &bytes))
}

/// The rows of a group, ready to value portfolios.
#[pyclass(module = "merkat._core", frozen)]
pub struct MarginBook {
    market: Arc<Market>,
}

impl MarginBook {
    /// Positions by place among the rows.
    fn placed(&self, positions: &[(u32, i64)]) -> PyResult<Vec<(usize, i64)>> {
        positions
            .iter()
            .map(|(listing, size)| Ok((place_of(&self.market, *listing)?, *size)))
            .collect()
    }
}

#[pymethods]
impl MarginBook {
    #[new]
    fn new(risk_set: &[u8], vector: &[u8], rows: &[u8], coin: i64) -> PyResult<Self> {
        if coin <= 0 {
            return Err(value_error(format!("coin is {coin}; expected above zero")));
        }
        let (set, vector) = decoded(risk_set, vector)?;
        let mut reader = Reader::new(rows);
        let rows = PricedRows::read(&mut reader, set, vector)
            .ok()
            .filter(|_| reader.left() == 0)
            .ok_or_else(|| value_error("rows: not the rows of this risk set and vector"))?;
        Ok(Self {
            market: Arc::new(Market::new(&Arc::new(rows), coin)),
        })
    }

    /// (MM, IM, worst) of positions, computed from nothing.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "lists are taken over from Python"
    )]
    fn margin(&self, positions: Vec<(u32, i64)>, fund: i128) -> PyResult<(i128, i128, u8)> {
        let margin = portfolio_margin(&self.market, fund, &self.placed(&positions)?);
        Ok((margin.maintenance, margin.initial, margin.worst))
    }

    /// (MM, IM, worst) of many portfolios, each from nothing.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "lists are taken over from Python"
    )]
    fn sweep(
        &self,
        py: Python<'_>,
        portfolios: Vec<Vec<(u32, i64)>>,
        fund: i128,
    ) -> PyResult<Vec<(i128, i128, u8)>> {
        let placed = portfolios
            .iter()
            .map(|positions| self.placed(positions))
            .collect::<PyResult<Vec<_>>>()?;
        Ok(py.detach(|| {
            placed
                .iter()
                .map(|positions| {
                    let margin = portfolio_margin(&self.market, fund, positions);
                    (margin.maintenance, margin.initial, margin.worst)
                })
                .collect()
        }))
    }

    /// A portfolio whose sums are kept while its positions change.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "lists are taken over from Python"
    )]
    fn portfolio(&self, positions: Vec<(u32, i64)>) -> PyResult<MarginPortfolio> {
        Ok(MarginPortfolio {
            market: Arc::clone(&self.market),
            portfolio: Portfolio::of(&self.market, &self.placed(&positions)?),
        })
    }
}

/// The positions of an account in one group, summed.
#[pyclass(module = "merkat._core")]
pub struct MarginPortfolio {
    market: Arc<Market>,
    portfolio: Portfolio,
}

#[pymethods]
impl MarginPortfolio {
    /// Changes one position by a signed size.
    fn change(&mut self, listing: u32, by: i64) -> PyResult<()> {
        let place = place_of(&self.market, listing)?;
        self.portfolio.change(&self.market, place, by);
        Ok(())
    }

    /// (MM, IM, worst) as the positions stand.
    fn margin(&self, fund: i128) -> (i128, i128, u8) {
        let margin = self.portfolio.margin(&self.market, fund);
        (margin.maintenance, margin.initial, margin.worst)
    }

    /// The margin `count` times over, as a measurement of it without the call from Python.
    fn margin_repeated(&self, py: Python<'_>, fund: i128, count: u32) -> (i128, i128, u8) {
        py.detach(|| {
            let mut last = self.portfolio.margin(&self.market, fund);
            for _ in 1..count {
                last = self
                    .portfolio
                    .margin(&self.market, std::hint::black_box(fund));
            }
            (last.maintenance, last.initial, last.worst)
        })
    }

    /// One position there and back, `count` times: two changes and two margins each.
    fn change_repeated(
        &mut self,
        py: Python<'_>,
        listing: u32,
        by: i64,
        fund: i128,
        count: u32,
    ) -> PyResult<(i128, i128, u8)> {
        let place = place_of(&self.market, listing)?;
        let (market, portfolio) = (&self.market, &mut self.portfolio);
        Ok(py.detach(|| {
            let mut last = portfolio.margin(market, fund);
            for _ in 0..count {
                portfolio.change(market, place, by);
                std::hint::black_box(portfolio.margin(market, fund));
                portfolio.change(market, place, -by);
                last = portfolio.margin(market, std::hint::black_box(fund));
            }
            (last.maintenance, last.initial, last.worst)
        }))
    }
}
