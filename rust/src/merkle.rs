//! Merkle trees of RFC 6962 over SHA-256 (SPEC 9.3): many hashes in one call.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use sha2::{Digest, Sha256};

const HASH: usize = 32;

/// Return the hashes of the entries as leaves, 32 bytes each, one after the other.
#[pyfunction]
#[pyo3(signature = (entries, /))]
pub fn leaf_hashes<'py>(py: Python<'py>, entries: Vec<PyBackedBytes>) -> Bound<'py, PyBytes> {
    let mut hashes = Vec::with_capacity(HASH * entries.len());
    for entry in &entries {
        hashes.extend_from_slice(&Sha256::new().chain_update([0]).chain_update(entry).finalize());
    }
    PyBytes::new(py, &hashes)
}

/// Return the hash of the complete subtree above 2^k hashes, which `hashes` has one after the
/// other. Raises `ValueError` for another number of hashes.
#[pyfunction]
#[pyo3(signature = (hashes, /))]
pub fn complete_hash<'py>(py: Python<'py>, hashes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let (leaves, rest) = hashes.as_chunks::<HASH>();
    if !rest.is_empty() || !leaves.len().is_power_of_two() {
        let problem = format!("{} bytes are no 2^k hashes", hashes.len());
        return Err(PyValueError::new_err(problem));
    }
    let mut row = leaves.to_vec();
    while row.len() > 1 {
        row = row.as_chunks::<2>().0.iter().map(node_hash).collect();
    }
    Ok(PyBytes::new(py, &row[0]))
}

fn node_hash(children: &[[u8; HASH]; 2]) -> [u8; HASH] {
    Sha256::new().chain_update([1]).chain_update(children.as_flattened()).finalize().into()
}
