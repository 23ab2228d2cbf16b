//! The portable backend, on stock curve25519-dalek, one row after the other.

use crate::random::Stream;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::traits::IsIdentity;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::{Zeroize, Zeroizing};

const ELEMENT: usize = 32;

/// Making the table of an element costs as much as this many multiplications without one.
const TABLE_PAYS_AFTER: usize = 64;

/// The public elements X_1 .. X_n of a key, with their tables once they are worth it.
pub struct Public {
    elements: Vec<RistrettoPoint>,
    tables: OnceLock<Vec<RistrettoBasepointTable>>,
    rows_served: AtomicUsize,
}

impl Public {
    pub fn new(elements: Vec<RistrettoPoint>) -> Self {
        Public { elements, tables: OnceLock::new(), rows_served: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Called before `rows` rows are encrypted or rerandomized: makes the tables (30 KB and about
    /// a millisecond each, kept as long as the key) when enough rows have gone by.
    pub fn prepare(&self, rows: usize) {
        let before = self.rows_served.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) >= TABLE_PAYS_AFTER {
            self.tables.get_or_init(|| {
                self.elements.iter().map(RistrettoBasepointTable::create).collect()
            });
        }
    }

    /// scalar * X_j, constant time.
    fn multiply(&self, j: usize, scalar: &Scalar) -> RistrettoPoint {
        match self.tables.get() {
            Some(tables) => &tables[j] * scalar,
            None => self.elements[j] * scalar,
        }
    }
}

/// The secret scalars x_1 .. x_n of a key, zeroized when dropped.
pub struct Secret(Zeroizing<Vec<Scalar>>);

impl Secret {
    pub fn new(scalars: Zeroizing<Vec<Scalar>>) -> Self {
        Secret(scalars)
    }

    /// x_1 || .. || x_n.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.iter().flat_map(Scalar::to_bytes).collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

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
    decode_row(row, points) && !points[0].is_identity()
}

fn put(output: &mut [u8], position: usize, point: &RistrettoPoint) {
    output[ELEMENT * position..][..ELEMENT].copy_from_slice(point.compress().as_bytes());
}

/// Whether each row is a blob: canonical, and A is not the identity.
pub fn validate(elements: usize, input: &[u8], valid: &mut [bool]) {
    let mut points = Vec::with_capacity(elements);
    for (row, valid) in input.chunks_exact(ELEMENT * elements).zip(valid) {
        *valid = decode_blob(row, &mut points);
    }
}

/// Messages to blobs: A = rG, B_j = M_j + r X_j with r != 0 (SPEC 6.2).
pub fn encrypt(
    key: &Public,
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    random: &mut Stream,
) {
    let n = key.len();
    let mut message = Zeroizing::new(Vec::with_capacity(n));
    let rows = input.chunks_exact(ELEMENT * n).zip(output.chunks_exact_mut(ELEMENT * (n + 1)));
    for ((row, out), valid) in rows.zip(valid) {
        // Drawn for a bad row too, so that row i always uses draw i.
        let mut r = random.scalar();
        while *r == Scalar::ZERO {
            r = random.scalar();
        }
        *valid = decode_row(row, &mut message);
        if !*valid {
            continue;
        }
        put(out, 0, &RistrettoPoint::mul_base(&r));
        for (j, element) in message.iter().enumerate() {
            put(out, j + 1, &(element + key.multiply(j, &r)));
        }
    }
}

/// Blobs to fresh blobs of the same messages: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2).
pub fn rerandomize(
    key: &Public,
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    random: &mut Stream,
) {
    let width = ELEMENT * (key.len() + 1);
    let mut blob = Vec::with_capacity(key.len() + 1);
    let rows = input.chunks_exact(width).zip(output.chunks_exact_mut(width));
    for ((row, out), valid) in rows.zip(valid) {
        let mut s = random.scalar();
        *valid = decode_blob(row, &mut blob);
        if !*valid {
            continue;
        }
        let mut a = blob[0] + RistrettoPoint::mul_base(&s);
        while a.is_identity() {
            s = random.scalar();
            a = blob[0] + RistrettoPoint::mul_base(&s);
        }
        put(out, 0, &a);
        for (j, element) in blob[1..].iter().enumerate() {
            put(out, j + 1, &(element + key.multiply(j, &s)));
        }
    }
}

/// Blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
pub fn decrypt(key: &Secret, input: &[u8], output: &mut [u8], valid: &mut [bool]) {
    let n = key.len();
    let mut blob = Vec::with_capacity(n + 1);
    let rows = input.chunks_exact(ELEMENT * (n + 1)).zip(output.chunks_exact_mut(ELEMENT * n));
    for ((row, out), valid) in rows.zip(valid) {
        *valid = decode_blob(row, &mut blob);
        if !*valid {
            continue;
        }
        for (j, x) in key.0.iter().enumerate() {
            let mut message = blob[j + 1] - blob[0] * x;
            put(out, j, &message);
            message.zeroize();
        }
    }
}
