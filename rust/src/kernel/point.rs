//! The twisted Edwards curve E: -x^2 + y^2 = 1 + d x^2 y^2 of ristretto255, d = -121665/121666.
//!
//! Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited" (2008), sections 3.1
//! and 3.3, for a = -1. Since -1 is a square and d is not, they have no exceptional cases: they
//! add any two points, equal, opposite, neutral or of small order.

use super::field::Field;
use super::roots::invert_all;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroize;

/// d.
pub const D: Field =
    Field([0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff]);

/// 2d.
pub const D2: Field =
    Field([0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff]);

/// (X : Y : Z : T), x = X/Z, y = Y/Z, xy = T/Z. The coordinates are reduced.
#[derive(Clone, Copy, Debug, Zeroize)]
pub struct Edwards {
    pub x: Field,
    pub y: Field,
    pub z: Field,
    pub t: Field,
}

/// A point to add: (y + x, y - x, 2dxy). Limbs of the first two < 2^51, of the third <= 2^53.
#[derive(Clone, Copy)]
pub struct Niels {
    pub sum: Field,
    pub difference: Field,
    pub product: Field,
}

impl Edwards {
    pub const IDENTITY: Edwards =
        Edwards { x: Field::ZERO, y: Field::ONE, z: Field::ONE, t: Field::ZERO };

    /// (E F : G H : F G : E H) from the last step of the formulas. E, F, G, H are loose.
    #[inline(always)]
    fn complete(e: Field, f: Field, g: Field, h: Field) -> Edwards {
        Edwards { x: e * f, y: g * h, z: f * g, t: e * h }
    }

    /// a, b, c reduced and d < 2^52 + 2^19, as in section 3.1: then H < 2^52 + 2^19, and E, F,
    /// G < 2^53 + 2^52 + 2^19, which is loose.
    #[inline(always)]
    fn finish_add(a: Field, b: Field, c: Field, d: Field) -> Edwards {
        Edwards::complete(b - a, d - c, d + c, b + a)
    }

    pub fn add(&self, other: &Edwards) -> Edwards {
        let a = (self.y - self.x) * (other.y - other.x);
        let b = (self.y + self.x) * (other.y + other.x);
        let c = self.t * D2 * other.t;
        let zz = self.z * other.z;
        Edwards::finish_add(a, b, c, zz + zz)
    }

    /// `add` with other.z = 1.
    #[inline(always)]
    pub fn add_niels(&self, other: &Niels) -> Edwards {
        let a = (self.y - self.x) * other.difference;
        let b = (self.y + self.x) * other.sum;
        let c = self.t * other.product;
        Edwards::finish_add(a, b, c, self.z + self.z)
    }

    pub fn double(&self) -> Edwards {
        let (a, b, zz) = (self.x.square(), self.y.square(), self.z.square());
        // All of section 3.3 with the opposite sign. h < 2^52 + 2^19; e < 2^53 + 2^52 + 2^19, and f < 2^53 + 2^52 + 2^51 + 2^20 is loose too.
        let h = a + b;
        let e = h - (self.x + self.y).square();
        let g = a - b;
        let f = zz + zz + g;
        Edwards::complete(e, f, g, h)
    }
}

impl Niels {
    /// Of every point, packed: the canonical words of its three elements.
    pub fn pack_all(points: &[Edwards]) -> Vec<[[u64; 4]; 3]> {
        let mut inverses: Vec<Field> = points.iter().map(|point| point.z).collect();
        // Never 0, since the formulas are complete.
        invert_all(&mut inverses);
        let pack = |(point, inverse): (&Edwards, &Field)| {
            let (x, y) = (point.x * *inverse, point.y * *inverse);
            [(y + x).pack(), (y - x).pack(), (x * y * D2).pack()]
        };
        points.iter().zip(&inverses).map(pack).collect()
    }

    /// The point, or its opposite if `negative` is 1.
    #[inline(always)]
    pub fn unpack([sum, difference, product]: [[u64; 4]; 3], negative: Choice) -> Niels {
        let (sum, difference) = (Field::unpack(sum), Field::unpack(difference));
        Niels {
            sum: Field::conditional_select(&sum, &difference, negative),
            difference: Field::conditional_select(&difference, &sum, negative),
            product: Field::unpack(product).negate_if(negative),
        }
    }
}
