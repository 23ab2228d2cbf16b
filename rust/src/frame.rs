//! The frame codec (SPEC 5). It lives here so that opening a batch makes no Python object per row.

use crate::embedding::PAYLOAD;
use crate::errors::{exact, invalid_encoding};
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const GATE: usize = 16;
const TAG: usize = 16;
const LABEL: &[u8] = b"billboard/v1/frame";

// Classes S, L and XL (SPEC 5.1), and the platforms 1 .. of SPEC 5.3.
const PLATFORMS: u8 = 5;
const TOKEN: usize = 26;
const OVERHEAD: usize = TOKEN + TAG;

// Class H (SPEC 5.2).
const HANDLE_ELEMENTS: usize = 2;
const HANDLE_FRAME: usize = PAYLOAD * HANDLE_ELEMENTS;
const SALT: usize = 7;
const HANDLE: usize = 16;

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

/// Return whether `frame` is valid under the key set at `now` (hours since 1970). Every check runs
/// whatever the others say, and only their conjunction is returned. The layout follows from the
/// length, which is public.
pub fn is_valid(frame: &[u8], key_hash: &[u8; 32], now: u32) -> bool {
    let (body, found) = frame.split_at(frame.len() - TAG);
    let (expiry_at, token_is_valid) =
        if frame.len() == HANDLE_FRAME { (1, true) } else { (6, is_token(body)) };
    let expiry = u32::from_be_bytes(std::array::from_fn(|i| frame[expiry_at + i]));
    (frame[0] == VERSION)
        & token_is_valid
        & (now < expiry)
        & bool::from(tag(key_hash, body).ct_eq(found))
}

/// Return whether platform, length and padding are right, in all classes but H.
fn is_token(body: &[u8]) -> bool {
    let length = usize::from(u16::from_be_bytes([body[4], body[5]]));
    let in_range = (1..=body.len() - TOKEN).contains(&length);
    // Over all bytes, so that the time does not depend on the length of the token.
    let padding = body[TOKEN..]
        .iter()
        .enumerate()
        .fold(0, |padding, (i, byte)| padding | (byte & u8::from(i >= length).wrapping_neg()));
    is_platform(body[1]) & in_range & (padding == 0)
}

/// Return whether `number` is from 1 to 5, without a branch.
fn is_platform(number: u8) -> bool {
    number.wrapping_sub(1) < PLATFORMS
}

/// Append the tag to the body of a frame.
fn tagged<'py>(
    py: Python<'py>,
    key_hash: &[u8; 32],
    mut body: Zeroizing<Vec<u8>>,
) -> Bound<'py, PyBytes> {
    let tag = tag(key_hash, &body);
    body.extend(tag); // within the capacity, so that no copy of the body is left behind
    PyBytes::new(py, &body)
}

/// Encode a frame of `30 * elements` bytes with a device token: class S, L or XL (SPEC 5.1). Raises
/// `InvalidEncodingError`.
#[pyfunction]
#[pyo3(signature = (elements, key_hash, *, platform, app, expiry, gate, token))]
#[allow(clippy::too_many_arguments)] // they are the fields of SPEC 5.1
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
    let gate = exact::<GATE>(py, "gate", gate)?;
    if elements <= HANDLE_ELEMENTS {
        return Err(invalid_encoding(py, "token", "does not fit a frame of class H"));
    }
    let longest = PAYLOAD * elements - OVERHEAD;
    if !is_platform(platform) {
        return Err(invalid_encoding(py, "platform", "is not a known number"));
    }
    if token.is_empty() || token.len() > longest {
        let problem = format!("must be 1 to {longest} bytes, not {}", token.len());
        return Err(invalid_encoding(py, "token", &problem));
    }
    let mut body = Zeroizing::new(Vec::with_capacity(PAYLOAD * elements));
    body.extend([VERSION, platform]);
    body.extend(app.to_be_bytes());
    body.extend((token.len() as u16).to_be_bytes());
    body.extend(expiry.to_be_bytes());
    body.extend(gate);
    body.extend_from_slice(token);
    body.resize(PAYLOAD * elements - TAG, 0);
    Ok(tagged(py, &key_hash, body))
}

/// Encode a frame of 60 bytes with a handle: class H (SPEC 5.2). Raises `InvalidEncodingError`.
#[pyfunction]
#[pyo3(signature = (key_hash, *, expiry, gate, salt, handle))]
pub fn encode_handle_frame<'py>(
    py: Python<'py>,
    key_hash: &[u8],
    expiry: u32,
    gate: &[u8],
    salt: &[u8],
    handle: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let key_hash = exact(py, "key hash", key_hash)?;
    let mut body = Zeroizing::new(Vec::with_capacity(HANDLE_FRAME));
    body.push(VERSION);
    body.extend(expiry.to_be_bytes());
    body.extend(exact::<GATE>(py, "gate", gate)?);
    body.extend(exact::<SALT>(py, "salt", salt)?);
    body.extend(exact::<HANDLE>(py, "handle", handle)?);
    Ok(tagged(py, &key_hash, body))
}

/// Return whether a frame is valid under the key set at `now_hours`, in hours since 1970.
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
