//! The chain through its public face: what the Python suite cannot see or build.

use std::path::PathBuf;

use merkat_chain::{
    Address, BASE_FEE_WEI, Bytes, CallOutcome, Chain, ChainError, Genesis, Request,
    TRANSACTION_GAS_MAX, U256,
};
use merkat_journal::{Identity, Journal, JournalError, NewRecord, Options};

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const TIME_S: u64 = 1_767_225_600;
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    path
}

fn genesis() -> Genesis {
    let wei = U256::from(10).pow(U256::from(21));
    Genesis {
        chain_id: 31_337,
        time_s: TIME_S,
        credits: vec![(ALICE, wei), (BOB, wei)],
    }
}

fn transfer(from: Address, wei: u64) -> Request {
    let value = U256::from(wei);
    Request {
        from,
        to: Some(BOB),
        data: Bytes::new(),
        value,
        gas: 21_000,
        blobs: Vec::new(),
    }
}

/// Makes a contract that stores what it is sent and returns it when nothing is sent.
fn deploy(chain: &mut Chain) -> Address {
    // With call data to byte 12, which stores its first word; without, returns slot 0.
    let runtime = [
        &[
            0x36, 0x60, 0x0c, 0x57, 0x5f, 0x54, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3,
        ][..],
        &[0x5b, 0x5f, 0x35, 0x5f, 0x55, 0x00][..],
    ]
    .concat();
    let length = u8::try_from(runtime.len()).expect("short");
    let data = [
        &[0x60, length, 0x80, 0x60, 0x09, 0x5f, 0x39, 0x5f, 0xf3],
        &runtime[..],
    ]
    .concat();
    let request = Request {
        to: None,
        data: data.into(),
        gas: 200_000,
        ..transfer(ALICE, 0)
    };
    let hash = chain.send(request, None).expect("the contract is made");
    let receipt = chain.receipt(hash).expect("it is in a block");
    receipt.contract_address.expect("it has an address")
}

fn store(chain: &mut Chain, contract: Address, number: u64) {
    let data = U256::from(number).to_be_bytes::<32>().to_vec().into();
    let request = Request {
        to: Some(contract),
        data,
        gas: 100_000,
        ..transfer(ALICE, 0)
    };
    chain.send(request, None).expect("the store is mined");
}

fn stored(chain: &Chain, contract: Address, block: u64) -> U256 {
    let outcome = chain.call(
        ALICE,
        Some(contract),
        Bytes::new(),
        TRANSACTION_GAS_MAX,
        block,
    );
    match outcome.expect("the call runs") {
        CallOutcome::Returned(output) => U256::from_be_slice(&output),
        other => panic!("the call came to {other:?}"),
    }
}

#[test]
fn a_fee_is_gas_times_base_fee() {
    let mut chain = Chain::open(None, &genesis()).expect("opens");
    let before = chain.balance(ALICE, 0).expect("block 0");
    chain.send(transfer(ALICE, 5), None).expect("sent");
    let after = chain.balance(ALICE, 1).expect("block 1");
    assert_eq!(before - after, U256::from(5 + 21_000 * BASE_FEE_WEI));
    assert_eq!(
        chain.balance(ALICE, 0).expect("block 0"),
        before,
        "the past changed"
    );
}

#[test]
fn every_past_state_stays_readable_through_reorganisations() {
    let mut chain = Chain::open(None, &genesis()).expect("opens");
    let contract = deploy(&mut chain);
    for round in 0..3_u64 {
        for number in 1..=20 {
            store(&mut chain, contract, 100 * round + number);
        }
        let head = chain.head().number;
        for back in 0..20 {
            let expected = U256::from(100 * round + 20 - back);
            assert_eq!(
                stored(&chain, contract, head - back),
                expected,
                "round {round}"
            );
        }
        chain.revert_to(head - 20).expect("the blocks exist");
        let left = stored(&chain, contract, head - 20);
        assert_eq!(left, U256::ZERO, "round {round} left something behind");
    }
    chain.revert_to(0).expect("the genesis exists");
    assert!(chain.code(contract, 0).expect("block 0").is_empty());
    assert_eq!(deploy(&mut chain), contract, "the nonce went back too");
}

