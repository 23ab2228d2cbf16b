"""What notebooks show of public things, and how they become NumPy arrays."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from billboard import (
    Blob,
    DeviceToken,
    Frame,
    FrameClass,
    Handle,
    Lane,
    LaneReader,
    Platform,
    Post,
    SecretKey,
    html,
    posts,
)

ORIGIN, NOW, EPOCH = "board.example", 1_800_000_000, 20_833
VALUE = b"<b>a token</b>--"


class Shown(HTMLParser):
    """The text of a page, its tags in balance."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module", params=list(FrameClass), ids=lambda c: c.name)
def key(request: pytest.FixtureRequest) -> SecretKey:
    return SecretKey.generate(request.param)


def encrypted(key: SecretKey) -> Blob:
    handle = key.public_key.frame_class.carries_handle
    token = Handle(VALUE) if handle else DeviceToken(Platform.APNS, VALUE)
    return key.public_key.encrypt(token, now=NOW)


def posted(key: SecretKey) -> tuple[LaneReader, Post]:
    lane = Lane.generate(ORIGIN, frame_class=key.public_key.frame_class, now=NOW)
    return lane.grant(EPOCH), lane.post(EPOCH, encrypted(key), key.public_key)


def test_a_public_key_shows_its_id(key: SecretKey) -> None:
    public_key = key.public_key
    text = Shown(public_key._repr_html_()).text
    assert text[1:5] == ["class", public_key.frame_class.name, "key id", public_key.key_id.hex()]


def test_a_blob_shows_a_color_for_each_element(key: SecretKey) -> None:
    blob = encrypted(key)
    fresh = blob.rerandomize(key.public_key)
    colors = [re.findall("background:(#[0-9a-f]{6})", each._repr_html_()) for each in (blob, fresh)]
    n = key.public_key.frame_class.elements
    assert [len(each) for each in colors] == [n + 1, n + 1]
    assert colors[0] == re.findall("#[0-9a-f]{6}", Blob.from_bytes(bytes(blob))._repr_html_())
    assert colors[0] != colors[1]


def test_a_post_shows_where_it_is(key: SecretKey) -> None:
    reader, post = posted(key)
    text = Shown(post._repr_html_()).text
    assert reader.identifier(EPOCH).hex() in text
    assert str(EPOCH) in text
    assert str(len(bytes(post))) in text


def test_frames_are_counted(key: SecretKey) -> None:
    array = np.concatenate([encrypted(key).array] * 3)
    array[1, 0, 0] ^= 2
    frames, _ = key.open_batch(array, now=NOW)
    text = Shown(frames._repr_html_()).text
    assert text[text.index("opened") + 1] == "2"
    assert ("APNS" in text) is not key.public_key.frame_class.carries_handle


def test_nothing_secret_is_shown(key: SecretKey) -> None:
    reader, post = posted(key)
    blob = reader.open(post).blob
    frames, _ = key.open_batch(blob.array, now=NOW)
    pages = [thing._repr_html_() for thing in (blob, post, frames, key.public_key)]
    hidden = [VALUE, bytes(blob), post.box, post.salt, *map(bytes, np.asarray(blob))]
    for page in pages:
        for secret in hidden:
            assert secret.hex()[:16] not in page
            assert secret.decode("latin-1")[:8] not in page


def test_what_is_shown_is_escaped() -> None:
    page = html.table("<i>", {"<b>": "</td>&"})
    assert Shown(page).text == ["<i>", "<b>", "</td>&"]


# NumPy


def test_a_blob_is_an_array_of_elements(key: SecretKey) -> None:
    blob = encrypted(key)
    elements = np.asarray(blob)
    assert elements.dtype == np.uint8
    assert elements.shape == (key.public_key.frame_class.elements + 1, 32)
    assert elements.tobytes() == bytes(blob)
    assert np.array([blob, blob]).shape == (2, *elements.shape)
    assert np.asarray(blob, np.int64).tolist() == elements.tolist()


def test_an_array_of_a_blob_does_not_change_it(key: SecretKey) -> None:
    blob = encrypted(key)
    before = bytes(blob)
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(blob)[0, 0] = 1
    np.array(blob)[0, 0] ^= 1
    assert bytes(blob) == before


def test_posts_are_records(key: SecretKey) -> None:
    post = posted(key)[1]
    frame_class = key.public_key.frame_class
    records = np.frombuffer(bytes(post) * 2, posts.dtype(frame_class))
    assert records.dtype.itemsize == posts.post_size(frame_class)
    assert records["epoch"].tolist() == [EPOCH, EPOCH]
    assert int(records[1]["seq"]) == post.seq
    for name in ("identifier", "public", "salt", "box", "signature"):
        assert records[0][name].tobytes() == getattr(post, name)


def test_frames_are_records(key: SecretKey) -> None:
    frames, _ = key.open_batch(encrypted(key).array, now=NOW)
    record = frames.records[0]
    frame: Frame = frames[0]
    assert int(record["expiry"]) * 3600 == frame.expires
    name = "handle" if key.public_key.frame_class.carries_handle else "token"
    assert record[name].tobytes().rstrip(b"\0") == VALUE
