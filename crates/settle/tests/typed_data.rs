//! Every EIP-712 digest against an encoder that reads the type strings out of formats.md, section 3, and sessions.md, section 1.
#![allow(missing_docs)]

use merkat_settle::ops::{Floor, Heartbeat, SessionOpen, SessionRevoke, Transfer, Withdraw};
use merkat_settle::{Domain, Order, Session, Vector};
use merkat_values::keccak::keccak256;

const FORMATS: &str = include_str!("../../../docs/spec/formats.md");
const SESSIONS: &str = include_str!("../../../docs/spec/sessions.md");
const CHAIN_ID: u64 = 31_337;
const CONTRACT: [u8; 20] = *b"merkat-vault-version";
const SALT: [u8; 32] = [0x5a; 32];

/// A value of a member.
enum Value {
    Number(i128),
    Bytes(Vec<u8>),
    Text(&'static str),
}

/// The type string of a struct: the text between backquotes that begins with its name, in sessions.md if it stands
/// there, which says how version 3 differs, else in formats.md.
fn type_string(name: &str) -> &'static str {
    let start = format!("{name}(");
    let of = |text: &'static str| {
        text.split('`')
            .filter(|text| text.starts_with(&start))
            .collect::<Vec<_>>()
    };
    let found = match of(SESSIONS) {
        newest if newest.is_empty() => of(FORMATS),
        newest => newest,
    };
    assert_eq!(found.len(), 1, "a text has one type string of {name}");
    found[0]
}

/// The word of a value of an EIP-712 type; asserts that the value is one of the type.
fn word(kind: &str, value: &Value) -> [u8; 32] {
    let mut word = [0; 32];
    match (kind, value) {
        ("string", Value::Text(text)) => keccak256(&[text.as_bytes()]),
        ("address", Value::Bytes(bytes)) => {
            word[12..].copy_from_slice(bytes);
            word
        }
        (_, Value::Bytes(bytes)) => {
            assert_eq!(kind, format!("bytes{}", bytes.len()), "length of a value");
            word[..bytes.len()].copy_from_slice(bytes);
            word
        }
        (_, Value::Number(number)) => {
            let (least, bits) = match kind.strip_prefix("uint") {
                Some(bits) => (0, bits),
                None => (
                    i128::MIN,
                    kind.strip_prefix("int").expect("an integer type"),
                ),
            };
            let bits: u32 = bits.parse().expect("bits of an integer type");
            assert!(*number >= least, "{kind} holds no {number}");
            let magnitude = number.unsigned_abs();
            assert!(
                bits > 128 || magnitude.leading_zeros() >= 128 - bits,
                "{kind} holds no {number}"
            );
            // The sign fills the word.
            word.fill(if *number < 0 { 0xff } else { 0 });
            word[16..].copy_from_slice(&number.to_be_bytes());
            word
        }
        _ => panic!("no value of type {kind}"),
    }
}

/// hashStruct of EIP-712; every member is given by its name.
fn struct_hash(type_string: &str, values: &[(&str, Value)]) -> [u8; 32] {
    let members = type_string
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .expect("a type string has its members in brackets");
    let members: Vec<_> = members
        .split(',')
        .map(|member| member.split_once(' ').expect("type and name"))
        .collect();
    assert_eq!(members.len(), values.len(), "members of {type_string}");
    let mut bytes = keccak256(&[type_string.as_bytes()]).to_vec();
    for (kind, name) in members {
        let value = values.iter().find(|(known, _)| *known == name);
        let (_, value) = value.unwrap_or_else(|| panic!("{type_string} has a member {name}"));
        bytes.extend(word(kind, value));
    }
    keccak256(&[&bytes])
}

fn domain_separator() -> [u8; 32] {
    let values = [
        ("name", Value::Text("merkat")),
        ("version", Value::Text("1")),
        ("chainId", Value::Number(CHAIN_ID.into())),
        ("verifyingContract", Value::Bytes(CONTRACT.to_vec())),
        ("salt", Value::Bytes(SALT.to_vec())),
    ];
    struct_hash(type_string("EIP712Domain"), &values)
}

fn digest(name: &str, values: &[(&str, Value)]) -> [u8; 32] {
    let hash = struct_hash(type_string(name), values);
    keccak256(&[&[0x19, 0x01], &domain_separator(), &hash])
}

fn domain() -> Domain {
    Domain::new(CHAIN_ID, &CONTRACT, &SALT)
}

fn number(value: impl Into<i128>) -> Value {
    Value::Number(value.into())
}

fn amount(value: u128) -> Value {
    Value::Number(value.try_into().expect("an amount below 2^127"))
}

#[test]
fn the_domain_and_its_placeholder() {
    assert_eq!(domain().separator(), domain_separator());
    let hex: String = CONTRACT.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(FORMATS.contains(&format!("`0x{hex}`")), "the placeholder");
    let other = Domain::new(CHAIN_ID + 1, &CONTRACT, &SALT);
    assert_ne!(other.separator(), domain_separator(), "another chain");
}

/// Values that differ from each other in every member, and the largest of each.
fn orders() -> [Order; 3] {
    let order = Order {
        account: 1,
        slot: 14,
        listing: 2,
        side: 3,
        flags: 4,
        limit_price: 5,
        size: 6,
        fee_cap: -7,
        expiry_ns: 8,
        counter: 9,
        version: 10,
        nonce: 11,
        renews_hour: 12,
        renews_counter: 13,
    };
    let largest = Order {
        account: u32::MAX,
        slot: u8::MAX,
        listing: u32::MAX,
        side: u8::MAX,
        flags: u8::MAX,
        limit_price: i64::MAX,
        size: i64::MIN,
        fee_cap: i64::MIN,
        expiry_ns: u64::MAX,
        counter: (1 << 40) - 1,
        version: u32::MAX,
        nonce: u64::MAX,
        renews_hour: u32::MAX,
        renews_counter: (1 << 40) - 1,
    };
    [Order::default(), order, largest]
}

