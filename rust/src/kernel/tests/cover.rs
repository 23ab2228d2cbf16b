use super::super::cover::{Cover, decode_each, encode_all};
use super::super::field::Field;
use super::super::point::{D, Edwards, Niels};
use super::{random_bytes, random_element, seed};
use crate::random::Stream;
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};
use subtle::Choice;

const MASK: u64 = (1 << 51) - 1;

pub fn decode(encoding: &[u8; 32]) -> Option<Cover> {
    let mut decoded = None;
    decode_each(encoding, |_, point, good| decoded = good.then_some(point));
    decoded
}

pub fn encode(points: &[Cover]) -> Vec<[u8; 32]> {
    let mut output = vec![0xff; 32 * points.len()];
    encode_all(points, &mut output);
    output.as_chunks().0.to_vec()
}

fn to_cover(element: &RistrettoPoint) -> Cover {
    decode(element.compress().as_bytes()).expect("canonical")
}

fn is_on_cover(Cover { e, f, g, h }: &Cover) -> bool {
    let (ee, ff) = (e.square(), f.square());
    let first = (g.square() - (ff + ee)).is_zero();
    let second = (h.square() - ff + D * ee).is_zero();
    (first & second).into()
}

fn equal(a: Field, b: Field) -> bool {
    a.to_bytes() == b.to_bytes()
}

/// The eight points of C that stand for the identity: e = 0, or g = 0 and e = i f.
fn identities() -> Vec<Cover> {
    let i = Field::SQRT_M1;
    // In the encoding of the identity u1 = u2 = 1, so that h is sqrt(-1 - d) / sqrt(-1 - d); take
    // the root of 1 + d from a point with g = 0: h^2 = 1 + d = -(-1 - d).
    let minus_1_minus_d = -(Field::ONE + D);
    let (inverse, found) = super::super::roots::invert_root(minus_1_minus_d);
    assert!(bool::from(found));
    let h = i * inverse * minus_1_minus_d;
    let signs = [Field::ONE, -Field::ONE];
    let mut points = Vec::new();
    for a in signs {
        for b in signs {
            points.push(Cover { e: Field::ZERO, f: Field::ONE, g: a, h: b });
            points.push(Cover { e: i * a, f: Field::ONE, g: Field::ZERO, h: h * b });
        }
    }
    points
}

#[test]
fn decoding_and_encoding_equal_dalek() {
    let mut random = Stream::new(&seed(10), 0);
    let elements: Vec<_> = (0..2000).map(|_| random_element(&mut random)).collect();
    let points: Vec<_> = elements.iter().map(to_cover).collect();
    assert!(points.iter().all(is_on_cover));
    for (element, encoding) in elements.iter().zip(encode(&points)) {
        assert_eq!(element.compress().0, encoding);
    }
}

#[test]
fn small_multiples_of_the_generator() {
    // RFC 9496, appendix A.1, by way of dalek; the first is the identity.
    let g = to_cover(&RistrettoPoint::mul_base(&Scalar::ONE));
    let mut sum = Cover::IDENTITY;
    for k in 0..16u64 {
        assert_eq!(encode(&[sum])[0], RistrettoPoint::mul_base(&Scalar::from(k)).compress().0);
        sum = sum.add(&g);
    }
}

#[test]
fn refusals_equal_dalek() {
    let mut random = Stream::new(&seed(11), 0);
    let mut accepted = 0;
    for i in 0..12000 {
        let mut bytes = random_bytes(&mut random);
        match i % 4 {
            0 => bytes[31] &= 0x7f,
            1 => (bytes[0], bytes[31]) = (bytes[0] & 0xfe, bytes[31] & 0x7f),
            // Small, and close to p.
            2 => bytes[2..].fill(0),
            _ => (bytes[1..31].fill(0xff), bytes[31] = 0x7f).1,
        }
        let expected = CompressedRistretto(bytes).decompress();
        let decoded = decode(&bytes);
        assert_eq!(decoded.is_some(), expected.is_some(), "{bytes:x?}");
        if let Some(point) = decoded {
            accepted += 1;
            assert_eq!(encode(&[point])[0], bytes);
        }
    }
    assert!(accepted > 1000);
}

#[test]
fn the_invalid_encodings_of_the_rfc() {
    // RFC 9496, appendix A.2.
    for line in include_str!("rfc9496_invalid.txt").lines().filter(|line| !line.starts_with('#')) {
        let bytes: [u8; 32] = std::array::from_fn(|i| {
            u8::from_str_radix(&line[2 * i..2 * i + 2], 16).expect("hexadecimal")
        });
        assert!(CompressedRistretto(bytes).decompress().is_none());
        assert!(decode(&bytes).is_none(), "{line}");
    }
}

