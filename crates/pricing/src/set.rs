//! Risk sets: the scalars and scenarios of a group (risk.md section 1).

use alloc::vec::Vec;

use merkat_values::Refusal;
use merkat_values::codec::{Reader, Short, Writer};
use merkat_values::keccak::keccak256;
use merkat_values::refusal::require;

use crate::cut;

/// Scalars of a set.
pub const SCALARS: usize = 53;

/// Scenarios of a set, at most.
pub const SCENARIOS_MAXIMUM: usize = 64;

/// Scenario prices are in 1e-6.
pub const PRICE_ONE: i64 = 1_000_000;

/// The damp of an undamped scenario, in 1e-6.
pub const DAMP_ONE: u32 = 1_000_000;

/// I-30, bad_scalar.
const BAD_SCALAR: u16 = 230;
/// I-31, bad_scenario.
const BAD_SCENARIO: u16 = 231;
/// Scalar n is field 96 + n.
const FIELD_SCALAR: u8 = 96;
const FIELD_SCENARIOS: u8 = 55;

/// Numbers of the scalars, named as in the table of risk.md.
#[allow(missing_docs)] // Each is documented by the table.
pub mod scalar {
    pub const MAINTENANCE_FACTOR: usize = 0;
    pub const INITIAL_FACTOR: usize = 1;
    pub const VOL_UP: usize = 2;
    pub const VOL_DOWN: usize = 3;
    pub const VOL_DOWN_HIGH: usize = 4;
    pub const VOL_POWER_SHORT: usize = 5;
    pub const VOL_POWER_LONG: usize = 6;
    pub const VOL_FLOOR: usize = 7;
    pub const SKEW_BASE: usize = 8;
    pub const SKEW_SCALE: usize = 9;
    pub const SKEW_K_LEAST: usize = 10;
    pub const SKEW_WIDTH: usize = 11;
    pub const SKEW_VOL_STATIC: usize = 12;
    pub const SKEW_VOL_SCALE: usize = 13;
    pub const BASIS_SHOCK: usize = 14;
    pub const BASIS_BASE: usize = 15;
    pub const BASIS_PER_YEAR: usize = 16;
    pub const PIN_DEVIATION: usize = 17;
    pub const PIN_SECONDS: usize = 18;
    pub const PIN_RANGE: usize = 19;
    pub const PERPETUAL_MAINTENANCE: usize = 20;
    pub const PERPETUAL_INITIAL: usize = 21;
    pub const NAKED_MAINTENANCE: usize = 22;
    pub const NAKED_INITIAL: usize = 23;
    pub const ROLL_RATE: usize = 24;
    pub const DELTA_THRESHOLD: usize = 25;
    pub const DELTA_SLOPE: usize = 26;
    pub const VEGA_THRESHOLD: usize = 27;
    pub const VEGA_SLOPE: usize = 28;
    pub const DAMP_LOW: usize = 29;
    pub const DAMP_HIGH: usize = 30;
    pub const CONFIDENCE_RATE: usize = 31;
    pub const PEG_THRESHOLD: usize = 32;
    pub const PEG_FACTOR: usize = 33;
    pub const WIDE_WINDOW_NS: usize = 34;
    pub const OPTION_BAND: usize = 35;
    pub const OPTION_SPREAD: usize = 36;
    pub const PREMIUM_CAP: usize = 37;
    pub const OPTION_LIQUIDATION_FEE: usize = 38;
    pub const VOL_JUMP: usize = 39;
    pub const HAIRCUT: usize = 40;
    pub const HAIRCUT_LARGE: usize = 41;
    pub const HAIRCUT_TIER: usize = 42;
    pub const LOAN_LIMIT: usize = 43;
    pub const LOAN_MAINTENANCE: usize = 44;
    pub const LOAN_CAP: usize = 45;
    pub const COLLATERAL_OFFSET: usize = 46;
    pub const STANDARD_INITIAL_MOST: usize = 47;
    pub const STANDARD_INITIAL_LEAST: usize = 48;
    pub const STANDARD_MAINTENANCE: usize = 49;
    pub const STANDARD_UNPAIRED_INITIAL: usize = 50;
    pub const STANDARD_UNPAIRED_MAINTENANCE: usize = 51;
    pub const SAMPLES_LEAST: usize = 52;
}

