//! Multiplication of one element by many scalars, with a table, in constant time.

use super::cover::{Cover, decode};
use super::digits::{Digit, Digits, windows};
use super::field::Field;
use super::point::{Completed, D2, Extended, Niels};
use super::portable::Portable;
use super::roots::invert_all;
use curve25519_dalek::ristretto::RistrettoPoint;
use zeroize::Zeroizing;

/// The number of scalars whose products are summed up side by side. Their points and one window of
/// a table then stay in the innermost cache.
const SIDE_BY_SIDE: usize = 16;

/// The canonical limbs of a `Niels` point.
pub type NielsLimbs = [[u64; 5]; 3];

/// A field with tables of multiples in the form that suits it.
pub trait Tabular: Field {
    /// Bits of a window.
    const BITS: u32;

    /// The 2^(BITS - 1) multiples that a window chooses from.
    type Multiples: Send + Sync;

    fn tabulate(multiples: &[NielsLimbs]) -> Self::Multiples;

    /// Return in each lane the multiple at the index of its digit, or the opposite of it. It reads
    /// all multiples, whatever the digit.
    fn choose(multiples: &Self::Multiples, digit: Digit<Self>) -> Niels<Self>;
}

/// The table of an element P: for each window i the odd multiples 2^(BITS i) (2k + 1) P,
/// k < 2^(BITS - 1).
pub struct Table<F: Tabular>(Vec<F::Multiples>);

impl<F: Tabular> Table<F> {
    pub const SIZE: usize = windows(F::BITS) * size_of::<F::Multiples>();

    #[inline(always)]
    pub fn of(element: &RistrettoPoint) -> Self {
        let count = windows(F::BITS);
        let encoding = element.compress();
        let [(point, _)] = decode::<Portable, 1>([encoding.as_bytes()], 0);
        let mut bases = vec![point.to_extended()];
        while bases.len() < count {
            let mut power = bases[bases.len() - 1].projective().double();
            for _ in 1..F::BITS {
                power = power.projective().double();
            }
            bases.push(power.extended());
        }
        let mut table = Vec::with_capacity(count);
        for bases in bases.chunks(F::LANES) {
            let limbs = odd_multiples::<F>(bases);
            table.extend(limbs[..bases.len()].iter().map(|multiples| F::tabulate(multiples)));
        }
        Table(table)
    }
}

/// Every `width`-th point of `points`, from `first` on.
pub struct Column<'a, F> {
    pub points: &'a mut [Cover<F>],
    pub first: usize,
    pub width: usize,
}

/// Add to each point of a column twice the product of its digits and the element of the table.
#[inline(always)]
pub fn add_multiples<F: Tabular>(table: &Table<F>, digits: &[Digits<F>], column: Column<'_, F>) {
    let mut products = Zeroizing::new([Completed::identity(); SIDE_BY_SIDE]);
    for (block, digits) in digits.chunks(SIDE_BY_SIDE).enumerate() {
        for k in 0..digits.len() {
            products[k] = F::choose(&table.0[0], digits[k].digit(F::BITS, 0)).completed();
        }
        for i in 1..table.0.len() {
            for k in 0..digits.len() {
                let multiple = F::choose(&table.0[i], digits[k].digit(F::BITS, i));
                products[k] = products[k].shifted().add_niels(&multiple);
            }
        }
        for k in 0..digits.len() {
            let place = column.first + (block * SIDE_BY_SIDE + k) * column.width;
            let point = &mut column.points[place];
            *point = point.add(&Cover::double_of(&products[k].shifted()));
        }
    }
}

/// Return the odd multiples of the base of each lane. Lanes beyond the bases repeat the last base.
#[inline(always)]
fn odd_multiples<F: Tabular>(bases: &[Extended<Portable>]) -> Vec<Vec<NielsLimbs>> {
    let base = |lane: usize| &bases[lane.min(bases.len() - 1)];
    let mut multiple = Extended::<F> {
        x: F::gather(|lane| base(lane).x.0),
        y: F::gather(|lane| base(lane).y.0),
        z: F::gather(|lane| base(lane).z.0),
        t: F::gather(|lane| base(lane).t.0),
    };
    let double = multiple.projective().double().extended().cached();
    let mut multiples = vec![multiple];
    for _ in 1..1 << (F::BITS - 1) {
        multiple = multiple.shifted().add(&double).extended();
        multiples.push(multiple);
    }
    let mut inverses = Vec::with_capacity(multiples.len());
    for multiple in &multiples {
        // Z is never 0, because the formulas are complete.
        inverses.push(multiple.z);
    }
    invert_all(&mut inverses);
    let mut lanes = vec![Vec::with_capacity(multiples.len()); F::LANES];
    for (multiple, inverse) in multiples.iter().zip(inverses) {
        let (x, y) = (multiple.x * inverse, multiple.y * inverse);
        let mut limbs = [[[0; 5]; 8]; 3];
        (y + x).scatter(&mut limbs[0]);
        (y - x).scatter(&mut limbs[1]);
        (x * y * F::splat(D2)).scatter(&mut limbs[2]);
        for (k, lane) in lanes.iter_mut().enumerate() {
            lane.push([limbs[0][k], limbs[1][k], limbs[2][k]]);
        }
    }
    lanes
}
