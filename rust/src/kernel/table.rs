//! Multiplication of one element by many scalars, from a table, in constant time.

use super::cover::decode_each;
use super::point::{Edwards, Niels};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::iter;
use std::sync::LazyLock;
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, Zeroizing};

/// Bits of a window. 4, 5 and 6 were measured: 5 is as fast as 6 with little more than half the table.
const WINDOW: usize = 5;

/// Windows of a scalar below l < 2^253.
const WINDOWS: usize = 253usize.div_ceil(WINDOW);

/// The multiples 1, 3, 5, .. that a window chooses from, by sign and by entry.
const ENTRIES: usize = 1 << (WINDOW - 1);

type Entry = [[u64; 4]; 3];

/// K modulo l.
static OFFSET: LazyLock<Scalar> = LazyLock::new(|| {
    let base = Scalar::from(1u64 << WINDOW);
    iter::repeat_n(base, WINDOWS).product::<Scalar>() - Scalar::ONE
});

/// The digits of a scalar t, all odd: t = sum (2 b_i - (2^w - 1)) 2^(wi) modulo l, where b_i are the
/// windows of (t + K)/2 and K = 2^(w WINDOWS) - 1. No digit is 0, and there are no carries.
#[derive(Clone, Zeroize)]
pub struct Digits([u8; WINDOWS]);

impl Digits {
    /// Of s/2, since `Cover::double_of` doubles what the table gives.
    pub fn of_half(s: &Scalar) -> Digits {
        let half = Zeroizing::new((s.div_by_2() + *OFFSET).div_by_2());
        let bytes = half.as_bytes();
        let byte = |i: usize| u16::from(*bytes.get(i).unwrap_or(&0));
        Digits(std::array::from_fn(|i| {
            let (at, shift) = (WINDOW * i / 8, WINDOW * i % 8);
            ((byte(at) | byte(at + 1) << 8) >> shift & ((1 << WINDOW) - 1)) as u8
        }))
    }
}

/// For each i < WINDOWS the points 2^(WINDOW i) (2k + 1) P, k < ENTRIES: 77 KiB.
pub struct Table(Vec<[Entry; ENTRIES]>);

impl Table {
    /// Takes about a quarter of a millisecond.
    pub fn new(element: &RistrettoPoint) -> Table {
        let mut base = Edwards::IDENTITY;
        decode_each(element.compress().as_bytes(), |_, point, _| base = point.to_edwards());
        let mut multiples = Vec::with_capacity(WINDOWS * ENTRIES);
        for _ in 0..WINDOWS {
            let double = base.double();
            let mut odd = base;
            for _ in 1..ENTRIES {
                multiples.push(odd);
                odd = odd.add(&double);
            }
            multiples.push(odd);
            // (2^w - 1) P + P
            base = odd.add(&base);
        }
        Table(Niels::pack_all(&multiples).as_chunks().0.to_vec())
    }

    /// Set each of `products` to its scalar times the element of this table.
    ///
    /// One window of all scalars after the other: what is scanned stays in the innermost cache.
    pub fn multiply(&self, digits: &[Digits], products: &mut [Edwards]) {
        products.fill(Edwards::IDENTITY);
        for (i, window) in self.0.iter().enumerate() {
            for (digits, product) in digits.iter().zip(products.iter_mut()) {
                *product = product.add_niels(&choose(window, digits.0[i]));
            }
        }
    }
}

/// The multiple 2b - (2^w - 1): the entry at b - 2^(w-1) of a b with its top bit, and else the
/// opposite of the entry at 2^(w-1) - 1 - b. Reads all entries.
#[inline(always)]
fn choose(window: &[Entry; ENTRIES], b: u8) -> Niels {
    let positive = b >> (WINDOW - 1);
    let low = b & (ENTRIES as u8 - 1);
    // All bits of `low` flipped if negative.
    let index = low ^ (positive.wrapping_sub(1) & (ENTRIES as u8 - 1));
    Niels::unpack(scan(window, index), !Choice::from(positive))
}

/// The entry at `index`. Not inlined, because only then do compilers use vector registers for it.
#[inline(never)]
fn scan(window: &[Entry; ENTRIES], index: u8) -> Entry {
    let mut chosen = [[0; 4]; 3];
    for (k, entry) in window.iter().enumerate() {
        let mask = u64::from((k as u8).ct_eq(&index).unwrap_u8()).wrapping_neg();
        for (chosen, entry) in chosen.as_flattened_mut().iter_mut().zip(entry.as_flattened()) {
            *chosen |= entry & mask;
        }
    }
    chosen
}
