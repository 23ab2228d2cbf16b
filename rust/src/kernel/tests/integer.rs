//! Integers modulo p, as slow and plain as possible.

/// An integer below p, in 32-bit words, the least significant first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Integer([u32; 8]);

const P: [u32; 8] = [0xffff_ffed, !0, !0, !0, !0, !0, !0, 0x7fff_ffff];

impl Integer {
    pub fn small(value: u64) -> Integer {
        let mut words = [0; 8];
        (words[0], words[1]) = (value as u32, (value >> 32) as u32);
        Integer(words)
    }

    pub fn to_bytes(self) -> [u8; 32] {
        std::array::from_fn(|i| self.0[i / 4].to_le_bytes()[i % 4])
    }

    /// self + carry 2^256, modulo p.
    fn reduce(mut self, mut carry: u64) -> Integer {
        while carry != 0 {
            // 2^256 = 38
            let mut sum = carry * 38;
            for word in &mut self.0 {
                sum += u64::from(*word);
                *word = sum as u32;
                sum >>= 32;
            }
            carry = sum;
        }
        while self.0.iter().rev().ge(P.iter().rev()) {
            let mut borrow = 0;
            for (word, p) in self.0.iter_mut().zip(P) {
                let difference = i64::from(*word) - i64::from(p) + borrow;
                *word = difference as u32;
                borrow = difference >> 32;
            }
        }
        self
    }

    pub fn add(self, other: Integer) -> Integer {
        let mut sum = self;
        let mut carry = 0;
        for (word, other) in sum.0.iter_mut().zip(other.0) {
            carry += u64::from(*word) + u64::from(other);
            *word = carry as u32;
            carry >>= 32;
        }
        sum.reduce(carry)
    }

    /// Multiply by doubling and adding.
    pub fn mul(self, other: Integer) -> Integer {
        (0..256).rev().fold(Integer([0; 8]), |product, i| {
            let double = product.add(product);
            if other.0[i / 32] >> (i % 32) & 1 == 1 { double.add(self) } else { double }
        })
    }

    pub fn negate(self) -> Integer {
        // (p - 1) self
        let mut minus_1 = P;
        minus_1[0] -= 1;
        self.mul(Integer(minus_1))
    }
}
