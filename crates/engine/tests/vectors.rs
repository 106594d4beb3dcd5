//! The corpus of tests/vectors, written by the specification: the engine and the settlement machine give what it says,
//! to the byte, with signatures recovered by this workspace's own signer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use merkat_commit::Committer;
use merkat_engine::Engine;
use merkat_engine::signing::signed_digests;
use merkat_settle::{Domain, Effect, State, apply_input};
use merkat_signer::recover;
use serde_json::Value;

/// At least so many cases are there: a corpus that shrank by accident is no proof.
const CASES_LEAST: usize = 1_800;

struct Corpus {
    domain: Domain,
    states: BTreeMap<(String, String), Vec<u8>>,
    cases: Vec<Value>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors")
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hexadecimal text");
    assert_eq!(text.len() % 2, 0, "two digits a byte: {text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("an unsigned number")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("text")
}

fn read_json(path: &PathBuf) -> Value {
    let content = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&content).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read_corpus() -> Corpus {
    let head = read_json(&folder().join("states.json"));
    let config = &head["config"];
    let contract = bytes(&config["verifying_contract"])
        .try_into()
        .expect("20 bytes");
    let salt = bytes(&config["salt"]).try_into().expect("32 bytes");
    let domain = Domain::new(number(&config["chain_id"]), &contract, &salt);
    let mut states = BTreeMap::new();
    for each in head["states"].as_array().expect("a list of states") {
        let key = (
            text(&each["kind"]).to_owned(),
            text(&each["name"]).to_owned(),
        );
        states.insert(key, bytes(&each["state"]));
    }
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder of the corpus") {
        let path = entry.expect("a file of the corpus").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.ends_with(".json") && name != "states.json" {
            let family = read_json(&path);
            cases.extend(
                family["cases"]
                    .as_array()
                    .expect("a list of cases")
                    .iter()
                    .cloned(),
            );
        }
    }
    Corpus {
        domain,
        states,
        cases,
    }
}

/// The settlement part of a pre-state, its length first.
fn settlement_part(corpus: &Corpus, pre: &str) -> Vec<u8> {
    let kept = corpus
        .states
        .get(&("settlement".to_owned(), pre.to_owned()));
    let snapshot = kept.unwrap_or_else(|| &corpus.states[&("venue".to_owned(), pre.to_owned())]);
    let length = u32::from_be_bytes(snapshot[..4].try_into().expect("four bytes"));
    snapshot[..4 + length as usize].to_vec()
}

fn digest_difference(name: &str, found: [u8; 32], case: &Value) -> Option<String> {
    let expected = bytes(&case[name]);
    (found[..] != expected[..]).then(|| format!("{name} is {found:02x?}"))
}

/// The first place where the engine differs from a venue case, None where it agrees.
fn read_venue_case(corpus: &Corpus, case: &Value) -> Option<String> {
    let pre = ("venue".to_owned(), text(&case["pre"]).to_owned());
    let mut engine = match Engine::from_snapshot(&corpus.states[&pre]) {
        Ok(engine) => engine,
        Err(error) => return Some(format!("the pre-state is refused: {error}")),
    };
    for (index, step) in case["commands"]
        .as_array()
        .expect("commands")
        .iter()
        .enumerate()
    {
        let command = bytes(&step["command"]);
        let signers: Vec<_> = signed_digests(&corpus.domain, &command)
            .iter()
            .map(|(digest, signature)| recover(digest, signature).unwrap_or_default())
            .collect();
        let mut output = Vec::new();
        let (log_number, time_ns) = (number(&step["log_number"]), number(&step["time_ns"]));
        if let Err(error) = engine.apply(log_number, time_ns, &command, &signers, &mut output) {
            return Some(format!("command {index} is not taken: {error}"));
        }
        if output != bytes(&step["output"]) {
            return Some(format!("output of command {index} is {output:02x?}"));
        }
    }
    digest_difference("state_root", engine.state_root(), case)
        .or_else(|| digest_difference("venue_digest", engine.venue_digest(), case))
}

/// The first place where the settlement machine differs from a settlement case, None where it agrees.
fn read_settlement_case(corpus: &Corpus, case: &Value) -> Option<String> {
    let part = settlement_part(corpus, text(&case["pre"]));
    let mut state = match State::decode_alone(&part) {
        Ok(state) => state,
        Err(error) => return Some(format!("the pre-state is refused: {error}")),
    };
    for (index, step) in case["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .enumerate()
    {
        let result = apply_input(&mut state, &corpus.domain, &bytes(&step["input"]), &recover);
        let refusal = match result {
            Ok(Effect::ItemRefused(refusal)) | Err(refusal) => Some(refusal),
            Ok(_) => None,
        };
        let found = refusal.map_or((0, 0), |refusal| {
            (u64::from(refusal.code), u64::from(refusal.field))
        });
        if found != (number(&step["code"]), number(&step["field"])) {
            return Some(format!("input {index} gives code and field {found:?}"));
        }
    }
    digest_difference("state_root", Committer::new().root(&mut state), case)
}

fn read_case(corpus: &Corpus, case: &Value) -> Option<String> {
    match text(&case["kind"]) {
        "venue" => read_venue_case(corpus, case),
        "settlement" => read_settlement_case(corpus, case),
        other => panic!("a case of the unknown kind {other}"),
    }
}

#[test]
fn the_engine_reads_the_corpus() {
    let corpus = read_corpus();
    assert!(
        corpus.cases.len() >= CASES_LEAST,
        "{} cases, expected at least {CASES_LEAST}",
        corpus.cases.len()
    );
    let names: BTreeSet<_> = corpus.cases.iter().map(|case| text(&case["id"])).collect();
    assert_eq!(
        names.len(),
        corpus.cases.len(),
        "every case has an id of its own"
    );
    let differences: Vec<_> = corpus
        .cases
        .iter()
        .filter_map(|case| {
            read_case(&corpus, case).map(|difference| {
                format!(
                    "{} ({}): {difference:.400}",
                    text(&case["id"]),
                    text(&case["title"])
                )
            })
        })
        .collect();
    assert!(
        differences.is_empty(),
        "{} cases differ:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn canary_a_changed_case_is_found() {
    let corpus = read_corpus();
    for kind in ["venue", "settlement"] {
        let case = corpus
            .cases
            .iter()
            .find(|case| case["kind"] == kind)
            .expect("a case of each kind");
        assert_eq!(
            read_case(&corpus, case),
            None,
            "the case is right before it is changed"
        );
        let mut wrong_root = case.clone();
        wrong_root["state_root"] = Value::from("00".repeat(32));
        assert!(
            read_case(&corpus, &wrong_root).is_some(),
            "a wrong root is found"
        );
        let mut wrong_step = case.clone();
        if kind == "venue" {
            wrong_step["commands"][0]["output"] = Value::from("00");
        } else {
            wrong_step["inputs"][0]["code"] = Value::from(999);
        }
        assert!(
            read_case(&corpus, &wrong_step).is_some(),
            "a wrong output is found"
        );
    }
}
