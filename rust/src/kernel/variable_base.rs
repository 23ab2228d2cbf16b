//! Multiplication of any element by secret scalars, in constant time.

use super::cover::Cover;
use super::digits::{Digit, Digits, Windows};
use super::field::{Field, Word};
use super::point::{Cached, Completed, Extended};
use std::sync::LazyLock;
use zeroize::{Zeroize, Zeroizing};

const BITS: u32 = 4;
const ENTRIES: usize = 1 << (BITS - 1);

/// The windows into which scalars must be split for `multiply`.
pub static WINDOWS: LazyLock<Windows> = LazyLock::new(|| Windows::new(BITS));

/// The odd multiples P, 3P, .., 15P of a point in each lane.
#[derive(Clone, Copy, Zeroize)]
struct Multiples<F: Field>([Cached<F>; ENTRIES]);

impl<F: Field> Multiples<F> {
    #[inline(always)]
    fn new(point: &Extended<F>) -> Self {
        let double = point.projective().double().extended().cached();
        let mut multiple = *point;
        let mut multiples = [point.cached(); ENTRIES];
        for entry in &mut multiples[1..] {
            multiple = multiple.shifted().add(&double).extended();
            *entry = multiple.cached();
        }
        Multiples(multiples)
    }

    /// Return the multiple of a digit. It reads all multiples, whatever the digit.
    #[inline(always)]
    fn choose(&self, digit: Digit<F>) -> Cached<F> {
        let mut chosen = self.0[0];
        for (k, multiple) in self.0.iter().enumerate().skip(1) {
            chosen.assign_if(multiple, digit.index.equals(k as u64));
        }
        chosen.negate_if(digit.negative)
    }
}

/// Return into how many parts, a power of 2, to split each of `scalars` scalars. The parts share
/// the doublings, but each needs a table. This number takes the fewest operations.
fn parts(scalars: usize) -> usize {
    match scalars {
        0..=1 => 1,
        2..=3 => 4,
        4..=7 => 8,
        8..=15 => 16,
        16..=63 => 32,
        _ => 64,
    }
}

/// Subtract from each point twice the product of its digits and `element`.
#[inline(always)]
pub fn subtract_multiples<F: Field>(
    element: &Cover<F>,
    digits: &[Digits<F>],
    points: &mut [Cover<F>],
) {
    let mut products = Zeroizing::new(vec![Completed::identity(); digits.len()]);
    multiply(&element.to_extended(), digits, &mut products);
    for (point, product) in points.iter_mut().zip(products.iter()) {
        *point = point.add(&Cover::double_of(&product.shifted().negate()));
    }
}

/// Set each of `products` to the product of its digits and the point.
#[inline(always)]
fn multiply<F: Field>(point: &Extended<F>, digits: &[Digits<F>], products: &mut [Completed<F>]) {
    let parts = parts(digits.len());
    let windows = WINDOWS.count / parts;
    let mut tables = Zeroizing::new(Vec::with_capacity(parts));
    let mut base = *point;
    for part in 0..parts {
        if part > 0 {
            base = double_times(base.completed(), BITS as usize * windows).extended();
        }
        tables.push(Multiples::new(&base));
    }
    products.fill(Completed::identity());
    for window in (0..windows).rev() {
        if window < windows - 1 {
            for product in products.iter_mut() {
                *product = double_times(*product, BITS as usize);
            }
        }
        for (part, table) in tables.iter().enumerate() {
            for (digits, product) in digits.iter().zip(products.iter_mut()) {
                let multiple = table.choose(digits.digit(BITS, part * windows + window));
                *product = product.shifted().add(&multiple);
            }
        }
    }
}

#[inline(always)]
fn double_times<F: Field>(mut point: Completed<F>, times: usize) -> Completed<F> {
    for _ in 0..times {
        point = point.projective().double();
    }
    point
}
