//! Batches of elements times scalars, of slots of lanes (SPEC 7.2), and of re-randomisable keys
//! (SPEC 13.3).

use crate::batch::{Masked, Run, decode_seed, map_rows, mask_rows, view};
use crate::errors::exact;
use crate::group::{Element, decode_scalar};
use crate::kernel::{self, Block, ELEMENT, is_identity};
use crate::random::Draws;
use curve25519_dalek::Scalar;
use numpy::{PyArray1, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Multiply row i of an (items, 1, 32) array of elements by scalar i of an (items, 1, 32) array.
/// Rows in which either is not canonical are zero and masked.
#[pyfunction]
#[pyo3(signature = (elements, scalars, threads = None, progress = None))]
pub fn multiply<'py>(
    py: Python<'py>,
    elements: &Bound<'py, PyAny>,
    scalars: &Bound<'py, PyAny>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Masked<'py>> {
    let (input, scalars) = (view(elements, 1, ELEMENT)?, view(scalars, 1, ELEMENT)?);
    if input.shape() != scalars.shape() {
        return Err(PyValueError::new_err("there must be as many scalars as elements"));
    }
    let scalars = scalars.as_slice()?;
    let run = Run::new(threads, progress)?;
    map_rows(py, &run, &input, (1, ELEMENT), |first, input, output, valid| {
        let rows = valid.len();
        let (scalars, canonical) = decode_scalars(&scalars[ELEMENT * first..][..ELEMENT * rows]);
        kernel::backend().multiply(1, Block { scalars: &scalars, input, output, valid });
        mask(&canonical, output, valid);
    })
}

/// Multiply the generator by each scalar of an (items, 1, 32) array. Rows that are not canonical
/// are zero and masked.
#[pyfunction]
#[pyo3(signature = (scalars, threads = None, progress = None))]
pub fn multiply_generator<'py>(
    py: Python<'py>,
    scalars: &Bound<'py, PyAny>,
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Masked<'py>> {
    let input = view(scalars, 1, ELEMENT)?;
    let run = Run::new(threads, progress)?;
    map_rows(py, &run, &input, (1, ELEMENT), |_, input, output, valid| {
        let (scalars, canonical) = decode_scalars(input);
        kernel::backend().multiply_generator(&scalars, output);
        valid.fill(true);
        mask(&canonical, output, valid);
    })
}

/// Return uP + vG for slots of a lane (SPEC 7.2). `public` is P, and u and v come from the 128
/// bytes w of each slot in `wide`. A slot is None if its u is zero or its sum is the identity.
#[pyfunction]
#[pyo3(signature = (public, wide, /))]
pub fn diversify<'py>(
    py: Python<'py>,
    public: &Element,
    wide: Vec<PyBackedBytes>,
) -> PyResult<Vec<Option<Bound<'py, PyBytes>>>> {
    let mut scalars = Zeroizing::new(Vec::with_capacity(2 * wide.len()));
    for each in &wide {
        let each = Zeroizing::new(exact::<{ 4 * ELEMENT }>(py, "w", each)?);
        let [u, v] = each.as_chunks().0 else { unreachable!("128 bytes are two times 64") };
        scalars.push(Scalar::from_bytes_mod_order_wide(v));
        scalars.push(-Scalar::from_bytes_mod_order_wide(u));
    }
    let input = public.0.compress().as_bytes().repeat(wide.len());
    let (mut output, mut valid) = (vec![0; input.len()], vec![true; wide.len()]);
    let block = Block { scalars: &scalars, input: &input, output: &mut output, valid: &mut valid };
    py.detach(|| kernel::backend().combine(block));
    let slots = output.chunks_exact(ELEMENT).zip(scalars.as_chunks().0).zip(valid);
    let usable = slots.map(|((p, [_, u]), valid)| {
        let good = valid && !is_identity(p) && !bool::from(u.ct_eq(&Scalar::ZERO));
        good.then(|| PyBytes::new(py, p))
    });
    Ok(usable.collect())
}

/// Return (rT, rU) for each (T, U) of an (items, 2, 32) array, with random r != 0 from `seed`. Rows
/// that are not canonical, or have the identity, are zero and masked.
#[pyfunction]
#[pyo3(signature = (array, seed, threads = None, progress = None))]
pub fn rerandomize_keys<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    seed: &[u8],
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Masked<'py>> {
    let seed = decode_seed(py, seed)?;
    let input = view(array, 2, ELEMENT)?;
    let run = Run::new(threads, progress)?;
    map_rows(py, &run, &input, (2, ELEMENT), |first, input, output, valid| {
        let scalars = Draws::new(&seed).nonzero_scalars(first, valid.len());
        kernel::backend().multiply(2, Block { scalars: &scalars, input, output, valid });
        mask(&are_keys(input), output, valid);
    })
}

/// Return which rows (T, U) of an (items, 2, 32) array are re-randomisable keys of the scalar
/// `secret`: U is `secret` times T, and neither is the identity. A bool array of shape (items,).
#[pyfunction]
#[pyo3(signature = (array, secret, threads = None, progress = None))]
pub fn recognize_keys<'py>(
    py: Python<'py>,
    array: &Bound<'py, PyAny>,
    secret: &[u8],
    threads: Option<usize>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Bound<'py, PyArray1<bool>>> {
    let secret = Zeroizing::new(decode_scalar(py, "secret", secret)?);
    let input = view(array, 2, ELEMENT)?;
    let run = Run::new(threads, progress)?;
    mask_rows(py, &run, &input, |input, valid| {
        let scalars = Zeroizing::new(vec![*secret; valid.len()]);
        let rows = || input.chunks_exact(2 * ELEMENT);
        let first: Vec<u8> = rows().flat_map(|row| &row[..ELEMENT]).copied().collect();
        let mut multiples = vec![0; ELEMENT * valid.len()];
        let block = Block { scalars: &scalars, input: &first, output: &mut multiples, valid };
        kernel::backend().multiply(1, block);
        let products = multiples.chunks_exact(ELEMENT);
        for (((row, product), valid), key) in rows().zip(products).zip(valid).zip(are_keys(input)) {
            *valid &= key & bool::from(row[ELEMENT..].ct_eq(product));
        }
    })
}

/// Decode scalars, and return which were canonical. The others are 0.
fn decode_scalars(encodings: &[u8]) -> (Zeroizing<Vec<Scalar>>, Vec<bool>) {
    let (encodings, _) = encodings.as_chunks();
    let mut scalars = Zeroizing::new(Vec::with_capacity(encodings.len()));
    let mut canonical = Vec::with_capacity(encodings.len());
    for encoding in encodings {
        let decoded = Scalar::from_canonical_bytes(*encoding);
        canonical.push(decoded.is_some().into());
        scalars.push(decoded.unwrap_or(Scalar::ZERO));
    }
    (scalars, canonical)
}

/// Return for each row (T, U) whether neither is the identity.
fn are_keys(rows: &[u8]) -> Vec<bool> {
    let rows = rows.chunks_exact(2 * ELEMENT);
    rows.map(|row| !is_identity(row) && !is_identity(&row[ELEMENT..])).collect()
}

/// Zero and mask the rows that are not `good`.
fn mask(good: &[bool], output: &mut [u8], valid: &mut [bool]) {
    let width = output.len() / good.len();
    for ((row, valid), good) in output.chunks_exact_mut(width).zip(valid).zip(good) {
        *valid &= good;
        if !*valid {
            row.fill(0);
        }
    }
}
