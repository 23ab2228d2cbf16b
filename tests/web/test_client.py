"""The errors of requests that get no answer."""

import asyncio

import pytest
from curl_cffi import CurlECode

from billboard.web import client


def test_an_error_shows_the_url_without_user_and_query() -> None:
    url = "http://alice:secret@127.0.0.1:1/a/b?token=secret"
    expected = "http://127.0.0.1:1/a/b: connection refused, or no route to the host"
    with client.session() as session, pytest.raises(client.NoAnswerError) as caught:
        client.ask(session, "GET", url, limit=10)
    assert str(caught.value) == expected
    assert caught.value.is_unconnected

    async def ask() -> None:
        async with client.async_session() as session:
            await client.ask_async(session, "GET", url, limit=10)

    with pytest.raises(client.NoAnswerError) as caught:
        asyncio.run(ask())
    assert str(caught.value) == expected


def test_the_words_are_for_errors_that_curl_has() -> None:
    assert client._PROBLEMS.keys() <= {each.name for each in CurlECode}
