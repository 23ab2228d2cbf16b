"""Lines, decimal numbers and base64: what notes and entries are made of, SPEC 9.3."""

import base64

from .refusals import Refused


def lines_of(*lines: str) -> bytes:
    """Join lines, each of which ends with a line feed."""
    return "".join(f"{line}\n" for line in lines).encode()


def split_lines(data: bytes, count: int) -> list[str]:
    """Split so many lines."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise Refused("utf-8") from error
    if len(lines) != count + 1 or lines.pop():
        raise Refused("lines")
    return lines


def number(text: str, bits: int) -> int:
    """Decode a decimal number below 2^bits, without leading zeros."""
    if not (text.isascii() and text.isdigit()):
        raise Refused("number")
    value = int(text)
    if str(value) != text or value >= 2**bits:
        raise Refused("number")
    return value


def to_base64(data: bytes) -> str:
    """Encode in base64 (RFC 4648, section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str, length: int | None = None) -> bytes:
    """Decode base64 that is what encoding gives; of so many bytes, if the length is given."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeEncodeError) as error:
        raise Refused("base64") from error
    if to_base64(data) != text:
        raise Refused("base64")
    if length is not None and len(data) != length:
        raise Refused("hash-length")
    return data
