use super::super::cover::{Cover, decode, decode_all, encode_all};
use super::super::field::{Field, Mask, Product, SQRT_M1};
use super::super::layout::Layout;
use super::super::point::{Completed, D, Extended, Shifted};
use super::super::roots::invert_roots;
use super::point::extended;
use super::{Random, for_each_field, groups, lanes_of};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};

/// Decode encodings, two points at a time, and tell which of them are canonical.
fn decode_many<F: Field>(encodings: &[[u8; 32]]) -> (Vec<Cover<F>>, Vec<bool>) {
    let groups = groups::<F, _>(encodings).concat();
    let mut good = vec![true; groups.len()];
    let points = decode_all::<F, 2>(groups.as_flattened(), layout::<F>(groups.len()), &mut good);
    good.truncate(encodings.len());
    (points.to_vec(), good)
}

fn layout<F: Field>(encodings: usize) -> Layout {
    Layout { lanes: F::LANES, width: 1, points: encodings / F::LANES }
}

fn encode<F: Field>(points: &[Cover<F>]) -> Vec<[u8; 32]> {
    let mut output = vec![[0xff; 32]; points.len() * F::LANES];
    let layout = layout::<F>(output.len());
    encode_all(points, output.as_flattened_mut(), layout);
    output
}

/// The same element in each lane.
fn to_cover<F: Field>(element: &RistrettoPoint) -> Cover<F> {
    decode::<F, 1>([element.compress().as_bytes()], 0)[0].0
}

fn compress(element: &RistrettoPoint) -> [u8; 32] {
    element.compress().0
}

/// The encoding of points that have the same element in each lane.
fn encode_alike<F: Field>(points: &[Cover<F>]) -> Vec<[u8; 32]> {
    let all = encode(points);
    let lanes = all.chunks(F::LANES);
    lanes
        .map(|lanes| lanes.iter().all(|lane| lane == &lanes[0]).then_some(lanes[0]).expect("alike"))
        .collect()
}

fn is_on_cover<F: Field>(Cover { e, f, g, h }: &Cover<F>) -> bool {
    let (ee, ff) = (e.square(), f.square());
    lanes_of(g.square()) == lanes_of(ff + ee)
        && lanes_of(h.square() + F::splat(D) * ee) == lanes_of(ff)
}

/// The eight points of C that stand for the identity: e = 0, or g = 0 and e = i f.
fn identities<F: Field>() -> Vec<Cover<F>> {
    let (i, one) = (F::splat(SQRT_M1), F::one());
    // If g = 0, h^2 = 1 + d = -(-1 - d): take the root of -1 - d.
    let minus_1_minus_d = -(one.widen() + F::splat(D).widen()).factor();
    let [(inverse, found)] = invert_roots([minus_1_minus_d]);
    assert!(found.lane(0));
    let h = i * inverse * minus_1_minus_d;
    let mut points = Vec::new();
    for a in [one, -one] {
        for b in [one, -one] {
            points.push(Cover { e: F::zero(), f: one, g: a, h: b });
            points.push(Cover { e: i * a, f: one, g: F::zero(), h: h * b });
        }
    }
    points
}

fn decoding_and_encoding_equal_dalek<F: Field>() {
    let mut random = Random::new(10);
    let encodings: Vec<_> = (0..1000).map(|_| compress(&random.element())).collect();
    let (points, good) = decode_many::<F>(&encodings);
    assert!(good.iter().all(|good| *good));
    assert!(points.iter().all(is_on_cover));
    assert_eq!(encode(&points)[..encodings.len()], encodings);
}

fn small_multiples_of_the_generator<F: Field>() {
    // The multiples of RFC 9496, appendix A.1, calculated by dalek. The first is the identity.
    let g = to_cover::<F>(&RistrettoPoint::mul_base(&Scalar::ONE));
    let mut sum = Cover::identity();
    for k in 0..16u64 {
        assert_eq!(encode_alike(&[sum])[0], compress(&RistrettoPoint::mul_base(&Scalar::from(k))));
        sum = sum.add(&g);
    }
}

fn refusals_equal_dalek<F: Field>() {
    let mut random = Random::new(11);
    let mut encodings: Vec<[u8; 32]> = (0..8000)
        .map(|i| {
            let mut bytes = random.bytes();
            match i % 4 {
                0 => bytes[31] &= 0x7f,
                1 => (bytes[0], bytes[31]) = (bytes[0] & 0xfe, bytes[31] & 0x7f),
                // Small, and close to p.
                2 => bytes[2..].fill(0),
                _ => (bytes[1..31].fill(0xff), bytes[31] = 0x7f).1,
            }
            bytes
        })
        .collect();
    // RFC 9496, appendix A.2.
    let lines = include_str!("rfc9496_invalid.txt").lines().filter(|line| !line.starts_with('#'));
    let invalid: Vec<[u8; 32]> = lines
        .map(|line| {
            std::array::from_fn(|i| {
                u8::from_str_radix(&line[2 * i..2 * i + 2], 16).expect("hexadecimal")
            })
        })
        .collect();
    assert_eq!(invalid.len(), 29);
    let first_invalid = encodings.len();
    encodings.extend(invalid);
    let (points, good) = decode_many::<F>(&encodings);
    for (encoding, good) in encodings.iter().zip(&good) {
        let expected = CompressedRistretto(*encoding).decompress();
        assert_eq!(*good, expected.is_some(), "{encoding:x?}");
    }
    assert!(good[first_invalid..].iter().all(|good| !good));
    assert!(good.iter().filter(|good| **good).count() > 1000);
    let encoded = encode(&points);
    for ((encoding, again), good) in encodings.iter().zip(&encoded).zip(&good) {
        // A refused encoding beside it does not matter.
        assert!(!good || encoding == again);
    }
}

