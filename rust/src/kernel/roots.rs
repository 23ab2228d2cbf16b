//! Powers in the field: inversion of many elements at once, and inverse square roots.
//!
//! In a chain of squarings each waits for the one before. So N chains side by side take less than N
//! times as long as one.

use super::field::{Field, Mask, SQRT_M1};
use zeroize::Zeroizing;

/// Return x^(2^times).
#[inline(always)]
fn square_times<F: Field, const N: usize>(mut x: [F; N], times: usize) -> [F; N] {
    for _ in 0..times {
        for power in &mut x {
            *power = power.square();
        }
    }
    x
}

#[inline(always)]
fn multiply<F: Field, const N: usize>(mut x: [F; N], y: [F; N]) -> [F; N] {
    for (x, y) in x.iter_mut().zip(y) {
        *x = *x * y;
    }
    x
}

/// Return x^(2^250 - 1) and x^11.
#[inline(always)]
fn power_2_250_minus_1<F: Field, const N: usize>(x: [F; N]) -> ([F; N], [F; N]) {
    let x2 = square_times(x, 1);
    let x9 = multiply(square_times(x2, 2), x);
    let x11 = multiply(x9, x2);
    // ones_k = x^(2^k - 1), by ones_(j + k) = ones_j^(2^k) ones_k.
    let ones_5 = multiply(square_times(x11, 1), x9);
    let ones_10 = multiply(square_times(ones_5, 5), ones_5);
    let ones_20 = multiply(square_times(ones_10, 10), ones_10);
    let ones_40 = multiply(square_times(ones_20, 20), ones_20);
    let ones_50 = multiply(square_times(ones_40, 10), ones_10);
    let ones_100 = multiply(square_times(ones_50, 50), ones_50);
    let ones_200 = multiply(square_times(ones_100, 100), ones_100);
    (multiply(square_times(ones_200, 50), ones_50), x11)
}

/// Return 1/x = x^(p - 2), and 0 for 0. p - 2 = 2^5 (2^250 - 1) + 11.
#[inline(always)]
pub fn invert<F: Field>(x: F) -> F {
    let (ones_250, x11) = power_2_250_minus_1([x]);
    multiply(square_times(ones_250, 5), x11)[0]
}

/// Invert every element in place, with one inversion (Montgomery's trick); 0 stays 0. Constant
/// time: zeros may be anywhere and do not affect the other elements.
#[inline(always)]
pub fn invert_all<F: Field>(elements: &mut [F]) {
    let mut before = Zeroizing::new(Vec::with_capacity(elements.len()));
    let mut zeros = Vec::with_capacity(elements.len());
    let mut all = F::one();
    for element in elements.iter_mut() {
        let zero = element.is_zero();
        *element = F::select(*element, F::one(), zero);
        zeros.push(zero);
        before.push(all);
        all = all * *element;
    }
    let mut inverse = invert(all);
    for i in (0..elements.len()).rev() {
        let inverted = inverse * before[i];
        inverse = inverse * elements[i];
        elements[i] = F::select(inverted, F::zero(), zeros[i]);
    }
}

/// Return the inverse square root of each v, as the root that is not negative, and whether there is
/// one (RFC 9496, section 4.2: SQRT_RATIO_M1(1, v)).
#[inline(always)]
pub fn invert_roots<F: Field, const N: usize>(v: [F; N]) -> [(F, F::Mask); N] {
    let v3 = multiply(square_times(v, 1), v);
    let v7 = multiply(square_times(v3, 1), v);
    // v7^((p - 5) / 8), (p - 5) / 8 = 2^2 (2^250 - 1) + 1
    let (ones_250, _) = power_2_250_minus_1(v7);
    let roots = multiply(v3, multiply(square_times(ones_250, 2), v7));
    let mut out = [(F::zero(), F::Mask::all()); N];
    for i in 0..N {
        let check = v[i] * roots[i].square();
        let correct = (check - F::one()).is_zero();
        let flipped = (check + F::one()).is_zero();
        let flipped_i = (check + F::splat(SQRT_M1)).is_zero();
        let turned = roots[i] * F::splat(SQRT_M1);
        let root = F::select(roots[i], turned, flipped | flipped_i);
        out[i] = (root.abs(), correct | flipped);
    }
    out
}
