use super::super::cover::{Cover, decode};
use super::super::field::{Field, MOST_LANES};
use super::super::point::{Completed, Extended, Niels};
use super::{Random, for_each_field, lanes_of};
use curve25519_dalek::ristretto::RistrettoPoint;

/// A point of E for the same element in each lane.
pub fn extended<F: Field>(element: &RistrettoPoint) -> Extended<F> {
    let [(point, _)] = decode::<F, 1>([element.compress().as_bytes()], 0);
    point.to_extended()
}

fn same<F: Field>(a: &Completed<F>, b: &Completed<F>) {
    let (a, b) = (a.extended(), b.extended());
    assert_eq!(lanes_of(a.x * b.z), lanes_of(b.x * a.z));
    assert_eq!(lanes_of(a.y * b.z), lanes_of(b.y * a.z));
    assert_eq!(lanes_of(a.t * a.z), lanes_of(a.x * a.y));
}

fn niels<F: Field>(point: &Extended<F>) -> Niels<F> {
    let mut inverse = [point.z];
    super::super::roots::invert_all(&mut inverse);
    let (x, y) = (point.x * inverse[0], point.y * inverse[0]);
    let canonical = |element: F| {
        let mut limbs = [[0; 5]; MOST_LANES];
        element.scatter(&mut limbs);
        F::gather(|lane| limbs[lane])
    };
    let affine = Extended { x, y, z: F::one(), t: x * y }.cached();
    Niels {
        sum: canonical(affine.sum),
        difference: canonical(affine.difference),
        t2d: canonical(affine.t2d),
    }
}

fn the_formulas_on_e_agree<F: Field>() {
    let mut random = Random::new(15);
    let identity = Completed::identity();
    for _ in 0..50 {
        let (p, q) = (extended::<F>(&random.element()), extended::<F>(&random.element()));
        let opposite = Extended { x: -q.x, t: -q.t, ..q };
        let sum = p.shifted().add(&q.cached());
        same(&p.shifted().add(&p.cached()), &p.projective().double());
        same(&q.shifted().add(&opposite.cached()), &identity);
        same(&q.shifted().add(&q.cached().negate_if(q.z.is_zero())), &q.projective().double());
        same(&q.shifted().add(&q.cached().negate_if(F::zero().is_zero())), &identity);
        same(&p.shifted().add_niels(&niels(&q)), &sum);
        same(&identity.shifted().add_niels(&niels(&q)), &q.completed());
        same(&niels(&q).completed(), &q.completed());
        same(&sum.shifted().add(&opposite.cached()), &p.completed());
        let mut chosen = p.cached();
        chosen.assign_if(&q.cached(), q.z.is_zero());
        same(&identity.shifted().add(&chosen), &p.completed());
        chosen.assign_if(&q.cached(), F::zero().is_zero());
        same(&identity.shifted().add(&chosen), &q.completed());
    }
}

fn the_identity_is_neutral<F: Field>() {
    let mut random = Random::new(16);
    let p = extended::<F>(&random.element());
    let identity = Completed::<F>::identity();
    same(&identity.projective().double(), &identity);
    same(&identity.shifted().add(&p.cached()), &p.completed());
    same(&p.shifted().add(&identity.extended().cached()), &p.completed());
    let cover = Cover::double_of(&identity.shifted());
    assert!((0..F::LANES).all(|k| lanes_of(cover.e)[k] == [0; 32]));
}

for_each_field! {
    the_formulas_on_e_agree
    the_identity_is_neutral
}
