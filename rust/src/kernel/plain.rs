//! Rows one after the other on stock curve25519-dalek, without tables. This serves keys that have
//! had few rows, single rows to combine, and the portable backend where it is faster (dalek has
//! vector instructions of its own). `blocks` gives the same bytes for the same scalars.

use super::blocks::Block;
use super::{ELEMENT, is_identity};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use zeroize::{Zeroize, Zeroizing};

/// Decode a row into `points`. Returns false if an element is not canonical.
fn decode_row(row: &[u8], points: &mut Vec<RistrettoPoint>) -> bool {
    points.clear();
    for encoding in row.chunks_exact(ELEMENT) {
        let decoded = CompressedRistretto::from_slice(encoding).ok().and_then(|c| c.decompress());
        let Some(point) = decoded else { return false };
        points.push(point);
    }
    true
}

fn put(output: &mut [u8], position: usize, point: &RistrettoPoint) {
    output[ELEMENT * position..][..ELEMENT].copy_from_slice(point.compress().as_bytes());
}

/// Encrypt messages to blobs: A = rG, B_j = M_j + r X_j (SPEC 6.2).
pub fn encrypt(elements: &[RistrettoPoint], block: Block<'_>) {
    let n = elements.len();
    let mut message = Zeroizing::new(Vec::with_capacity(n));
    let rows = block.input.chunks_exact(ELEMENT * n).zip(block.scalars);
    let outputs = block.output.chunks_exact_mut(ELEMENT * (n + 1)).zip(block.valid);
    for ((row, r), (out, valid)) in rows.zip(outputs) {
        out.fill(0);
        *valid = decode_row(row, &mut message);
        if *valid {
            put(out, 0, &RistrettoPoint::mul_base(r));
            add_multiples(elements, r, &message, &mut out[ELEMENT..]);
        }
    }
}

/// Rerandomize blobs: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2).
pub fn rerandomize(elements: &[RistrettoPoint], block: Block<'_>) {
    let width = ELEMENT * (elements.len() + 1);
    let mut blob = Vec::with_capacity(elements.len() + 1);
    let rows = block.input.chunks_exact(width).zip(block.scalars);
    let outputs = block.output.chunks_exact_mut(width).zip(block.valid);
    for ((row, s), (out, valid)) in rows.zip(outputs) {
        out.fill(0);
        *valid = !is_identity(row) && decode_row(row, &mut blob);
        if *valid {
            put(out, 0, &(blob[0] + RistrettoPoint::mul_base(s)));
            add_multiples(elements, s, &blob[1..], &mut out[ELEMENT..]);
        }
    }
}

/// Write M_j + r X_j for each j.
fn add_multiples(
    elements: &[RistrettoPoint],
    r: &Scalar,
    summands: &[RistrettoPoint],
    output: &mut [u8],
) {
    for (j, (x, m)) in elements.iter().zip(summands).enumerate() {
        put(output, j, &(m + x * r));
    }
}

/// Decrypt blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
pub fn decrypt(secret: &[Scalar], block: Block<'_>) {
    let n = secret.len();
    let mut blob = Vec::with_capacity(n + 1);
    let rows = block.input.chunks_exact(ELEMENT * (n + 1));
    let outputs = block.output.chunks_exact_mut(ELEMENT * n).zip(block.valid);
    for (row, (out, valid)) in rows.zip(outputs) {
        out.fill(0);
        *valid = !is_identity(row) && decode_row(row, &mut blob);
        if *valid {
            for (j, x) in secret.iter().enumerate() {
                let mut message = blob[j + 1] - blob[0] * x;
                put(out, j, &message);
                message.zeroize();
            }
        }
    }
}

/// Calculate sG - cP for each element P and its scalars s, c. P must not be the identity. Variable
/// time.
pub fn combine_vartime(block: Block<'_>) {
    combine_by(block, |s, c, p| RistrettoPoint::vartime_double_scalar_mul_basepoint(&-c, p, s));
}

/// Do the same as `combine_vartime`, in constant time.
pub fn combine(block: Block<'_>) {
    combine_by(block, |s, c, p| RistrettoPoint::mul_base(s) - p * c);
}

fn combine_by(
    block: Block<'_>,
    combined: impl Fn(&Scalar, &Scalar, &RistrettoPoint) -> RistrettoPoint,
) {
    let rows = block.input.chunks_exact(ELEMENT).zip(block.scalars.as_chunks().0);
    let outputs = block.output.chunks_exact_mut(ELEMENT).zip(block.valid);
    let mut point = Vec::with_capacity(1);
    for ((row, [s, c]), (out, valid)) in rows.zip(outputs) {
        out.fill(0);
        *valid = !is_identity(row) && decode_row(row, &mut point);
        if *valid {
            put(out, 0, &combined(s, c, &point[0]));
        }
    }
}
