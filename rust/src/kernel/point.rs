//! The twisted Edwards curve E: -x^2 + y^2 = 1 + d x^2 y^2 of ristretto255, d = -121665/121666.
//!
//! Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited" (2008), sections 3.1
//! and 3.3, for a = -1. Because -1 is a square and d is not, they have no exceptional cases: they
//! add any two points, also equal and opposite ones, the neutral one and those of small order.
//!
//! A formula ends in a `Completed` point. Three or four products turn it into the input of the next
//! formula: `Projective` for a double, `Extended` or `Shifted` for a sum.

use super::field::{Field, Product};
use zeroize::Zeroize;

/// The d of the equation.
pub const D: [u64; 5] =
    [0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff];

/// 2d, for `Cached`, `Niels` and `Cover::double_of`.
pub const D2: [u64; 5] =
    [0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff];

/// A point (E, F, G, H) with x = E/G and y = H/F. Factors.
#[derive(Clone, Copy, Zeroize)]
pub struct Completed<F> {
    e: F,
    f: F,
    g: F,
    h: F,
}

/// A point (X : Y : Z) with x = X/Z, y = Y/Z.
#[derive(Clone, Copy, Zeroize)]
pub struct Projective<F> {
    pub x: F,
    pub y: F,
    pub z: F,
}

/// A point (X : Y : Z : T) with x = X/Z, y = Y/Z, xy = T/Z. Terms.
#[derive(Clone, Copy, Debug, Zeroize)]
pub struct Extended<F> {
    pub x: F,
    pub y: F,
    pub z: F,
    pub t: F,
}

/// A point (Y + X : Y - X : Z : T). The sum and the difference are factors, Z and T are terms.
#[derive(Clone, Copy, Zeroize)]
pub struct Shifted<F> {
    pub sum: F,
    pub difference: F,
    pub z: F,
    pub t: F,
}

/// A point to add: (Y + X, Y - X, 2Z, 2dT). Factors.
#[derive(Clone, Copy, Zeroize)]
pub struct Cached<F> {
    pub sum: F,
    pub difference: F,
    pub z2: F,
    pub t2d: F,
}

/// A point to add, with Z = 1: (y + x, y - x, 2dxy). Factors.
#[derive(Clone, Copy)]
pub struct Niels<F> {
    pub sum: F,
    pub difference: F,
    pub t2d: F,
}

impl<F: Field> Completed<F> {
    #[inline(always)]
    pub fn identity() -> Self {
        Completed { e: F::zero(), f: F::one(), g: F::one(), h: F::one() }
    }

    /// Return the last step of addition (section 3.1): E = B - A, F = D - C, G = D + C, H = B + A.
    #[inline(always)]
    fn sum(a: F::Product, b: F::Product, c: F::Product, d: F::Product) -> Self {
        Completed {
            e: (b - a).factor(),
            f: (d - c).factor(),
            g: (d + c).factor(),
            h: (b + a).factor(),
        }
    }

    #[inline(always)]
    pub fn projective(&self) -> Projective<F> {
        let Completed { e, f, g, h } = *self;
        Projective { x: e * f, y: g * h, z: f * g }
    }

    #[inline(always)]
    pub fn extended(&self) -> Extended<F> {
        let Completed { e, f, g, h } = *self;
        Extended { x: e * f, y: g * h, z: f * g, t: e * h }
    }

    /// Return the point as `Shifted`. Sum and difference are taken before the products are carried.
    #[inline(always)]
    pub fn shifted(&self) -> Shifted<F> {
        let Completed { e, f, g, h } = *self;
        let (x, y) = (e.times(f), g.times(h));
        Shifted { sum: (y + x).factor(), difference: (y - x).factor(), z: f * g, t: e * h }
    }
}

impl<F: Field> Projective<F> {
    /// Double by section 3.3, with the opposite sign in all four coordinates.
    #[inline(always)]
    pub fn double(&self) -> Completed<F> {
        let (a, b, zz) = (self.x.squared(), self.y.squared(), self.z.squared());
        let h = a + b;
        Completed {
            e: (h - (self.x + self.y).squared()).factor(),
            f: ((zz + zz + a) - b).factor(),
            g: (a - b).factor(),
            h: h.factor(),
        }
    }
}

impl<F: Field> Extended<F> {
    #[inline(always)]
    pub fn projective(&self) -> Projective<F> {
        Projective { x: self.x, y: self.y, z: self.z }
    }

    /// Return (X, Z, Z, Y), since x = X/Z and y = Y/Z.
    #[inline(always)]
    pub fn completed(&self) -> Completed<F> {
        Completed { e: self.x, f: self.z, g: self.z, h: self.y }
    }

    #[inline(always)]
    pub fn shifted(&self) -> Shifted<F> {
        Shifted { sum: self.y + self.x, difference: self.y - self.x, z: self.z, t: self.t }
    }

    #[inline(always)]
    pub fn cached(&self) -> Cached<F> {
        Cached {
            sum: self.y + self.x,
            difference: self.y - self.x,
            z2: self.z + self.z,
            t2d: self.t * F::splat(D2),
        }
    }
}

impl<F: Field> Shifted<F> {
    #[inline(always)]
    pub fn negate(&self) -> Self {
        Shifted { sum: self.difference, difference: self.sum, z: self.z, t: -self.t }
    }

    #[inline(always)]
    pub fn add(&self, other: &Cached<F>) -> Completed<F> {
        let a = self.difference.times(other.difference);
        let b = self.sum.times(other.sum);
        Completed::sum(a, b, self.t.times(other.t2d), self.z.times(other.z2))
    }

    #[inline(always)]
    pub fn add_niels(&self, other: &Niels<F>) -> Completed<F> {
        let a = self.difference.times(other.difference);
        let b = self.sum.times(other.sum);
        let z = self.z.widen();
        Completed::sum(a, b, self.t.times(other.t2d), z + z)
    }
}

impl<F: Field> Niels<F> {
    /// Return (2x, 2, 2, 2y).
    #[inline(always)]
    pub fn completed(&self) -> Completed<F> {
        let two = F::splat([2, 0, 0, 0, 0]);
        Completed { e: self.sum - self.difference, f: two, g: two, h: self.sum + self.difference }
    }
}

impl<F: Field> Cached<F> {
    /// Return the opposite where the mask is true.
    #[inline(always)]
    pub fn negate_if(&self, mask: F::Mask) -> Self {
        Cached {
            sum: F::select(self.sum, self.difference, mask),
            difference: F::select(self.difference, self.sum, mask),
            z2: self.z2,
            t2d: self.t2d.negate_if(mask),
        }
    }

    /// Take each coordinate of `other` where the mask is true.
    #[inline(always)]
    pub fn assign_if(&mut self, other: &Self, mask: F::Mask) {
        self.sum = F::select(self.sum, other.sum, mask);
        self.difference = F::select(self.difference, other.difference, mask);
        self.z2 = F::select(self.z2, other.z2, mask);
        self.t2d = F::select(self.t2d, other.t2d, mask);
    }
}
