//! KZG commitments of blobs (EIP-4844) with the trusted setup of Ethereum mainnet.
//!
//! The setup is part of the program and is prepared at the first use, which takes 2 to 3 s: only
//! who uses blobs pays for it.

use c_kzg::{Blob as KzgBlob, Bytes32, KzgSettings, ethereum_kzg_settings};
use revm::precompile::kzg_point_evaluation::kzg_to_versioned_hash;
use revm::primitives::B256;

use crate::error::ChainError;

/// Bytes of a blob: 4,096 field elements of 32 bytes, each below the BLS12-381 modulus.
pub const BLOB_BYTES: usize = 131_072;

/// The bytes of a blob.
pub type Blob = std::sync::Arc<[u8]>;

/// What a signed blob transaction carries beside its blob (EIP-7594).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSidecar {
    /// KZG commitment.
    pub commitment: [u8; 48],
    /// Proofs of the 128 cells of the extended blob.
    pub cell_proofs: Vec<[u8; 48]>,
}

fn settings() -> &'static KzgSettings {
    ethereum_kzg_settings(0)
}

fn kzg_blob(bytes: &[u8]) -> Result<Box<KzgBlob>, ChainError> {
    let blob = KzgBlob::from_bytes(bytes).map_err(|_| ChainError::InvalidBlob {
        reason: format!("{} bytes, expected {BLOB_BYTES}", bytes.len()),
    })?;
    Ok(Box::new(blob))
}

fn refuse(what: &str) -> impl Fn(c_kzg::Error) -> ChainError + '_ {
    move |_| ChainError::InvalidBlob {
        reason: what.to_owned(),
    }
}

const NOT_CANONICAL: &str = "a word is not below the BLS12-381 scalar modulus: put 31 bytes of data \
                             into each word";

fn commitment(blob: &KzgBlob) -> Result<[u8; 48], ChainError> {
    let found = settings()
        .blob_to_kzg_commitment(blob)
        .map_err(refuse(NOT_CANONICAL))?;
    Ok(found.to_bytes().into_inner())
}

/// The versioned hash of a blob: what BLOBHASH returns and the point evaluation takes.
///
/// # Errors
/// `InvalidBlob` unless it has 131,072 bytes and every word is below the modulus.
pub fn versioned_hash(blob: &[u8]) -> Result<B256, ChainError> {
    Ok(B256::new(kzg_to_versioned_hash(&commitment(&*kzg_blob(
        blob,
    )?)?)))
}

/// Commitment and cell proofs of a blob.
///
/// # Errors
/// As `versioned_hash`.
pub fn blob_sidecar(blob: &[u8]) -> Result<BlobSidecar, ChainError> {
    let blob = kzg_blob(blob)?;
    let commitment = commitment(&blob)?;
    let proofs = settings()
        .compute_cells_and_kzg_proofs(&blob)
        .map_err(refuse(NOT_CANONICAL))?
        .1;
    let cell_proofs = proofs
        .iter()
        .map(|proof| proof.to_bytes().into_inner())
        .collect();
    Ok(BlobSidecar {
        commitment,
        cell_proofs,
    })
}

/// The input of the point evaluation precompile 0x0a for a blob and a point: versioned hash, point,
/// value, commitment, proof; 192 bytes.
///
/// # Errors
/// As `versioned_hash`; `InvalidBlob` too if the point is not below the modulus.
pub fn blob_opening(blob: &[u8], point: &[u8; 32]) -> Result<[u8; 192], ChainError> {
    let blob = kzg_blob(blob)?;
    let commitment = commitment(&blob)?;
    let point_word = Bytes32::new(*point);
    let opened = settings().compute_kzg_proof(&blob, &point_word);
    let (proof, value) = opened.map_err(refuse("the point is not below the scalar modulus"))?;
    let mut out = [0; 192];
    out[..32].copy_from_slice(&kzg_to_versioned_hash(&commitment));
    out[32..64].copy_from_slice(point);
    out[64..96].copy_from_slice(value.as_slice());
    out[96..144].copy_from_slice(&commitment);
    out[144..].copy_from_slice(proof.to_bytes().as_slice());
    Ok(out)
}
