//! The frame codec (SPEC 5). It lives here so that opening a batch makes no Python object per row.

use crate::embedding::PAYLOAD;
use crate::errors::{exact, invalid_encoding};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const PLATFORMS: [u8; 2] = [1, 2]; // APNs, FCM
const GATE: usize = 10;
const TOKEN: usize = 26;
const TAG: usize = 16;
const OVERHEAD: usize = TOKEN + TAG;
const LABEL: &[u8] = b"billboard/v1/frame";

fn tag(key_hash: &[u8; 32], body: &[u8]) -> [u8; TAG] {
    let mut hash = Sha256::new();
    for part in [LABEL, key_hash, body] {
        hash.update((part.len() as u32).to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    let mut tag = [0; TAG];
    tag.copy_from_slice(&digest[..TAG]);
    tag
}

/// Whether `frame` is valid under the key set at `now` (hours since 1970). Every check runs
/// whatever the others say; only the conjunction leaves.
pub fn is_valid(frame: &[u8], key_hash: &[u8; 32], now: u32) -> bool {
    let (body, found) = frame.split_at(frame.len() - TAG);
    let length = usize::from(u16::from_be_bytes([frame[4], frame[5]]));
    let expiry = u32::from_be_bytes([frame[6], frame[7], frame[8], frame[9]]);
    let in_range = (1..=frame.len() - OVERHEAD).contains(&length);
    // Over all bytes, so that the time does not depend on the length of the token.
    let padding = body[TOKEN..]
        .iter()
        .enumerate()
        .fold(0, |padding, (i, byte)| padding | (byte & u8::from(i >= length).wrapping_neg()));
    (frame[0] == VERSION)
        & PLATFORMS.contains(&frame[1])
        & in_range
        & (padding == 0)
        & (now < expiry)
        & bool::from(tag(key_hash, body).ct_eq(found))
}

/// Encode a frame of `30 * elements` bytes.
#[pyfunction]
#[pyo3(signature = (elements, key_hash, *, platform, app, expiry, gate, token))]
#[allow(clippy::too_many_arguments)] // they are the fields of SPEC 5
pub fn encode_frame<'py>(
    py: Python<'py>,
    elements: usize,
    key_hash: &[u8],
    platform: u8,
    app: u16,
    expiry: u32,
    gate: &[u8],
    token: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let key_hash = exact(py, "key hash", key_hash)?;
    let gate = exact::<16>(py, "gate", gate)?;
    let longest = (PAYLOAD * elements).saturating_sub(OVERHEAD);
    if !PLATFORMS.contains(&platform) {
        return Err(invalid_encoding(py, "platform", "is not a known number"));
    }
    if token.is_empty() || token.len() > longest {
        let problem = format!("must be 1 to {longest} bytes, not {}", token.len());
        return Err(invalid_encoding(py, "token", &problem));
    }
    let mut frame = Zeroizing::new(vec![0u8; PAYLOAD * elements]);
    frame[0] = VERSION;
    frame[1] = platform;
    frame[2..4].copy_from_slice(&app.to_be_bytes());
    frame[4..6].copy_from_slice(&(token.len() as u16).to_be_bytes());
    frame[6..10].copy_from_slice(&expiry.to_be_bytes());
    frame[GATE..TOKEN].copy_from_slice(&gate);
    frame[TOKEN..TOKEN + token.len()].copy_from_slice(token);
    let body = frame.len() - TAG;
    let tag = tag(&key_hash, &frame[..body]);
    frame[body..].copy_from_slice(&tag);
    Ok(PyBytes::new(py, &frame))
}

/// Whether a frame is valid under the key set at `now_hours`.
#[pyfunction]
pub fn decode_frame(
    py: Python<'_>,
    frame: &[u8],
    key_hash: &[u8],
    now_hours: u32,
) -> PyResult<bool> {
    let key_hash = exact(py, "key hash", key_hash)?;
    Ok(frame.len() > OVERHEAD && is_valid(frame, &key_hash, now_hours))
}
