//! Batches against the formulas of SPEC 6.2, in the words of dalek.

use super::super::{Public, Secret, decrypt, encrypt, rerandomize, validate};
use super::{random_element, seed};
use crate::random::Stream;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use zeroize::Zeroizing;

type Row = Vec<[u8; 32]>;

fn multiple(element: &RistrettoPoint, scalar: &Scalar) -> RistrettoPoint {
    element * scalar
}

fn decoded(row: &Row) -> Option<Vec<RistrettoPoint>> {
    row.iter().map(|encoding| CompressedRistretto(*encoding).decompress()).collect()
}

/// Rows out and mask of `encrypt`, or of `rerandomize` if `blobs`.
fn expected(
    elements: &[RistrettoPoint],
    rows: &[Row],
    random: &mut Stream,
    blobs: bool,
) -> (Vec<Row>, Vec<bool>) {
    let zero = vec![[0; 32]; elements.len() + 1];
    let one = |row: &Row| {
        let mut s = random.scalar();
        let Some(mut points) = decoded(row) else { return (zero.clone(), false) };
        if !blobs {
            points.insert(0, RistrettoPoint::default());
        } else if row[0] == [0; 32] {
            return (zero.clone(), false);
        }
        while points[0] + RistrettoPoint::mul_base(&s) == RistrettoPoint::default() {
            s = random.scalar();
        }
        let bases = [&[RistrettoPoint::mul_base(&Scalar::ONE)], elements].concat();
        let sums = points.iter().zip(&bases).map(|(point, x)| point + multiple(x, &s));
        (sums.map(|sum| sum.compress().0).collect(), true)
    };
    rows.iter().map(one).unzip()
}

/// Run `work` on rows that are put into one block; the output starts out dirty.
fn run(
    rows: &[Row],
    width: usize,
    work: impl Fn(&[u8], &mut [u8], &mut [bool]),
) -> (Vec<Row>, Vec<bool>) {
    let input = rows.concat().concat();
    let mut output = vec![0xa5; 32 * width * rows.len()];
    let mut valid = vec![rows.len().is_multiple_of(2); rows.len()];
    work(&input, &mut output, &mut valid);
    let output = output.chunks_exact(32 * width).map(|row| row.as_chunks().0.to_vec());
    (output.collect(), valid)
}

fn with_tables(elements: &[RistrettoPoint]) -> Public {
    let key = Public::new(elements.to_vec());
    key.prepare(1 << 20);
    key
}