fn identity_in_and_out<F: Field>() {
    let mut random = Random::new(12);
    let identity = to_cover::<F>(&RistrettoPoint::default());
    let element = random.element();
    let (point, opposite) = (to_cover(&element), to_cover(&-element));
    let points = [identity, point, point.add(&opposite), identity.add(&point), Cover::identity()];
    let (zero, same) = ([0; 32], compress(&element));
    assert_eq!(encode_alike(&points), [zero, same, zero, same, zero]);
    assert_eq!(encode_alike::<F>(&[]), Vec::<[u8; 32]>::new());
}

fn points_of_one_element_encode_alike<F: Field>() {
    let mut random = Random::new(13);
    for _ in 0..50 {
        let (a, b) = (random.element(), random.element());
        let (a_point, sum) = (to_cover::<F>(&a), compress(&(a + b)));
        for identity in identities() {
            assert!(is_on_cover(&identity));
            assert_eq!(encode_alike(&[identity])[0], [0; 32]);
            let translate = to_cover(&b).add(&identity);
            assert!(is_on_cover(&translate));
            let points = [translate, a_point.add(&translate)];
            assert_eq!(encode_alike(&points), [compress(&b), sum]);
        }
    }
}

fn doubling_forgets_4_torsion<F: Field>() {
    let mut random = Random::new(14);
    let (zero, one, i) = (F::zero(), F::one(), F::splat(SQRT_M1));
    let torsion = [(zero, one), (zero, -one), (i, zero), (-i, zero)].map(|(x, y)| Extended {
        x,
        y,
        z: one,
        t: zero,
    });
    for _ in 0..50 {
        let a = random.element();
        let (point, double) = (extended::<F>(&a), compress(&(a + a)));
        for t in &torsion {
            let doubled = Cover::double_of(&point.shifted().add(&t.cached()).shifted());
            assert!(is_on_cover(&doubled));
            let points = [doubled, Cover::double_of(&t.shifted())];
            assert_eq!(encode_alike(&points), [double, [0; 32]]);
        }
    }
}

/// Debug builds check every bound on the way. The coordinates are the largest that the types may
/// hold.
fn extreme_coordinates_stay_within_the_bounds<F: Field>() {
    let largest = F::gather(|_| [(1 << 51) + (1 << 18) - 1; 5]);
    let sum = (largest.times(largest) + largest.times(largest) + largest.squared()).factor();
    let difference = (largest.widen() - sum.widen()).factor();
    let extended = Extended { x: sum, y: sum, z: sum, t: sum };
    let shifted = Shifted { sum: difference, difference, z: sum, t: sum };
    let cover = Cover { e: sum, f: sum, g: sum, h: sum };
    let completed: [Completed<F>; 3] = [
        extended.projective().double(),
        extended.shifted().add(&extended.cached()),
        shifted.add(&extended.cached().negate_if(F::zero().is_zero())),
    ];
    let zero = F::zero();
    let mixed = Cover { e: zero, f: sum, g: zero, h: sum };
    let mut points = vec![cover, cover.add(&cover), Cover::double_of(&shifted), mixed];
    points.extend([mixed.add(&cover), Cover { e: sum, f: zero, g: sum, h: zero }]);
    points.extend(completed.map(|point| Cover::double_of(&point.shifted()).add(&cover)));
    points.extend(completed.map(|point| Cover::double_of(&point.extended().shifted())));
    assert_eq!(encode(&points).len(), F::LANES * points.len());
}

/// Points as refused encodings give them, beside good points.
fn garbage_disturbs_no_other_point<F: Field>() {
    let mut random = Random::new(16);
    for _ in 0..20 {
        let element = compress(&random.element());
        let mut encodings = vec![element, random.bytes(), [0xff; 32], [0; 32], element];
        encodings.resize(2 * F::LANES + 3, element);
        let (mut points, _) = decode_many::<F>(&encodings);
        points.push(Cover { e: F::one(), f: F::zero(), g: F::one(), h: F::zero() });
        points.push(points[0]);
        let encoded = encode(&points);
        for (k, encoding) in encodings.iter().enumerate() {
            assert!(encoding != &element || encoded[k] == element);
        }
        assert_eq!(encoded[encoded.len() - F::LANES], element);
    }
}

for_each_field! {
    decoding_and_encoding_equal_dalek
    small_multiples_of_the_generator
    refusals_equal_dalek
    identity_in_and_out
    points_of_one_element_encode_alike
    doubling_forgets_4_torsion
    extreme_coordinates_stay_within_the_bounds
    garbage_disturbs_no_other_point
}
