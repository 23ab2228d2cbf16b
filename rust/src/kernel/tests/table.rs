use super::super::cover::Cover;
use super::super::point::Edwards;
use super::super::table::{Digits, Table};
use super::cover::encode;
use super::{random_element, seed};
use crate::random::Stream;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::RistrettoPoint;
use curve25519_dalek::traits::Identity;

fn edge_scalars() -> Vec<Scalar> {
    let two = Scalar::from(2u64);
    let mut scalars: Vec<Scalar> = (0..40u64).map(Scalar::from).collect();
    scalars.extend((1..40u64).map(|k| -Scalar::from(k)));
    scalars.extend((0..=253).map(|k| (0..k).fold(Scalar::ONE, |power, _| power * two)));
    let halves: Vec<Scalar> = scalars.iter().map(Scalar::div_by_2).collect();
    scalars.extend(halves);
    scalars
}

#[test]
fn multiples_equal_dalek() {
    let mut random = Stream::new(&seed(20), 0);
    let mut scalars = edge_scalars();
    scalars.extend((0..200).map(|_| *random.scalar()));
    let digits: Vec<Digits> = scalars.iter().map(Digits::of_half).collect();
    let mut products = vec![Edwards::IDENTITY; scalars.len()];
    let generator = RistrettoPoint::mul_base(&Scalar::ONE);
    for element in [generator, random_element(&mut random), RistrettoPoint::identity()] {
        Table::new(&element).multiply(&digits, &mut products);
        let doubles: Vec<Cover> = products.iter().map(Cover::double_of).collect();
        for (scalar, encoding) in scalars.iter().zip(encode(&doubles)) {
            assert_eq!(encoding, (element * scalar).compress().0, "{scalar:?}");
        }
    }
}

#[test]
fn a_zero_randomizer_changes_nothing() {
    let mut random = Stream::new(&seed(21), 0);
    let table = Table::new(&random_element(&mut random));
    let mut products = [Edwards::IDENTITY];
    table.multiply(&[Digits::of_half(&Scalar::ZERO)], &mut products);
    let zero = Cover::double_of(&products[0]);
    let element = random_element(&mut random).compress().0;
    let point = super::cover::decode(&element).expect("canonical");
    assert_eq!(encode(&[zero, point.add(&zero)]), [[0; 32], element]);
}