#[test]
fn orders_cancels_and_floors() {
    for order in orders() {
        let values = [
            ("account", number(order.account)),
            ("slot", number(order.slot)),
            ("listing", number(order.listing)),
            ("side", number(order.side)),
            ("flags", number(order.flags)),
            ("limitPrice", number(order.limit_price)),
            ("size", number(order.size)),
            ("feeCap", number(order.fee_cap)),
            ("expiry", number(order.expiry_ns)),
            ("counter", number(order.counter)),
            ("version", number(order.version)),
            ("nonce", number(order.nonce)),
            ("renewsHour", number(order.renews_hour)),
            ("renewsCounter", number(order.renews_counter)),
        ];
        assert_eq!(
            domain().order(&order),
            digest("Order", &values),
            "{order:?}"
        );
    }
    let values = [
        ("account", number(1)),
        ("slot", number(5)),
        ("expiryHour", number(2)),
        ("counter", number(3)),
        ("nonce", number(4)),
    ];
    assert_eq!(domain().cancel(1, 5, 2, 3, 4), digest("Cancel", &values));
    let floor = Floor {
        account: 1,
        floor: 2,
        nonce: 3,
        signature: [0; 65],
    };
    let values = [
        ("account", number(1)),
        ("floor", number(2)),
        ("nonce", number(3)),
    ];
    assert_eq!(domain().floor(&floor), digest("Floor", &values));
}

#[test]
fn sessions() {
    let open = SessionOpen {
        account: u32::MAX,
        slot: 2,
        session: Session {
            state: 77,
            scheme: 3,
            key: [4; 20],
            groups: u64::MAX,
            kinds: 5,
            notional: u64::MAX - 1,
            expiry_ns: 6,
        },
        nonce: 7,
        signature: [0; 65],
    };
    let values = [
        ("account", number(u32::MAX)),
        ("slot", number(2)),
        ("scheme", number(3)),
        ("key", Value::Bytes(vec![4; 20])),
        ("groups", number(u64::MAX)),
        ("kinds", number(5)),
        ("notional", number(u64::MAX - 1)),
        ("expiry", number(6)),
        ("nonce", number(7)),
    ];
    let expected = digest("SessionOpen", &values);
    assert_eq!(domain().session_open(&open), expected);
    let revoke = SessionRevoke {
        account: 1,
        slot: 2,
        floor: (1 << 40) - 1,
        nonce: 4,
        signature: [0; 65],
    };
    let values = [
        ("account", number(1)),
        ("slot", number(2)),
        ("floor", number((1_u64 << 40) - 1)),
        ("nonce", number(4)),
    ];
    let expected = digest("SessionRevoke", &values);
    assert_eq!(domain().session_revoke(&revoke), expected);
}

#[test]
fn withdrawals_and_transfers() {
    const AMOUNT: u128 = u128::MAX >> 1;
    let signature = [0; 65];
    let withdraw = Withdraw {
        account: 1,
        token: 2,
        amount: AMOUNT,
        nonce: 4,
        signature,
    };
    let values = [
        ("account", number(1)),
        ("token", number(2)),
        ("amount", amount(AMOUNT)),
        ("nonce", number(4)),
    ];
    assert_eq!(domain().withdraw(&withdraw), digest("Withdraw", &values));
    let transfer = Transfer {
        account: 1,
        to_account: 2,
        amount: AMOUNT,
        nonce: 4,
        signature,
    };
    let values = [
        ("account", number(1)),
        ("toAccount", number(2)),
        ("amount", amount(AMOUNT)),
        ("nonce", number(4)),
    ];
    assert_eq!(domain().transfer(&transfer), digest("Transfer", &values));
}

#[test]
fn vectors_heartbeats_and_receipts() {
    let previous = [0xc3; 31];
    let vector = Vector {
        group: 1,
        number: 2,
        time_ns: 3,
        previous,
        index: 4,
        basis: -5,
        premium: -6,
    };
    let values = [
        ("group", number(1)),
        ("number", number(2)),
        ("time", number(3)),
        ("previous", Value::Bytes(previous.to_vec())),
        ("index", number(4)),
        ("basis", number(-5)),
        ("premium", number(-6)),
    ];
    assert_eq!(domain().epoch(&vector), digest("Epoch", &values));
    let beat = Heartbeat {
        group: 1,
        number: 2,
        time_ns: 3,
        vector_hash: previous,
        signatures: Vec::new(),
    };
    let values = [
        ("group", number(1)),
        ("number", number(2)),
        ("time", number(3)),
        ("vector", Value::Bytes(previous.to_vec())),
    ];
    assert_eq!(domain().heartbeat(&beat), digest("Heartbeat", &values));
    let (command, journal) = ([0xd1; 32], [0xd2; 32]);
    let values = [
        ("venueSalt", Value::Bytes(SALT.to_vec())),
        ("logNumber", number(7)),
        ("commandHash", Value::Bytes(command.to_vec())),
        ("journalHash", Value::Bytes(journal.to_vec())),
    ];
    let receipt = domain().receipt(&SALT, 7, &command, &journal);
    assert_eq!(receipt, digest("Receipt", &values));
    let swapped = domain().receipt(&SALT, 7, &journal, &command);
    assert_ne!(swapped, receipt, "the members keep their places");
}
