//! Building the rows of a group from a vector (risk.md section 3).

use alloc::vec::Vec;

use merkat_values::Refusal;

use crate::commitment::ROWS_MAXIMUM;
use crate::listing::{Fixing, Listing, Samples, kind};
use crate::options::OptionPlan;
use crate::rows::{Row, Rows};
use crate::set::{PRICE_ONE, RiskSet, scalar};
use crate::surface::{FIELD_SURFACE, SURFACE_DOMAIN};
use crate::vector::SurfaceVector;

pub(crate) const RATE_ONE: i64 = 1_000_000_000;

/// Every price of a row is smaller than this.
const ENTRY_LIMIT: i64 = 1 << 62;

/// What rows are made of.
#[derive(Clone, Copy, Debug)]
pub struct BuildInput<'a> {
    /// Admitted by [`crate::admit`].
    pub vector: &'a SurfaceVector,
    /// The newest of the group.
    pub set: &'a RiskSet,
    /// The live ones, ascending.
    pub listings: &'a [Listing],
    /// With what this step adds.
    pub samples: Samples,
    /// Parameter of the group, in 1e-9.
    pub basis_clamp: i64,
    /// Parameter of the group, in 1e-9.
    pub maintenance_rate: i64,
    /// The rows that stand, if the group has any.
    pub standing: Option<&'a Rows>,
}

/// A value that its column cannot hold; the vector is refused for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

/// A price of a row.
pub(crate) fn entry(value: i128) -> Result<i64, TooLarge> {
    i64::try_from(value)
        .ok()
        .filter(|value| value.unsigned_abs() < ENTRY_LIMIT.unsigned_abs())
        .ok_or(TooLarge)
}

/// floor(price x (parts + move) / parts), whatever its size.
fn moved(price: i64, by: i64, parts: i64) -> i128 {
    (i128::from(price) * i128::from(parts + by)).div_euclid(i128::from(parts))
}

/// Rows of every live listing that has one.
///
/// # Errors
/// E-13 if a value does not fit its column, or there are more rows than chunks hold.
pub fn build(input: &BuildInput<'_>) -> Result<Rows, Refusal> {
    Builder::new(input)
        .run()
        .map_err(|TooLarge| Refusal::new(SURFACE_DOMAIN, FIELD_SURFACE))
}

struct Builder<'a> {
    input: &'a BuildInput<'a>,
    rows: Vec<Row>,
    entries: Vec<i64>,
}

impl<'a> Builder<'a> {
    fn new(input: &'a BuildInput<'a>) -> Self {
        let rows = Vec::with_capacity(input.listings.len());
        let columns = input.set.scenarios.len();
        let entries = Vec::with_capacity(input.listings.len() * columns);
        Self {
            input,
            rows,
            entries,
        }
    }

    fn run(mut self) -> Result<Rows, TooLarge> {
        let mut priced = Vec::new();
        for listing in self.input.listings {
            let after = listing.is_dated() && listing.expiry_ns <= self.input.vector.time_ns;
            match (listing.delivery_price, listing.kind) {
                (Some(price), _) => self.delivered(listing, price)?,
                (None, _) if after => self.frozen(listing),
                (None, kind::PERPETUAL) => self.perpetual(listing)?,
                (None, kind::SPOT) => self.spot(listing)?,
                (None, kind::FUTURE) => self.future(listing)?,
                (None, _) => {
                    priced.push((listing.expiry_ns, listing.strike, self.rows.len()));
                    self.rows.push(head(listing));
                    self.extend(|_| 0);
                }
            }
        }
        if self.rows.len() > ROWS_MAXIMUM {
            return Err(TooLarge);
        }
        self.price_options(priced)?;
        self.spread()?;
        let input = self.input;
        Ok(Rows::new(
            input.set.clone(),
            input.vector.clone(),
            self.rows,
            self.entries,
        ))
    }

    fn extend(&mut self, price: impl Fn(i64) -> i64) {
        let scenarios = &self.input.set.scenarios;
        self.entries
            .extend(scenarios.iter().map(|one| price(i64::from(one.price))));
    }

    /// Entries that move with the price of a scenario: all of them fit once the row's price does, since it moves to at
    /// most 21 times itself.
    fn extend_moved(&mut self, price: i64, fixing: &Fixing) -> Result<(), TooLarge> {
        for scenario in &self.input.set.scenarios {
            let value = entry(moved(price, i64::from(scenario.price), PRICE_ONE))?;
            self.entries.push(fixing.mixed(value));
        }
        Ok(())
    }

    fn unit_risk(&self, mark: i64) -> i64 {
        let risk = i128::from(mark) * i128::from(self.input.maintenance_rate);
        i64::try_from(risk.div_euclid(1_000)).unwrap_or(i64::MAX)
    }

    fn perpetual(&mut self, listing: &Listing) -> Result<(), TooLarge> {
        let clamp = self.input.basis_clamp;
        let basis = self.input.vector.basis.clamp(-clamp, clamp);
        let price = entry(moved(self.input.vector.index, basis, RATE_ONE))?;
        let mark = listing.whole(price).max(listing.quantum);
        self.rows.push(Row {
            forward: self.input.vector.index,
            mark,
            unit_risk: self.unit_risk(mark),
            delta: RATE_ONE,
            up: mark,
            down: mark,
            ..head(listing)
        });
        self.extend_moved(mark, &Fixing::OPEN)
    }