/// The defaults of risk.md, for majors.
const DEFAULTS: [i64; SCALARS] = [
    800_000_000,
    1_000_000_000,
    500_000_000,
    300_000_000,
    450_000_000,
    300_000_000,
    130_000_000,
    400_000_000,
    -50_000_000,
    150_000_000,
    10_000_000,
    4_000_000_000,
    600_000_000,
    -100_000_000,
    45_000_000,
    500_000_000,
    2_000_000_000,
    50_000_000,
    259_200,
    180_000_000,
    30_000_000,
    10_000_000,
    3_000_000,
    2_000_000,
    0,
    20_000_000_000_000,
    20_000_000,
    200_000_000_000,
    1_000_000_000,
    20_000_000,
    200_000_000,
    50_000_000,
    990_000_000,
    4_000_000_000,
    0,
    200_000_000,
    50_000_000,
    125_000_000,
    2_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    10_000_000_000_000,
    500_000_000,
    700_000_000,
    1_000_000_000_000,
    0,
    150_000_000,
    130_000_000,
    90_000_000,
    1_200_000_000,
    1_100_000_000,
    1_620,
];

#[derive(Clone, Copy)]
enum Bound {
    Value(i64),
    /// The value of another scalar.
    Other(usize),
}

use Bound::{Other, Value};
use scalar::*;

