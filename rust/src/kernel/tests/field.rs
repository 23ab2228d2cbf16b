use super::super::field::{Field, MOST_LANES, Mask, Product, SQRT_M1, Word};
#[cfg(target_arch = "x86_64")]
use super::super::ifma::{Ifma, Words};
use super::super::point::{D, D2};
use super::super::portable::Portable;
use super::super::roots::{invert, invert_all, invert_roots};
use super::integer::Integer;
use super::{Random, for_each_field, lanes_of};

const MASK: u64 = (1 << 51) - 1;
const P: [u64; 5] = [MASK - 18, MASK, MASK, MASK, MASK];

type Limbs = [u64; 5];

/// A field with the bounds that tests try.
trait Bounded: Field {
    /// The largest limbs of a factor, and of a term.
    const FACTOR: Limbs;
    const TERM: Limbs;

    /// Make an element of limbs as they are, lane by lane. Lanes beyond those of `lanes` repeat the
    /// first.
    fn raw(lanes: &[Limbs]) -> Self;

    fn largest(&self) -> Limbs;
}

impl Bounded for Portable {
    const FACTOR: Limbs = [(1 << 54) - 1; 5];
    const TERM: Limbs = [4 * P[0], 4 * P[1], 4 * P[1], 4 * P[1], 4 * P[1]];

    fn raw(lanes: &[Limbs]) -> Portable {
        Portable(lanes[0])
    }

