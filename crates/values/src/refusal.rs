//! Why something is refused: the code of the first rule that failed and the field it names (rules.md, formats.md
//! section 5).

use core::fmt;

/// The first failing check of a command or micro-op.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Refusal {
    /// The rule: base of its letter plus its number, for example 103 for S-03.
    pub code: u16,
    /// The field that the rule names, a number of [`field`].
    pub field: u8,
}

impl Refusal {
    /// A refusal by this rule, naming this field.
    #[must_use]
    pub const fn new(code: u16, field: u8) -> Self {
        Self { code, field }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = b"SIWPFEQCOXMADK"
            .get(usize::from(self.code / 100).wrapping_sub(1))
            .map_or('?', |letter| char::from(*letter));
        write!(
            formatter,
            "refused by rule {letter}-{:02} (code {}), field number {}: see rules.md and \
             formats.md section 5",
            self.code % 100,
            self.code,
            self.field
        )
    }
}

impl core::error::Error for Refusal {}

/// Succeeds if the rule holds.
///
/// # Errors
/// The refusal by this rule, naming this field, otherwise.
#[inline]
pub const fn require(holds: bool, code: u16, field: u8) -> Result<(), Refusal> {
    if holds {
        Ok(())
    } else {
        Err(Refusal::new(code, field))
    }
}