#[test]
fn a_refused_block_leaves_no_trace() {
    let path = directory("refused");
    let mut chain = Chain::open(Some(&path), &genesis()).expect("opens");
    chain.mine(Some(TIME_S + 10)).expect("mined");
    let head = chain.head();
    let refusals = [
        chain.send(transfer(Address::ZERO, 1), None).map(drop),
        chain
            .send(
                Request {
                    gas: 20_999,
                    ..transfer(ALICE, 1)
                },
                None,
            )
            .map(drop),
        chain
            .send(
                Request {
                    gas: TRANSACTION_GAS_MAX + 1,
                    ..transfer(ALICE, 1)
                },
                None,
            )
            .map(drop),
        chain
            .send(
                Request {
                    value: U256::MAX,
                    ..transfer(ALICE, 1)
                },
                None,
            )
            .map(drop),
        chain.send(transfer(ALICE, 1), Some(TIME_S + 9)).map(drop),
        chain.fund(ALICE, U256::MAX).map(drop),
        chain.mine(Some(TIME_S)).map(drop),
        chain.revert_to(2),
    ];
    for (case, refusal) in refusals.into_iter().enumerate() {
        let error = refusal.expect_err("refused");
        assert!(
            !matches!(error, ChainError::Journal(_)),
            "case {case}: {error}"
        );
    }
    assert_eq!(chain.head(), head);
    drop(chain);
    let chain = Chain::open(Some(&path), &genesis()).expect("opens again");
    assert_eq!(
        chain.head(),
        head,
        "a refused block came back from the journal"
    );
}

/// Appends a command to the journal of a closed chain.
fn tamper(path: &std::path::Path, command: &[u8]) {
    let salt = Chain::open(None, &genesis()).expect("opens").head().hash.0;
    let options = Options {
        segment_bytes: 8 << 20,
        group_bytes_max: 4 << 20,
        ..Options::default()
    };
    let (journal, recovery) =
        Journal::open(path, Identity { venue_salt: salt }, options).expect("journal opens");
    let record = NewRecord {
        time_ns: recovery.time_ns,
        command,
    };
    let number = recovery.log_number + 1;
    journal
        .append(&[record], number, recovery.epoch, &mut Vec::new())
        .expect("appended");
    journal.wait_durable(number).expect("durable");
}

#[test]
fn a_block_that_executes_to_another_hash_is_refused() {
    let path = directory("diverged");
    let mut chain = Chain::open(Some(&path), &genesis()).expect("opens");
    chain.mine(None).expect("mined");
    drop(chain);
    let mut command = vec![1, 1];
    command.extend_from_slice(&TIME_S.to_be_bytes());
    command.extend_from_slice(&[0xee; 32]);
    command.extend_from_slice(&[0; 4]);
    tamper(&path, &command);
    let refusal = Chain::open(Some(&path), &genesis()).err().expect("refused");
    assert!(
        matches!(refusal, ChainError::Diverged { number: 2, .. }),
        "{refusal}"
    );
}

#[test]
fn a_record_that_is_none_is_refused() {
    let far = [&[1, 2][..], &9_u64.to_be_bytes()].concat();
    let long = [&[1, 2][..], &0_u64.to_be_bytes(), &[0]].concat();
    let cases: [(&str, &[u8], &str); 7] = [
        ("mark", &[2, 1], "piece mark is 2"),
        ("open", &[0, 2], "no end"),
        ("kind", &[1, 9], "kind is 9"),
        ("empty", &[1], "0 bytes are left"),
        ("short", &[1, 2, 0], "expected 8"),
        ("far", &far, "block number is 9"),
        ("long", &long, "1 bytes follow"),
    ];
    for (name, command, words) in cases {
        let path = directory(name);
        drop(Chain::open(Some(&path), &genesis()).expect("opens"));
        tamper(&path, command);
        let refusal = Chain::open(Some(&path), &genesis()).err().expect("refused");
        let text = refusal.to_string();
        assert!(
            matches!(refusal, ChainError::InvalidRecord { log_number: 1, .. }),
            "{text}"
        );
        assert!(text.contains(words), "{name}: {text}");
    }
}

#[test]
fn another_genesis_is_refused() {
    let path = directory("genesis");
    drop(Chain::open(Some(&path), &genesis()).expect("opens"));
    for change in 0..3 {
        let mut other = genesis();
        match change {
            0 => other.chain_id += 1,
            1 => other.time_s += 1,
            _ => other.credits[0].1 += U256::from(1),
        }
        let refusal = Chain::open(Some(&path), &other).err().expect("refused");
        let foreign = matches!(
            refusal,
            ChainError::Journal(JournalError::OtherVenue { .. })
        );
        assert!(foreign, "change {change}: {refusal}");
    }
    let twice = Genesis {
        credits: vec![(ALICE, U256::ONE); 2],
        ..genesis()
    };
    assert!(Chain::open(None, &twice).is_err(), "an account named twice");
}
