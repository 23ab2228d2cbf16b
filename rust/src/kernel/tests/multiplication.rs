use super::super::cover::{Cover, encode_all};
use super::super::digits::{Digits, Windows};
use super::super::field::Field;
use super::super::fixed_base::{Table, Tabular};
use super::super::point::Completed;
use super::super::variable_base::{self, WINDOWS};
use super::point::extended;
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

fn encode_doubles<F: Field>(products: &[Completed<F>]) -> Vec<[u8; 32]> {
    let points: Vec<_> = products.iter().map(|point| Cover::double_of(&point.shifted())).collect();
    let mut output = vec![0xff; 32 * points.len() * F::LANES];
    encode_all(&points, &mut output, 32, |i| 32 * F::LANES * i);
    output.as_chunks().0.to_vec()
}

fn tables_multiply_as_dalek_does<F: Tabular>() {
    let mut random = Random::new(20);
    let mut scalars = edge_scalars();
    scalars.extend((0..100).map(|_| random.scalar()));
    let groups = groups::<F, _>(&scalars);
    let windows = Windows::new(F::BITS);
    let digits: Vec<Digits<F>> = groups.iter().map(|group| digits_of(&windows, group)).collect();
    let mut products = vec![Completed::identity(); digits.len()];
    let generator = RistrettoPoint::mul_base(&Scalar::ONE);
    for element in [generator, random.element(), RistrettoPoint::default()] {
        Table::new(&element).multiply(&digits, &mut products);
        for (scalar, encoding) in scalars.iter().zip(encode_doubles(&products)) {
            assert_eq!(encoding, (element * scalar).compress().0, "{scalar:?}");
        }
    }
}

/// Any number of scalars at once, the same in each lane.
fn shared_multiples_equal_dalek<F: Field>() {
    let mut random = Random::new(21);
    let edges = edge_scalars();
    for count in [1, 2, 3, 4, 8, 15, 16, 38, 64, 65] {
        let elements = [random.element(), RistrettoPoint::default()];
        for element in elements {
            let scalars: Vec<Scalar> = (0..count)
                .map(
                    |i| if i % 2 == 0 { random.scalar() } else { edges[random.below(edges.len())] },
                )
                .collect();
            let digits: Vec<Digits<F>> = scalars
                .iter()
                .map(|scalar| digits_of(&WINDOWS, &vec![*scalar; F::LANES]))
                .collect();
            let mut products = vec![Completed::identity(); count];
            variable_base::multiply(&extended(&element), &digits, &mut products);
            let encodings = encode_doubles(&products);
            for (scalar, lanes) in scalars.iter().zip(encodings.chunks(F::LANES)) {
                let expected = (element * scalar).compress().0;
                assert!(lanes.iter().all(|lane| *lane == expected), "{scalar:?}");
            }
        }
    }
}

/// Another scalar in each lane.
fn multiples_by_edge_scalars_equal_dalek<F: Field>() {
    let mut random = Random::new(22);
    let scalars = edge_scalars();
    for group in groups::<F, _>(&scalars) {
        let element = random.element();
        let mut products = [Completed::identity()];
        let digits = [digits_of::<F>(&WINDOWS, &group)];
        variable_base::multiply(&extended(&element), &digits, &mut products);
        for (scalar, encoding) in group.iter().zip(encode_doubles(&products)) {
            assert_eq!(encoding, (element * scalar).compress().0, "{scalar:?}");
        }
    }
}

for_each_field! {
    tables_multiply_as_dalek_does
    shared_multiples_equal_dalek
    multiples_by_edge_scalars_equal_dalek
}
