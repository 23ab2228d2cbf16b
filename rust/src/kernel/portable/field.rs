//! One field element, in 64-bit arithmetic for any processor.
//!
//! An element is l_0 + 2^51 l_1 + .. + 2^204 l_4. Additions do not carry, so one value has many
//! representations. Bounds on the limbs make this safe:
//!
//! - *reduced*: l_i < 2^51 + 2^18. Every product is reduced. As an integer it is below 2p.
//! - *term*: at most 4p, limb by limb. A sum of three products is a term.
//! - *loose*: l_i < 2^54. Every function takes loose elements unless it says otherwise.
//!
//! `a + b` is the sum limb by limb, and each limb of `a - b` is below that of a plus 2^53. Debug
//! builds assert all of this.

use super::word::Word64;
use crate::kernel::field::{Field, Mask, Product};
use std::ops::{Add, Mul, Neg, Sub};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

const MASK: u64 = (1 << 51) - 1;
const REDUCED: u64 = (1 << 51) + (1 << 18);
const LOOSE: u64 = 1 << 54;

/// 4p. Its limbs are large enough to subtract a term from it.
const FOUR_P: [u64; 5] = [4 * (MASK - 18), 4 * MASK, 4 * MASK, 4 * MASK, 4 * MASK];

#[derive(Clone, Copy, Debug, Zeroize)]
pub struct Portable(pub(in crate::kernel) [u64; 5]);

