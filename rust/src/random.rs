//! Randomness inside the core: ChaCha20, expanded from one seed, which the caller takes from the
//! operating system. What an item of a batch gets follows from the seed and the item's place in the
//! batch alone, whatever blocks, threads or backend the work is done in.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

pub type Seed = Zeroizing<[u8; 32]>;

/// Bytes that an item has of a stream.
const DRAW: usize = 64;

/// Candidates that fit in a draw.
const CANDIDATES: usize = DRAW / 2;

/// The draws of a batch: number k of item i is block i of stream k.
pub struct Draws(ChaCha20Rng);

impl Draws {
    pub fn new(seed: &Seed) -> Self {
        // The generator zeroizes its state when dropped.
        Draws(ChaCha20Rng::from_seed(**seed))
    }

    fn draw(&mut self, k: usize, first: usize, draws: &mut [u8]) {
        self.0.set_stream(k as u64);
        self.0.set_block_pos(first as u64);
        self.0.fill_bytes(draws);
    }

    /// Draw number k of an item as a uniform scalar: 64 bytes reduced modulo l.
    pub fn scalar(&mut self, k: usize, item: usize) -> Zeroizing<Scalar> {
        let mut wide = Zeroizing::new([0; DRAW]);
        self.draw(k, item, &mut *wide);
        Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide))
    }

    /// The first draws of items as uniform scalars.
    pub fn scalars(&mut self, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
        let mut draws = Zeroizing::new(vec![0; DRAW * count]);
        self.draw(0, first, &mut draws);
        let mut scalars = Zeroizing::new(Vec::with_capacity(count));
        for wide in draws.as_chunks().0 {
            scalars.push(Scalar::from_bytes_mod_order_wide(wide));
        }
        scalars
    }

    /// The same, but other than 0: the next draws take the place of those that are 0.
    pub fn nonzero_scalars(&mut self, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
        let mut scalars = self.scalars(first, count);
        for (i, scalar) in scalars.iter_mut().enumerate() {
            let mut k = 0;
            while *scalar == Scalar::ZERO {
                k += 1;
                *scalar = *self.scalar(k, first + i);
            }
        }
        scalars
    }

    /// The draws of items as candidates of embeddings, 0 <= c < 2^14 (SPEC 6.1): a function of the
    /// item, counted from the first, and the number of the candidate.
    pub fn candidates(mut self, first: usize, count: usize) -> impl FnMut(usize, usize) -> u16 {
        let mut firsts = Zeroizing::new(vec![0; DRAW * count]);
        self.draw(0, first, &mut firsts);
        move |item, number| {
            let mut draw = Zeroizing::new([0; DRAW]);
            match number / CANDIDATES {
                0 => draw.copy_from_slice(&firsts[DRAW * item..][..DRAW]),
                k => self.draw(k, first + item, &mut *draw),
            }
            let at = 2 * (number % CANDIDATES);
            u16::from_le_bytes([draw[at], draw[at + 1]]) & 0x3fff
        }
    }
}
