use super::super::field::Field;
use super::super::point::{D, D2};
use super::super::roots::{invert, invert_all, invert_root};
use super::integer::Integer;
use super::{random_bytes, seed};
use crate::random::Stream;

const MASK: u64 = (1 << 51) - 1;
const REDUCED: u64 = (1 << 51) + (1 << 18);
const LOOSE: u64 = 1 << 54;

fn integer(element: &Field) -> Integer {
    let shift = Integer::small(1 << 51);
    element
        .0
        .iter()
        .rev()
        .fold(Integer::small(0), |sum, limb| sum.mul(shift).add(Integer::small(*limb)))
}

/// Elements with limbs below `bound`: random ones, and all mixes of extreme limbs.
fn samples(bound: u64, random: &mut Stream) -> Vec<Field> {
    let edges = [0, 1, 18, 19, MASK - 18, MASK, bound - 1];
    let pick = |random: &mut Stream| {
        let bytes = random_bytes(random);
        Field(std::array::from_fn(|i| match bytes[i] {
            kind if kind < 192 => edges[usize::from(kind) % edges.len()],
            _ => u64::from_le_bytes(std::array::from_fn(|k| bytes[i + 8 + k])) % bound,
        }))
    };
    let mut samples: Vec<Field> = (0..200).map(|_| pick(random)).collect();
    samples.extend([Field([bound - 1; 5]), Field::ZERO, Field::ONE]);
    samples
}

fn check(result: Field, expected: Integer, bound: u64) {
    assert!(result.0.iter().all(|&limb| limb < bound), "limbs {:x?}", result.0);
    assert_eq!(integer(&result), expected);
    assert_eq!(result.to_bytes(), expected.to_bytes());
}

#[test]
fn arithmetic_equals_integers_up_to_the_bounds() {
    let mut random = Stream::new(&seed(1), 0);
    let loose = samples(LOOSE, &mut random);
    for (i, a) in loose.iter().enumerate() {
        let b = &loose[(7 * i + 3) % loose.len()];
        let (x, y) = (integer(a), integer(b));
        check(*a * *b, x.mul(y), REDUCED);
        check(*a * Field([LOOSE - 1; 5]), x.mul(integer(&Field([LOOSE - 1; 5]))), REDUCED);
        check(a.square(), x.mul(x), REDUCED);
        check(a.reduce(), x, REDUCED);
        assert_eq!(bool::from(a.is_negative()), x.to_bytes()[0] & 1 == 1);
        assert_eq!(bool::from(a.is_zero()), x == Integer::small(0));
        assert_eq!(integer(&Field::unpack(a.pack())), x);
    }
    let halves = samples(1 << 53, &mut random);
    let subtractable = samples((1 << 53) - 76, &mut random);
    for (a, b) in halves.iter().zip(&subtractable) {
        let (x, y) = (integer(a), integer(b));
        check(*a + *b, x.add(y), LOOSE);
        check(*a - *b, x.add(y.negate()), LOOSE);
        check(-*b, y.negate(), 1 << 53);
        let absolute = b.abs();
        assert!(!bool::from(absolute.is_negative()));
        assert!([y, y.negate()].contains(&integer(&absolute)));
    }
}

#[test]
fn multiples_of_p_are_zero() {
    let p = Field([MASK - 18, MASK, MASK, MASK, MASK]);
    for k in 0..8 {
        let multiple = Field(p.0.map(|limb| k * limb));
        assert!(bool::from(multiple.is_zero()));
        assert_eq!(multiple.to_bytes(), [0; 32]);
        assert_eq!((multiple + Field::ONE).to_bytes(), Field::ONE.to_bytes());
    }
}

#[test]
fn only_canonical_bytes_are_canonical() {
    let p = Field([MASK - 18, MASK, MASK, MASK, MASK]);
    let mut largest = (p - Field::ONE).to_bytes();
    let (element, canonical) = Field::from_bytes(&largest);
    assert!(bool::from(canonical));
    assert_eq!(element.to_bytes(), largest);
    for _ in 0..19 {
        // p, p + 1, .. 2^255 - 1: only the first byte changes.
        largest[0] += 1;
        assert!(!bool::from(Field::from_bytes(&largest).1));
    }
    let mut random = Stream::new(&seed(2), 0);
    for _ in 0..1000 {
        let mut bytes = random_bytes(&mut random);
        bytes[31] &= 0x7f;
        let (element, canonical) = Field::from_bytes(&bytes);
        assert!(bool::from(canonical));
        assert_eq!(integer(&element).to_bytes(), bytes);
        bytes[31] |= 0x80;
        assert!(!bool::from(Field::from_bytes(&bytes).1));
    }
}

#[test]
fn constants() {
    assert_eq!(
        (D * Field([121_666, 0, 0, 0, 0])).to_bytes(),
        (-Field([121_665, 0, 0, 0, 0])).to_bytes()
    );
    assert_eq!(D2.to_bytes(), (D + D).to_bytes());
    assert_eq!(Field::SQRT_M1.square().to_bytes(), (-Field::ONE).to_bytes());
    assert!(!bool::from(Field::SQRT_M1.is_negative()));
}

#[test]
fn inverses() {
    let mut random = Stream::new(&seed(3), 0);
    let mut elements = samples(LOOSE, &mut random);
    elements[0] = Field::ZERO;
    for count in [0, 1, 2, elements.len()] {
        let mut inverses = elements[..count].to_vec();
        invert_all(&mut inverses);
        for (element, inverse) in elements.iter().zip(&inverses) {
            let zero = bool::from(element.is_zero());
            assert_eq!((*element * *inverse).to_bytes()[0], u8::from(!zero));
            assert_eq!(bool::from(inverse.is_zero()), zero);
            assert_eq!(invert(*element).to_bytes(), inverse.to_bytes());
        }
    }
}

#[test]
fn inverse_roots() {
    let mut random = Stream::new(&seed(4), 0);
    for x in samples(LOOSE, &mut random) {
        let square = x.square();
        let (root, found) = invert_root(square);
        assert_eq!(bool::from(found), !bool::from(x.is_zero()));
        assert!(!bool::from(root.is_negative()));
        let expected = if bool::from(x.is_zero()) { Field::ZERO } else { Field::ONE };
        assert_eq!((root.square() * square).to_bytes(), expected.to_bytes());
        // SQRT_M1 is no square: RFC 9496 then gives the root of SQRT_M1 / v.
        let (root, found) = invert_root(square * Field::SQRT_M1);
        assert!(!bool::from(found));
        assert_eq!((root.square() * square).to_bytes(), expected.to_bytes());
    }
}
