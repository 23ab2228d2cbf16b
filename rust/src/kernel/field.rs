//! The field GF(p), p = 2^255 - 19, in constant time.
//!
//! An element is l_0 + 2^51 l_1 + .. + 2^204 l_4. Additions do not carry, so that one value has many
//! representations; two bounds on the limbs make that safe:
//!
//! - *reduced*, l_i < 2^51 + 2^18: what `*` and `square` return. It is below 2p as an integer.
//! - *loose*, l_i < 2^54: what every function takes unless it says otherwise.
//!
//! So a caller has to watch chains of `+` and `-` only: limb by limb, `a + b` is the sum, and `a - b`
//! is below a + 2^53 and needs b <= 4p, whose limbs are 2^53 - 4 and, the first, 2^53 - 76. Debug
//! builds assert all of this.

use std::ops::{Add, Mul, Neg, Sub};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

const MASK: u64 = (1 << 51) - 1;
const REDUCED: u64 = (1 << 51) + (1 << 18);
const LOOSE: u64 = 1 << 54;

/// 4p, whose limbs are far enough from 0 to subtract a sum of two reduced elements from it.
const FOUR_P: [u64; 5] = [4 * (MASK - 18), 4 * MASK, 4 * MASK, 4 * MASK, 4 * MASK];

#[derive(Clone, Copy, Debug, Zeroize)]
pub struct Field(pub(super) [u64; 5]);

const fn wide(a: u64, b: u64) -> u128 {
    a as u128 * b as u128
}

impl Field {
    pub const ZERO: Field = Field([0; 5]);
    pub const ONE: Field = Field([1, 0, 0, 0, 0]);

    /// The square root of -1 that is not negative.
    pub const SQRT_M1: Field = Field([
        0x61b274a0ea0b0,
        0x0d5a5fc8f189d,
        0x7ef5e9cbd0c60,
        0x78595a6804c9e,
        0x2b8324804fc1d,
    ]);

    fn within(&self, bound: u64) -> bool {
        self.0.iter().all(|&limb| limb < bound)
    }

    /// Sums r_i of products at 2^(51 i), each times 2^13, to a reduced element. Needs r_i < 77 * 2^108
    /// and r_4 < 5 * 2^108, before the factor.
    ///
    /// The factor puts r_i >> 51 into the upper word of its sum, where it costs nothing to find: on
    /// some processors a shift across words takes longer than a multiplication. It fits, since
    /// 77 * 2^(108 + 13) < 2^128. r_i >> 51 is below 77 * 2^57, and 19 (r_4 >> 51) below 95 * 2^57,
    /// so that both fit a word even with 2^51 added. The carries of a round do not depend on each
    /// other, which keeps the chains of squarings in `roots` short.
    #[inline(always)]
    fn carry(r: [u128; 5]) -> Field {
        let low = r.map(|r| r as u64 >> 13);
        let high = r.map(|r| (r >> 64) as u64);
        Field::carry_words([
            low[0] + 19 * high[4],
            low[1] + high[0],
            low[2] + high[1],
            low[3] + high[2],
            low[4] + high[3],
        ])
    }

    /// Any words to a reduced element: the carries are below 2^13, and 19 * 2^13 < 2^18.
    #[inline(always)]
    fn carry_words(l: [u64; 5]) -> Field {
        let low = l.map(|l| l & MASK);
        let high = l.map(|l| l >> 51);
        let out = Field([
            low[0] + 19 * high[4],
            low[1] + high[0],
            low[2] + high[1],
            low[3] + high[2],
            low[4] + high[3],
        ]);
        debug_assert!(out.within(REDUCED));
        out
    }

    /// The same element, reduced. Takes any words.
    #[inline(always)]
    pub fn reduce(self) -> Field {
        Field::carry_words(self.0)
    }

    /// The square of a loose element, reduced. The sums are those of `mul`, with equal products
    /// taken once, of a doubled factor: d = 2a < 2^55, and 2^9 a < 2^63.
    #[inline(always)]
    pub fn square(self) -> Field {
        debug_assert!(self.within(LOOSE));
        let [a0, a1, a2, a3, a4] = self.0.map(|limb| limb << 8);
        let [d0, d1, d2, d3, _] = self.0.map(|limb| limb << 9);
        let [b0, b1, b2, b3, b4] = self.0.map(|limb| limb << 5);
        let [_, _, _, c3, c4] = self.0.map(|limb| limb * (19 << 5));
        Field::carry([
            wide(a0, b0) + wide(d1, c4) + wide(d2, c3),
            wide(d0, b1) + wide(d2, c4) + wide(a3, c3),
            wide(d0, b2) + wide(a1, b1) + wide(d3, c4),
            wide(d0, b3) + wide(d1, b2) + wide(a4, c4),
            wide(d0, b4) + wide(d1, b3) + wide(a2, b2),
        ])
    }

