//! Embedding of 30 bytes in an element (SPEC 6.1).

use crate::random::Stream;
use curve25519_dalek::ristretto::CompressedRistretto;

/// Bytes that one element carries.
pub const PAYLOAD: usize = 30;

/// A uniformly random element among those that carry `data`. Variable time.
pub fn embed_vartime(data: &[u8], stream: &mut Stream) -> [u8; 32] {
    let mut encoding = [0u8; 32];
    encoding[1..31].copy_from_slice(data);
    // About a quarter of the 2^14 candidates decode; that none does has probability below 2^-6000.
    loop {
        let candidate = stream.candidate();
        encoding[0] = 2 * (candidate % 128) as u8;
        encoding[31] = (candidate / 128) as u8;
        if CompressedRistretto(encoding).decompress().is_some() {
            return encoding;
        }
    }
}

/// The 30 bytes that an encoded element carries.
pub fn extract(encoding: &[u8], data: &mut [u8]) {
    data.copy_from_slice(&encoding[1..31]);
}
