//! Blocks of rows, F::LANES rows at a time. Such rows are a group; a value in lanes is one column
//! of a group.
//!
//! All functions take whole groups.

use super::cover::Cover;
use super::digits::{Digits, Windows};
use super::fixed_base::{Column, Table, Tabular};
use super::kernels::Kernels;
use super::layout::Layout;
use super::variable_base;
use super::{ELEMENT, PAYLOAD, is_identity};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

/// Rows of 32-byte encodings to read and to write. Each row has its scalars, if the function takes
/// any. `valid` is an output: whether each row is valid.
pub struct Block<'a> {
    pub scalars: &'a [Scalar],
    pub input: &'a [u8],
    pub output: &'a mut [u8],
    pub valid: &'a mut [bool],
}

/// The tables of the elements X_1 .. X_n of a key.
pub struct Tables<F: Tabular>(Vec<Table<F>>);

impl<F: Kernels> Tables<F> {
    pub fn new(elements: &[RistrettoPoint]) -> Self {
        Tables(elements.iter().map(F::table).collect())
    }
}

/// Encode all points, and zero the rows that are not valid.
fn encode_rows<F: Kernels>(points: &[Cover<F>], block: &mut Block<'_>, width: usize) {
    let layout = Layout::new::<F>(block.valid.len(), width);
    F::encode(points, block.output, layout);
    for (row, valid) in block.output.chunks_exact_mut(layout.stride()).zip(&*block.valid) {
        if !valid {
            row.fill(0);
        }
    }
}

/// Return the digits of half of each scalar. Products with them are doubled afterwards.
fn digits_of_halves<F: Kernels>(
    windows: &Windows,
    scalars: &[Scalar],
) -> Zeroizing<Vec<Digits<F>>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(scalars.len() / F::LANES));
    for group in scalars.chunks_exact(F::LANES) {
        digits.push(Digits::of_half(windows, |lane| group[lane]));
    }
    digits
}

/// Set `valid` for each row: A of a blob must not be the identity (SPEC 6.3). This reads bytes
/// only.
fn refuse_identities(input: &[u8], width: usize, valid: &mut [bool]) {
    for (row, valid) in input.chunks_exact(ELEMENT * width).zip(valid) {
        *valid = !is_identity(row);
    }
}

/// Set `valid` for each encoding: whether it is an element.
pub fn validate<F: Kernels>(input: &[u8], valid: &mut [bool]) {
    valid.fill(true);
    F::decode(input, Layout::new::<F>(valid.len(), 1), valid);
}

/// Encrypt messages to blobs: A = rG, B_j = M_j + r X_j (SPEC 6.2).
pub fn encrypt<F: Kernels>(tables: &Tables<F>, mut block: Block<'_>) {
    let n = tables.0.len();
    let layout = Layout::new::<F>(block.valid.len(), n);
    block.valid.fill(true);
    let messages = F::decode(block.input, layout, block.valid);
    let mut points = Zeroizing::new(Vec::with_capacity(layout.points / n * (n + 1)));
    for row in messages.chunks_exact(n) {
        points.push(Cover::identity());
        points.extend_from_slice(row);
    }
    add_multiples(tables, block.scalars, &mut points);
    encode_rows(&points, &mut block, n + 1);
}

/// Rerandomize blobs: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2).
pub fn rerandomize<F: Kernels>(tables: &Tables<F>, mut block: Block<'_>) {
    let width = tables.0.len() + 1;
    refuse_identities(block.input, width, block.valid);
    let layout = Layout::new::<F>(block.valid.len(), width);
    let mut points = F::decode(block.input, layout, block.valid);
    add_multiples(tables, block.scalars, &mut points);
    encode_rows(&points, &mut block, width);
}

/// Add to each row of points the multiples of G, X_1, .., X_n by the scalar of the row.
fn add_multiples<F: Kernels>(tables: &Tables<F>, scalars: &[Scalar], points: &mut [Cover<F>]) {
    let digits = digits_of_halves::<F>(&Windows::new(F::BITS), scalars);
    let width = tables.0.len() + 1;
    F::add_multiples(F::generator(), &digits, Column { points, first: 0, width });
    for (j, table) in tables.0.iter().enumerate() {
        F::add_multiples(table, &digits, Column { points, first: j + 1, width });
    }
}

/// Decrypt blobs to messages: M_j = B_j - x_j A (SPEC 6.2), with the same x_j for all rows.
pub fn decrypt<F: Kernels>(secret: &[Scalar], mut block: Block<'_>) {
    let n = secret.len();
    refuse_identities(block.input, n + 1, block.valid);
    let layout = Layout::new::<F>(block.valid.len(), n + 1);
    let points = F::decode(block.input, layout, block.valid);
    let mut digits = Zeroizing::new(Vec::with_capacity(n));
    for x in secret {
        digits.push(Digits::<F>::of_half(&variable_base::WINDOWS, |_| *x));
    }
    let mut messages = Zeroizing::new(Vec::with_capacity(layout.points / (n + 1) * n));
    for row in points.chunks_exact(n + 1) {
        let first = messages.len();
        messages.extend_from_slice(&row[1..]);
        F::subtract_multiples(&row[0], &digits, &mut messages[first..]);
    }
    encode_rows(&messages, &mut block, n);
}

