"""The push server by itself: keys that are renewed, storage that fails, and how it ends."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from billboard import DeviceToken, StoreError
from billboard.errors import RefusedRequestError
from billboard.push import Timing
from billboard.push.outbox import Pace, SealedRequest
from billboard.push.requests.descriptor import MOST_REQUEST_KEYS, ServerDescriptor
from billboard.push.requests.request import PushRequest, seal
from billboard.push.server_keys import DAYS_AHEAD, ServerKeys
from billboard.push.service import HOUSEKEEPING, PushServer
from push.served import HOUR, PROMPT, push, sent, served
from push.servers import AT_ONCE, site
from push.simulation import START, Scripted, delivers, elapsed, now, simulated
from push.support import device

pytestmark = pytest.mark.usefixtures("rare_polls")

DAY = 86_400.0


# Keys


@pytest.mark.slow
@simulated
async def test_request_keys_are_renewed_for_two_weeks(tmp_path: Path) -> None:
    """Senders have descriptors of up to a week; nothing that is taken is lost."""
    provider = Scripted(delivers)
    timing = Timing(tick=1800.0, minimum=1000, patience=3600.0, jitter=0.0, lifetime=10 * HOUR)
    with served(tmp_path, provider, timing=timing) as made:
        descriptors: list[ServerDescriptor] = []
        taken: list[DeviceToken] = []
        first: list[bytes] = []
        async with made.server as server:
            while elapsed() < 14 * DAY:
                current = made.descriptor
                if not descriptors or current != descriptors[-1]:
                    descriptors.append(current)
                covered = [each for each in descriptors if each.number > now() - 7 * DAY]
                for descriptor in {covered[0], current}:
                    taken.append(token := device())
                    blob = made.blob(token, expires=now() + 10 * HOUR)
                    request = PushRequest.of(made.secret.public_key.key_id, blob)
                    sealed = seal(request, descriptor, now=now())
                    first = first or [sealed]
                    await server.take(sealed)
                files = list((tmp_path / "request-keys").iterdir())
                assert DAYS_AHEAD <= len(files) <= DAYS_AHEAD + 1
                await asyncio.sleep(2.9 * HOUR)
            await asyncio.sleep(3 * HOUR)
            with pytest.raises(RefusedRequestError) as caught:
                await server.take(first[0])
            assert caught.value.reason == "key"
            keys = server.keys
            assert {each.start for each in made.descriptor.request_keys} == {
                int(now() // DAY + day) * 24 for day in range(DAYS_AHEAD)
            }
    assert sorted(each.value for each in sent(provider)) == sorted(each.value for each in taken)
    numbers = [each.number for each in descriptors]
    assert numbers == sorted(set(numbers))
    assert 14 <= len(numbers) <= 16
    keys_now = {secret.stem for secret in (tmp_path / "request-keys").iterdir()}
    assert len(keys_now) == len(keys.held(START + 14 * DAY + 6 * HOUR))


@simulated
async def test_what_waits_under_a_key_that_ends_is_opened_before(tmp_path: Path) -> None:
    """Of ticks and of the check of keys the latter comes first here."""
    provider = Scripted(delivers)
    timing = Timing(tick=30.0, minimum=1000, patience=3600.0, jitter=0.0)
    with served(tmp_path, provider, timing=timing) as made:
        end = made.descriptor.request_key(now()).end * HOUR
        sealed = push(made, token := device(), expires=end + 10 * HOUR)
        async with made.server as server:
            await asyncio.sleep(end + HOUR - 20 - now())
            await server.take(sealed)
            await asyncio.sleep(20 + 60 + HOUSEKEEPING + 60)  # it is kept for a minute more
            assert server.outbox.waiting() == (0, None)
            assert sent(provider) == [token]
            with pytest.raises(RefusedRequestError):
                await server.take(sealed)


@simulated
async def test_nothing_is_stored_under_a_key_that_is_about_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that passed the check before the key was over, and comes to be stored after."""
    timing = Timing(tick=30.0, minimum=1, patience=30.0)
    with served(tmp_path, timing=timing) as made:
        server = made.server
        end = made.descriptor.request_key(now()).end * HOUR
        sealed = push(made, device())
        await server.take(sealed)
        destroy, tried = ServerKeys.destroy, []

        def straggle(keys: ServerKeys, moment: float) -> None:
            late = SealedRequest(os.urandom(16), sealed[1:9], sealed)
            with pytest.raises(StoreError):
                server.outbox.store([late], moment)
            tried.append(moment)
            destroy(keys, moment)

        monkeypatch.setattr(ServerKeys, "destroy", straggle)
        async with server:
            await asyncio.sleep(end + HOUR + 2 * HOUSEKEEPING - now())
        assert len(tried) == 1
        assert server.outbox.waiting() == (0, None)


