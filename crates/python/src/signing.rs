//! Signatures: recovery for batches of commands, signing for wallets, nodes and the sequencer.

use merkat_engine::command::signature_count;
use merkat_engine::signing::signed_digests;
use merkat_settle::ops::Heartbeat;
use merkat_settle::order::AnyVector;
use merkat_settle::{Domain, NodeSignature};
use merkat_signer::{Secret, recover, recover_batch, sign_batch};
use merkat_values::codec::Reader;
use merkat_values::constants::SECP256K1;
use merkat_values::{Address, keccak};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::framing::{Record, fixed, pieces, records, value_error};

const SIGNATURE_BYTES: usize = 65;
const HASHES_BYTES: usize = 64;
/// Bytes of a heartbeat before its signatures.
const BEAT_BYTES: usize = 49;

/// The domain of a venue from the three arguments that name it.
pub fn domain(chain_id: u64, verifying_contract: &[u8], salt: &[u8]) -> PyResult<Domain> {
    let contract = fixed::<20>("verifying_contract", verifying_contract)?;
    Ok(Domain::new(
        chain_id,
        &contract,
        &fixed::<32>("salt", salt)?,
    ))
}

/// The signers of every command: recovered over all cores, the zero address where a signature names nobody.
pub fn recover_all(domain: &Domain, records: &[Record<'_>]) -> Vec<Vec<Address>> {
    let digests: Vec<_> = records
        .iter()
        .map(|record| signed_digests(domain, record.command))
        .collect();
    let flat: Vec<_> = digests.iter().flatten().copied().collect();
    let mut addresses = recover_batch(&flat)
        .into_iter()
        .map(Option::unwrap_or_default);
    digests
        .iter()
        .map(|list| addresses.by_ref().take(list.len()).collect())
        .collect()
}

/// Recovers the signers of a batch: per command u8 count and so many addresses of 20 bytes.
#[pyfunction]
pub fn recover_signers<'py>(
    py: Python<'py>,
    chain_id: u64,
    verifying_contract: &[u8],
    salt: &[u8],
    batch: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let domain = domain(chain_id, verifying_contract, salt)?;
    let records = records(batch).map_err(value_error)?;
    let out = py.detach(|| {
        let mut out = Vec::with_capacity(21 * records.len());
        for list in recover_all(&domain, &records) {
            out.push(u8::try_from(list.len()).expect("invariant: a count is one byte"));
            out.extend_from_slice(list.as_flattened());
        }
        out
    });
    Ok(PyBytes::new(py, &out))
}

fn secret(name: &str, bytes: &[u8; 32]) -> PyResult<Secret> {
    secret_of(name, SECP256K1, bytes)
}

fn secret_of(name: &str, scheme: u8, bytes: &[u8; 32]) -> PyResult<Secret> {
    Secret::of(scheme, *bytes).map_err(|error| value_error(format!("{name}: {error}")))
}

/// Splits commands framed by a u32 length each.
fn framed(commands: &[u8]) -> PyResult<Vec<&[u8]>> {
    let (mut found, mut rest) = (Vec::new(), commands);
    while !rest.is_empty() {
        let parts = rest
            .split_first_chunk::<4>()
            .and_then(|(head, body)| body.split_at_checked(u32::from_be_bytes(*head) as usize));
        let Some((command, next)) = parts else {
            return Err(value_error(format!(
                "commands: number {} at byte {} is cut, expected a u32 length and so many bytes",
                found.len(),
                commands.len() - rest.len()
            )));
        };
        found.push(command);
        rest = next;
    }
    Ok(found)
}