/// Decrypt pairs to messages: B - xA, with its own x for each pair.
pub fn decrypt_pairs<F: Kernels>(mut block: Block<'_>) {
    refuse_identities(block.input, 2, block.valid);
    let points = F::decode(block.input, Layout::new::<F>(block.valid.len(), 2), block.valid);
    let digits = digits_of_halves::<F>(&variable_base::WINDOWS, block.scalars);
    let mut messages = Zeroizing::new(Vec::with_capacity(digits.len()));
    for (i, pair) in points.chunks_exact(2).enumerate() {
        messages.push(pair[1]);
        F::subtract_multiples(&pair[0], &digits[i..=i], &mut messages[i..]);
    }
    encode_rows(&messages, &mut block, 1);
}

/// Multiply each element of a row by the scalar of the row.
pub fn multiply<F: Kernels>(width: usize, mut block: Block<'_>) {
    block.valid.fill(true);
    let layout = Layout::new::<F>(block.valid.len(), width);
    let points = F::decode(block.input, layout, block.valid);
    let opposites = Zeroizing::new(block.scalars.iter().map(|s| -s).collect::<Vec<_>>());
    let digits = digits_of_halves::<F>(&variable_base::WINDOWS, &opposites);
    let mut products = Zeroizing::new(vec![Cover::identity(); points.len()]);
    for (i, point) in points.iter().enumerate() {
        let row = i / width;
        F::subtract_multiples(point, &digits[row..=row], &mut products[i..=i]);
    }
    encode_rows(&products, &mut block, width);
}

/// Calculate sG - cP for each element P and its scalars s, c. P must not be the identity.
pub fn combine<F: Kernels>(mut block: Block<'_>) {
    refuse_identities(block.input, 1, block.valid);
    let points = F::decode(block.input, Layout::new::<F>(block.valid.len(), 1), block.valid);
    let column = |first| {
        let mut scalars = Zeroizing::new(Vec::with_capacity(block.valid.len()));
        scalars.extend(block.scalars.iter().skip(first).step_by(2));
        scalars
    };
    let s = digits_of_halves::<F>(&Windows::new(F::BITS), &column(0));
    let c = digits_of_halves::<F>(&variable_base::WINDOWS, &column(1));
    let mut sums = Zeroizing::new(vec![Cover::identity(); points.len()]);
    F::add_multiples(F::generator(), &s, Column { points: &mut sums, first: 0, width: 1 });
    for (i, point) in points.iter().enumerate() {
        F::subtract_multiples(point, &c[i..=i], &mut sums[i..=i]);
    }
    encode_rows(&sums, &mut block, 1);
}

/// Multiply G by each scalar.
pub fn multiply_generator<F: Kernels>(scalars: &[Scalar], output: &mut [u8]) {
    let digits = digits_of_halves::<F>(&Windows::new(F::BITS), scalars);
    let mut points = Zeroizing::new(vec![Cover::identity(); digits.len()]);
    F::add_multiples(F::generator(), &digits, Column { points: &mut points, first: 0, width: 1 });
    F::encode(&points, output, Layout::new::<F>(scalars.len(), 1));
}

/// Find for each element the first candidate (SPEC 6.1) that decodes, and write its encoding.
/// `candidate(i, k)` is candidate k of element i. Variable time.
pub fn embed_vartime<F: Kernels>(
    data: &[[u8; PAYLOAD]],
    output: &mut [[u8; ELEMENT]],
    mut candidate: impl FnMut(usize, usize) -> u16,
) {
    let lanes = F::DECODED_TOGETHER;
    let (mut encodings, mut good) = (vec![[0; ELEMENT]; lanes], vec![true; lanes]);
    // Elements without an encoding so far, and how many of their candidates were tried. Each round
    // tries one candidate in each lane, so several of an element if there are fewer elements than
    // lanes.
    let mut open: Vec<(usize, usize)> = Vec::with_capacity(lanes);
    let mut next = 0;
    loop {
        while open.len() < lanes && next < data.len() {
            open.push((next, 0));
            next += 1;
        }
        if open.is_empty() {
            return;
        }
        for (lane, encoding) in encodings.iter_mut().enumerate() {
            let (element, seen) = open[lane % open.len()];
            let c = candidate(element, seen + lane / open.len());
            encoding[1..31].copy_from_slice(&data[element]);
            (encoding[0], encoding[31]) = (2 * (c % 128) as u8, (c / 128) as u8);
        }
        validate::<F>(encodings.as_flattened(), &mut good);
        let count = open.len();
        let mut first = 0..count;
        open.retain_mut(|(element, seen)| {
            let i = first.next().expect("as many as there are");
            let found = (i..lanes).step_by(count).find(|lane| good[*lane]);
            if let Some(lane) = found {
                output[*element] = encodings[lane];
            }
            *seen += (lanes - i).div_ceil(count);
            found.is_none()
        });
    }
}