/// Good rows, and now and then one that has the identity somewhere, or is bad in one of many ways.
fn sample_rows(count: usize, width: usize, random: &mut Stream) -> Vec<Row> {
    let mut sample = |i: usize| {
        let mut row: Row = (0..width).map(|_| random_element(random).compress().0).collect();
        let place = usize::from(random.candidate()) % width;
        match (i + usize::from(random.candidate())) % 16 {
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

#[test]
fn batches_equal_the_formulas() {
    for n in [1, 2, 8] {
        let mut random = Stream::new(&seed(30), n);
        let elements: Vec<_> = (0..n).map(|_| random_element(&mut random)).collect();
        let (cold, warm) = (Public::new(elements.clone()), with_tables(&elements));
        for count in (0..=64).filter(|count| n == 1 || count % 7 == 1 || *count == 0) {
            for key in [&cold, &warm] {
                let stream = || Stream::new(&seed(31), count);
                let rows = sample_rows(count, n + 1, &mut random);
                let got = run(&rows, n + 1, |input, output, valid| {
                    rerandomize(key, input, output, valid, &mut stream());
                });
                assert_eq!(got, expected(&elements, &rows, &mut stream(), true));
                let rows = sample_rows(count, n, &mut random);
                let got = run(&rows, n + 1, |input, output, valid| {
                    encrypt(key, input, output, valid, &mut stream());
                });
                assert_eq!(got, expected(&elements, &rows, &mut stream(), false));
            }
        }
    }
}

#[test]
fn an_identity_in_place_of_a_is_drawn_again() {
    let n = 2;
    let mut random = Stream::new(&seed(32), 0);
    let elements: Vec<_> = (0..n).map(|_| random_element(&mut random)).collect();
    let draws: Vec<Scalar> = {
        let mut stream = Stream::new(&seed(33), 0);
        (0..40).map(|_| *stream.scalar()).collect()
    };
    let opposite = |draw: usize| RistrettoPoint::mul_base(&-draws[draw]).compress().0;
    // Which A cancels which draw. Row 6 is bad as well, and draws no second time; row 3 of the
    // third case cancels two draws in a row only once, since A = -s_3 G is not -s_4 G.
    let cases: [&[(usize, usize)]; 5] =
        [&[(0, 0)], &[(19, 19)], &[(3, 3), (4, 5), (6, 8)], &[(6, 6)], &[(5, 5), (6, 7), (7, 7)]];
    for case in cases {
        let mut rows: Vec<Row> = (0..20)
            .map(|_| (0..=n).map(|_| random_element(&mut random).compress().0).collect())
            .collect();
        for &(row, draw) in case {
            rows[row][0] = opposite(draw);
        }
        rows[6][2] = [0xff; 32];
        let stream = || Stream::new(&seed(33), 0);
        for key in [Public::new(elements.clone()), with_tables(&elements)] {
            let got = run(&rows, n + 1, |input, output, valid| {
                rerandomize(&key, input, output, valid, &mut stream());
            });
            let want = expected(&elements, &rows, &mut stream(), true);
            assert_eq!(got, want);
            assert!(got.0.iter().zip(&got.1).all(|(row, valid)| *valid == (row[0] != [0; 32])));
        }
    }
}

#[test]
fn validate_and_decrypt() {
    for n in [1, 8] {
        let mut random = Stream::new(&seed(34), n);
        let scalars: Vec<Scalar> = (0..n).map(|_| *random.scalar()).collect();
        let elements: Vec<_> = scalars.iter().map(RistrettoPoint::mul_base).collect();
        let (key, secret) = (with_tables(&elements), Secret::new(Zeroizing::new(scalars)));
        assert_eq!((key.len(), secret.len()), (n, n));
        assert_eq!(secret.to_bytes().len(), 32 * n);
        let rows = sample_rows(64, n + 1, &mut random);
        let (_, mask) = run(&rows, 1, |input, _, valid| validate(n + 1, input, valid));
        let good = |row: &Row| decoded(row).is_some() && row[0] != [0; 32];
        assert_eq!(mask, rows.iter().map(good).collect::<Vec<_>>());

        let messages = sample_rows(64, n, &mut random);
        let stream = || Stream::new(&seed(35), 0);
        let (blobs, mask) = run(&messages, n + 1, |input, output, valid| {
            encrypt(&key, input, output, valid, &mut stream());
        });
        let (opened, same_mask) = run(&blobs, n, |input, output, valid| {
            decrypt(&secret, input, output, valid);
        });
        assert_eq!(mask, same_mask);
        for ((message, opened), valid) in messages.iter().zip(&opened).zip(mask) {
            assert_eq!(*opened, if valid { message.clone() } else { vec![[0; 32]; n] });
        }
    }
}

#[test]
fn tables_are_made_when_they_pay() {
    let mut random = Stream::new(&seed(36), 0);
    let elements = vec![random_element(&mut random)];
    let row = sample_rows(1, 2, &mut random);
    let key = Public::new(elements.clone());
    for _ in 0..40 {
        key.prepare(1);
        let got = run(&row, 2, |input, output, valid| {
            rerandomize(&key, input, output, valid, &mut Stream::new(&seed(37), 0));
        });
        assert_eq!(got, expected(&elements, &row, &mut Stream::new(&seed(37), 0), true));
    }
}
