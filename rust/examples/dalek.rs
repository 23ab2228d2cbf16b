//! A peer of the benchmarks: plain ElGamal pairs on stock curve25519-dalek, one at a time, with its
//! fixed-base tables. Like the other peers it works from bytes to bytes, but without Python.
//!
//! It executes the commands on standard input, one a line, and answers each with a line:
//!
//! - `secret <hex>`: set the secret scalar x, and make a table of X = xG.
//! - `input <hex>`: set the input of `run` and `show`: messages of 32 bytes to encrypt, pairs of 64
//!   bytes for the other operations.
//! - `run <operation> <items>`: encrypt, rerandomize or decrypt this number of items, and begin
//!   again where the input ends.
//! - `show <operation>`: answer with the result for the first item, in hex.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use curve25519_dalek::Scalar;
use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use std::hint::black_box;
use std::io::{BufRead, Write, stdin, stdout};

struct Peer {
    secret: Scalar,
    generator: RistrettoBasepointTable,
    public: RistrettoBasepointTable,
    random: ChaCha20Rng,
    input: Vec<u8>,
}

impl Peer {
    fn new(secret: Scalar, seed: [u8; 32]) -> Peer {
        Peer {
            secret,
            generator: RistrettoBasepointTable::create(&RistrettoPoint::mul_base(&Scalar::ONE)),
            public: RistrettoBasepointTable::create(&RistrettoPoint::mul_base(&secret)),
            random: ChaCha20Rng::from_seed(seed),
            input: Vec::new(),
        }
    }

    fn random_scalar(&mut self) -> Scalar {
        let mut wide = [0; 64];
        self.random.fill_bytes(&mut wide);
        Scalar::from_bytes_mod_order_wide(&wide)
    }

    fn one(&mut self, operation: &str, at: usize) -> Vec<u8> {
        let decode = |at: usize| {
            let encoding = CompressedRistretto::from_slice(&self.input[at..][..32]);
            encoding.ok().and_then(|encoding| encoding.decompress()).expect("canonical input")
        };
        let encode = |points: &[RistrettoPoint]| {
            points.iter().flat_map(|point| point.compress().to_bytes()).collect()
        };
        match operation {
            "encrypt" => {
                let message = decode(at);
                let r = self.random_scalar();
                encode(&[&r * &self.generator, message + &r * &self.public])
            }
            "rerandomize" => {
                let (a, b) = (decode(at), decode(at + 32));
                let s = self.random_scalar();
                encode(&[a + &s * &self.generator, b + &s * &self.public])
            }
            "decrypt" => encode(&[decode(at + 32) - decode(at) * self.secret]),
            _ => panic!("no operation {operation}"),
        }
    }

    fn run(&mut self, operation: &str, items: usize) {
        let width = if operation == "encrypt" { 32 } else { 64 };
        let rows = self.input.len() / width;
        for item in 0..items {
            black_box(self.one(operation, item % rows * width));
        }
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |i| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn main() {
    let mut peer = Peer::new(Scalar::ONE, [0; 32]);
    for line in stdin().lock().lines() {
        let line = line.expect("a line of text");
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["secret", hex] => {
                let encoding: [u8; 32] = bytes(hex).try_into().expect("32 bytes");
                let secret = Scalar::from_canonical_bytes(encoding).expect("a canonical scalar");
                peer = Peer::new(secret, encoding);
                "done".into()
            }
            ["input", hex] => {
                peer.input = bytes(hex);
                "done".into()
            }
            ["run", operation, items] => {
                peer.run(operation, items.parse().expect("a number"));
                "done".into()
            }
            ["show", operation] => {
                peer.one(operation, 0).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            }
            _ => panic!("no command {line}"),
        };
        println!("{answer}");
        stdout().flush().expect("someone reads");
    }
}
