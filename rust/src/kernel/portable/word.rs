//! 64 bits in one lane.

use crate::kernel::field::{MOST_LANES, Word};
use std::ops::{BitAnd, BitOr, Not, Shl, Shr};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroize;

#[derive(Clone, Copy, Zeroize)]
pub struct Word64(pub u64);

impl Word for Word64 {
    type Mask = Choice;

    #[inline(always)]
    fn splat(word: u64) -> Word64 {
        Word64(word)
    }

    #[inline(always)]
    fn from_lanes(words: &[u64; MOST_LANES]) -> Word64 {
        Word64(words[0])
    }

    #[inline(always)]
    fn equals(self, word: u64) -> Choice {
        self.0.ct_eq(&word)
    }

    #[inline(always)]
    fn select(no: Word64, yes: Word64, mask: Choice) -> Word64 {
        Word64(u64::conditional_select(&no.0, &yes.0, mask))
    }
}

impl BitAnd for Word64 {
    type Output = Word64;

    #[inline(always)]
    fn bitand(self, other: Word64) -> Word64 {
        Word64(self.0 & other.0)
    }
}

impl BitOr for Word64 {
    type Output = Word64;

    #[inline(always)]
    fn bitor(self, other: Word64) -> Word64 {
        Word64(self.0 | other.0)
    }
}

impl Not for Word64 {
    type Output = Word64;

    #[inline(always)]
    fn not(self) -> Word64 {
        Word64(!self.0)
    }
}

impl Shl<u32> for Word64 {
    type Output = Word64;

    #[inline(always)]
    fn shl(self, bits: u32) -> Word64 {
        Word64(self.0 << bits)
    }
}

impl Shr<u32> for Word64 {
    type Output = Word64;

    #[inline(always)]
    fn shr(self, bits: u32) -> Word64 {
        Word64(self.0 >> bits)
    }
}
