//! The portable backend: scalar code for any 64-bit processor.
//!
//! A key that has served some rows gets tables, and then a block is worked on as a whole: decode all
//! elements to the curve C, add the multiples from the tables, and encode all with one inversion
//! (`cover`). Until then, and to decrypt, rows go one by one through curve25519-dalek (`plain`).

use super::cover::{Cover, decode_each, encode_all};
use super::point::Edwards;
use super::table::{Digits, Table};
use super::{ELEMENT, is_identity, plain};
use crate::random::Stream;
use curve25519_dalek::Scalar;
use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::iter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use zeroize::Zeroizing;

/// Making the table of an element costs as much as it saves in this many rows.
const TABLE_PAYS_AFTER: usize = 16;

/// The public elements X_1 .. X_n of a key, with their tables once they are worth it.
pub struct Public {
    elements: Vec<RistrettoPoint>,
    tables: OnceLock<Vec<Table>>,
    rows_served: AtomicUsize,
}

impl Public {
    pub fn new(elements: Vec<RistrettoPoint>) -> Self {
        Public { elements, tables: OnceLock::new(), rows_served: AtomicUsize::new(0) }
    }

    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Called before `rows` rows are encrypted or rerandomized: makes the tables (77 KiB and a quarter
    /// of a millisecond each, kept as long as the key) when enough rows have gone by.
    pub fn prepare(&self, rows: usize) {
        let before = self.rows_served.fetch_add(rows, Ordering::Relaxed);
        if before.saturating_add(rows) >= TABLE_PAYS_AFTER {
            generator();
            if self.tables.get().is_none() {
                // Made outside of the lock, and twice if two threads come at once: a process that
                // forks meanwhile must not leave its child a lock that nobody opens.
                let _ = self.tables.set(self.elements.iter().map(Table::new).collect());
            }
        }
    }
}

/// The table of G, of which there is one for all keys.
fn generator() -> &'static Table {
    static GENERATOR: OnceLock<Table> = OnceLock::new();
    if let Some(table) = GENERATOR.get() {
        return table;
    }
    let table = Table::new(&RISTRETTO_BASEPOINT_POINT); // outside of the lock, as above
    GENERATOR.get_or_init(|| table)
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

/// Whether each row is a blob: canonical, and A is not the identity (SPEC 6.3).
pub fn validate(elements: usize, input: &[u8], valid: &mut [bool]) {
    for (row, valid) in input.chunks_exact(ELEMENT * elements).zip(valid.iter_mut()) {
        *valid = !is_identity(row);
    }
    decode_each(input, |index, _, good| valid[index / elements] &= good);
}

/// A random scalar other than 0.
fn nonzero(random: &mut Stream) -> Zeroizing<Scalar> {
    let mut scalar = random.scalar();
    while *scalar == Scalar::ZERO {
        scalar = random.scalar();
    }
    scalar
}

/// Messages to blobs: A = rG, B_j = M_j + r X_j with r != 0 (SPEC 6.2).
pub fn encrypt(
    key: &Public,
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    random: &mut Stream,
) {
    let Some(tables) = key.tables.get() else {
        return plain::encrypt(&key.elements, input, output, valid, || nonzero(random));
    };
    let n = key.len();
    let draws = valid.iter().map(|_| Digits::of_half(&nonzero(random)));
    let digits = Zeroizing::new(draws.collect::<Vec<_>>());
    let mut points = Zeroizing::new(vec![Cover::IDENTITY; valid.len() * (n + 1)]);
    valid.fill(true);
    decode_each(input, |index, message, good| {
        points[index + index / n + 1] = message;
        valid[index / n] &= good;
    });
    add_multiples(tables, &digits, &mut points);
    encode_valid(&points, output, valid, key.len() + 1);
}

/// Blobs to fresh blobs of the same messages: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2).
pub fn rerandomize(
    key: &Public,
    input: &[u8],
    output: &mut [u8],
    valid: &mut [bool],
    random: &mut Stream,
) {
    let Some(tables) = key.tables.get() else {
        return plain::rerandomize(&key.elements, input, output, valid, || random.scalar());
    };
    let width = key.len() + 1;
    let mut drawn = Zeroizing::new(Vec::with_capacity(valid.len()));
    drawn.extend(valid.iter().map(|_| *random.scalar()));
    let digits = Zeroizing::new(drawn.iter().map(Digits::of_half).collect::<Vec<_>>());
    let mut points = Zeroizing::new(vec![Cover::IDENTITY; valid.len() * width]);
    for (row, valid) in input.chunks_exact(ELEMENT * width).zip(valid.iter_mut()) {
        *valid = !is_identity(row);
    }
    decode_each(input, |index, element, good| {
        points[index] = element;
        valid[index / width] &= good;
    });
    add_multiples(tables, &digits, &mut points);
    encode_valid(&points, output, valid, width);

    let mut rows = output.chunks_exact(ELEMENT * width).zip(valid.iter());
    if rows.any(|(row, valid)| *valid && is_identity(row)) {
        // Some A' is the identity, which never happens by chance. Do the block again row by row, so
        // that it draws again where it has to, and the rows after it use the draws that follow.
        let mut drawn = drawn.iter();
        let draw = || drawn.next().map_or_else(|| random.scalar(), |s| Zeroizing::new(*s));
        plain::rerandomize(&key.elements, input, output, valid, draw);
    }
}

/// To each row of n + 1 points add the multiples of G, X_1, .., X_n by the scalar of the row.
fn add_multiples(tables: &[Table], digits: &[Digits], points: &mut [Cover]) {
    let mut products = Zeroizing::new(vec![Edwards::IDENTITY; digits.len()]);
    for (j, table) in iter::once(generator()).chain(tables).enumerate() {
        table.multiply(digits, &mut products);
        for (row, product) in points.chunks_exact_mut(tables.len() + 1).zip(products.iter()) {
            row[j] = row[j].add(&Cover::double_of(product));
        }
    }
}

/// Encode rows of `width` points to `output`, and zero those that are not valid.
fn encode_valid(points: &[Cover], output: &mut [u8], valid: &[bool], width: usize) {
    encode_all(points, output);
    for (row, valid) in output.chunks_exact_mut(ELEMENT * width).zip(valid) {
        if !valid {
            row.fill(0);
        }
    }
}

/// Blobs to messages: M_j = B_j - x_j A (SPEC 6.2).
pub fn decrypt(key: &Secret, input: &[u8], output: &mut [u8], valid: &mut [bool]) {
    plain::decrypt(&key.0, input, output, valid);
}