/// Codes of the rules, named as in rules.md, derivatives.md and sessions.md.
#[allow(missing_docs)] // Each is documented by the rule of its number.
pub mod code {
    pub const S01_MALFORMED: u16 = 101;
    pub const S02_UNKNOWN_ACCOUNT: u16 = 102;
    pub const S03_BAD_SIGNATURE: u16 = 103;
    pub const S04_NONCE_NOT_LARGER: u16 = 104;
    pub const S05_TIME_OVERFLOW: u16 = 105;
    pub const I01_MALFORMED_ITEM: u16 = 201;
    pub const I02_NOT_TIMELOCK: u16 = 202;
    pub const I03_UNKNOWN_TOKEN: u16 = 203;
    pub const I04_BAD_AMOUNT: u16 = 204;
    pub const I05_BAD_OWNER: u16 = 205;
    pub const I06_BELOW_MINIMUM: u16 = 206;
    pub const I07_ACCOUNTS_FULL: u16 = 207;
    pub const I08_UNKNOWN_GROUP: u16 = 208;
    pub const I09_BAD_PARAMETER: u16 = 209;
    pub const I10_BAD_NODES: u16 = 210;
    pub const I11_BAD_KIND: u16 = 211;
    pub const I12_BAD_SIZE_DECIMALS: u16 = 212;
    pub const I13_BAD_LOT: u16 = 213;
    pub const I14_BAD_TICK: u16 = 214;
    pub const I15_BAD_FEE: u16 = 215;
    pub const I16_LISTINGS_FULL: u16 = 216;
    pub const I17_UNKNOWN_LISTING: u16 = 217;
    pub const I18_BAD_STATE: u16 = 218;
    pub const I19_BAD_LIMITS: u16 = 219;
    pub const I20_NO_SUCH_ACCOUNT: u16 = 220;
    pub const I21_FORCED_OWNER: u16 = 221;
    pub const I22_NO_RISK_SET: u16 = 222;
    pub const I23_BAD_STRIKE: u16 = 223;
    pub const I24_BAD_EXPIRY: u16 = 224;
    pub const I25_BAD_COARSE: u16 = 225;
    pub const I26_BAD_DELIVERY_FEE: u16 = 226;
    pub const I27_BAD_TOKEN: u16 = 227;
    pub const I28_DUPLICATE_LISTING: u16 = 228;
    pub const I29_MIXED_DECIMALS: u16 = 229;
    pub const I30_BAD_SCALAR: u16 = 230;
    pub const I31_BAD_SCENARIO: u16 = 231;
    pub const I32_NO_DELIVERY: u16 = 232;
    pub const I33_BAD_DELIVERY_PRICE: u16 = 233;
    pub const I34_SETTLED_LISTING: u16 = 234;
    pub const W01_WITHDRAW_TOKEN: u16 = 301;
    pub const W02_WITHDRAW_AMOUNT: u16 = 302;
    pub const W03_TRANSFER_TARGET: u16 = 303;
    pub const W04_WITHDRAW_STAGE: u16 = 304;
    pub const W05_WITHDRAW_STALE: u16 = 305;
    pub const W06_WITHDRAW_MARGIN: u16 = 306;
    pub const W07_MODE_VALUE: u16 = 307;
    pub const W08_MODE_STAGE: u16 = 308;
    pub const W09_MODE_STALE: u16 = 309;
    pub const W10_MODE_MARGIN: u16 = 310;
    pub const P01_OPEN_LISTING: u16 = 401;
    pub const P02_OPEN_SIDE: u16 = 402;
    pub const P03_OPEN_PRICE: u16 = 403;
    pub const P04_OPEN_SIZE: u16 = 404;
    pub const P05_OPEN_EXPIRED: u16 = 405;
    pub const P06_OPEN_FAR: u16 = 406;
    pub const P07_OPEN_FLOOR: u16 = 407;
    pub const P08_OPEN_VERSION: u16 = 408;
    pub const P09_OPEN_RENEWS: u16 = 409;
    pub const P10_CLOSE_ABSENT: u16 = 410;
    pub const P11_FLOOR_NOT_LARGER: u16 = 411;
    pub const P12_DROP_EARLY: u16 = 412;
    pub const F01_FILL_ORDER: u16 = 501;
    pub const F02_FILL_FLOOR: u16 = 502;
    pub const F03_FILL_EXPIRED: u16 = 503;
    pub const F04_FILL_SELF: u16 = 504;
    pub const F05_FILL_PRICE: u16 = 505;
    pub const F06_FILL_SIZE: u16 = 506;
    pub const F07_FILL_FEE_CAP: u16 = 507;
    pub const F08_FILL_ORACLE: u16 = 508;
    pub const F09_FILL_BAND: u16 = 509;
    pub const F10_FILL_STAGE: u16 = 510;
    pub const F11_FILL_SLOT: u16 = 511;
    pub const F12_FILL_GROUPS: u16 = 512;
    pub const F13_FILL_BOUND: u16 = 513;
    pub const F14_FILL_RESTRICTED: u16 = 514;
    pub const F15_FILL_MARGIN: u16 = 515;
    pub const F16_FILL_LISTING: u16 = 516;
    pub const F17_FILL_SPOT: u16 = 517;
    pub const F18_FILL_NAMES: u16 = 518;
    pub const E01_EPOCH_GROUP: u16 = 601;
    pub const E02_EPOCH_NUMBER: u16 = 602;
    pub const E03_EPOCH_PREVIOUS: u16 = 603;
    pub const E04_EPOCH_TIME: u16 = 604;
    pub const E05_EPOCH_VALUE: u16 = 605;
    pub const E06_EPOCH_QUORUM: u16 = 606;
    pub const E07_SURFACE_VALUE: u16 = 607;
    pub const E08_SURFACE_SHAPE: u16 = 608;
    pub const E09_SURFACE_BUTTERFLY: u16 = 609;
    pub const E10_SURFACE_CALENDAR: u16 = 610;
    pub const E11_SURFACE_MISSING: u16 = 611;
    pub const E12_SURFACE_JUMP: u16 = 612;
    pub const E13_SURFACE_DOMAIN: u16 = 613;
    pub const E14_VECTOR_VERSION: u16 = 614;
    pub const E15_CHUNK_HASHES: u16 = 615;
    pub const Q01_STAGE_VALUE: u16 = 701;
    pub const Q02_STAGE_FRESH: u16 = 702;
    pub const Q03_STAGE_ENTER: u16 = 703;
    pub const Q04_STAGE_LEAVE: u16 = 704;
    pub const Q05_LIQUIDATE_STAGE: u16 = 705;
    pub const Q06_LIQUIDATE_POSITION: u16 = 706;
    pub const Q07_LIQUIDATE_ORDER: u16 = 707;
    pub const Q08_LIQUIDATE_SIZE: u16 = 708;
    pub const Q09_LIQUIDATE_SHARE: u16 = 709;
    pub const Q10_LIQUIDATE_PRICE: u16 = 710;
    pub const Q11_LIQUIDATE_EQUITY: u16 = 711;
    pub const Q12_LIQUIDATE_MAKER: u16 = 712;
    pub const Q13_BANKRUPT_STATE: u16 = 713;
    pub const Q14_BANKRUPT_GROUP: u16 = 714;
    pub const Q15_TEAR_STAGE: u16 = 715;
    pub const Q16_TEAR_POSITION: u16 = 716;
    pub const Q17_TEAR_PRICE: u16 = 717;
    pub const Q18_WRITE_OFF_STATE: u16 = 718;
    pub const Q19_HEDGE_LISTING: u16 = 719;
    pub const Q20_HEDGE_SIZE: u16 = 720;
    pub const C01_MALFORMED_COMMAND: u16 = 801;
    pub const C02_NO_ACCOUNT: u16 = 802;
    pub const C03_WRONG_SIGNATURE: u16 = 803;
    pub const C04_USED_NONCE: u16 = 804;
    pub const C05_INBOX_INDEX: u16 = 805;
    pub const C06_ITEM_SIZE: u16 = 806;
    pub const C07_BAD_SLOT: u16 = 807;
    pub const C08_NO_SESSION: u16 = 808;
    pub const O01_NO_LISTING: u16 = 901;
    pub const O02_BAD_SIDE: u16 = 902;
    pub const O03_BAD_FLAGS: u16 = 903;
    pub const O04_OFF_TICK: u16 = 904;
    pub const O05_BAD_SIZE: u16 = 905;
    pub const O06_EXPIRED: u16 = 906;
    pub const O07_EXPIRY_TOO_FAR: u16 = 907;
    pub const O08_BAD_VERSION: u16 = 908;
    pub const O09_BAD_COUNTER: u16 = 909;
    pub const O10_BAD_RENEWS: u16 = 910;
    pub const O11_BELOW_FLOOR: u16 = 911;
    pub const O12_LOW_FEE_CAP: u16 = 912;
    pub const O13_IN_LIQUIDATION: u16 = 913;
    pub const O14_HALTED: u16 = 914;
    pub const O15_DUPLICATE_ORDER: u16 = 915;
    pub const O16_TOO_MANY_ORDERS: u16 = 916;
    pub const O17_TOO_MANY_POSITIONS: u16 = 917;
    pub const O18_TOO_MANY_GROUPS: u16 = 918;
    pub const O19_BAND: u16 = 919;
    pub const O20_ORACLE_STALE: u16 = 920;
    pub const O21_WOULD_TRADE: u16 = 921;
    pub const O22_INSUFFICIENT_MARGIN: u16 = 922;
    pub const O23_NO_ROW: u16 = 923;
    pub const O24_SPOT_SHORT: u16 = 924;
    pub const O25_OUT_OF_SCOPE: u16 = 925;
    pub const O26_OVER_NOTIONAL: u16 = 926;
    pub const O27_OUTLIVES_SESSION: u16 = 927;
    pub const X01_ORDER_NOT_OPEN: u16 = 1001;
    pub const X02_CHANGED_TERMS: u16 = 1002;
    pub const X03_VERSION_NOT_LARGER: u16 = 1003;
    pub const X04_BELOW_FILLED: u16 = 1004;
    pub const X05_RENEWAL_DIFFERS: u16 = 1005;
    pub const X06_FLOOR_NOT_RAISED: u16 = 1006;
    pub const X07_RENEW_EXPIRED: u16 = 1007;
    pub const M01_MAKER_EXPIRED: u16 = 1101;
    pub const M02_SELF_TRADE: u16 = 1102;
    pub const M03_MAKER_BAND: u16 = 1103;
    pub const M04_MAKER_STALE: u16 = 1104;
    pub const M05_TAKER_STALE: u16 = 1105;
    pub const M06_MAKER_MARGIN: u16 = 1106;
    pub const M07_TAKER_MARGIN: u16 = 1107;
    pub const M08_MAKER_FEE_CAP: u16 = 1108;
    pub const M09_MAKER_SESSION: u16 = 1109;
    pub const A01_NO_PENDING: u16 = 1201;
    pub const A02_WRONG_ROWS: u16 = 1202;
    pub const D01_DELIVER_LISTING: u16 = 1301;
    pub const D02_DELIVER_PRICE: u16 = 1302;
    pub const D03_EXPIRE_POSITION: u16 = 1303;
    pub const K01_SESSION_SLOT: u16 = 1401;
    pub const K02_SESSION_SCHEME: u16 = 1402;
    pub const K03_SESSION_KEY: u16 = 1403;
    pub const K04_SESSION_SCOPE: u16 = 1404;
    pub const K05_SESSION_EXPIRY: u16 = 1405;
    pub const K06_SESSION_TAKEN: u16 = 1406;
    pub const K07_SESSION_ABSENT: u16 = 1407;
    pub const K08_REVOKE_FLOOR: u16 = 1408;
    pub const K09_NO_SESSION: u16 = 1409;
    pub const K10_OUT_OF_SCOPE: u16 = 1410;
    pub const K11_OVER_NOTIONAL: u16 = 1411;
    pub const K12_OUTLIVES_SESSION: u16 = 1412;
}

