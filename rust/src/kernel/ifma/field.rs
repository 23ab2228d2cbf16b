//! Eight field elements at once, with the multiply-and-add instructions of AVX-512 IFMA.
//!
//! Element k is l_0 + 2^51 l_1 + .. + 2^204 l_4, with its limbs in lane k of five vectors.
//! Functions take and return *carried* elements: l_0 is below 2^51 + 2^17, and the other limbs are
//! below 2^51 + 2^12. So all limbs are below 2^52, as the instructions need of a factor, and the
//! element is below 2p as an integer.
//!
//! Sums and differences of products are taken before they are carried. Their limbs are bounded in
//! units of U = 2^52: each half of a product of two limbs is below U. Debug builds assert all of
//! this.
//!
//! Safety: the caller must have found this field available (`super::is_available`). Functions that
//! take time are inlined into those of `enabled` in `kernels`.

use super::vector::{LANES, Mask8, Words};
use crate::kernel::field::{Field, Product, Word};
use std::ops::{Add, Mul, Neg, Sub};
use zeroize::Zeroize;

const MASK: u64 = (1 << 51) - 1;

const P: [u64; 5] = [MASK - 18, MASK, MASK, MASK, MASK];

/// 2^11 p. Its limbs are above those of a sum of three products: 3 * 267 U = 1602 * 2^51.
const MANY_P: [u64; 5] = [P[0] << 11, P[1] << 11, P[2] << 11, P[3] << 11, P[4] << 11];

#[derive(Clone, Copy, Zeroize)]
pub struct Ifma(pub(in crate::kernel) [Words; 5]);

/// A sum or difference of products. Its limbs are below 2^63.
#[derive(Clone, Copy)]
pub struct Sum([Words; 5]);

#[inline(always)]
fn each(f: impl Fn(usize) -> Words) -> [Words; 5] {
    [f(0), f(1), f(2), f(3), f(4)]
}

#[inline(always)]
fn splat(limbs: [u64; 5]) -> [Words; 5] {
    each(|i| Words::splat(limbs[i]))
}

/// Return whether limb i is below `bounds[i]` in every lane. For assertions only.
#[cold]
#[inline(never)]
fn are_below(limbs: &[Words; 5], bounds: [u64; 5]) -> bool {
    limbs.iter().zip(bounds).all(|(limb, bound)| limb.to_array().iter().all(|&word| word < bound))
}

impl Sum {
    /// Fold sums at 2^(51 i), i < 10, since 2^255 = 19 modulo p.
    #[inline(always)]
    fn fold(z: [Words; 10]) -> Sum {
        Sum(each(|i| z[i].add(z[5 + i].multiply(Words::splat(19)))))
    }

    /// Carry to an element. The carries are below 2^12, and 19 * 2^12 < 2^17.
    #[inline(always)]
    fn carry(self) -> Ifma {
        debug_assert!(are_below(&self.0, [1 << 63; 5]));
        let (mask, z) = (Words::splat(MASK), self.0);
        Ifma([
            (z[0] & mask).add_low(z[4].shift_right::<51>(), Words::splat(19)),
            (z[1] & mask).add(z[0].shift_right::<51>()),
            (z[2] & mask).add(z[1].shift_right::<51>()),
            (z[3] & mask).add(z[2].shift_right::<51>()),
            (z[4] & mask).add(z[3].shift_right::<51>()),
        ])
    }
}

impl Add for Sum {
    type Output = Sum;

    #[inline(always)]
    fn add(self, other: Sum) -> Sum {
        Sum(each(|i| self.0[i].add(other.0[i])))
    }
}

impl Sub for Sum {
    type Output = Sum;

    /// Return the difference. It is below 1602 * 2^51 + 2^62 < 2^63 if both are sums of at most
    /// three products.
    #[inline(always)]
    fn sub(self, other: Sum) -> Sum {
        debug_assert!(are_below(&other.0, MANY_P));
        Sum(each(|i| self.0[i].add(Words::splat(MANY_P[i]).subtract(other.0[i]))))
    }
}

impl Product for Sum {
    type Field = Ifma;

    #[inline(always)]
    fn factor(self) -> Ifma {
        self.carry()
    }

    #[inline(always)]
    fn term(self) -> Ifma {
        self.carry()
    }
}

impl Ifma {
    /// Return 2p - self, the opposite of an element with limbs below 2^51. Its limbs are below
    /// 2^52, so it is only a factor.
    #[inline(always)]
    pub(super) fn opposite(self) -> Ifma {
        Ifma(each(|i| Words::splat(2 * P[i]).subtract(self.0[i])))
    }

    fn is_factor(&self) -> bool {
        are_below(&self.0, [1 << 52; 5])
    }