/// Signs commands: framed by u32, one secret of 32 bytes each (of one scheme byte each, secp256k1 without); returns
/// them framed with their last 65 bytes filled.
#[pyfunction]
#[pyo3(signature = (chain_id, verifying_contract, salt, commands, secrets, schemes=None))]
pub fn sign_commands<'py>(
    py: Python<'py>,
    chain_id: u64,
    verifying_contract: &[u8],
    salt: &[u8],
    commands: &[u8],
    secrets: &[u8],
    schemes: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let domain = domain(chain_id, verifying_contract, salt)?;
    let found = framed(commands)?;
    let secrets = pieces::<32>("secrets", secrets)?;
    let schemes = schemes.map_or_else(|| vec![SECP256K1; secrets.len()], <[u8]>::to_vec);
    if (secrets.len(), schemes.len()) != (found.len(), found.len()) {
        let message = format!(
            "{} secrets and {} schemes for {} commands: give one of both each",
            secrets.len(),
            schemes.len(),
            found.len()
        );
        return Err(value_error(message));
    }
    let mut items = Vec::with_capacity(found.len());
    for (index, (command, (key, scheme))) in
        found.iter().zip(secrets.iter().zip(&schemes)).enumerate()
    {
        let digests = signed_digests(&domain, command);
        let signed = matches!(command.get(1), Some(1..=10)) && signature_count(command) == 1;
        if !signed {
            return Err(value_error(format!(
                "command {index} is none that a wallet or a session signs (kinds 1 to 10 of exact length)"
            )));
        }
        let key = secret_of(&format!("secret {index}"), *scheme, key)?;
        items.push((key, digests[0].0));
    }
    let out = py.detach(|| {
        let mut out = commands.to_vec();
        let mut end = 0;
        for (command, signature) in found.iter().zip(sign_batch(&items)) {
            end += 4 + command.len();
            out[end - SIGNATURE_BYTES..end].copy_from_slice(&signature);
        }
        out
    });
    Ok(PyBytes::new(py, &out))
}

/// Signs a vector (of version 1 or 2) or the body of a heartbeat (49 bytes) with nodes' secrets; returns the
/// `signatures` part.
#[pyfunction]
pub fn sign_oracle<'py>(
    py: Python<'py>,
    chain_id: u64,
    verifying_contract: &[u8],
    salt: &[u8],
    payload: &[u8],
    nodes: &[u8],
    secrets: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let domain = domain(chain_id, verifying_contract, salt)?;
    let secrets = pieces::<32>("secrets", secrets)?;
    if secrets.len() != nodes.len() || nodes.len() > 255 {
        let message = format!(
            "{} secrets for {} nodes: give one each",
            secrets.len(),
            nodes.len()
        );
        return Err(value_error(message));
    }
    let digest = oracle_digest(&domain, payload)?;
    let mut items = Vec::with_capacity(nodes.len());
    for (node, key) in nodes.iter().zip(secrets) {
        items.push((secret(&format!("secret of node {node}"), key)?, digest));
    }
    let signatures: Vec<_> = nodes
        .iter()
        .zip(sign_batch(&items))
        .map(|(node, signature)| NodeSignature {
            node: *node,
            signature,
        })
        .collect();
    let mut out = Vec::new();
    merkat_settle::order::write_signatures(&signatures, &mut out);
    Ok(PyBytes::new(py, &out))
}

fn oracle_digest(domain: &Domain, payload: &[u8]) -> PyResult<[u8; 32]> {
    if payload.len() == BEAT_BYTES {
        let bytes = [payload, &[0]].concat();
        let beat = Heartbeat::read(&mut Reader::new(&bytes));
        return Ok(domain.heartbeat(&beat.expect("invariant: 49 bytes and no signatures")));
    }
    let reader = &mut Reader::new(payload);
    match AnyVector::read(reader) {
        Ok(vector) if reader.is_done() => Ok(domain.vector(&vector)),
        _ => Err(value_error(format!(
            "payload has {} bytes and version {}, expected a vector of version 1 (74 bytes) or 2 (107 + 56 an expiry), \
             or a heartbeat ({BEAT_BYTES} bytes)",
            payload.len(),
            payload.first().copied().unwrap_or_default()
        ))),
    }
}