    fn spot(&mut self, listing: &Listing) -> Result<(), TooLarge> {
        let mark = listing.whole(self.input.vector.index).max(listing.quantum);
        let offsets = self.input.set.get(scalar::COLLATERAL_OFFSET) == 1;
        self.rows.push(Row {
            forward: self.input.vector.index,
            mark,
            unit_risk: self.unit_risk(mark),
            delta: if offsets { RATE_ONE } else { 0 },
            up: mark,
            down: mark,
            ..head(listing)
        });
        if offsets {
            return self.extend_moved(mark, &Fixing::OPEN);
        }
        self.extend(|_| mark);
        Ok(())
    }

    fn future(&mut self, listing: &Listing) -> Result<(), TooLarge> {
        let vector = self.input.vector;
        let surface = vector
            .surface(listing.expiry_ns)
            .expect("invariant: E-11 holds");
        let fixing = Fixing::new(&self.input.samples, listing.expiry_ns, vector.time_ns);
        let forward = surface.forward;
        let mark = listing.whole(fixing.mixed(forward)).max(listing.quantum);
        let shock = self.input.set.get(scalar::BASIS_SHOCK);
        let by = |shock| Ok(fixing.mixed(entry(moved(forward, shock, RATE_ONE))?));
        self.rows.push(Row {
            forward,
            mark,
            unit_risk: self.unit_risk(mark),
            delta: fixing.share_of(i128::from(RATE_ONE)) as i64,
            years: years_column(vector.years_to(listing.expiry_ns)),
            up: by(shock)?,
            down: by(-shock)?,
            ..head(listing)
        });
        self.extend_moved(forward, &fixing)
    }

    /// A listing that has paid: one price whatever comes.
    fn delivered(&mut self, listing: &Listing, price: i64) -> Result<(), TooLarge> {
        let pay = entry(i128::from(listing.pay(price)))?;
        let mark = listing.whole(pay);
        self.rows.push(Row {
            forward: price,
            mark,
            up: mark,
            down: mark,
            ..head(listing)
        });
        self.extend(|_| mark);
        Ok(())
    }

    /// Past its expiry without a delivery price: the row that stood.
    fn frozen(&mut self, listing: &Listing) {
        let Some((rows, place)) = self.standing(listing.listing) else {
            return;
        };
        let row = rows.rows()[place];
        let columns = self.input.set.scenarios.len();
        let old = rows.entries(place).iter().copied();
        let filled = old.chain(core::iter::repeat(row.mark)).take(columns);
        self.entries.extend(filled);
        self.rows.push(row);
    }

    fn standing(&self, listing: u32) -> Option<(&'a Rows, usize)> {
        let rows = self.input.standing?;
        rows.place_of(listing).map(|place| (rows, place))
    }

    /// Fills the rows of options: by strike, so that a call and a put share one computation.
    fn price_options(&mut self, mut priced: Vec<(u64, i64, usize)>) -> Result<(), TooLarge> {
        priced.sort_unstable();
        let by_place = |place: usize| {
            let listings = self.input.listings;
            let found = listings.binary_search_by_key(&self.rows[place].listing, |one| one.listing);
            listings[found.expect("invariant: the row is of this listing")]
        };
        let listings: Vec<Listing> = priced
            .iter()
            .map(|(_, _, place)| by_place(*place))
            .collect();
        let columns = self.input.set.scenarios.len();
        let mut at = 0;
        while at < priced.len() {
            let expiry_ns = priced[at].0;
            let count = priced[at..].partition_point(|one| one.0 == expiry_ns);
            let mut plan = OptionPlan::new(self.input, expiry_ns);
            for (listing, (_, strike, place)) in listings[at..].iter().zip(&priced[at..at + count])
            {
                plan.at_strike(*strike);
                let entries = &mut self.entries[place * columns..][..columns];
                plan.write(listing, &mut self.rows[*place], entries)?;
            }
            at += count;
        }
        Ok(())
    }

    /// The bounds low and high, and the bounds of what mark and they may be.
    fn spread(&mut self) -> Result<(), TooLarge> {
        let vector = self.input.vector;
        for index in 0..self.rows.len() {
            let row = &self.rows[index];
            let listing = self.input.listings[self
                .input
                .listings
                .partition_point(|one| one.listing < row.listing)];
            let paid = listing.delivery_price.is_some();
            if listing.is_dated() && listing.expiry_ns <= vector.time_ns && !paid {
                continue;
            }
            let standing = self.standing(row.listing).filter(|_| !paid);
            let window = i128::from(self.input.set.get(scalar::WIDE_WINDOW_NS));
            let row = &mut self.rows[index];
            (row.low, row.high) = (row.mark, row.mark);
            let Some((old, place)) = standing.filter(|_| window > 0) else {
                continue;
            };
            let passed = i128::from(vector.time_ns) - i128::from(old.vector().time_ns);
            let passed = passed.min(window);
            let mark = i128::from(row.mark);
            let toward = |bound: i64| {
                let bound = i128::from(bound);
                bound + ((mark - bound) * passed).div_euclid(window)
            };
            let old = &old.rows()[place];
            let (low, high) = (entry(toward(old.low))?, entry(toward(old.high))?);
            row.low = row.mark.min(listing.whole(low));
            row.high = row.mark.max(-listing.whole(-high));
        }
        Ok(())
    }
}

fn head(listing: &Listing) -> Row {
    Row {
        listing: listing.listing,
        kind: listing.kind,
        strike: listing.strike,
        expiry_ns: listing.expiry_ns,
        ..Row::default()
    }
}

/// T in 1e-9 years.
pub(crate) fn years_column(years: i128) -> i64 {
    ((years * i128::from(RATE_ONE)) >> 64) as i64
}