    fn is_carried(&self) -> bool {
        let other = (1 << 51) + (1 << 12);
        are_below(&self.0, [(1 << 51) + (1 << 17), other, other, other, other])
    }

    /// Return the limbs of the one representative below p.
    #[inline(always)]
    fn freeze(self) -> [Words; 5] {
        debug_assert!(self.is_carried());
        // The value is below 2p, so p must be subtracted once or not at all. It is p or more
        // exactly if adding 19 carries into bit 255.
        let mut l = self.0;
        let mut carry = Words::splat(19);
        for limb in l {
            carry = limb.add(carry).shift_right::<51>();
        }
        let mask = Words::splat(MASK);
        l[0] = l[0].add_low(carry, Words::splat(19));
        for i in 0..4 {
            l[i + 1] = l[i + 1].add(l[i].shift_right::<51>());
            l[i] = l[i] & mask;
        }
        l[4] = l[4] & mask;
        l
    }
}

impl Field for Ifma {
    const LANES: usize = LANES;

    type Mask = Mask8;
    type Word = Words;
    type Product = Sum;

    #[inline(always)]
    fn splat(limbs: [u64; 5]) -> Ifma {
        Ifma(splat(limbs))
    }

    #[inline(always)]
    fn gather(lane: impl Fn(usize) -> [u64; 5]) -> Ifma {
        let mut words = [[0; LANES]; 5];
        for k in 0..LANES {
            let limbs = lane(k);
            for i in 0..5 {
                words[i][k] = limbs[i];
            }
        }
        Sum(each(|i| Words::from_lanes(&words[i]))).carry()
    }

    #[inline(always)]
    fn scatter(self, lanes: &mut [[u64; 5]]) {
        for (i, words) in self.freeze().into_iter().enumerate() {
            for (lane, word) in lanes.iter_mut().zip(words.to_array()) {
                lane[i] = word;
            }
        }
    }

    #[inline(always)]
    fn load(bytes: &[u8], stride: usize) -> (Ifma, Mask8) {
        let mut words = [[0; LANES]; 4];
        for k in 0..LANES {
            let (chunks, _) = bytes[k * stride..][..32].as_chunks();
            for i in 0..4 {
                words[i][k] = u64::from_le_bytes(chunks[i]);
            }
        }
        let (w0, w1) = (Words::from_lanes(&words[0]), Words::from_lanes(&words[1]));
        let (w2, w3) = (Words::from_lanes(&words[2]), Words::from_lanes(&words[3]));
        let mask = Words::splat(MASK);
        let element = Ifma([
            w0 & mask,
            (w0.shift_right::<51>() | w1.shift_left::<13>()) & mask,
            (w1.shift_right::<38>() | w2.shift_left::<26>()) & mask,
            (w2.shift_right::<25>() | w3.shift_left::<39>()) & mask,
            w3.shift_right::<12>() & mask,
        ]);
        let frozen = element.freeze();
        let mut differences = w3 & Words::splat(1 << 63);
        for i in 0..5 {
            differences = differences | (frozen[i] ^ element.0[i]);
        }
        (element, differences.equals(0))
    }

    #[inline(always)]
    fn store(self, bytes: &mut [u8], stride: usize) {
        let l = self.freeze();
        let words = [
            (l[0] | l[1].shift_left::<51>()).to_array(),
            (l[1].shift_right::<13>() | l[2].shift_left::<38>()).to_array(),
            (l[2].shift_right::<26>() | l[3].shift_left::<25>()).to_array(),
            (l[3].shift_right::<39>() | l[4].shift_left::<12>()).to_array(),
        ];
        for k in 0..LANES {
            let (chunks, _) = bytes[k * stride..][..32].as_chunks_mut();
            for i in 0..4 {
                chunks[i] = words[i][k].to_le_bytes();
            }
        }
    }

