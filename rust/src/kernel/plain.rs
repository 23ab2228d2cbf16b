//! Rows one after the other on stock curve25519-dalek, without tables: for keys that have served few
//! rows. The batches of `portable` give the same bytes for the same draws.

use super::{ELEMENT, is_identity};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use curve25519_dalek::traits::IsIdentity;
use zeroize::{Zeroize, Zeroizing};

/// Decode a row into `points`; false if an element is not canonical.
fn decode_row(row: &[u8], points: &mut Vec<RistrettoPoint>) -> bool {
    points.clear();
    for encoding in row.chunks_exact(ELEMENT) {
        let decoded = CompressedRistretto::from_slice(encoding).ok().and_then(|c| c.decompress());
        let Some(point) = decoded else { return false };
        points.push(point);
    }
    true
}

/// Decode a blob; false too if A is the identity (SPEC 6.3).
fn decode_blob(row: &[u8], points: &mut Vec<RistrettoPoint>) -> bool {
    !is_identity(row) && decode_row(row, points)
}

fn put(output: &mut [u8], position: usize, point: &RistrettoPoint) {
    output[ELEMENT * position..][..ELEMENT].copy_from_slice(point.compress().as_bytes());
}

/// Messages to blobs: A = rG, B_j = M_j + r X_j (SPEC 6.2), r from `draw`, which never gives 0.
pub fn encrypt(
    elements: &[RistrettoPoint],
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    mut draw: impl FnMut() -> Zeroizing<Scalar>,
) {
    let n = elements.len();
    let mut message = Zeroizing::new(Vec::with_capacity(n));
    let rows = input.chunks_exact(ELEMENT * n).zip(output.chunks_exact_mut(ELEMENT * (n + 1)));
    for ((row, out), valid) in rows.zip(valid) {
        // Drawn for a bad row too, so that row i always uses draw i.
        let r = draw();
        out.fill(0);
        *valid = decode_row(row, &mut message);
        if !*valid {
            continue;
        }
        put(out, 0, &RistrettoPoint::mul_base(&r));
        for (j, (x, m)) in elements.iter().zip(message.iter()).enumerate() {
            put(out, j + 1, &(m + x * *r));
        }
    }
}

/// Blobs to fresh blobs of the same messages: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2), s from
/// `draw`, and from it again where A' is the identity.
pub fn rerandomize(
    elements: &[RistrettoPoint],
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    mut draw: impl FnMut() -> Zeroizing<Scalar>,
) {
    let width = ELEMENT * (elements.len() + 1);
    let mut blob = Vec::with_capacity(elements.len() + 1);
    let rows = input.chunks_exact(width).zip(output.chunks_exact_mut(width));
    for ((row, out), valid) in rows.zip(valid) {
        let mut s = draw();
        out.fill(0);
        *valid = decode_blob(row, &mut blob);
        if !*valid {
            continue;
        }
        let mut a = blob[0] + RistrettoPoint::mul_base(&s);
        while a.is_identity() {
            s = draw();
            a = blob[0] + RistrettoPoint::mul_base(&s);
        }
        put(out, 0, &a);
        for (j, (x, b)) in elements.iter().zip(&blob[1..]).enumerate() {
            put(out, j + 1, &(b + x * *s));
        }
    }
}

/// Blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
pub fn decrypt(scalars: &[Scalar], input: &[u8], output: &mut [u8], valid: &mut [bool]) {
    let n = scalars.len();
    let mut blob = Vec::with_capacity(n + 1);
    let rows = input.chunks_exact(ELEMENT * (n + 1)).zip(output.chunks_exact_mut(ELEMENT * n));
    for ((row, out), valid) in rows.zip(valid) {
        out.fill(0);
        *valid = decode_blob(row, &mut blob);
        if !*valid {
            continue;
        }
        for (j, x) in scalars.iter().enumerate() {
            let mut message = blob[j + 1] - blob[0] * x;
            put(out, j, &message);
            message.zeroize();
        }
    }
}