    fn largest(&self) -> Limbs {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
impl Bounded for Ifma {
    const FACTOR: Limbs = [(1 << 52) - 1; 5];
    const TERM: Limbs = {
        let other = (1 << 51) + (1 << 12) - 1;
        [(1 << 51) + (1 << 17) - 1, other, other, other, other]
    };

    fn raw(lanes: &[Limbs]) -> Ifma {
        Ifma(std::array::from_fn(|i| {
            Words::from_lanes(&std::array::from_fn(|k| lanes[k % lanes.len()][i]))
        }))
    }

    fn largest(&self) -> Limbs {
        self.0.map(|words| *words.to_array().iter().max().expect("there are lanes"))
    }
}

fn integer(limbs: &Limbs) -> Integer {
    let shift = Integer::small(1 << 51);
    let zero = Integer::small(0);
    limbs.iter().rev().fold(zero, |sum, limb| sum.mul(shift).add(Integer::small(*limb)))
}

/// Return limbs up to `largest`: random ones, and all combinations of extremes.
fn samples<F: Bounded>(largest: Limbs, random: &mut Random) -> Vec<Vec<Limbs>> {
    let limb = |i: usize, kind: u8, word: u64| match kind % 8 {
        0 => 0,
        1 => 1,
        2 => P[i],
        3 => P[i] - 1,
        4 => (P[i] + 1).min(largest[i]),
        5 | 6 => largest[i],
        _ => word % (largest[i] + 1),
    };
    let mut one = || {
        let (kinds, words) = (random.bytes(), random.bytes());
        std::array::from_fn(|i| {
            let word = u64::from_le_bytes(std::array::from_fn(|k| words[4 * i + k]));
            limb(i, kinds[i], word)
        })
    };
    let mut samples: Vec<Vec<Limbs>> =
        (0..240 / F::LANES).map(|_| (0..F::LANES).map(|_| one()).collect()).collect();
    for edge in [largest, [0; 5], [1, 0, 0, 0, 0], P] {
        samples.push(vec![edge; F::LANES]);
    }
    samples
}

/// Pairs of samples, shifted against each other.
fn pairs<T>(samples: &[T]) -> impl Iterator<Item = (&T, &T)> {
    (0..samples.len()).map(|i| (&samples[i], &samples[(7 * i + 3) % samples.len()]))
}

/// Check each lane of a result: its limbs are within `bound`, and it freezes to the right value.
fn check<F: Bounded>(result: F, bound: Limbs, expected: impl Fn(usize) -> Integer) {
    let largest = result.largest();
    assert!((0..5).all(|i| largest[i] <= bound[i]), "limbs {largest:x?}");
    let (bytes, mut limbs) = (lanes_of(result), vec![[0; 5]; F::LANES]);
    result.scatter(&mut limbs);
    for lane in 0..F::LANES {
        assert_eq!(integer(&limbs[lane]), expected(lane));
        assert!(limbs[lane].iter().all(|&limb| limb <= MASK));
        assert_eq!(bytes[lane], expected(lane).to_bytes());
        assert_eq!(result.is_zero().lane(lane), expected(lane) == Integer::small(0));
        assert_eq!(result.is_negative().lane(lane), expected(lane).to_bytes()[0] & 1 == 1);
    }
}

fn products_equal_integers_up_to_the_bounds<F: Bounded>() {
    let mut random = Random::new(1);
    let factors = samples::<F>(F::FACTOR, &mut random);
    for (a, b) in pairs(&factors) {
        let (x, y) = (F::raw(a), F::raw(b));
        let product = |k: usize| integer(&a[k]).mul(integer(&b[k]));
        let square = |k: usize| integer(&a[k]).mul(integer(&a[k]));
        check(x * y, F::TERM, product);
        check(x.square(), F::TERM, square);
        // The largest that may be added up, and subtracted.
        let most = x.times(y) + x.times(y) + x.times(y);
        let squares = y.squared() + x.times(y) + x.squared();
        let both = |k: usize| square(k).add(product(k)).add(integer(&b[k]).mul(integer(&b[k])));
        let thrice = |k: usize| product(k).mul(Integer::small(3));
        check(most.factor(), F::TERM, thrice);
        check(squares.term(), F::TERM, both);
        let difference = |k: usize| thrice(k).add(both(k).negate());
        check((most - squares).term(), F::TERM, difference);
        let factor = (most - squares).factor();
        check(factor * factor, F::TERM, |k| difference(k).mul(difference(k)));
    }
}

fn sums_equal_integers_up_to_the_bounds<F: Bounded>() {
    let mut random = Random::new(2);
    let terms = samples::<F>(F::TERM, &mut random);
    for (a, b) in pairs(&terms) {
        let (x, y) = (F::raw(a), F::raw(b));
        let (i, j) = (|k: usize| integer(&a[k]), |k: usize| integer(&b[k]));
        check(x + y, F::FACTOR, |k| i(k).add(j(k)));
        check(x - y, F::FACTOR, |k| i(k).add(j(k).negate()));
        check(-x, F::TERM, |k| i(k).negate());
        check((x.widen() + y.widen() + x.widen()).term(), F::TERM, |k| i(k).add(i(k)).add(j(k)));
        let absolute = lanes_of(x.abs());
        let negative = x.is_negative();
        check(F::select(x, y, negative), F::TERM, |k| if negative.lane(k) { j(k) } else { i(k) });
        check(
            x.negate_if(negative),
            F::TERM,
            |k| {
                if negative.lane(k) { i(k).negate() } else { i(k) }
            },
        );
        for k in 0..F::LANES {
            assert_eq!(absolute[k][0] & 1, 0);
            assert!([i(k), i(k).negate()].map(Integer::to_bytes).contains(&absolute[k]));
        }
    }
}

fn multiples_of_p_are_zero<F: Bounded>() {
    for k in 0..8 {
        let multiple = P.map(|limb| k * limb);
        if (0..5).all(|i| multiple[i] <= F::TERM[i]) {
            let element = F::raw(&[multiple]);
            check(element, F::TERM, |_| Integer::small(0));
            check(element + F::one(), F::FACTOR, |_| Integer::small(1));
        }
    }
}

fn only_canonical_bytes_are_canonical<F: Bounded>() {
    let mut random = Random::new(3);
    let minus_1 = lanes_of(-F::one())[0];
    // p - 1, p, p + 1, .. 2^255 - 1: only the first byte changes.
    let mut encodings: Vec<([u8; 32], bool)> = (0..20)
        .map(|k| {
            (
                {
                    let mut bytes = minus_1;
                    bytes[0] += k;
                    bytes
                },
                k == 0,
            )
        })
        .collect();
    for _ in 0..400 {
        let mut bytes = random.bytes();
        bytes[31] &= 0x7f;
        encodings.push((bytes, true));
        bytes[31] |= 0x80;
        encodings.push((bytes, false));
    }
    for group in super::groups::<F, _>(&encodings) {
        let bytes: Vec<u8> =
            group.iter().flat_map(|(bytes, _)| [*bytes, [0xff; 32]]).flatten().collect();
        let (element, canonical) = F::load(&bytes, 64);
        let mut stored = vec![0xa5; 64 * F::LANES];
        element.store(&mut stored, 64);
        for (k, (bytes, expected)) in group.iter().enumerate() {
            assert_eq!(canonical.lane(k), *expected, "{bytes:x?}");
            if *expected {
                assert_eq!(stored[64 * k..][..32], *bytes);
            }
            assert_eq!(stored[64 * k + 32..][..32], [0xa5; 32]);
        }
    }
}

fn elements_gather_and_scatter<F: Bounded>() {
    let mut random = Random::new(4);
    let largest = [MASK + (1 << 18); 5];
    for lanes in samples::<F>(largest, &mut random) {
        check(F::gather(|k| lanes[k]), F::TERM, |k| integer(&lanes[k]));
    }
}

fn constants<F: Bounded>() {
    let number = |n: u64| F::splat([n, 0, 0, 0, 0]);
    assert_eq!(lanes_of(F::splat(D) * number(121_666)), lanes_of(-number(121_665)));
    assert_eq!(lanes_of(F::splat(D2)), lanes_of(F::splat(D) + F::splat(D)));
    assert_eq!(lanes_of(F::splat(SQRT_M1).square()), lanes_of(-F::one()));
    assert!(!F::splat(SQRT_M1).is_negative().lane(0));
}

fn inverses<F: Bounded>() {
    let mut random = Random::new(5);
    let mut elements: Vec<F> =
        samples::<F>(F::TERM, &mut random).iter().map(|l| F::raw(l)).collect();
    elements[0] = F::zero();
    for count in [0, 1, 2, elements.len()] {
        let mut inverses = elements[..count].to_vec();
        invert_all(&mut inverses);
        for (element, inverse) in elements.iter().zip(&inverses) {
            let (product, alone) = (lanes_of(*element * *inverse), lanes_of(invert(*element)));
            for lane in 0..F::LANES {
                let zero = element.is_zero().lane(lane);
                assert_eq!(product[lane], Integer::small(u64::from(!zero)).to_bytes());
                assert_eq!(inverse.is_zero().lane(lane), zero);
                assert_eq!(alone[lane], lanes_of(*inverse)[lane]);
            }
        }
    }
}

fn inverse_roots<F: Bounded>() {
    let mut random = Random::new(6);
    for limbs in samples::<F>(F::TERM, &mut random) {
        let x = F::raw(&limbs);
        let (square, other) = (x.square(), x.square() * F::splat(SQRT_M1));
        let [(root, found), (turned, none)] = invert_roots([square, other]);
        let (product, turned_product) =
            (lanes_of(root.square() * square), lanes_of(turned.square() * square));
        for lane in 0..F::LANES {
            let zero = x.is_zero().lane(lane);
            let expected = Integer::small(u64::from(!zero)).to_bytes();
            assert_eq!(found.lane(lane), !zero);
            assert!(!(root.is_negative() | turned.is_negative()).lane(lane));
            assert_eq!(product[lane], expected);
            // SQRT_M1 is no square: RFC 9496 then gives the root of SQRT_M1 / v.
            assert!(!none.lane(lane));
            assert_eq!(turned_product[lane], expected);
        }
    }
}

fn words_shift_and_select<F: Bounded>() {
    let numbers: [u64; MOST_LANES] = std::array::from_fn(|k| 0x0123_4567_89ab_cdef << k | k as u64);
    let words = F::Word::from_lanes(&numbers);
    for (k, number) in numbers.iter().enumerate().take(F::LANES) {
        for shift in [0, 1, 5, 31, 32, 63] {
            assert!((words << shift).equals(number << shift).lane(k));
            assert!((words >> shift).equals(number >> shift).lane(k));
        }
        let low = F::Word::splat(0xffff);
        assert!((words & low).equals(number & 0xffff).lane(k));
        assert!((words | low).equals(number | 0xffff).lane(k));
        assert!((!words).equals(!number).lane(k));
        let chosen = F::Word::select(words, low, words.equals(*number));
        assert!(chosen.equals(0xffff).lane(k));
        assert!(k == 0 || chosen.equals(numbers[0]).lane(0));
    }
}

for_each_field! {
    products_equal_integers_up_to_the_bounds
    sums_equal_integers_up_to_the_bounds
    multiples_of_p_are_zero
    only_canonical_bytes_are_canonical
    elements_gather_and_scatter
    constants
    inverses
    inverse_roots
    words_shift_and_select
}
