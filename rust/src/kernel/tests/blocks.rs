//! Batches of each backend, compared with the formulas of SPEC 6.2 calculated by dalek.

use super::super::backend::Backend;
use super::super::blocks::Block;
use super::super::{ELEMENT, PAYLOAD};
use super::Random;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};

pub type Row = Vec<[u8; 32]>;

/// The backends that this processor can run.
pub fn backends() -> impl Iterator<Item = Backend> {
    Backend::ALL.into_iter().filter(|backend| backend.is_available())
}

fn decoded(row: &Row) -> Option<Vec<RistrettoPoint>> {
    row.iter().map(|encoding| CompressedRistretto(*encoding).decompress()).collect()
}

/// Encode what `each` makes of the points of each row. A refused row is zeros and false.
fn expected(
    rows: &[Row],
    width: usize,
    each: impl Fn(usize, &[RistrettoPoint]) -> Option<Vec<RistrettoPoint>>,
) -> (Vec<Row>, Vec<bool>) {
    let one = |(i, row): (usize, &Row)| {
        let made = decoded(row).and_then(|points| each(i, &points));
        let valid = made.is_some();
        let row = made.map(|points| points.iter().map(|point| point.compress().0).collect());
        (row.unwrap_or_else(|| vec![[0; 32]; width]), valid)
    };
    rows.iter().enumerate().map(one).unzip()
}

