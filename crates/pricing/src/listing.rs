//! What a row needs to know of a listing.

use merkat_values::constants::DAY_NS;

/// Kinds of listings (derivatives.md section 1).
pub mod kind {
    /// Perpetual future.
    pub const PERPETUAL: u8 = 1;
    /// Dated future.
    pub const FUTURE: u8 = 2;
    /// Call option.
    pub const CALL: u8 = 3;
    /// Put option.
    pub const PUT: u8 = 4;
    /// Collateral held for itself.
    pub const SPOT: u8 = 5;
}

/// A live listing of a group: one whose state is below 4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Its number.
    pub listing: u32,
    /// Of [`kind`].
    pub kind: u8,
    /// In 1e-6 USD; 0 unless an option.
    pub strike: i64,
    /// ns since the epoch; 0 unless dated.
    pub expiry_ns: u64,
    /// The price step in 1e-6 USD, at least 1.
    pub quantum: i64,
    /// In 1e-6 USD, once it is known: of the listing, or the group's fixed price of this expiry.
    pub delivery_price: Option<i64>,
}

impl Listing {
    /// Future or option.
    #[inline]
    #[must_use]
    pub const fn is_dated(&self) -> bool {
        matches!(self.kind, kind::FUTURE | kind::CALL | kind::PUT)
    }

    /// Call or put.
    #[inline]
    #[must_use]
    pub const fn is_option(&self) -> bool {
        matches!(self.kind, kind::CALL | kind::PUT)
    }

    /// What one coin pays when the underlying ends at this price.
    #[must_use]
    pub fn pay(&self, price: i64) -> i64 {
        payoff(self.kind, self.strike, price)
    }

    /// The price in whole quanta, down.
    #[inline]
    #[must_use]
    pub fn whole(&self, price: i64) -> i64 {
        price - price.rem_euclid(self.quantum)
    }
}

/// What one coin of a future or an option pays when the underlying ends at this price.
#[inline]
#[must_use]
pub fn payoff(kind: u8, strike: i64, price: i64) -> i64 {
    match kind {
        kind::CALL => (price - strike).max(0),
        kind::PUT => (strike - price).max(0),
        _ => price,
    }
}

/// Seconds of the window before an expiry whose mean is the delivery price.
pub const WINDOW_SECONDS: i64 = 1_800;

/// Samples of the index in the delivery window of a day, as the group keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Days since the epoch.
    pub day: u32,
    /// Whole seconds sampled.
    pub count: u32,
    /// Sum of the index over them, in 1e-6 USD.
    pub sum: i128,
}

/// The share of a delivery price that samples have fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fixing {
    /// What the sampled seconds add to the price, in 1e-6 USD.
    fixed: i64,
    /// Seconds that are still free, of [`WINDOW_SECONDS`].
    free: i64,
}

impl Fixing {
    /// Before the window opens, or without a sample: nothing is fixed.
    pub const OPEN: Self = Self {
        fixed: 0,
        free: WINDOW_SECONDS,
    };

    /// What is fixed at this time of the price at an expiry.
    #[must_use]
    pub fn new(samples: &Samples, expiry_ns: u64, time_ns: u64) -> Self {
        let in_window = in_window(expiry_ns, time_ns);
        if !in_window || samples.count == 0 || u64::from(samples.day) != expiry_ns / DAY_NS {
            return Self::OPEN;
        }
        let held = i64::from(samples.count).min(WINDOW_SECONDS);
        let parts = i128::from(samples.count) * i128::from(WINDOW_SECONDS);
        let fixed = (samples.sum * i128::from(held)).div_euclid(parts);
        Self {
            fixed: i64::try_from(fixed).expect("invariant: a mean of prices is a price"),
            free: WINDOW_SECONDS - held,
        }
    }

    /// Whether nothing is fixed.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.free == WINDOW_SECONDS
    }

    /// The price that the delivery tends to when the underlying stands here: the free share moves, the fixed does not.
    #[must_use]
    pub fn mixed(&self, price: i64) -> i64 {
        self.fixed + self.share(price)
    }

    /// floor(value x free / 1800), beyond 63 bits too.
    #[must_use]
    pub fn share_of(&self, value: i128) -> i128 {
        if self.is_open() {
            return value;
        }
        // Whole parts and the rest apart: the value may have 120 bits.
        let parts = i128::from(WINDOW_SECONDS);
        let (whole, rest) = (value.div_euclid(parts), value.rem_euclid(parts));
        let free = i128::from(self.free);
        whole * free + rest * free / parts
    }

    /// floor(value x free^2 / 1800^2) of a value below 2^105.
    #[must_use]
    pub fn square_share_of(&self, value: i128) -> i128 {
        if self.is_open() {
            return value;
        }
        let (free, parts) = (i128::from(self.free), i128::from(WINDOW_SECONDS));
        let square = parts * parts;
        let (whole, rest) = (value.div_euclid(square), value.rem_euclid(square));
        whole * free * free + rest * free * free / square
    }

    fn share(&self, price: i64) -> i64 {
        let share = self.share_of(i128::from(price));
        i64::try_from(share).expect("invariant: a share is not above the whole")
    }
}

/// Whether this time is in the 1,800 s before the expiry.
#[must_use]
pub fn in_window(expiry_ns: u64, time_ns: u64) -> bool {
    let window_ns = WINDOW_SECONDS as u64 * 1_000_000_000;
    time_ns < expiry_ns && expiry_ns - time_ns <= window_ns
}
