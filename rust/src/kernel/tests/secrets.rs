//! Tests for valgrind. They mark secret scalars as undefined memory, so that valgrind reports every
//! branch and every memory address that depends on them. `make ct` runs these tests under valgrind;
//! elsewhere they only check that the results are right.
//!
//! They cover the portable backend only, because valgrind does not know AVX-512.

use super::super::backend::Backend;
use super::super::blocks::Block;
use super::super::{ELEMENT, plain};
use super::Random;
use super::blocks::{Row, run};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoPoint};

/// The requests of valgrind's memcheck.h.
#[derive(Clone, Copy)]
enum Memory {
    Undefined = 0x4d43_0001,
    Defined = 0x4d43_0002,
}

/// Tell valgrind, if it runs this process, whether memory is defined.
fn mark<T>(memory: &[T], how: Memory) {
    let size = size_of_val(memory) as u64;
    let arguments = [how as u64, memory.as_ptr() as u64, size, 0, 0, 0];
    // SAFETY: this is valgrind's client request, which does nothing on a real processor.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0u64 => _,
        );
    }
}

fn secret_scalars(count: usize, random: &mut Random) -> (Vec<Scalar>, Vec<Scalar>) {
    let known: Vec<Scalar> = (0..count).map(|_| random.scalar()).collect();
    let secret = known.clone();
    mark(&secret, Memory::Undefined);
    (known, secret)
}

fn rows(count: usize, width: usize, random: &mut Random) -> (Vec<Vec<RistrettoPoint>>, Vec<Row>) {
    let points: Vec<Vec<_>> =
        (0..count).map(|_| (0..width).map(|_| random.element()).collect()).collect();
    let encode = |row: &Vec<RistrettoPoint>| row.iter().map(|point| point.compress().0).collect();
    let encoded = points.iter().map(encode).collect();
    (points, encoded)
}

/// Mark the output as public, and compare it with `expected(row, column)`.
fn check(
    rows: &[Row],
    scalars: &[Scalar],
    width: usize,
    work: impl Fn(Block<'_>),
    expected: impl Fn(usize, usize) -> RistrettoPoint,
) {
    let (output, valid) = run(rows, scalars, width, |Block { scalars, input, output, valid }| {
        work(Block { scalars, input, output, valid });
        mark(output, Memory::Defined);
    });
    assert!(valid.iter().all(|valid| *valid));
    for (i, row) in output.iter().enumerate() {
        for (j, encoding) in row.iter().enumerate() {
            let decoded = CompressedRistretto(*encoding).decompress().expect("canonical");
            assert_eq!(decoded, expected(i, j));
        }
    }
}

#[test]
fn encrypting_and_rerandomizing() {
    let mut random = Random::new(60);
    let elements: Vec<_> = (0..2).map(|_| random.element()).collect();
    let bases = [&[RistrettoPoint::mul_base(&Scalar::ONE)], &elements[..]].concat();
    let tables = Backend::Portable.tables(&elements);
    let (known, secret) = secret_scalars(5, &mut random);
    let (blobs, encoded) = rows(5, 3, &mut random);
    let moved = |i: usize, j: usize| blobs[i][j] + bases[j] * known[i];
    check(&encoded, &secret, 3, |block| tables.rerandomize(block), moved);
    check(&encoded, &secret, 3, |block| plain::rerandomize(&elements, block), moved);
    let (messages, encoded) = rows(5, 2, &mut random);
    let fresh = |i: usize, j: usize| {
        let message = if j == 0 { RistrettoPoint::default() } else { messages[i][j - 1] };
        message + bases[j] * known[i]
    };
    check(&encoded, &secret, 3, |block| tables.encrypt(block), fresh);
    check(&encoded, &secret, 3, |block| plain::encrypt(&elements, block), fresh);
}

#[test]
fn decrypting() {
    let mut random = Random::new(61);
    for n in [1, 8] {
        let (known, secret) = secret_scalars(n, &mut random);
        let (blobs, encoded) = rows(3, n + 1, &mut random);
        let decrypt = |Block { input, output, valid, .. }: Block<'_>| {
            Backend::Portable.decrypt(&secret, input, output, valid);
        };
        check(&encoded, &[], n, decrypt, |i, j| blobs[i][j + 1] - blobs[i][0] * known[j]);
    }
}

#[test]
fn multiplying() {
    let mut random = Random::new(62);
    let (known, secret) = secret_scalars(4, &mut random);
    let (elements, encoded) = rows(4, 2, &mut random);
    let multiply = |block: Block<'_>| Backend::Portable.multiply(2, block);
    check(&encoded, &secret, 2, multiply, |i, j| elements[i][j] * known[i]);
    let mut output = vec![0; ELEMENT * 4];
    Backend::Portable.multiply_generator(&secret, &mut output);
    mark(&output, Memory::Defined);
    for (scalar, encoding) in known.iter().zip(output.as_chunks().0) {
        assert_eq!(*encoding, RistrettoPoint::mul_base(scalar).compress().0);
    }
}

#[test]
fn combining() {
    let mut random = Random::new(64);
    let (known, secret) = secret_scalars(8, &mut random);
    let (elements, encoded) = rows(4, 1, &mut random);
    let combine = |block: Block<'_>| Backend::Portable.combine(block);
    check(&encoded, &secret, 1, combine, |i, _| {
        RistrettoPoint::mul_base(&known[2 * i]) - elements[i][0] * known[2 * i + 1]
    });
}

/// A branch and an address that depend on a secret. Valgrind must report them, or it reports
/// nothing.
mod control {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn a_branch_on_a_secret() {
        let (_, secret) = secret_scalars(1, &mut Random::new(63));
        black_box(if secret[0].as_bytes()[0] & 1 == 1 { black_box(3) } else { black_box(5) });
    }

    #[test]
    fn an_address_from_a_secret() {
        let (_, secret) = secret_scalars(1, &mut Random::new(64));
        let table = black_box([7u8; 256]);
        black_box(table[usize::from(secret[0].as_bytes()[0])]);
    }

    #[test]
    fn a_product_in_variable_time() {
        let (_, secret) = secret_scalars(1, &mut Random::new(65));
        let (a, b) = (RistrettoPoint::mul_base(&Scalar::ONE), Scalar::ONE);
        black_box(RistrettoPoint::vartime_double_scalar_mul_basepoint(&secret[0], &a, &b));
    }
}
