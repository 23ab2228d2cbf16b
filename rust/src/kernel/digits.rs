//! Scalars in windows of some bits, with odd digits only. No digit is 0 and there are no carries,
//! so every scalar takes the same steps.

use super::field::{Field, MOST_LANES, Word};
use curve25519_dalek::Scalar;
use std::iter;
use zeroize::Zeroize;

/// How scalars are split: into `count` windows, which have at least 253 bits together.
#[derive(Clone, Copy)]
pub struct Windows {
    pub count: usize,
    /// 2K modulo l, for K = 2^(bits count) - 1.
    twice_k: Scalar,
}

impl Windows {
    pub fn new(bits: u32) -> Windows {
        let count = windows(bits);
        let power = iter::repeat_n(Scalar::from(1u64 << bits), count).product::<Scalar>();
        let k = power - Scalar::ONE;
        Windows { count, twice_k: k + k }
    }

    /// Return the windows for t = s/2, as one number: (t + K)/2 = (s + 2K)/4 modulo l.
    #[inline(always)]
    fn of_half(&self, s: &Scalar) -> [u64; 4] {
        let (mut sum, twice_k) = (words(s), words(&self.twice_k));
        // l is 1 modulo 4, so the sum is divisible by 4 after `times` l are added. It is below 5l,
        // and a quarter of it is below 2^253.
        let times = sum[0].wrapping_add(twice_k[0]).wrapping_neg() & 3;
        let mut carry = 0;
        for i in 0..4 {
            let total = u128::from(sum[i])
                + u128::from(twice_k[i])
                + u128::from(times) * u128::from(L[i])
                + u128::from(carry);
            (sum[i], carry) = (total as u64, (total >> 64) as u64);
        }
        let quarter = [
            sum[0] >> 2 | sum[1] << 62,
            sum[1] >> 2 | sum[2] << 62,
            sum[2] >> 2 | sum[3] << 62,
            sum[3] >> 2,
        ];
        sum.zeroize();
        quarter
    }
}

/// Return how many windows of `bits` bits a scalar has.
pub const fn windows(bits: u32) -> usize {
    253usize.div_ceil(bits as usize)
}

/// l = 2^252 + 27742317777372353535851937790883648493.
const L: [u64; 4] = [0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 1 << 60];

#[inline(always)]
fn words(scalar: &Scalar) -> [u64; 4] {
    let (words, _) = scalar.as_bytes().as_chunks();
    [words[0], words[1], words[2], words[3]].map(u64::from_le_bytes)
}

/// The digits of a scalar t in each lane: t = sum (2 b_i - (2^w - 1)) 2^(wi) modulo l, where the
/// b_i are the windows of w bits of (t + K)/2.
#[derive(Clone, Copy, Zeroize)]
pub struct Digits<F: Field>([F::Word; 4]);

/// One digit in each lane: plus or minus 2 `index` + 1.
#[derive(Clone, Copy)]
pub struct Digit<F: Field> {
    pub negative: F::Mask,
    pub index: F::Word,
}

impl<F: Field> Digits<F> {
    /// Make the digits of s/2 for the scalar s of each lane. `Cover::double_of` doubles the
    /// product.
    #[inline(always)]
    pub fn of_half(windows: &Windows, lane: impl Fn(usize) -> Scalar) -> Self {
        let mut numbers = [[0; MOST_LANES]; 4];
        for k in 0..F::LANES {
            let mut number = windows.of_half(&lane(k));
            for i in 0..4 {
                numbers[i][k] = number[i];
            }
            number.zeroize();
        }
        let [w0, w1, w2, w3] = &numbers;
        let from = F::Word::from_lanes;
        let digits = [from(w0), from(w1), from(w2), from(w3)];
        numbers.zeroize();
        Digits(digits)
    }

    /// Return digit i, for windows of `bits` bits.
    #[inline(always)]
    pub fn digit(&self, bits: u32, i: usize) -> Digit<F> {
        let at = bits * i as u32;
        let (word, shift) = ((at / 64) as usize, at % 64);
        let mut b = self.0[word] >> shift;
        if shift + bits > 64 && word < 3 {
            b = b | self.0[word + 1] << (64 - shift);
        }
        // If b has its top bit, the entry is at b - 2^(w-1). If not, it is the opposite of the
        // entry at 2^(w-1) - 1 - b: then all bits of the index are flipped.
        let (top, low) = (F::Word::splat(1 << (bits - 1)), F::Word::splat((1 << (bits - 1)) - 1));
        let negative = (b & top).equals(0);
        Digit { negative, index: F::Word::select(b, !b, negative) & low }
    }
}