const fn wide(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

impl Portable {
    fn within(&self, bound: u64) -> bool {
        self.0.iter().all(|&limb| limb < bound)
    }

    /// Carry sums r_i of products at 2^(51 i), each times 2^13, to a reduced element. Needs
    /// r_i < 77 * 2^108 and r_4 < 5 * 2^108, before the factor 2^13.
    ///
    /// The factor puts r_i >> 51 into the upper word of its sum, where it needs no shift: on some
    /// processors a shift across words takes longer than a multiplication. The sums fit 128 bits,
    /// because 77 * 2^(108 + 13) < 2^128. r_i >> 51 is below 77 * 2^57, and 19 (r_4 >> 51) is below
    /// 95 * 2^57, so both fit a word even with 2^51 added. The carries of a round do not depend on
    /// each other, which keeps the chains of squarings in `roots` short.
    #[inline(always)]
    fn carry(r: [u128; 5]) -> Portable {
        let low = r.map(|r| r as u64 >> 13);
        let high = r.map(|r| (r >> 64) as u64);
        Portable::carry_words([
            low[0] + 19 * high[4],
            low[1] + high[0],
            low[2] + high[1],
            low[3] + high[2],
            low[4] + high[3],
        ])
    }

    /// Carry any words to a reduced element. The carries are below 2^13, and 19 * 2^13 < 2^18.
    #[inline(always)]
    fn carry_words(l: [u64; 5]) -> Portable {
        let low = l.map(|l| l & MASK);
        let high = l.map(|l| l >> 51);
        let out = Portable([
            low[0] + 19 * high[4],
            low[1] + high[0],
            low[2] + high[1],
            low[3] + high[2],
            low[4] + high[3],
        ]);
        debug_assert!(out.within(REDUCED));
        out
    }

    /// Return the limbs of the one representative below p.
    #[inline(always)]
    fn freeze(self) -> [u64; 5] {
        // A reduced value is below 2p, so p must be subtracted once or not at all. The value is p
        // or more exactly if adding 19 carries into bit 255.
        let mut l = Portable::carry_words(self.0).0;
        let carried = l.iter().fold(19, |carry, limb| (limb + carry) >> 51);
        l[0] += 19 * carried;
        for i in 0..4 {
            l[i + 1] += l[i] >> 51;
            l[i] &= MASK;
        }
        l[4] &= MASK;
        l
    }

    /// Return the canonical representative as four words.
    #[inline(always)]
    pub(super) fn pack(self) -> [u64; 4] {
        let l = self.freeze();
        [
            l[0] | l[1] << 51,
            l[1] >> 13 | l[2] << 38,
            l[2] >> 26 | l[3] << 25,
            l[3] >> 39 | l[4] << 12,
        ]
    }

    /// Make an element of the low 255 bits of four words. Its limbs are below 2^51.
    #[inline(always)]
    pub(super) fn unpack(w: [u64; 4]) -> Portable {
        Portable([
            w[0] & MASK,
            (w[0] >> 51 | w[1] << 13) & MASK,
            (w[1] >> 38 | w[2] << 26) & MASK,
            (w[2] >> 25 | w[3] << 39) & MASK,
            w[3] >> 12 & MASK,
        ])
    }
}

impl Mask for Choice {
    #[inline(always)]
    fn all() -> Choice {
        Choice::from(1)
    }

    #[inline(always)]
    fn lane(self, _: usize) -> bool {
        self.into()
    }
}

/// A product is carried at once. A sum of products then needs no carry to be a factor.
impl Product for Portable {
    type Field = Portable;

    #[inline(always)]
    fn factor(self) -> Portable {
        self
    }

    #[inline(always)]
    fn term(self) -> Portable {
        Portable::carry_words(self.0)
    }
}

impl Field for Portable {
    const LANES: usize = 1;

    type Mask = Choice;
    type Word = Word64;
    type Product = Portable;

    #[inline(always)]
    fn splat(limbs: [u64; 5]) -> Portable {
        Portable(limbs)
    }

    #[inline(always)]
    fn gather(lane: impl Fn(usize) -> [u64; 5]) -> Portable {
        Portable(lane(0))
    }

    #[inline(always)]
    fn scatter(self, lanes: &mut [[u64; 5]]) {
        lanes[0] = self.freeze();
    }

    #[inline(always)]
    fn load(bytes: &[u8], _: usize) -> (Portable, Choice) {
        let (words, _) = bytes[..32].as_chunks();
        let words = [words[0], words[1], words[2], words[3]].map(u64::from_le_bytes);
        let element = Portable::unpack(words);
        (element, element.pack().ct_eq(&words))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8], _: usize) {
        let (chunks, _) = bytes[..32].as_chunks_mut();
        for (chunk, word) in chunks.iter_mut().zip(self.pack()) {
            *chunk = word.to_le_bytes();
        }
    }

    /// Return the product of loose elements, reduced. With a_i, b_i < 2^54 the largest sum, at 2^0,
    /// is below (1 + 4 * 19) * 2^108, and the sum at 2^204 is below 5 * 2^108. The factor 2^13 of
    /// `carry` is split so that all factors fit a word: 2^8 a < 2^62, and 19 * 2^5 b < 2^63.3.
    #[inline(always)]
    fn times(self, other: Portable) -> Portable {
        debug_assert!(self.within(LOOSE) && other.within(LOOSE));
        let [a0, a1, a2, a3, a4] = self.0.map(|limb| limb << 8);
        let [b0, b1, b2, b3, b4] = other.0.map(|limb| limb << 5);
        let [_, c1, c2, c3, c4] = other.0.map(|limb| limb * (19 << 5));
        Portable::carry([
            wide(a0, b0) + wide(a1, c4) + wide(a2, c3) + wide(a3, c2) + wide(a4, c1),
            wide(a0, b1) + wide(a1, b0) + wide(a2, c4) + wide(a3, c3) + wide(a4, c2),
            wide(a0, b2) + wide(a1, b1) + wide(a2, b0) + wide(a3, c4) + wide(a4, c3),
            wide(a0, b3) + wide(a1, b2) + wide(a2, b1) + wide(a3, b0) + wide(a4, c4),
            wide(a0, b4) + wide(a1, b3) + wide(a2, b2) + wide(a3, b1) + wide(a4, b0),
        ])
    }

    /// Return the square of a loose element, reduced. The sums are those of `times`, but equal
    /// products are taken once, with a doubled factor: d = 2a < 2^55, and 2^9 a < 2^63.
    #[inline(always)]
    fn squared(self) -> Portable {
        debug_assert!(self.within(LOOSE));
        let [a0, a1, a2, a3, a4] = self.0.map(|limb| limb << 8);
        let [d0, d1, d2, d3, _] = self.0.map(|limb| limb << 9);
        let [b0, b1, b2, b3, b4] = self.0.map(|limb| limb << 5);
        let [_, _, _, c3, c4] = self.0.map(|limb| limb * (19 << 5));
        Portable::carry([
            wide(a0, b0) + wide(d1, c4) + wide(d2, c3),
            wide(d0, b1) + wide(d2, c4) + wide(a3, c3),
            wide(d0, b2) + wide(a1, b1) + wide(d3, c4),
            wide(d0, b3) + wide(d1, b2) + wide(a4, c4),
            wide(d0, b4) + wide(d1, b3) + wide(a2, b2),
        ])
    }

    #[inline(always)]
    fn widen(self) -> Portable {
        self
    }

    #[inline(always)]
    fn is_negative(self) -> Choice {
        Choice::from((self.freeze()[0] & 1) as u8)
    }

    #[inline(always)]
    fn is_zero(self) -> Choice {
        self.freeze().iter().fold(0, |any, limb| any | limb).ct_eq(&0)
    }

    #[inline(always)]
    fn select(no: Portable, yes: Portable, mask: Choice) -> Portable {
        Portable(std::array::from_fn(|i| u64::conditional_select(&no.0[i], &yes.0[i], mask)))
    }
}

impl Add for Portable {
    type Output = Portable;

    #[inline(always)]
    fn add(self, other: Portable) -> Portable {
        Portable(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Neg for Portable {
    type Output = Portable;

    #[inline(always)]
    fn neg(self) -> Portable {
        debug_assert!((0..5).all(|i| self.0[i] <= FOUR_P[i]));
        Portable(std::array::from_fn(|i| FOUR_P[i] - self.0[i]))
    }
}

impl Sub for Portable {
    type Output = Portable;

    #[inline(always)]
    fn sub(self, other: Portable) -> Portable {
        self + -other
    }
}

impl Mul for Portable {
    type Output = Portable;

    #[inline(always)]
    fn mul(self, other: Portable) -> Portable {
        self.times(other)
    }
}
