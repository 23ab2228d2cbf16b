//! Embedding of 30 bytes in an element (SPEC 6.1).

use crate::kernel;
use crate::random::Draws;

pub use crate::kernel::PAYLOAD;

/// Embed each 30 bytes of `data` in a uniformly random one of the elements that carry them. They
/// are the items of a batch from `first` on. Variable time.
pub fn embed_vartime(data: &[u8], output: &mut [u8], draws: Draws, first: usize) {
    let (data, output) = (data.as_chunks().0, output.as_chunks_mut().0);
    // About a quarter of the 2^14 candidates decode. The probability that none does is below
    // 2^-6000.
    kernel::backend().embed_vartime(data, output, draws.candidates(first, data.len()));
}

/// Put the 30 bytes that an encoded element carries into `data`.
pub fn extract(encoding: &[u8], data: &mut [u8]) {
    data.copy_from_slice(&encoding[1..31]);
}
