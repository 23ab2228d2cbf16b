//! Verifies batches of Schnorr signatures (SPEC 3), and signs batches with Ed25519 (SPEC 9.6).

use crate::batch::{Run, mask_rows, view};
use crate::errors::exact;
use crate::kernel::{self, Block, ELEMENT};
use curve25519_dalek::Scalar;
use ed25519_dalek::{Signer, SigningKey};
use numpy::PyArray1;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

/// Parts of 32 bytes in a row: P, R, s, and two for the 64 bytes that are the challenge c modulo l.
const PARTS: usize = 5;

/// Return which rows of an (items, 5, 32) array are signatures, as a bool array of shape (items,).
/// In a signature sG - cP encodes as R, s and P are canonical, and P is not the identity. Variable
/// time, because everything here is public.
#[pyfunction]
#[pyo3(signature = (array, threads = None, progress = None))]
pub fn verify_vartime<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let input = view(array, PARTS, ELEMENT)?;
    let run = Run::new(threads, progress)?;
    mask_rows(py, &run, &input, verify_block_vartime)
}

fn verify_block_vartime(rows: &[u8], valid: &mut [bool]) {
    let (encodings, _) = rows.as_chunks::<ELEMENT>();
    let (rows, _) = encodings.as_chunks::<PARTS>();
    let mut public = Vec::with_capacity(ELEMENT * rows.len());
    let mut scalars = Vec::with_capacity(2 * rows.len());
    let mut canonical = Vec::with_capacity(rows.len());
    for [p, _, s, challenge @ ..] in rows {
        public.extend_from_slice(p);
        let response = Option::from(Scalar::from_canonical_bytes(*s));
        canonical.push(response.is_some());
        let mut wide = [0; 2 * ELEMENT];
        wide.copy_from_slice(challenge.as_flattened());
        scalars.push(response.unwrap_or(Scalar::ZERO));
        scalars.push(Scalar::from_bytes_mod_order_wide(&wide));
    }
    let mut sums = vec![0; public.len()];
    let block = Block { scalars: &scalars, input: &public, output: &mut sums, valid };
    kernel::backend().combine_vartime(block);
    let sums = sums.chunks_exact(ELEMENT).zip(canonical);
    for ((row, (sum, canonical)), valid) in rows.iter().zip(sums).zip(valid) {
        // Comparing encodings refuses an R that is not canonical.
        *valid &= canonical && row[1] == sum;
    }
}

/// A secret key of Ed25519 (RFC 8032). Constant time. It is zeroized when freed, and never shown.
#[pyclass(frozen, module = "billboard._core")]
pub struct Ed25519Key(SigningKey);

#[pymethods]
impl Ed25519Key {
    /// Make the key from a seed of 32 bytes. Raises `InvalidEncodingError`.
    #[new]
    #[pyo3(signature = (seed, /))]
    fn new(py: Python<'_>, seed: &[u8]) -> PyResult<Self> {
        let seed = Zeroizing::new(exact(py, "seed", seed)?);
        Ok(Ed25519Key(SigningKey::from_bytes(&seed)))
    }

    /// The public key, 32 bytes.
    #[getter]
    fn public<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.verifying_key().as_bytes())
    }

    /// Sign each message, without the GIL. A signature has 64 bytes.
    #[pyo3(signature = (messages, /))]
    fn sign_batch<'py>(
        &self,
        py: Python<'py>,
        messages: Vec<PyBackedBytes>,
    ) -> Vec<Bound<'py, PyBytes>> {
        let sign = |message: &PyBackedBytes| self.0.sign(message).to_bytes();
        let signed: Vec<_> = py.detach(|| messages.iter().map(sign).collect());
        signed.iter().map(|signature| PyBytes::new(py, signature)).collect()
    }

    fn __repr__(&self) -> &'static str {
        "<Ed25519Key>"
    }
}