/// Numbers of the fields that a refusal can name, as in formats.md section 5.
#[allow(missing_docs)] // Each is named as in the table.
pub mod field {
    pub const COMMAND: u8 = 0;
    pub const ACCOUNT: u8 = 1;
    pub const LISTING: u8 = 2;
    pub const SIDE: u8 = 3;
    pub const FLAGS: u8 = 4;
    pub const LIMIT_PRICE: u8 = 5;
    pub const SIZE: u8 = 6;
    pub const FEE_CAP: u8 = 7;
    pub const EXPIRY: u8 = 8;
    pub const COUNTER: u8 = 9;
    pub const VERSION: u8 = 10;
    pub const NONCE: u8 = 11;
    pub const RENEWS: u8 = 12;
    pub const SIGNATURE: u8 = 13;
    pub const AMOUNT: u8 = 14;
    pub const TOKEN: u8 = 15;
    pub const TO_ACCOUNT: u8 = 16;
    pub const FLOOR: u8 = 17;
    pub const GROUP: u8 = 18;
    pub const NUMBER: u8 = 19;
    pub const PREVIOUS: u8 = 20;
    pub const TIME: u8 = 21;
    pub const INDEX: u8 = 22;
    pub const BASIS: u8 = 23;
    pub const PREMIUM: u8 = 24;
    pub const SIGNATURES: u8 = 25;
    pub const ITEM: u8 = 26;
    pub const OWNER: u8 = 27;
    pub const SOURCE: u8 = 28;
    pub const KIND: u8 = 29;
    pub const STATE: u8 = 30;
    pub const LOT: u8 = 31;
    pub const TICK: u8 = 32;
    pub const SIZE_DECIMALS: u8 = 33;
    pub const MAKER_FEE: u8 = 34;
    pub const TAKER_FEE: u8 = 35;
    pub const THRESHOLD: u8 = 36;
    pub const NODES: u8 = 37;
    pub const PRICE: u8 = 38;
    pub const SLOT: u8 = 39;
    pub const MARGIN_RULE: u8 = 40;
    pub const POSITION_LIMIT: u8 = 41;
    pub const OPEN_ORDERS_ACCOUNT: u8 = 42;
    pub const OPEN_ORDERS_LISTING: u8 = 43;
    pub const NEW_ACCOUNT_MINIMUM: u8 = 44;
    pub const HOUR: u8 = 45;
    pub const STAGE: u8 = 46;
    pub const STRIKE: u8 = 47;
    pub const SURFACE: u8 = 48;
    pub const ROWS: u8 = 49;
    pub const CONFIDENCE: u8 = 50;
    pub const PEG: u8 = 51;
    pub const VOL: u8 = 52;
    pub const VOL_MEAN: u8 = 53;
    pub const FORWARD: u8 = 54;
    pub const SCENARIOS: u8 = 55;
    pub const COARSE_TICK: u8 = 56;
    pub const COARSE_FROM: u8 = 57;
    pub const DELIVERY_FEE: u8 = 58;
    pub const MODE: u8 = 59;
    /// Who signs for the account. (`SLOT` is a slot of its positions.)
    pub const SIGNER_SLOT: u8 = 60;
    pub const SCHEME: u8 = 61;
    pub const KEY: u8 = 62;
    pub const SCOPE: u8 = 63;
    /// Group parameter n is field 64 + n.
    pub const PARAMETER: u8 = 64;
    /// Scalar n of a risk set is field 96 + n.
    pub const SCALAR: u8 = 96;
}
