use super::super::cover::{Cover, decode, encode_all};
use super::super::digits::{Digits, Windows};
use super::super::field::Field;
use super::super::fixed_base::Column;
use super::super::fixed_base::{Table, Tabular, add_multiples};
use super::super::layout::Layout;
use super::super::variable_base::{WINDOWS, subtract_multiples};
use super::{Random, for_each_field, groups};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;

fn edge_scalars() -> Vec<Scalar> {
    let two = Scalar::from(2u64);
    let mut scalars: Vec<Scalar> = (0..40u64).map(Scalar::from).collect();
    scalars.extend((1..40u64).map(|k| -Scalar::from(k)));
    scalars.extend((0..=253).map(|k| (0..k).fold(Scalar::ONE, |power, _| power * two)));
    let halves: Vec<Scalar> = scalars.iter().map(Scalar::div_by_2).collect();
    scalars.extend(halves);
    scalars
}

fn digits_of<F: Field>(windows: &Windows, group: &[Scalar]) -> Digits<F> {
    Digits::of_half(windows, |lane| group[lane])
}

fn encode<F: Field>(points: &[Cover<F>]) -> Vec<[u8; 32]> {
    let mut output = vec![[0xff; 32]; points.len() * F::LANES];
    let layout = Layout { lanes: F::LANES, width: 1, points: points.len() };
    encode_all(points, output.as_flattened_mut(), layout);
    output
}

/// The same points in all lanes.
fn to_cover<F: Field>(element: &RistrettoPoint) -> Cover<F> {
    decode::<F, 1>([element.compress().as_bytes()], 0)[0].0
}

fn tables_add_what_dalek_adds<F: Tabular>() {
    let mut random = Random::new(20);
    let mut scalars = edge_scalars();
    scalars.extend((0..100).map(|_| random.scalar()));
    let groups = groups::<F, _>(&scalars);
    let windows = Windows::new(F::BITS);
    let digits: Vec<Digits<F>> = groups.iter().map(|group| digits_of(&windows, group)).collect();
    let generator = RistrettoPoint::mul_base(&Scalar::ONE);
    for element in [generator, random.element(), RistrettoPoint::default()] {
        let table = Table::of(&element);
        for (summand, width) in [(RistrettoPoint::default(), 1), (random.element(), 3)] {
            let mut points = vec![to_cover(&summand); digits.len() * width];
            let column = Column { points: &mut points, first: width - 1, width };
            add_multiples(&table, &digits, column);
            let last: Vec<_> = points.chunks(width).map(|row| row[width - 1]).collect();
            for (scalar, encoding) in scalars.iter().zip(encode(&last)) {
                assert_eq!(encoding, (summand + element * scalar).compress().0, "{scalar:?}");
            }
            let others = points.chunks(width).flat_map(|row| row[..width - 1].to_vec());
            let others = encode(&others.collect::<Vec<_>>());
            assert!(others.iter().all(|other| *other == summand.compress().0));
        }
    }
}

/// Multiply by any number of scalars at once, which are the same in each lane.
fn shared_multiples_equal_dalek<F: Field>() {
    let mut random = Random::new(21);
    let edges = edge_scalars();
    for count in [1, 2, 3, 4, 8, 15, 16, 38, 64, 65] {
        for element in [random.element(), RistrettoPoint::default()] {
            let scalars: Vec<Scalar> = (0..count)
                .map(
                    |i| if i % 2 == 0 { random.scalar() } else { edges[random.below(edges.len())] },
                )
                .collect();
            let digits: Vec<Digits<F>> =
                scalars.iter().map(|s| digits_of(&WINDOWS, &vec![*s; F::LANES])).collect();
            let minuends: Vec<_> = (0..count).map(|_| random.element()).collect();
            let mut points: Vec<Cover<F>> = minuends.iter().map(to_cover).collect();
            subtract_multiples(&to_cover(&element), &digits, &mut points);
            let encodings = encode(&points);
            for (i, lanes) in encodings.chunks(F::LANES).enumerate() {
                let expected = (minuends[i] - element * scalars[i]).compress().0;
                assert!(lanes.iter().all(|lane| *lane == expected), "{:?}", scalars[i]);
            }
        }
    }
}

/// Multiply by another scalar in each lane, and test sums that cancel.
fn multiples_by_edge_scalars_equal_dalek<F: Field>() {
    let mut random = Random::new(22);
    let scalars = edge_scalars();
    for group in groups::<F, _>(&scalars) {
        let element = random.element();
        for minuend in [RistrettoPoint::default(), element, -element, element * group[0]] {
            let mut points = [to_cover::<F>(&minuend)];
            let digits = [digits_of::<F>(&WINDOWS, &group)];
            subtract_multiples(&to_cover(&element), &digits, &mut points);
            for (scalar, encoding) in group.iter().zip(encode(&points)) {
                assert_eq!(encoding, (minuend - element * scalar).compress().0, "{scalar:?}");
            }
        }
    }
}

for_each_field! {
    tables_add_what_dalek_adds
    shared_multiples_equal_dalek
    multiples_by_edge_scalars_equal_dalek
}
