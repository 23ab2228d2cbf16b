//! Vectors of eight 64-bit words: the few instructions that the backend needs, as functions.
//!
//! Safety of every intrinsic here: the caller must have found the field available, as `field` says.
//! Functions without an intrinsic, such as those for constants, may be used anywhere.

use crate::kernel::field::{Mask, Word};
use std::arch::x86_64::*;
use std::ops::{BitAnd, BitOr, BitXor, Not, Shl, Shr};
use zeroize::Zeroize;

pub const LANES: usize = 8;

/// A word in each lane.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Words(pub __m512i);

impl Words {
    #[inline(always)]
    pub fn zero() -> Words {
        Words(unsafe { _mm512_setzero_si512() })
    }

    #[inline(always)]
    pub fn to_array(self) -> [u64; LANES] {
        // SAFETY: both types have 512 bits, and all values are valid.
        unsafe { std::mem::transmute(self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Words) -> Words {
        Words(unsafe { _mm512_add_epi64(self.0, other.0) })
    }

    #[inline(always)]
    pub fn subtract(self, other: Words) -> Words {
        Words(unsafe { _mm512_sub_epi64(self.0, other.0) })
    }

    /// Return the low 64 bits of the product.
    #[inline(always)]
    pub fn multiply(self, other: Words) -> Words {
        Words(unsafe { _mm512_mullo_epi64(self.0, other.0) })
    }

    /// Return self + the low 52 bits of the product of the low 52 bits of a and b.
    #[inline(always)]
    pub fn add_low(self, a: Words, b: Words) -> Words {
        Words(unsafe { _mm512_madd52lo_epu64(self.0, a.0, b.0) })
    }

    /// Return self + the high 52 bits of the product of the low 52 bits of a and b.
    #[inline(always)]
    pub fn add_high(self, a: Words, b: Words) -> Words {
        Words(unsafe { _mm512_madd52hi_epu64(self.0, a.0, b.0) })
    }

    #[inline(always)]
    pub fn shift_left<const BITS: u32>(self) -> Words {
        Words(unsafe { _mm512_slli_epi64::<BITS>(self.0) })
    }

    #[inline(always)]
    pub fn shift_right<const BITS: u32>(self) -> Words {
        Words(unsafe { _mm512_srli_epi64::<BITS>(self.0) })
    }

    /// Return in which lanes any of the bits of `other` is set.
    #[inline(always)]
    pub fn has_any(self, other: Words) -> Mask8 {
        Mask8(unsafe { _mm512_test_epi64_mask(self.0, other.0) })
    }

    /// Return in each lane the one of sixteen words to which the low four bits of its index point.
    #[inline(always)]
    pub fn choose(index: Words, first: &[u64; LANES], second: &[u64; LANES]) -> Words {
        let (first, second) = (Words::from_lanes(first), Words::from_lanes(second));
        Words(unsafe { _mm512_permutex2var_epi64(first.0, index.0, second.0) })
    }
}

impl Word for Words {
    type Mask = Mask8;

    #[inline(always)]
    fn splat(word: u64) -> Words {
        Words::from_lanes(&[word; LANES])
    }

    #[inline(always)]
    fn from_lanes(words: &[u64; LANES]) -> Words {
        // SAFETY: both types have 512 bits, and all values are valid.
        Words(unsafe { std::mem::transmute::<[u64; LANES], __m512i>(*words) })
    }

    #[inline(always)]
    fn equals(self, word: u64) -> Mask8 {
        Mask8(unsafe { _mm512_cmpeq_epi64_mask(self.0, Words::splat(word).0) })
    }

    #[inline(always)]
    fn select(no: Words, yes: Words, mask: Mask8) -> Words {
        Words(unsafe { _mm512_mask_blend_epi64(mask.0, no.0, yes.0) })
    }
}

impl Zeroize for Words {
    fn zeroize(&mut self) {
        // SAFETY: the pointer is that of a valid, exclusive reference to as many words.
        let words = unsafe { &mut *std::ptr::from_mut(self).cast::<[u64; LANES]>() };
        words.zeroize();
    }
}

impl BitAnd for Words {
    type Output = Words;

    #[inline(always)]
    fn bitand(self, other: Words) -> Words {
        Words(unsafe { _mm512_and_si512(self.0, other.0) })
    }
}

impl BitOr for Words {
    type Output = Words;

    #[inline(always)]
    fn bitor(self, other: Words) -> Words {
        Words(unsafe { _mm512_or_si512(self.0, other.0) })
    }
}

impl BitXor for Words {
    type Output = Words;

    #[inline(always)]
    fn bitxor(self, other: Words) -> Words {
        Words(unsafe { _mm512_xor_si512(self.0, other.0) })
    }
}

impl Not for Words {
    type Output = Words;

    #[inline(always)]
    fn not(self) -> Words {
        self ^ Words::splat(!0)
    }
}

impl Shl<u32> for Words {
    type Output = Words;

    #[inline(always)]
    fn shl(self, bits: u32) -> Words {
        Words(unsafe { _mm512_sll_epi64(self.0, _mm_cvtsi32_si128(bits as i32)) })
    }
}

impl Shr<u32> for Words {
    type Output = Words;

    #[inline(always)]
    fn shr(self, bits: u32) -> Words {
        Words(unsafe { _mm512_srl_epi64(self.0, _mm_cvtsi32_si128(bits as i32)) })
    }
}

/// A truth value in each lane.
#[derive(Clone, Copy)]
pub struct Mask8(pub u8);

impl Mask for Mask8 {
    #[inline(always)]
    fn all() -> Mask8 {
        Mask8(0xff)
    }

    #[inline(always)]
    fn lane(self, lane: usize) -> bool {
        self.0 >> lane & 1 == 1
    }
}

impl BitAnd for Mask8 {
    type Output = Mask8;

    #[inline(always)]
    fn bitand(self, other: Mask8) -> Mask8 {
        Mask8(self.0 & other.0)
    }
}

impl BitOr for Mask8 {
    type Output = Mask8;

    #[inline(always)]
    fn bitor(self, other: Mask8) -> Mask8 {
        Mask8(self.0 | other.0)
    }
}

impl Not for Mask8 {
    type Output = Mask8;

    #[inline(always)]
    fn not(self) -> Mask8 {
        Mask8(!self.0)
    }
}