fn receipt_digests(
    domain: &Domain,
    salt: &[u8],
    first_log_number: u64,
    hashes: &[u8],
) -> PyResult<Vec<[u8; 32]>> {
    let salt = fixed::<32>("salt", salt)?;
    let hashes = pieces::<HASHES_BYTES>("hashes", hashes)?;
    let last = u64::try_from(hashes.len()).expect("invariant: 64-bit machine");
    if first_log_number.checked_add(last).is_none() {
        return Err(value_error(
            "first_log_number leaves 64 bits with this many hashes",
        ));
    }
    let digest = |(log_number, pair): (u64, &[u8; HASHES_BYTES])| {
        let (command_hash, journal_hash) = pair.split_at(32);
        let (command_hash, journal_hash) = (
            command_hash.try_into().expect("invariant: 32 bytes"),
            journal_hash.try_into().expect("invariant: 32 bytes"),
        );
        domain.receipt(&salt, log_number, command_hash, journal_hash)
    };
    Ok((first_log_number..).zip(hashes).map(digest).collect())
}

/// Signs receipts: `hashes` has command hash and journal hash of each record; returns 65 bytes each.
#[pyfunction]
#[pyo3(signature = (chain_id, verifying_contract, salt, first_log_number, hashes, secret_key))]
pub fn sign_receipts<'py>(
    py: Python<'py>,
    chain_id: u64,
    verifying_contract: &[u8],
    salt: &[u8],
    first_log_number: u64,
    hashes: &[u8],
    secret_key: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let domain = domain(chain_id, verifying_contract, salt)?;
    let key = secret("secret", &fixed::<32>("secret", secret_key)?)?;
    let digests = receipt_digests(&domain, salt, first_log_number, hashes)?;
    let signatures = py.detach(|| {
        let items: Vec<_> = digests
            .iter()
            .map(|digest| (key.clone(), *digest))
            .collect();
        sign_batch(&items)
    });
    Ok(PyBytes::new(py, signatures.as_flattened()))
}

/// Whether every receipt bears the signature of this address.
#[pyfunction]
#[allow(
    clippy::too_many_arguments,
    reason = "the receipt's fields are those of formats.md"
)]
pub fn verify_receipts(
    py: Python<'_>,
    chain_id: u64,
    verifying_contract: &[u8],
    salt: &[u8],
    first_log_number: u64,
    hashes: &[u8],
    signatures: &[u8],
    address: &[u8],
) -> PyResult<bool> {
    let domain = domain(chain_id, verifying_contract, salt)?;
    let address = fixed::<20>("address", address)?;
    let digests = receipt_digests(&domain, salt, first_log_number, hashes)?;
    let signatures = pieces::<SIGNATURE_BYTES>("signatures", signatures)?;
    if signatures.len() != digests.len() {
        return Err(value_error(format!(
            "{} signatures for {} receipts: give one each",
            signatures.len(),
            digests.len()
        )));
    }
    Ok(py.detach(|| {
        let items: Vec<_> = digests
            .into_iter()
            .zip(signatures.iter().copied())
            .collect();
        recover_batch(&items)
            .into_iter()
            .all(|signer| signer == Some(address))
    }))
}

/// The address that signed a digest, None if the signature is refused.
#[pyfunction]
pub fn recover_digest<'py>(
    py: Python<'py>,
    digest: &[u8],
    signature: &[u8],
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let digest = fixed::<32>("digest", digest)?;
    let signature = fixed::<SIGNATURE_BYTES>("signature", signature)?;
    Ok(recover(&digest, &signature).map(|address| PyBytes::new(py, &address)))
}

/// The address of a secret of a scheme.
#[pyfunction]
#[pyo3(signature = (secret_key, scheme=SECP256K1))]
pub fn address_of<'py>(
    py: Python<'py>,
    secret_key: &[u8],
    scheme: u8,
) -> PyResult<Bound<'py, PyBytes>> {
    let key = secret_of("secret", scheme, &fixed::<32>("secret", secret_key)?)?;
    Ok(PyBytes::new(py, &merkat_signer::address_of(&key)))
}

/// Keccak-256.
#[pyfunction]
pub fn keccak256<'py>(py: Python<'py>, data: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &keccak::keccak256(&[data]))
}