/// Run `work` on rows that are put into one block. The output is not zero at the start.
pub fn run(
    rows: &[Row],
    scalars: &[Scalar],
    width: usize,
    work: impl Fn(Block<'_>),
) -> (Vec<Row>, Vec<bool>) {
    let input = rows.concat().concat();
    let mut output = vec![0xa5; ELEMENT * width * rows.len()];
    let mut valid = vec![rows.len().is_multiple_of(2); rows.len()];
    work(Block { scalars, input: &input, output: &mut output, valid: &mut valid });
    let output = output.chunks_exact(ELEMENT * width).map(|row| row.as_chunks().0.to_vec());
    (output.collect(), valid)
}

/// Make good rows, and now and then one that has the identity somewhere or is bad in one of many
/// ways.
pub fn sample_rows(count: usize, width: usize, random: &mut Random) -> Vec<Row> {
    let mut sample = |i: usize| {
        let mut row: Row = (0..width).map(|_| random.element().compress().0).collect();
        let place = random.below(width);
        match (i + random.below(16)) % 16 {
            0 => row[place] = [0; 32],
            1 => row[0] = [0; 32],
            2 => row[place] = [0xff; 32],
            3 => row[place][0] ^= 1,
            4 => row[place][31] ^= 0x80,
            5 => row[place][7] ^= 0x10,
            6 => row.fill([0; 32]),
            _ => {}
        }
        row
    };
    (0..count).map(&mut sample).collect()
}

/// Random scalars, and some at the edges.
fn sample_scalars(count: usize, random: &mut Random) -> Vec<Scalar> {
    let edges = [Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::from(2u64).invert()];
    (0..count).map(|i| *edges.get(i % 11).unwrap_or(&random.scalar())).collect()
}

const COUNTS: [usize; 12] = [0, 1, 2, 7, 8, 9, 15, 16, 17, 40, 63, 64];

#[test]
fn batches_equal_the_formulas() {
    let mut random = Random::new(30);
    for backend in backends() {
        for (n, count) in [1, 2, 8].into_iter().flat_map(|n| COUNTS.map(|count| (n, count))) {
            let elements: Vec<_> = (0..n).map(|_| random.element()).collect();
            let tables = backend.tables(&elements);
            let scalars = sample_scalars(count, &mut random);
            let generator = RistrettoPoint::mul_base(&Scalar::ONE);
            let bases = [&[generator], &elements[..]].concat();

            let rows = sample_rows(count, n, &mut random);
            let got = run(&rows, &scalars, n + 1, |block| tables.encrypt(block));
            let want = expected(&rows, n + 1, |i, message| {
                let sum = |(x, m): (&RistrettoPoint, &RistrettoPoint)| m + x * scalars[i];
                let message = [&[RistrettoPoint::default()], message].concat();
                Some(bases.iter().zip(&message).map(sum).collect())
            });
            assert_eq!(got, want, "{backend:?}");

            let rows = sample_rows(count, n + 1, &mut random);
            let got = run(&rows, &scalars, n + 1, |block| tables.rerandomize(block));
            let want = expected(&rows, n + 1, |i, blob| {
                let sum = |(x, b): (&RistrettoPoint, &RistrettoPoint)| b + x * scalars[i];
                let sums = bases.iter().zip(blob).map(sum).collect();
                (blob[0] != RistrettoPoint::default()).then_some(sums)
            });
            assert_eq!(got, want, "{backend:?}");

            let secret: Vec<Scalar> = (0..n).map(|_| random.scalar()).collect();
            let got = run(&rows, &[], n, |Block { input, output, valid, .. }| {
                backend.decrypt(&secret, input, output, valid);
            });
            let want = expected(&rows, n, |_, blob| {
                let difference = |(b, x): (&RistrettoPoint, &Scalar)| b - blob[0] * x;
                let differences = blob[1..].iter().zip(&secret).map(difference).collect();
                (blob[0] != RistrettoPoint::default()).then_some(differences)
            });
            assert_eq!(got, want, "{backend:?}");

            let mut valid = vec![count % 3 == 0; count];
            backend.validate(n + 1, rows.concat().as_flattened(), &mut valid);
            assert_eq!(valid, want.1, "{backend:?}");

            let got = run(&rows, &scalars, n + 1, |block| backend.multiply(n + 1, block));
            let want = expected(&rows, n + 1, |i, row| {
                Some(row.iter().map(|element| element * scalars[i]).collect())
            });
            assert_eq!(got, want, "{backend:?}");

            let mut multiples = vec![0xa5; ELEMENT * count];
            backend.multiply_generator(&scalars, &mut multiples);
            for (scalar, multiple) in scalars.iter().zip(multiples.as_chunks().0) {
                assert_eq!(*multiple, RistrettoPoint::mul_base(scalar).compress().0);
            }
        }
    }
}

#[test]
fn combinations_equal_the_formula() {
    let mut random = Random::new(33);
    for (backend, count) in backends().flat_map(|backend| COUNTS.map(|count| (backend, count))) {
        let rows = sample_rows(count, 1, &mut random);
        let scalars = sample_scalars(2 * count, &mut random);
        let got = run(&rows, &scalars, 1, |block| backend.combine(block));
        assert_eq!(got, run(&rows, &scalars, 1, |block| backend.combine_vartime(block)));
        let want = expected(&rows, 1, |i, row| {
            let (s, c) = (scalars[2 * i], scalars[2 * i + 1]);
            let combined = RistrettoPoint::mul_base(&s) - row[0] * c;
            (row[0] != RistrettoPoint::default()).then_some(vec![combined])
        });
        assert_eq!(got, want, "{backend:?}");
    }
}

#[test]
fn an_element_that_is_its_own_sum_or_opposite() {
    // M = r X, M = -r X, and M = 0: formulas with exceptional cases fail here.
    let mut random = Random::new(31);
    for backend in backends() {
        let x = random.element();
        let tables = backend.tables(&[x]);
        let scalars = sample_scalars(24, &mut random);
        let message = |(i, r): (usize, &Scalar)| [x * r, x * -r, RistrettoPoint::default()][i % 3];
        let messages: Vec<_> = scalars.iter().enumerate().map(message).collect();
        let rows: Vec<Row> = messages.iter().map(|m| vec![m.compress().0]).collect();
        let (output, valid) = run(&rows, &scalars, 2, |block| tables.encrypt(block));
        assert!(valid.iter().all(|valid| *valid));
        for ((row, m), r) in output.iter().zip(messages).zip(&scalars) {
            assert_eq!(row[0], RistrettoPoint::mul_base(r).compress().0);
            assert_eq!(row[1], (m + x * r).compress().0);
        }
    }
}

#[test]
fn embeddings_are_the_first_candidates_that_decode() {
    let mut random = Random::new(32);
    for count in COUNTS {
        let data: Vec<[u8; PAYLOAD]> = (0..count)
            .map(|_| {
                let bytes = random.bytes();
                std::array::from_fn(|i| bytes[i])
            })
            .collect();
        let candidate = |i: usize, k: usize| ((i * 7919 + k * 104_729) & 0x3fff) as u16;
        let expected: Vec<[u8; 32]> = data
            .iter()
            .enumerate()
            .map(|(i, data)| {
                let encodings = (0..).map(|k| {
                    let c = candidate(i, k);
                    let mut encoding = [0; 32];
                    encoding[1..31].copy_from_slice(data);
                    (encoding[0], encoding[31]) = (2 * (c % 128) as u8, (c / 128) as u8);
                    encoding
                });
                let decodes = |e: &[u8; 32]| CompressedRistretto(*e).decompress().is_some();
                encodings.into_iter().find(decodes).expect("a quarter decodes")
            })
            .collect();
        for backend in backends() {
            let mut output = vec![[0xa5; 32]; count];
            backend.embed_vartime(&data, &mut output, candidate);
            assert_eq!(output, expected, "{backend:?}");
        }
    }
}
