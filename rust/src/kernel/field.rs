//! The operations that the formulas need: on the field GF(p), p = 2^255 - 19, and on the words of
//! scalars, for values in one lane or in several at once. `portable` and `ifma` implement them;
//! everything else is written once for both.
//!
//! Everything here is in constant time.

use std::hint::black_box;
use std::ops::{Add, BitAnd, BitOr, Mul, Neg, Not, Shl, Shr, Sub};
use zeroize::Zeroize;

/// A truth value in each lane.
pub trait Mask: Copy + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self> {
    /// True in every lane.
    fn all() -> Self;

    fn lane(self, lane: usize) -> bool;
}

/// The most lanes that a backend has.
pub const MOST_LANES: usize = 8;

/// 64 bits in each lane.
pub trait Word:
    Copy
    + Zeroize
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + Not<Output = Self>
    + Shl<u32, Output = Self>
    + Shr<u32, Output = Self>
{
    type Mask: Mask;

    fn splat(word: u64) -> Self;

    fn from_lanes(words: &[u64; MOST_LANES]) -> Self;

    fn equals(self, word: u64) -> Self::Mask;

    /// Return in each lane `yes` where the mask is true, and `no` elsewhere.
    fn select(no: Self, yes: Self, mask: Self::Mask) -> Self;
}

/// A product of field elements, or a sum or difference of products, before it is made an element.
///
/// Up to three products may be added up, and a sum of up to three may be subtracted from them in
/// one step: `(a + b) - (c + d)` is right, `a - c - d` is not.
pub trait Product: Copy + Add<Output = Self> + Sub<Output = Self> {
    type Field;

    /// Make an element of it. This is a term, unless something was subtracted.
    fn factor(self) -> Self::Field;

    /// Make a term of it.
    fn term(self) -> Self::Field;
}

/// A field element in each lane.
///
/// It has many representations. Every element may be a factor of a product, and may be tested,
/// stored and selected. Only a *term* may also be added, subtracted or negated. Of the functions
/// below, `a + b` and `a - b` return no terms. All others do: `-a` too, and `select` if it chooses
/// among terms.
pub trait Field:
    Copy + Zeroize + Add<Output = Self> + Sub<Output = Self> + Neg<Output = Self> + Mul<Output = Self>
{
    const LANES: usize;

    type Mask: Mask;
    type Word: Word<Mask = Self::Mask>;
    type Product: Product<Field = Self>;

    /// Return the element of the limbs, in every lane. Limb i stands at 2^(51 i) and is below 2^51.
    fn splat(limbs: [u64; 5]) -> Self;

    /// Return the elements of the limbs of each lane, which are below 2^51 + 2^18.
    fn gather(lane: impl Fn(usize) -> [u64; 5]) -> Self;

    /// Put the canonical limbs, below 2^51, of the element in each lane into `lanes`.
    fn scatter(self, lanes: &mut [[u64; 5]]);

    /// Load 32 little-endian bytes for each lane, `stride` bytes apart. The mask says which are
    /// canonical: below p, with bit 255 clear. For others, the element is that of the low 255 bits.
    fn load(bytes: &[u8], stride: usize) -> (Self, Self::Mask);

    /// Store 32 bytes for each lane, `stride` bytes apart.
    fn store(self, bytes: &mut [u8], stride: usize);

    fn times(self, other: Self) -> Self::Product;

    fn squared(self) -> Self::Product;

    /// Return a term as a product.
    fn widen(self) -> Self::Product;

    /// Return whether it is odd as an integer below p (RFC 9496, section 3.1: IS_NEGATIVE).
    fn is_negative(self) -> Self::Mask;

    fn is_zero(self) -> Self::Mask;

    /// Return in each lane `yes` where the mask is true, and `no` elsewhere.
    fn select(no: Self, yes: Self, mask: Self::Mask) -> Self;

    #[inline(always)]
    fn square(self) -> Self {
        self.squared().factor()
    }

    #[inline(always)]
    fn zero() -> Self {
        Self::splat([0; 5])
    }

    #[inline(always)]
    fn one() -> Self {
        Self::splat([1, 0, 0, 0, 0])
    }

    /// Return `-self` where the mask is true, and `self` elsewhere.
    #[inline(always)]
    fn negate_if(self, mask: Self::Mask) -> Self {
        Self::select(self, -self, mask)
    }

    /// Return the one of x and -x that is not negative (RFC 9496, section 3.1: CT_ABS).
    #[inline(always)]
    fn abs(self) -> Self {
        self.negate_if(self.is_negative())
    }
}

/// The square root of -1 that is not negative.
pub const SQRT_M1: [u64; 5] =
    [0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d];

/// Multiply `count` times in all, or square if `square`. For benchmarks, which time it.
#[inline(always)]
pub fn operate<F: Field>(square: bool, count: usize) {
    let mut chains = black_box([F::splat(SQRT_M1); 4]);
    let other = chains[0];
    for _ in 0..count / (chains.len() * F::LANES) {
        for x in &mut chains {
            *x = if square { x.square() } else { *x * other };
        }
    }
    black_box(chains);
}
