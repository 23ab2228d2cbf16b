//! Counts the multiplications and squarings of the operations, for the arithmetic bound in
//! benchmarks/README.md.

use super::super::blocks::{self, Block, Tables};
use super::super::cover::{Cover, decode_all, encode_all};
use super::super::digits::{Digit, Digits};
use super::super::field::{Field, MOST_LANES, Product, operate};
use super::super::fixed_base::Column;
use super::super::fixed_base::{NielsLimbs, Table, Tabular, add_multiples};
use super::super::kernels::{Kernels, generator_in};
use super::super::layout::Layout;
use super::super::point::Niels;
use super::super::portable::Portable;
use super::super::variable_base::subtract_multiples;
use super::super::{ELEMENT, rows_of_block};
use super::Random;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use std::cell::Cell;
use std::ops::{Add, Mul, Neg, Sub};
use std::sync::OnceLock;
use subtle::Choice;
use zeroize::{Zeroize, Zeroizing};

thread_local! {
    static COUNTED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// A field of one lane that counts its operations, with the windows of `Ifma`.
#[derive(Clone, Copy, Zeroize)]
struct Counting(Portable);

impl Product for Counting {
    type Field = Counting;

    fn factor(self) -> Counting {
        self
    }

    fn term(self) -> Counting {
        Counting(self.0.term())
    }
}

impl Field for Counting {
    const LANES: usize = 1;

    type Mask = Choice;
    type Word = <Portable as Field>::Word;
    type Product = Counting;

    fn splat(limbs: [u64; 5]) -> Counting {
        Counting(Portable::splat(limbs))
    }

    fn gather(lane: impl Fn(usize) -> [u64; 5]) -> Counting {
        Counting(Portable::gather(lane))
    }

    fn scatter(self, lanes: &mut [[u64; 5]]) {
        self.0.scatter(lanes);
    }

    fn load(bytes: &[u8], stride: usize) -> (Counting, Choice) {
        let (element, canonical) = Portable::load(bytes, stride);
        (Counting(element), canonical)
    }

    fn store(self, bytes: &mut [u8], stride: usize) {
        self.0.store(bytes, stride);
    }

    fn times(self, other: Counting) -> Counting {
        COUNTED.set((COUNTED.get().0 + 1, COUNTED.get().1));
        Counting(self.0 * other.0)
    }

    fn squared(self) -> Counting {
        COUNTED.set((COUNTED.get().0, COUNTED.get().1 + 1));
        Counting(self.0.square())
    }

    fn widen(self) -> Counting {
        self
    }

    fn is_negative(self) -> Choice {
        self.0.is_negative()
    }

    fn is_zero(self) -> Choice {
        self.0.is_zero()
    }

    fn select(no: Counting, yes: Counting, mask: Choice) -> Counting {
        Counting(Portable::select(no.0, yes.0, mask))
    }
}

impl Add for Counting {
    type Output = Counting;

    fn add(self, other: Counting) -> Counting {
        Counting(self.0 + other.0)
    }
}

impl Sub for Counting {
    type Output = Counting;

    fn sub(self, other: Counting) -> Counting {
        Counting(self.0 - other.0)
    }
}

impl Neg for Counting {
    type Output = Counting;

    fn neg(self) -> Counting {
        Counting(-self.0)
    }
}

impl Mul for Counting {
    type Output = Counting;

    fn mul(self, other: Counting) -> Counting {
        self.times(other)
    }
}

impl Tabular for Counting {
    const BITS: u32 = 6;

    type Multiples = Vec<NielsLimbs>;

    fn tabulate(multiples: &[NielsLimbs]) -> Vec<NielsLimbs> {
        multiples.to_vec()
    }

    fn choose(multiples: &Vec<NielsLimbs>, digit: Digit<Counting>) -> Niels<Counting> {
        let [sum, difference, t2d] = multiples[digit.index.0 as usize].map(Counting::splat);
        Niels {
            sum: Counting::select(sum, difference, digit.negative),
            difference: Counting::select(difference, sum, digit.negative),
            t2d: t2d.negate_if(digit.negative),
        }
    }
}

impl Kernels for Counting {
    const DECODED_TOGETHER: usize = 1;

    fn table(element: &RistrettoPoint) -> Table<Counting> {
        Table::of(element)
    }

    fn generator() -> &'static Table<Counting> {
        static TABLE: OnceLock<Table<Counting>> = OnceLock::new();
        generator_in(&TABLE)
    }

    fn decode(input: &[u8], layout: Layout, valid: &mut [bool]) -> Zeroizing<Vec<Cover<Counting>>> {
        decode_all::<Counting, 1>(input, layout, valid)
    }

    fn encode(points: &[Cover<Counting>], output: &mut [u8], layout: Layout) {
        encode_all(points, output, layout);
    }

    fn add_multiples(
        table: &Table<Counting>,
        digits: &[Digits<Counting>],
        points: Column<'_, Counting>,
    ) {
        add_multiples(table, digits, points);
    }

    fn subtract_multiples(
        element: &Cover<Counting>,
        digits: &[Digits<Counting>],
        points: &mut [Cover<Counting>],
    ) {
        subtract_multiples(element, digits, points);
    }

    fn field_operations(square: bool, count: usize) {
        operate::<Counting>(square, count);
    }
}

/// Return the multiplications and squarings for each row, in a block of `Ifma` with rows of n + 1
/// elements.
fn count(n: usize, work: impl Fn(&Tables<Counting>, &[Scalar], Block<'_>)) -> (usize, usize) {
    let mut random = Random::new(50);
    let elements: Vec<_> = (0..n).map(|_| random.element()).collect();
    let tables = Tables::<Counting>::new(&elements);
    Counting::generator();
    let rows = rows_of_block(n + 1) / MOST_LANES;
    let scalars: Vec<Scalar> = (0..rows).map(|_| random.scalar()).collect();
    let secret: Vec<Scalar> = (0..n).map(|_| random.scalar()).collect();
    let input: Vec<u8> = (0..rows * (n + 1)).flat_map(|_| random.element().compress().0).collect();
    let mut output = vec![0; ELEMENT * (n + 1) * rows];
    let valid = &mut vec![true; rows];
    COUNTED.set((0, 0));
    let block = Block { scalars: &scalars, input: &input, output: &mut output, valid };
    work(&tables, &secret, block);
    assert!(valid.iter().all(|valid| *valid));
    (COUNTED.get().0.div_ceil(rows), COUNTED.get().1.div_ceil(rows))
}

#[test]
fn the_operations_take_what_the_bound_counts() {
    let rerandomize = |n| count(n, |tables, _, block| blocks::rerandomize(tables, block));
    let decrypt = |n: usize| {
        count(n, |_, secret, block| {
            let output = &mut block.output[..ELEMENT * n * block.valid.len()];
            blocks::decrypt::<Counting>(secret, Block { output, ..block });
        })
    };
    assert_eq!(rerandomize(1), (721, 538));
    assert_eq!(rerandomize(8), (3242, 2422));
    assert_eq!(decrypt(1), (1436, 1545));
    assert_eq!(decrypt(8), (6830, 3825));
}

#[test]
fn field_operations_are_as_many_as_asked_for() {
    COUNTED.set((0, 0));
    Counting::field_operations(false, 100);
    Counting::field_operations(true, 200);
    assert_eq!(COUNTED.get(), (100, 200));
}