    /// The limbs of the one representative below p.
    #[inline(always)]
    fn freeze(self) -> [u64; 5] {
        // Reduced means below 2p: it remains to subtract p once or not at all. The value is p or
        // more exactly if adding 19 carries out of bit 255.
        let mut l = Field::carry_words(self.0).0;
        let carried = l.iter().fold(19, |carry, limb| (limb + carry) >> 51);
        l[0] += 19 * carried;
        for i in 0..4 {
            l[i + 1] += l[i] >> 51;
            l[i] &= MASK;
        }
        l[4] &= MASK;
        l
    }

    /// From 32 little-endian bytes, and whether they are canonical: below p, bit 255 clear.
    pub fn from_bytes(bytes: &[u8; 32]) -> (Field, Choice) {
        let words =
            std::array::from_fn(|i| u64::from_le_bytes(std::array::from_fn(|k| bytes[8 * i + k])));
        let element = Field::unpack(words);
        (element, element.to_bytes().ct_eq(bytes))
    }

    pub fn to_bytes(self) -> [u8; 32] {
        let words = self.pack();
        std::array::from_fn(|i| words[i / 8].to_le_bytes()[i % 8])
    }

    /// The canonical representative as four words.
    pub fn pack(self) -> [u64; 4] {
        let l = self.freeze();
        [
            l[0] | l[1] << 51,
            l[1] >> 13 | l[2] << 38,
            l[2] >> 26 | l[3] << 25,
            l[3] >> 39 | l[4] << 12,
        ]
    }

    /// From the low 255 bits of four words; limbs below 2^51.
    #[inline(always)]
    pub fn unpack(w: [u64; 4]) -> Field {
        Field([
            w[0] & MASK,
            (w[0] >> 51 | w[1] << 13) & MASK,
            (w[1] >> 38 | w[2] << 26) & MASK,
            (w[2] >> 25 | w[3] << 39) & MASK,
            w[3] >> 12 & MASK,
        ])
    }

    /// Odd as an integer below p (RFC 9496, section 3.1: IS_NEGATIVE).
    #[inline(always)]
    pub fn is_negative(self) -> Choice {
        Choice::from((self.freeze()[0] & 1) as u8)
    }

    #[inline(always)]
    pub fn is_zero(self) -> Choice {
        self.freeze().iter().fold(0, |any, limb| any | limb).ct_eq(&0)
    }

    /// `-self` if the choice is 1; needs self <= 4p limb by limb, as does `-`.
    #[inline(always)]
    pub fn negate_if(self, choice: Choice) -> Field {
        Field::conditional_select(&self, &-self, choice)
    }

    /// The one of x, -x that is not negative, reduced (RFC 9496, section 3.1: CT_ABS).
    #[inline(always)]
    pub fn abs(self) -> Field {
        self.negate_if(self.is_negative()).reduce()
    }
}

impl Add for Field {
    type Output = Field;

    #[inline(always)]
    fn add(self, other: Field) -> Field {
        Field(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Neg for Field {
    type Output = Field;

    #[inline(always)]
    fn neg(self) -> Field {
        debug_assert!((0..5).all(|i| self.0[i] <= FOUR_P[i]));
        Field(std::array::from_fn(|i| FOUR_P[i] - self.0[i]))
    }
}

impl Sub for Field {
    type Output = Field;

    #[inline(always)]
    fn sub(self, other: Field) -> Field {
        self.add(-other)
    }
}

impl Mul for Field {
    type Output = Field;

    /// The product of loose elements, reduced. With a_i, b_i < 2^54 the largest sum, that at 2^0,
    /// is below (1 + 4 * 19) * 2^108, and that at 2^204 below 5 * 2^108. The factor 2^13 of `carry`
    /// is split so that all factors fit a word: 2^8 a < 2^62, and 19 * 2^5 b < 2^63.3.
    #[inline(always)]
    fn mul(self, other: Field) -> Field {
        debug_assert!(self.within(LOOSE) && other.within(LOOSE));
        let [a0, a1, a2, a3, a4] = self.0.map(|limb| limb << 8);
        let [b0, b1, b2, b3, b4] = other.0.map(|limb| limb << 5);
        let [_, c1, c2, c3, c4] = other.0.map(|limb| limb * (19 << 5));
        Field::carry([
            wide(a0, b0) + wide(a1, c4) + wide(a2, c3) + wide(a3, c2) + wide(a4, c1),
            wide(a0, b1) + wide(a1, b0) + wide(a2, c4) + wide(a3, c3) + wide(a4, c2),
            wide(a0, b2) + wide(a1, b1) + wide(a2, b0) + wide(a3, c4) + wide(a4, c3),
            wide(a0, b3) + wide(a1, b2) + wide(a2, b1) + wide(a3, b0) + wide(a4, c4),
            wide(a0, b4) + wide(a1, b3) + wide(a2, b2) + wide(a3, b1) + wide(a4, b0),
        ])
    }
}

impl ConditionallySelectable for Field {
    #[inline(always)]
    fn conditional_select(a: &Field, b: &Field, choice: Choice) -> Field {
        Field(std::array::from_fn(|i| u64::conditional_select(&a.0[i], &b.0[i], choice)))
    }
}
