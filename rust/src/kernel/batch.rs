//! Batches of rows, F::LANES rows at a time: a value in lanes is one column of a group of rows.
//!
//! All functions take whole groups. `N` is how many roots are taken side by side.

use super::cover::{Cover, decode, encode_all};
use super::digits::{Digits, Windows};
use super::field::{Field, Mask};
use super::fixed_base::{Table, Tabular};
use super::point::{Completed, Extended};
use super::variable_base;
use super::{ELEMENT, PAYLOAD, is_identity};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Rows of 32-byte encodings, in and out; for each a scalar, where rows have any, and whether the row is
/// valid, which is an output.
pub struct Block<'a> {
    pub scalars: &'a [Scalar],
    pub input: &'a [u8],
    pub output: &'a mut [u8],
    pub valid: &'a mut [bool],
}

/// The tables of a key: of G, and of X_1 .. X_n.
pub struct Tables<F: Tabular> {
    windows: Windows,
    generator: Arc<Table<F>>,
    elements: Vec<Table<F>>,
}

impl<F: Tabular> Tables<F> {
    #[inline(always)]
    pub fn new(generator: Arc<Table<F>>, elements: &[RistrettoPoint]) -> Self {
        let mut tables = Vec::with_capacity(elements.len());
        for element in elements {
            tables.push(Table::new(element));
        }
        Tables { windows: Windows::new(F::BITS), generator, elements: tables }
    }

    fn len(&self) -> usize {
        self.elements.len()
    }
}

/// Where the points of rows of `width` elements lie: all columns of the first group, then of the next.
#[derive(Clone, Copy)]
struct Layout {
    lanes: usize,
    width: usize,
    points: usize,
}

impl Layout {
    #[inline(always)]
    fn new<F: Field>(rows: usize, width: usize) -> Layout {
        debug_assert!(rows.is_multiple_of(F::LANES));
        Layout { lanes: F::LANES, width, points: rows / F::LANES * width }
    }

    /// The offset of the encoding in the first lane of point `i`.
    #[inline(always)]
    fn offset(&self, i: usize) -> usize {
        (i / self.width * self.lanes * self.width + i % self.width) * ELEMENT
    }

    /// Bytes from lane to lane.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.width * ELEMENT
    }
}

/// Decode all points, and clear `valid` of rows that are not canonical.
#[inline(always)]
fn decode_all<F: Field, const N: usize>(
    input: &[u8],
    layout: Layout,
    valid: &mut [bool],
) -> Zeroizing<Vec<Cover<F>>> {
    let mut points = Zeroizing::new(Vec::with_capacity(layout.points));
    let mut first = 0;
    while first < layout.points {
        let mut encodings = [input; N];
        for (k, encoding) in encodings.iter_mut().enumerate() {
            // What is beyond the last is the last again.
            *encoding = &input[layout.offset((first + k).min(layout.points - 1))..];
        }
        let decoded = decode::<F, N>(encodings, layout.stride());
        for (k, (point, good)) in decoded.iter().enumerate().take(layout.points - first) {
            let group = (first + k) / layout.width * F::LANES;
            for lane in 0..F::LANES {
                valid[group + lane] &= good.lane(lane);
            }
            points.push(*point);
        }
        first += N;
    }
    points
}

/// Encode all points, and zero the rows that are not valid.
#[inline(always)]
fn encode_rows<F: Field>(points: &[Cover<F>], output: &mut [u8], layout: Layout, valid: &[bool]) {
    encode_all(points, output, layout.stride(), |i| layout.offset(i));
    for (row, valid) in output.chunks_exact_mut(layout.stride()).zip(valid) {
        if !valid {
            row.fill(0);
        }
    }
}

