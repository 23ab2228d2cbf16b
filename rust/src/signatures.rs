//! Batches of Schnorr signatures (SPEC 3).

use crate::batch::{Run, mask_rows, view};
use crate::kernel::{self, Block, ELEMENT};
use curve25519_dalek::Scalar;
use numpy::PyArray1;
use pyo3::prelude::*;

/// Of a row: P, R, s, and the 64 bytes that the challenge c is, modulo l.
const PARTS: usize = 5;

/// Which rows of an (items, 5, 32) array are signatures: sG - cP encodes as R, s is canonical, and P is
/// too and not the identity. bool of shape (items,). Variable time, as everything here is public.
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
