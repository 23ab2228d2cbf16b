//! Powers in the field: inversion, alone and of many elements at once, and the inverse square root.

use super::field::Field;
use subtle::{Choice, ConditionallySelectable};
use zeroize::Zeroizing;

/// x^(2^times).
fn square_times(x: Field, times: usize) -> Field {
    (0..times).fold(x, |power, _| power.square())
}

/// x^(2^250 - 1), and x^11.
fn power_2_250_minus_1(x: Field) -> (Field, Field) {
    let x2 = x.square();
    let x9 = square_times(x2, 2) * x;
    let x11 = x9 * x2;
    // ones_k = x^(2^k - 1), by ones_(j + k) = ones_j^(2^k) ones_k.
    let ones_5 = x11.square() * x9;
    let ones_10 = square_times(ones_5, 5) * ones_5;
    let ones_20 = square_times(ones_10, 10) * ones_10;
    let ones_40 = square_times(ones_20, 20) * ones_20;
    let ones_50 = square_times(ones_40, 10) * ones_10;
    let ones_100 = square_times(ones_50, 50) * ones_50;
    let ones_200 = square_times(ones_100, 100) * ones_100;
    (square_times(ones_200, 50) * ones_50, x11)
}

/// 1/x = x^(p - 2), and 0 for 0. p - 2 = 2^5 (2^250 - 1) + 11.
pub fn invert(x: Field) -> Field {
    let (ones_250, x11) = power_2_250_minus_1(x);
    square_times(ones_250, 5) * x11
}

/// Invert every element in place, 0 to 0, with one inversion (Montgomery's trick). In constant
/// time: the zeros may be anywhere, and do not disturb the others.
pub fn invert_all(elements: &mut [Field]) {
    let mut before = Zeroizing::new(Vec::with_capacity(elements.len()));
    let mut zeros = Vec::with_capacity(elements.len());
    let mut all = Field::ONE;
    for element in elements.iter_mut() {
        let zero = element.is_zero();
        element.conditional_assign(&Field::ONE, zero);
        zeros.push(zero);
        before.push(all);
        all = all * *element;
    }
    let mut inverse = invert(all);
    for ((element, before), zero) in elements.iter_mut().zip(before.iter()).zip(zeros).rev() {
        let inverted = inverse * *before;
        inverse = inverse * *element;
        *element = Field::conditional_select(&inverted, &Field::ZERO, zero);
    }
}

/// The inverse square root of v that is not negative, and whether there is one (RFC 9496, section
/// 4.2: SQRT_RATIO_M1(1, v)).
pub fn invert_root(v: Field) -> (Field, Choice) {
    let v3 = v.square() * v;
    let v7 = v3.square() * v;
    // v7^((p - 5) / 8), (p - 5) / 8 = 2^2 (2^250 - 1) + 1
    let (ones_250, _) = power_2_250_minus_1(v7);
    let root = v3 * (square_times(ones_250, 2) * v7);
    let check = v * root.square();
    let correct = (check - Field::ONE).is_zero();
    let flipped = (check + Field::ONE).is_zero();
    let flipped_i = (check + Field::SQRT_M1).is_zero();
    let turned = root * Field::SQRT_M1;
    let root = Field::conditional_select(&root, &turned, flipped | flipped_i);
    (root.abs(), correct | flipped)
}