@simulated
async def test_a_clock_that_was_wrong_is_got_over(tmp_path: Path) -> None:
    """Keys that were made for other days do not come into the descriptor."""
    with served(tmp_path) as made:
        keys, numbers = made.server.keys, [made.descriptor.number]
        for days in (0, 400, 0, 40, 1, 80, 20, 2):
            moment = now() + days * DAY
            keys.renew(moment)
            keys.destroy(moment)
            descriptor = made.descriptor
            assert descriptor.request_key(moment).start == int(moment // DAY) * 24
            assert len(descriptor.request_keys) <= DAYS_AHEAD <= MOST_REQUEST_KEYS
            numbers.append(descriptor.number)
    assert numbers[0] == numbers[1]
    assert numbers[1:] == sorted(set(numbers[1:]))


@simulated
async def test_a_key_that_can_not_be_deleted_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    provider = Scripted(delivers)
    timing = Timing(tick=30.0, minimum=1, patience=30.0)
    with served(tmp_path, provider, timing=timing) as made:
        end = made.descriptor.request_key(now()).end * HOUR
        old = {each.name for each in (tmp_path / "request-keys").iterdir()}
        async with made.server as server:
            with monkeypatch.context() as patch:

                def fail(*_: object, **__: object) -> None:
                    raise PermissionError(13, "Permission denied")

                patch.setattr(Path, "unlink", fail)
                await asyncio.sleep(end + HOUR + 2 * HOUSEKEEPING - now())
            assert "cannot be deleted: Permission denied" in caplog.text
            assert old <= {each.name for each in (tmp_path / "request-keys").iterdir()}
            await server.take(push(made, token := device()))
            await asyncio.sleep(2 * HOUSEKEEPING)
            assert not old <= {each.name for each in (tmp_path / "request-keys").iterdir()}
    assert sent(provider) == [token]


# Running


@simulated
async def test_storage_that_fails_in_a_tick_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider) as made:
        outbox = made.server.outbox
        for name in ("waiting", "requests", "refuse", "refused", "enqueue", "prune", "hold"):
            real = getattr(outbox, name)
            failures: list[float] = []

            def failing(*arguments: Any, real: Any = real, failures: Any = failures) -> Any:
                if len(failures) < 5:
                    failures.append(now())
                    raise StoreError("the disk is full")
                return real(*arguments)

            async with PushServer(
                made.server.keys,
                outbox,
                type(made.server.dispatcher)(outbox, [provider], clock=now),
                timing=PROMPT,
                clock=now,
            ) as server:
                monkeypatch.setattr(outbox, name, failing)
                await server.take(push(made, token := device(), gate=b"g" * 16))
                await asyncio.sleep(2 * HOUSEKEEPING)
                assert len(failures) == 5, name
                assert sent(provider)[-1] == token, name
            monkeypatch.setattr(outbox, name, real)
    assert len(provider.sent) == 7


@simulated
async def test_a_stop_at_once_is_a_stop(tmp_path: Path) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider) as made:
        await made.server.take(push(made, device()))
        async with asyncio.timeout(60):
            async with made.server:
                pass
        assert made.server.outbox.waiting()[0] == 1
    assert provider.sent == []
    assert provider.closed == 1


@simulated
async def test_a_second_start_is_an_error(tmp_path: Path) -> None:
    """The providers are closed by then: it would answer, and wake nobody."""
    provider = Scripted(delivers)
    with served(tmp_path, provider) as made:
        async with made.server as server:
            await asyncio.sleep(1)
            for start in (server.run, server.__aenter__):
                with pytest.raises(RuntimeError, match="ran before"):
                    await start()
            assert server.running
        with pytest.raises(RuntimeError, match="new Dispatcher and new providers"):
            async with made.server:
                pass
        with pytest.raises(RuntimeError, match="ran before"):
            await made.server.run()
        assert not made.server.running
    assert provider.closed == 1


@simulated
async def test_providers_are_closed_whatever_ends_it(tmp_path: Path) -> None:
    provider = Scripted(delivers)
    with served(tmp_path, provider) as made:
        task = asyncio.create_task(made.server.run())
        await asyncio.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert provider.closed == 1
    assert provider.in_flight == 0


def test_ticks_in_a_thread_wake_the_dispatcher_in_the_loop(tmp_path: Path) -> None:
    """asyncio's debug mode tells if a thread touches what is the event loop's."""
    provider = Scripted(delivers)

    async def main() -> None:
        with site(tmp_path, provider, timing=AT_ONCE) as made:
            async with made.server as server:
                for _ in range(20):
                    await server.take(made.push(device()))
                    await asyncio.sleep(0.02)
                async with asyncio.timeout(60):
                    while len(provider.sent) < 20:
                        await asyncio.sleep(0.01)

    asyncio.run(main(), debug=True)
    assert len(provider.sent) == 20


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick": 0.0},
        {"tick": 20.0},
        {"patience": 3601.0},
        {"minimum": 0},
        {"jitter": -1.0},
        {"lifetime": 0.5},
        {"pace": Pace(-1.0, 1)},
        {"pace": Pace(1.0, 0)},
    ],
)
def test_timing_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Timing(**wrong)