    /// Return the product. z_i has the low halves of the products at 2^(51 i), and twice the high
    /// halves of those at 2^(51 (i - 1)), because 2^52 = 2 * 2^51. The z_i are at most 1, 4, 7, 10,
    /// 13, 14, 11, 8, 5, 2 times U. With 19 times the upper five added, limb 0 is below
    /// (1 + 19 * 14) U = 267 U, which is the largest.
    #[inline(always)]
    fn times(self, other: Ifma) -> Sum {
        debug_assert!(self.is_factor() && other.is_factor());
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let o = Words::zero();
        let h1 = o.add_high(a0, b0);
        let h2 = o.add_high(a0, b1).add_high(a1, b0);
        let h3 = o.add_high(a0, b2).add_high(a1, b1).add_high(a2, b0);
        let h4 = o.add_high(a0, b3).add_high(a1, b2).add_high(a2, b1).add_high(a3, b0);
        let h5 = o.add_high(a0, b4).add_high(a1, b3).add_high(a2, b2).add_high(a3, b1);
        let h5 = h5.add_high(a4, b0);
        let h6 = o.add_high(a1, b4).add_high(a2, b3).add_high(a3, b2).add_high(a4, b1);
        let h7 = o.add_high(a2, b4).add_high(a3, b3).add_high(a4, b2);
        let h8 = o.add_high(a3, b4).add_high(a4, b3);
        let h9 = o.add_high(a4, b4);
        let z4 = h4.add(h4).add_low(a0, b4).add_low(a1, b3).add_low(a2, b2).add_low(a3, b1);
        Sum::fold([
            o.add_low(a0, b0),
            h1.add(h1).add_low(a0, b1).add_low(a1, b0),
            h2.add(h2).add_low(a0, b2).add_low(a1, b1).add_low(a2, b0),
            h3.add(h3).add_low(a0, b3).add_low(a1, b2).add_low(a2, b1).add_low(a3, b0),
            z4.add_low(a4, b0),
            h5.add(h5).add_low(a1, b4).add_low(a2, b3).add_low(a3, b2).add_low(a4, b1),
            h6.add(h6).add_low(a2, b4).add_low(a3, b3).add_low(a4, b2),
            h7.add(h7).add_low(a3, b4).add_low(a4, b3),
            h8.add(h8).add_low(a4, b4),
            h9.add(h9),
        ])
    }

    /// Return the square. The sums are those of `times`, but equal products are taken once. The x_i
    /// are the high halves that count four times. The y_i count twice: they are 2 x_i, the high
    /// halves of squares, and the low halves of other products.
    #[inline(always)]
    fn squared(self) -> Sum {
        debug_assert!(self.is_factor());
        let [a0, a1, a2, a3, a4] = self.0;
        let o = Words::zero();
        let x2 = o.add_high(a0, a1);
        let x3 = o.add_high(a0, a2);
        let x4 = o.add_high(a0, a3).add_high(a1, a2);
        let x5 = o.add_high(a0, a4).add_high(a1, a3);
        let x6 = o.add_high(a1, a4).add_high(a2, a3);
        let x7 = o.add_high(a2, a4);
        let x8 = o.add_high(a3, a4);
        let y1 = o.add_high(a0, a0).add_low(a0, a1);
        let y2 = x2.add(x2).add_low(a0, a2);
        let y3 = x3.add(x3).add_high(a1, a1).add_low(a0, a3).add_low(a1, a2);
        let y4 = x4.add(x4).add_low(a0, a4).add_low(a1, a3);
        let y5 = x5.add(x5).add_high(a2, a2).add_low(a1, a4).add_low(a2, a3);
        let y6 = x6.add(x6).add_low(a2, a4);
        let y7 = x7.add(x7).add_high(a3, a3).add_low(a3, a4);
        let y8 = x8.add(x8);
        let y9 = o.add_high(a4, a4);
        Sum::fold([
            o.add_low(a0, a0),
            y1.add(y1),
            y2.add(y2).add_low(a1, a1),
            y3.add(y3),
            y4.add(y4).add_low(a2, a2),
            y5.add(y5),
            y6.add(y6).add_low(a3, a3),
            y7.add(y7),
            y8.add(y8).add_low(a4, a4),
            y9.add(y9),
        ])
    }

    #[inline(always)]
    fn widen(self) -> Sum {
        Sum(self.0)
    }

    #[inline(always)]
    fn is_negative(self) -> Mask8 {
        self.freeze()[0].has_any(Words::splat(1))
    }

    #[inline(always)]
    fn is_zero(self) -> Mask8 {
        let [l0, l1, l2, l3, l4] = self.freeze();
        (l0 | l1 | l2 | l3 | l4).equals(0)
    }

    #[inline(always)]
    fn select(no: Ifma, yes: Ifma, mask: Mask8) -> Ifma {
        Ifma(each(|i| Words::select(no.0[i], yes.0[i], mask)))
    }
}

impl Add for Ifma {
    type Output = Ifma;

    #[inline(always)]
    fn add(self, other: Ifma) -> Ifma {
        (self.widen() + other.widen()).carry()
    }
}

impl Neg for Ifma {
    type Output = Ifma;

    #[inline(always)]
    fn neg(self) -> Ifma {
        Ifma::zero() - self
    }
}

impl Sub for Ifma {
    type Output = Ifma;

    #[inline(always)]
    fn sub(self, other: Ifma) -> Ifma {
        debug_assert!(self.is_carried() && other.is_carried());
        Sum(each(|i| self.0[i].add(Words::splat(4 * P[i]).subtract(other.0[i])))).carry()
    }
}

impl Mul for Ifma {
    type Output = Ifma;

    #[inline(always)]
    fn mul(self, other: Ifma) -> Ifma {
        self.times(other).carry()
    }
}