#[test]
fn identity_in_and_out() {
    let mut random = Stream::new(&seed(12), 0);
    let identity = decode(&[0; 32]).expect("the identity");
    let element = random_element(&mut random);
    let (point, opposite) = (to_cover(&element), to_cover(&-element));
    let points = [identity, point, point.add(&opposite), identity.add(&point), Cover::IDENTITY];
    let (zero, same) = ([0; 32], element.compress().0);
    assert_eq!(encode(&points), [zero, same, zero, same, zero]);
    assert_eq!(encode(&[]), Vec::<[u8; 32]>::new());
}

#[test]
fn points_of_one_element_encode_alike() {
    let mut random = Stream::new(&seed(13), 0);
    for _ in 0..100 {
        let (a, b) = (random_element(&mut random), random_element(&mut random));
        let (a_point, sum) = (to_cover(&a), (a + b).compress().0);
        for identity in identities() {
            assert!(is_on_cover(&identity));
            assert_eq!(encode(&[identity])[0], [0; 32]);
            let translate = to_cover(&b).add(&identity);
            assert!(is_on_cover(&translate));
            assert_eq!(encode(&[translate, a_point.add(&translate)]), [b.compress().0, sum]);
        }
    }
}

#[test]
fn doubling_forgets_4_torsion() {
    let mut random = Stream::new(&seed(14), 0);
    let zero = Field::ZERO;
    let torsion = [
        Edwards { x: zero, y: -Field::ONE, z: Field::ONE, t: zero },
        Edwards { x: Field::SQRT_M1, y: zero, z: Field::ONE, t: zero },
        Edwards { x: -Field::SQRT_M1, y: zero, z: Field::ONE, t: zero },
        Edwards::IDENTITY,
    ];
    for _ in 0..100 {
        let a = random_element(&mut random);
        let (point, double) = (to_cover(&a).to_edwards(), (a + a).compress().0);
        for t in &torsion {
            let doubled = Cover::double_of(&point.add(t));
            assert!(is_on_cover(&doubled));
            assert_eq!(encode(&[doubled, Cover::double_of(t)]), [double, [0; 32]]);
        }
    }
}

#[test]
fn the_formulas_on_e_agree() {
    let mut random = Stream::new(&seed(15), 0);
    let same = |a: &Edwards, b: &Edwards| {
        assert!(equal(a.x * b.z, b.x * a.z) && equal(a.y * b.z, b.y * a.z));
        assert!(equal(a.t * a.z, a.x * a.y));
    };
    for _ in 0..100 {
        let (p, q) = (random_element(&mut random), random_element(&mut random));
        let (p, q) = (to_cover(&p).to_edwards(), to_cover(&q).to_edwards());
        let opposite = Edwards { x: -q.x, t: -q.t, ..q };
        same(&p.add(&p), &p.double());
        same(&q.add(&opposite), &Edwards::IDENTITY);
        let packed = Niels::pack_all(&[p, q]);
        same(&p.add_niels(&Niels::unpack(packed[1], Choice::from(0))), &p.add(&q));
        same(&p.add_niels(&Niels::unpack(packed[1], Choice::from(1))), &p.add(&opposite));
        same(&q.add_niels(&Niels::unpack(packed[1], Choice::from(1))), &Edwards::IDENTITY);
    }
}

/// Debug builds check every bound on the way. The limbs are the largest that the types may hold.
#[test]
fn extreme_limbs_stay_within_the_bounds() {
    let reduced = Field([(1 << 51) + (1 << 18) - 1; 5]);
    let sum = reduced + reduced;
    let edwards = Edwards { x: reduced, y: reduced, z: reduced, t: reduced };
    let cover = Cover { e: sum, f: sum, g: sum, h: sum };
    let niels = Niels::unpack([[!0; 4]; 3], Choice::from(1));
    assert!(niels.sum.0.iter().all(|&limb| limb <= MASK));
    for point in [edwards.add(&edwards), edwards.double(), edwards.add_niels(&niels)] {
        let doubled = Cover::double_of(&point);
        encode(&[cover, cover.add(&cover), Cover::double_of(&edwards), doubled.add(&cover)]);
    }
    let zero = Field::ZERO;
    let mixed = Cover { e: zero, f: sum, g: zero, h: sum };
    encode(&[mixed, mixed.add(&cover), Cover { e: sum, f: zero, g: sum, h: zero }]);
}

/// Garbage, as refused encodings give, beside good points.
#[test]
fn garbage_disturbs_no_other_point() {
    let mut random = Stream::new(&seed(16), 0);
    for _ in 0..50 {
        let element = random_element(&mut random);
        let mut encodings = element.compress().0.to_vec();
        encodings.extend(random_bytes(&mut random));
        encodings.extend([0xff; 32]);
        encodings.extend([0; 32]);
        encodings.extend(element.compress().0);
        let mut points = Vec::new();
        decode_each(&encodings, |_, point, _| points.push(point));
        points.push(Cover { e: Field::ONE, f: Field::ZERO, g: Field::ONE, h: Field::ZERO });
        points.push(points[0]);
        let encoded = encode(&points);
        for k in [0, 4, 6] {
            assert_eq!(encoded[k], element.compress().0);
        }
    }
}
