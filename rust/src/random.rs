//! Randomness inside the core: ChaCha20 expands a seed, which the caller takes from the operating
//! system. The draws of an item depend only on the seed and on the item's place in the batch, and
//! not on blocks, threads or backend.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

pub type Seed = Zeroizing<[u8; 32]>;

/// Bytes of a draw: what one stream has for one item.
const DRAW: usize = 64;

/// Candidates of an embedding in a draw.
const CANDIDATES: usize = DRAW / 2;

/// The draws of a batch. Draw k of item i is block i of stream k.
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

    /// Return draw k of an item as a uniform scalar: 64 bytes reduced modulo l.
    pub fn scalar(&mut self, k: usize, item: usize) -> Zeroizing<Scalar> {
        let mut wide = Zeroizing::new([0; DRAW]);
        self.draw(k, item, &mut *wide);
        Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide))
    }

    /// Return the first draw of each of `count` items, from `first` on, as a uniform scalar.
    pub fn scalars(&mut self, first: usize, count: usize) -> Zeroizing<Vec<Scalar>> {
        let mut draws = Zeroizing::new(vec![0; DRAW * count]);
        self.draw(0, first, &mut draws);
        let mut scalars = Zeroizing::new(Vec::with_capacity(count));
        for wide in draws.as_chunks().0 {
            scalars.push(Scalar::from_bytes_mod_order_wide(wide));
        }
        scalars
    }

    /// Do the same as `scalars`, but replace a scalar that is 0 by the next draw of its item.
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

    /// Return the candidates of embeddings, 0 <= c < 2^14 (SPEC 6.1), as a function of the item,
    /// counted from `first`, and the number of the candidate.
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