/// The digits of half of each scalar: what is multiplied by them is doubled by `Cover::double_of`.
#[inline(always)]
fn digits_of_halves<F: Field>(windows: &Windows, scalars: &[Scalar]) -> Zeroizing<Vec<Digits<F>>> {
    let mut digits = Zeroizing::new(Vec::with_capacity(scalars.len() / F::LANES));
    for group in scalars.chunks_exact(F::LANES) {
        digits.push(Digits::of_half(windows, |lane| group[lane]));
    }
    digits
}

/// Begin with what a look at the bytes tells: A of a blob is not the identity (SPEC 6.3).
#[inline(always)]
fn refuse_identities(input: &[u8], width: usize, valid: &mut [bool]) {
    for (row, valid) in input.chunks_exact(ELEMENT * width).zip(valid) {
        *valid = !is_identity(row);
    }
}

/// Which rows are blobs (SPEC 6.3).
#[inline(always)]
pub fn validate<F: Field, const N: usize>(width: usize, input: &[u8], valid: &mut [bool]) {
    refuse_identities(input, width, valid);
    decode_all::<F, N>(input, Layout::new::<F>(valid.len(), width), valid);
}

/// Messages to blobs: A = rG, B_j = M_j + r X_j (SPEC 6.2).
#[inline(always)]
pub fn encrypt<F: Tabular, const N: usize>(tables: &Tables<F>, block: Block<'_>) {
    let Block { scalars, input, output, valid } = block;
    let n = tables.len();
    valid.fill(true);
    let messages = decode_all::<F, N>(input, Layout::new::<F>(valid.len(), n), valid);
    let layout = Layout::new::<F>(valid.len(), n + 1);
    let mut points = Zeroizing::new(Vec::with_capacity(layout.points));
    for row in messages.chunks_exact(n) {
        points.push(Cover::identity());
        points.extend_from_slice(row);
    }
    add_multiples(tables, scalars, &mut points);
    encode_rows(&points, output, layout, valid);
}

/// Blobs to fresh blobs of the same messages: A' = A + sG, B'_j = B_j + s X_j (SPEC 6.2).
#[inline(always)]
pub fn rerandomize<F: Tabular, const N: usize>(tables: &Tables<F>, block: Block<'_>) {
    let Block { scalars, input, output, valid } = block;
    let layout = Layout::new::<F>(valid.len(), tables.len() + 1);
    refuse_identities(input, layout.width, valid);
    let mut points = decode_all::<F, N>(input, layout, valid);
    add_multiples(tables, scalars, &mut points);
    encode_rows(&points, output, layout, valid);
}

/// To each row of points add the multiples of G, X_1, .., X_n by the scalar of the row.
#[inline(always)]
fn add_multiples<F: Tabular>(tables: &Tables<F>, scalars: &[Scalar], points: &mut [Cover<F>]) {
    let digits = digits_of_halves::<F>(&tables.windows, scalars);
    let mut products = Zeroizing::new(vec![Completed::identity(); digits.len()]);
    let width = tables.len() + 1;
    for column in 0..width {
        let table = match column {
            0 => &*tables.generator,
            j => &tables.elements[j - 1],
        };
        table.multiply(&digits, &mut products);
        for (row, product) in points.chunks_exact_mut(width).zip(products.iter()) {
            row[column] = row[column].add(&Cover::double_of(&product.shifted()));
        }
    }
}

/// Blobs to messages: M_j = B_j - x_j A (SPEC 6.2), all x_j for all rows.
#[inline(always)]
pub fn decrypt<F: Field, const N: usize>(secret: &[Scalar], block: Block<'_>) {
    let Block { input, output, valid, .. } = block;
    let n = secret.len();
    refuse_identities(input, n + 1, valid);
    let points = decode_all::<F, N>(input, Layout::new::<F>(valid.len(), n + 1), valid);
    let mut digits = Zeroizing::new(Vec::with_capacity(n));
    for x in secret {
        digits.push(Digits::<F>::of_half(&variable_base::WINDOWS, |_| -x));
    }
    let mut products = Zeroizing::new(vec![Completed::identity(); n]);
    let mut messages = Zeroizing::new(Vec::with_capacity(points.len()));
    for row in points.chunks_exact(n + 1) {
        variable_base::multiply(&row[0].to_extended(), &digits, &mut products);
        for (b, product) in row[1..].iter().zip(products.iter()) {
            messages.push(b.add(&Cover::double_of(&product.shifted())));
        }
    }
    encode_rows(&messages, output, Layout::new::<F>(valid.len(), n), valid);
}

