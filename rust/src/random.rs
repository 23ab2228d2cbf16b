//! Randomness inside the core: ChaCha20 streams expanded from one seed, which the caller takes
//! from the operating system. One stream per block of rows, so that the result depends on the
//! seed alone and not on how many threads shared the work.

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use curve25519_dalek::Scalar;
use zeroize::Zeroizing;

pub type Seed = Zeroizing<[u8; 32]>;

/// The random stream of one block. The generator zeroizes its state when dropped.
pub struct Stream(ChaCha20Rng);

impl Stream {
    pub fn new(seed: &Seed, block: usize) -> Self {
        let mut rng = ChaCha20Rng::from_seed(**seed);
        rng.set_stream(block as u64);
        Stream(rng)
    }

    /// A uniform scalar: 64 bytes reduced modulo l.
    pub fn scalar(&mut self) -> Zeroizing<Scalar> {
        let mut wide = Zeroizing::new([0u8; 64]);
        self.0.fill_bytes(wide.as_mut_slice());
        Zeroizing::new(Scalar::from_bytes_mod_order_wide(&wide))
    }

    /// A uniform candidate of an embedding, 0 <= c < 2^14 (SPEC 6.1).
    pub fn candidate(&mut self) -> u16 {
        (self.0.next_u32() & 0x3fff) as u16
    }
}