const BOUNDS: [(Bound, Bound); SCALARS] = [
    (Value(0), Value(4_000_000_000)),
    (Other(MAINTENANCE_FACTOR), Value(8_000_000_000)),
    (Value(0), Value(4_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(4_000_000_000)),
    (Value(-1_000_000_000), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(1_000_000), Value(1_000_000_000)),
    (Value(0), Value(10_000_000_000)),
    (Value(0), Value(4_000_000_000)),
    (Value(-1_000_000_000), Value(1_000_000_000)),
    (Value(0), Value(500_000_000)),
    (Value(0), Value(4_000_000_000)),
    (Value(0), Value(10_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(31_536_000)),
    (Value(0), Value(990_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1 << 60)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1 << 60)),
    (Value(0), Value(10_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Other(DAMP_LOW), Value(10_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(10_000_000_000)),
    (Value(0), Value(604_800_000_000_000)),
    (Value(1_000_000), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Value(20_000_000)),
    (Value(1_000_000), Value(10_000_000_000)),
    (Value(0), Value(1_000_000_000)),
    (Other(HAIRCUT), Value(1_000_000_000)),
    (Value(0), Value(1 << 60)),
    (Value(0), Value(1_000_000_000)),
    (Other(LOAN_LIMIT), Value(1_000_000_000)),
    (Value(0), Value(1 << 60)),
    (Value(0), Value(1)),
    (Value(0), Value(1_000_000_000)),
    (Value(0), Other(STANDARD_INITIAL_MOST)),
    (Value(0), Value(1_000_000_000)),
    (Other(STANDARD_UNPAIRED_MAINTENANCE), Value(4_000_000_000)),
    (Value(1_000_000_000), Value(4_000_000_000)),
    (Value(1), Value(1_800)),
];

/// How a scenario moves volatility: the bytes of risk.md.
pub mod vol_move {
    /// As it is.
    pub const SAME: u8 = 0;
    /// Up.
    pub const UP: u8 = 1;
    /// Down.
    pub const DOWN: u8 = 2;
    /// Skew, linear in log-moneyness.
    pub const SKEW_LINEAR: u8 = 3;
    /// Skew, by the absolute value of log-moneyness.
    pub const SKEW_ABSOLUTE: u8 = 4;
}

/// A move of price and volatility for which an account must hold margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Move of the price in 1e-6.
    pub price: i32,
    /// A byte of [`vol_move`].
    pub vol: u8,
    /// Part of the loss that counts while it is small against the fund, in 1e-6.
    pub damp: u32,
}

impl Scenario {
    /// Whether it is a move of price and volatility, not a skew.
    #[must_use]
    pub const fn is_ordinary(&self) -> bool {
        self.vol <= vol_move::DOWN
    }

    /// Whether it is ordinary and counts in full.
    #[must_use]
    pub const fn is_undamped(&self) -> bool {
        self.is_ordinary() && self.damp == DAMP_ONE
    }

    const fn is_sound(&self) -> bool {
        let skew = matches!(self.vol, vol_move::SKEW_LINEAR | vol_move::SKEW_ABSOLUTE);
        self.vol <= vol_move::SKEW_ABSOLUTE
            && self.price >= -990_000
            && self.price <= 20_000_000
            && self.damp <= DAMP_ONE
            && (!skew || (self.price == 0 && self.damp == DAMP_ONE))
    }
}

/// The parameters of a group's risk rows and margin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RiskSet {
    /// In the order of [`scalar`].
    pub scalars: [i64; SCALARS],
    /// 1 to 64.
    pub scenarios: Vec<Scenario>,
}

impl Default for RiskSet {
    fn default() -> Self {
        Self {
            scalars: DEFAULTS,
            scenarios: default_scenarios(),
        }
    }
}

/// 57 moves: a grid of 17 prices, eight tails, two skews.
fn default_scenarios() -> Vec<Scenario> {
    const NODE: i32 = 22_500;
    const TAILS: [(i32, u32); 8] = [
        (-660_000, 210_000),
        (-330_000, 420_000),
        (500_000, 277_000),
        (1_000_000, 139_000),
        (2_000_000, 69_000),
        (3_000_000, 46_000),
        (4_000_000, 35_000),
        (5_000_000, 28_000),
    ];
    let full = |price, vol| Scenario {
        price,
        vol,
        damp: DAMP_ONE,
    };
    let mut scenarios = Vec::with_capacity(57);
    scenarios.push(full(-8 * NODE, vol_move::UP));
    for node in -7..=7 {
        for vol in [vol_move::UP, vol_move::SAME, vol_move::DOWN] {
            scenarios.push(full(node * NODE, vol));
        }
    }
    scenarios.push(full(8 * NODE, vol_move::UP));
    scenarios.extend(TAILS.map(|(price, damp)| Scenario {
        price,
        vol: vol_move::UP,
        damp,
    }));
    scenarios.push(full(0, vol_move::SKEW_LINEAR));
    scenarios.push(full(0, vol_move::SKEW_ABSOLUTE));
    scenarios
}

impl RiskSet {
    /// Bytes of a set with this many scenarios.
    #[must_use]
    pub const fn bytes_of(count: usize) -> usize {
        1 + 8 * SCALARS + 9 * count
    }

    /// A scalar by its number in [`scalar`].
    #[inline]
    #[must_use]
    pub fn get(&self, scalar: usize) -> i64 {
        self.scalars[scalar]
    }

    /// The set of these bytes, whatever its values; nothing if the length does not fit the count.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let count = usize::from(*bytes.first()?);
        if bytes.len() != Self::bytes_of(count) {
            return None;
        }
        let mut reader = Reader::new(&bytes[1..]);
        Self::read(&mut reader, count).ok()
    }

    fn read(reader: &mut Reader<'_>, count: usize) -> Result<Self, Short> {
        let mut scalars = [0; SCALARS];
        for value in &mut scalars {
            *value = reader.i64()?;
        }
        let mut scenarios = Vec::with_capacity(count);
        for _ in 0..count {
            scenarios.push(Scenario {
                price: i32::from_be_bytes(reader.array()?),
                vol: reader.u8()?,
                damp: reader.u32()?,
            });
        }
        Ok(Self { scalars, scenarios })
    }

    /// The bytes of the set.
    ///
    /// # Panics
    /// If it has more than 255 scenarios: no check lets such a set through.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let count = u8::try_from(self.scenarios.len()).expect("invariant: at most 64 scenarios");
        let mut bytes = Vec::with_capacity(Self::bytes_of(self.scenarios.len()));
        bytes.put_u8(count);
        for value in self.scalars {
            bytes.put_i64(value);
        }
        for scenario in &self.scenarios {
            bytes.put(&scenario.price.to_be_bytes());
            bytes.put_u8(scenario.vol);
            bytes.put_u32(scenario.damp);
        }
        bytes
    }

    /// `risk_hash` of a group with this set.
    #[must_use]
    pub fn hash(&self) -> [u8; 31] {
        cut(&keccak256(&[&self.encode()]))
    }

    /// Rules I-30 and I-31.
    ///
    /// # Errors
    /// The first scalar outside its bounds, else the scenarios if one is not as risk.md section 1 says.
    pub fn check(&self) -> Result<(), Refusal> {
        let bound = |bound: Bound| match bound {
            Value(value) => value,
            Other(scalar) => self.get(scalar),
        };
        for (number, (least, most)) in BOUNDS.into_iter().enumerate() {
            let within = (bound(least)..=bound(most)).contains(&self.get(number));
            require(within, BAD_SCALAR, FIELD_SCALAR + number as u8)?;
        }
        let sound = (1..=SCENARIOS_MAXIMUM).contains(&self.scenarios.len())
            && self.scenarios.iter().all(Scenario::is_sound)
            && self.scenarios.iter().any(Scenario::is_undamped);
        require(sound, BAD_SCENARIO, FIELD_SCENARIOS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_30_every_bound_of_every_scalar() {
        assert_eq!(RiskSet::default().check(), Ok(()), "the defaults are sound");
        for (number, (least, most)) in BOUNDS.into_iter().enumerate() {
            let refused = Err(Refusal::new(BAD_SCALAR, FIELD_SCALAR + number as u8));
            let set = RiskSet::default();
            let value = |bound| match bound {
                Value(value) => value,
                Other(scalar) => set.get(scalar),
            };
            for (edge, beyond) in [(value(least), -1), (value(most), 1)] {
                // The initial factor has this one as its least and is tested first.
                let hidden = number == STANDARD_UNPAIRED_MAINTENANCE && beyond == 1;
                let named = number - usize::from(hidden);
                let first = Err(Refusal::new(BAD_SCALAR, FIELD_SCALAR + named as u8));
                let mut changed = set.clone();
                changed.scalars[number] = edge + beyond;
                assert_eq!(
                    changed.check(),
                    first,
                    "scalar {number} at {}",
                    edge + beyond
                );
                changed.scalars[number] = edge;
                // Another scalar bounded by this one may fail then, never this one.
                assert_ne!(changed.check(), refused, "scalar {number} at {edge}");
            }
        }
    }

    #[test]
    fn i_31_scenarios_that_are_not_as_they_must_be() {
        let refused = Err(Refusal::new(BAD_SCENARIO, FIELD_SCENARIOS));
        let with = |change: &dyn Fn(&mut Vec<Scenario>)| {
            let mut set = RiskSet::default();
            change(&mut set.scenarios);
            set.check()
        };
        assert_eq!(
            with(&|list| list[56].damp = 999_999),
            refused,
            "a damped skew"
        );
        assert_eq!(
            with(&|list| list[56].price = 1),
            refused,
            "a skew with a price"
        );
        assert_eq!(with(&|list| list[0].vol = 5), refused, "an unknown move");
        assert_eq!(with(&|list| list[0].price = -990_001), refused);
        assert_eq!(with(&|list| list[0].price = -990_000), Ok(()));
        assert_eq!(with(&|list| list[0].price = 20_000_001), refused);
        assert_eq!(with(&|list| list[0].price = 20_000_000), Ok(()));
        assert_eq!(with(&|list| list[0].damp = DAMP_ONE + 1), refused);
        assert_eq!(with(&Vec::clear), refused, "no scenario");
        assert_eq!(with(&|list| list.resize(64, list[0])), Ok(()));
        assert_eq!(
            with(&|list| list.resize(65, list[0])),
            refused,
            "65 scenarios"
        );
        let damped = |list: &mut Vec<Scenario>| list.iter_mut().for_each(|one| one.damp /= 2);
        let only_tails = |list: &mut Vec<Scenario>| list.retain(Scenario::is_ordinary);
        let both = |list: &mut Vec<Scenario>| {
            only_tails(list);
            damped(list);
        };
        assert_eq!(with(&both), refused, "nothing counts in full");
        assert_eq!(with(&only_tails), Ok(()));
    }

    #[test]
    fn bytes_are_read_back_and_other_lengths_are_malformed() {
        let set = RiskSet::default();
        let bytes = set.encode();
        assert_eq!(set.scenarios.len(), 57);
        assert_eq!(bytes.len(), 1 + 53 * 8 + 57 * 9);
        assert_eq!(RiskSet::decode(&bytes), Some(set));
        assert_eq!(RiskSet::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(RiskSet::decode(&[]), None);
        let mut longer = bytes.clone();
        longer.push(0);
        assert_eq!(RiskSet::decode(&longer), None);
    }
}