/// Each element of a row times the scalar of the row.
#[inline(always)]
pub fn multiply<F: Field, const N: usize>(width: usize, block: Block<'_>) {
    let Block { scalars, input, output, valid } = block;
    let layout = Layout::new::<F>(valid.len(), width);
    valid.fill(true);
    let mut points = decode_all::<F, N>(input, layout, valid);
    let digits = digits_of_halves::<F>(&variable_base::WINDOWS, scalars);
    let mut product = Zeroizing::new([Completed::identity()]);
    for (row, digits) in points.chunks_exact_mut(width).zip(digits.chunks_exact(1)) {
        for point in row {
            let extended: Extended<F> = point.to_extended();
            variable_base::multiply(&extended, digits, &mut *product);
            *point = Cover::double_of(&product[0].shifted());
        }
    }
    encode_rows(&points, output, layout, valid);
}

/// G times each scalar.
#[inline(always)]
pub fn multiply_generator<F: Tabular>(generator: &Table<F>, scalars: &[Scalar], output: &mut [u8]) {
    let digits = digits_of_halves::<F>(&Windows::new(F::BITS), scalars);
    let mut products = Zeroizing::new(vec![Completed::identity(); digits.len()]);
    generator.multiply(&digits, &mut products);
    let mut points = Zeroizing::new(Vec::with_capacity(products.len()));
    for product in products.iter() {
        points.push(Cover::double_of(&product.shifted()));
    }
    let layout = Layout::new::<F>(scalars.len(), 1);
    encode_all(&points, output, layout.stride(), |i| layout.offset(i));
}

/// The first encoding of each element's candidates (SPEC 6.1) that decodes. `candidate(i, k)` is number
/// k of element i. Variable time.
#[inline(always)]
pub fn embed_vartime<F: Field, const N: usize>(
    data: &[[u8; PAYLOAD]],
    output: &mut [[u8; ELEMENT]],
    candidate: &mut dyn FnMut(usize, usize) -> u16,
) {
    // In each lane an element and the number of its candidate; a lane that is done takes the next.
    let mut lanes = [[None; 8]; N];
    let mut encodings = [[[0u8; ELEMENT]; 8]; N];
    let (mut next, mut done) = (0, 0);
    while done < data.len() {
        for (lanes, encodings) in lanes.iter_mut().zip(&mut encodings) {
            for (lane, encoding) in lanes.iter_mut().zip(encodings).take(F::LANES) {
                if lane.is_none() && next < data.len() {
                    *lane = Some((next, 0));
                    encoding[1..31].copy_from_slice(&data[next]);
                    next += 1;
                }
                if let Some((element, k)) = *lane {
                    let c = candidate(element, k);
                    (encoding[0], encoding[31]) = (2 * (c % 128) as u8, (c / 128) as u8);
                }
            }
        }
        let mut flat = [encodings[0].as_flattened(); N];
        for (flat, encodings) in flat.iter_mut().zip(&encodings) {
            *flat = encodings.as_flattened();
        }
        let decoded = decode::<F, N>(flat, ELEMENT);
        for ((lanes, encodings), (_, good)) in lanes.iter_mut().zip(&encodings).zip(decoded) {
            for (j, lane) in lanes.iter_mut().enumerate().take(F::LANES) {
                match *lane {
                    Some((element, _)) if good.lane(j) => {
                        output[element] = encodings[j];
                        done += 1;
                        *lane = None;
                    }
                    Some((element, k)) => *lane = Some((element, k + 1)),
                    None => {}
                }
            }
        }
    }
}
