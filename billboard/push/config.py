"""The configuration file of a push server, in TOML. See docs/push_server.md."""

from __future__ import annotations

import base64
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, final

from billboard.errors import BillboardError, ConfigError, ProviderError
from billboard.keys import SecretKey
from billboard.push.dispatch.provider import Provider
from billboard.push.outbox import Pace
from billboard.push.requests.descriptor import MOST_KEYS, check_url
from billboard.push.service import Timing
from billboard.storage import secret_file
from billboard.tokens import Platform

T = TypeVar("T")

LARGEST_APP = 65535
_APP = re.compile(r"0|[1-9][0-9]{0,4}")


@final
@dataclass(frozen=True)
class Config:
    """The configuration in the file ``path``. Paths in it start from its directory.

    ``keys`` are the secret keys; devices encrypt to the first. ``providers`` has one for each
    section of a push service, not connected yet. ``rate`` is in requests a second (None: no limit),
    ``proof_of_work`` in bits (None: no work).
    """

    path: Path
    url: str
    keys: tuple[SecretKey, ...] = field(repr=False)
    timing: Timing
    providers: tuple[Provider, ...]
    host: str
    port: int
    rate: float | None
    proof_of_work: int | None
    metrics_token: str | None = field(repr=False)
    waku: str | None
    """The URL of the Waku node through which requests come too; None if there is none."""

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> Config:
        """Read the file, and all files that it names. ``passphrase`` opens the secret keys.

        Raises a `ConfigError` that says where it is wrong, and what to do.
        """
        section = Section.load(path)
        config = cls(
            path=path,
            url=section.checked("url", check_url, section.text("url")),
            keys=tuple(_secret_key(section, each, passphrase) for each in section.texts("keys")),
            timing=_timing(section.section("timing")),
            providers=tuple(_providers(section)),
            host=section.text("host", "127.0.0.1"),
            port=section.integer("port", 8090, 0, 65535),
            rate=section.number("rate", None, 0.001, 1e9),
            proof_of_work=section.integer("proof_of_work", None, 1, 28),
            metrics_token=_metrics_token(section),
            waku=_waku(section),
        )
        section.end()
        if not config.keys:
            raise section.error("keys", "names no key: `billboard keygen` makes one")
        if len({key.public_key.frame_class for key in config.keys}) != 1:
            problem = "names keys of several classes: a push server has keys of one class only"
            raise section.error("keys", problem)
        if len(config.keys) > MOST_KEYS:
            problem = f"names more than {MOST_KEYS} keys, the most in a descriptor: remove one"
            raise section.error("keys", problem)
        if len({key.public_key.key_id for key in config.keys}) != len(config.keys):
            raise section.error("keys", "names a key more than once")
        for platform, count in Counter(each.platform for each in config.providers).items():
            if count > 1:
                raise ConfigError(f"{path}: several sections push to {platform.name}: keep one")
        if not config.providers:
            known = ", ".join(f"[{name}]" for name in _PROVIDERS)
            raise ConfigError(f"{path}: has no section of a push service: {known}. Add one")
        return config


@final
class Section:
    """A table of the file. What is asked for is taken out, so that `end` finds what is unknown."""

    def __init__(self, path: Path, name: str, table: dict[str, Any]) -> None:
        self._path, self._name, self._table = path, name, dict(table)
        self._known: list[str] = []

    @classmethod
    def load(cls, path: Path) -> Section:
        """Read a whole file. Raises `ConfigError`."""
        try:
            table = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
        except RecursionError:
            raise ConfigError(f"{path} is not TOML: it is nested too deep") from None
        except ValueError as error:  # of TOML, of UTF-8, or of a number with too many digits
            raise ConfigError(f"{path} is not TOML: {error}") from None
        return cls(path, "", table)

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def error(self, key: str, problem: str) -> ConfigError:
        """Return the error to raise about a value."""
        where = f"[{self._name}] {key}".strip() if self._name else key
        return ConfigError(f"{self._path}: {where} {problem}")

    def end(self) -> None:
        """Raise `ConfigError` if the table has anything that nobody asked for."""
        for key in self._table:
            known = ", ".join(self._known)
            raise self.error(key, f"is not known here; there are {known}")

    def text(self, key: str, default: str | None = None) -> str:
        """Take a string."""
        value = self._take(key, default)
        if value is None:
            raise self.error(key, "is missing")
        if not isinstance(value, str) or not value:
            raise self.error(key, 'must be a string that is not empty, like "this"')
        return value

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        """Take a list of strings."""
        value = self._take(key, default)
        if value is None:
            raise self.error(key, "is missing")
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise self.error(key, 'must be a list of strings, like ["this"]')
        return value

    def integers(self, key: str, default: list[int], least: int, most: int) -> list[int]:
        """Take a list of whole numbers."""
        value = self._take(key, default)
        right = isinstance(value, list) and all(
            type(each) is int and least <= each <= most for each in value
        )
        if not right or not value:
            raise self.error(key, f"must be a list of whole numbers from {least} to {most}")
        return list(value)

    def number(self, key: str, default: Any, least: float, most: float) -> Any:
        """Take a number; ``default`` if it is missing."""
        value = self._take(key, default)
        if value is default and key not in self._table:
            return default
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            or not least <= value <= most
        ):
            raise self.error(key, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def integer(self, key: str, default: Any, least: int, most: int) -> Any:
        """Take a whole number; ``default`` if it is missing."""
        value = self.number(key, default, least, most)
        if value is default:
            return default
        if value != int(value):
            raise self.error(key, "must be a whole number")
        return int(value)

    def file(self, key: str, default: Path | None = None) -> Path | None:
        """Take the path of a file, which starts from the directory of the configuration."""
        if key not in self._table:
            self._take(key, None)
            return default
        return self._path.parent / self.text(key)

    def content(self, key: str) -> bytes:
        """Read the file that it names. It has a secret, so nobody but its owner may read it."""
        return self.checked(key, secret_file.read, self._path.parent / self.text(key))

    def apps(self, key: str, read: Callable[[Section, str], T]) -> dict[int, T]:
        """Take a table with an entry for each app number. ``read`` takes an entry out of it."""
        inner = self.section(key)
        found = {}
        for name in list(inner._table):
            if not _APP.fullmatch(name) or int(name) > LARGEST_APP:
                raise inner.error(name, f"is no number of an app, from 0 to {LARGEST_APP}")
            found[int(name)] = read(inner, name)
        if not found:
            raise self.error(key, 'is missing: give one entry for each app, like "0" = ..')
        return found

    def section(self, key: str) -> Section:
        """Take the table of that name; an empty one if it is missing."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.error(key, f"must be a table: [{key}]")
        return Section(self._path, f"{self._name}.{key}".lstrip("."), value)

    def checked(self, key: str, check: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Return what ``check`` returns. Its errors say where in the file the arguments stand."""
        try:
            return check(*arguments, **named)
        except (BillboardError, ValueError) as error:
            raise self.error(key, f"cannot be used: {error}") from None

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._table.pop(key, default)


def _secret_key(section: Section, name: str, passphrase: str | None) -> SecretKey:
    """Read a secret key from a file or, if ``name`` is ``$NAME``, from base64 in that variable."""
    if not name.startswith("$"):
        path = section._path.parent / name
        return section.checked("keys", SecretKey.load, path, passphrase)
    encoded = os.environ.get(name[1:])
    if encoded is None:
        raise section.error("keys", f"{name} is not set in the environment")

    def decode() -> SecretKey:
        return SecretKey.from_file_bytes(base64.b64decode(encoded, validate=True), passphrase)

    return section.checked("keys", decode)


def _timing(section: Section) -> Timing:
    defaults = Timing()
    pace = Pace(
        section.number("pace_interval", defaults.pace.interval, 0.0, 3600.0),
        section.integer("pace_burst", defaults.pace.burst, 1, 10_000),
    )
    numbers = {
        name: section.number(name, getattr(defaults, name), 0.0, 30 * 86_400.0)
        for name in ("tick", "patience", "jitter", "lifetime")
    }
    minimum = section.integer("minimum", defaults.minimum, 1, 8192)
    section.end()
    return section.checked("", Timing, minimum=minimum, pace=pace, **numbers)


def _metrics_token(section: Section) -> str | None:
    if "metrics_token_file" not in section:
        section.file("metrics_token_file")
        return None
    token = section.content("metrics_token_file").decode("utf-8", "replace").strip()
    if not token or not token.isascii():
        raise section.error("metrics_token_file", "names a file that holds no token in ASCII")
    return token


def _waku(section: Section) -> str | None:
    there, inner = "waku" in section, section.section("waku")
    if not there:
        return None
    try:
        from billboard.push.requests.waku import check_node_url
    except ModuleNotFoundError as error:
        problem = f"needs {error.name}, which is not installed: install the extra `client`"
        raise inner.error("", problem) from None
    url = inner.checked("url", check_node_url, inner.text("url"))
    inner.end()
    return url


def _providers(section: Section) -> Iterator[Provider]:
    """Make the providers for which there are sections."""
    for name, build in _PROVIDERS.items():
        if name in section:
            inner = section.section(name)
            yield _built(inner, build)
        else:
            section.section(name)


def _built(section: Section, build: Callable[[Section], Provider]) -> Provider:
    try:
        made = build(section)
    except ModuleNotFoundError as error:
        problem = f"needs {error.name}, which is not installed: see docs/push_services.md"
        raise section.error("", problem) from None
    except ProviderError as error:
        raise section.error("", f"cannot be used: {error}") from None
    section.end()
    return made


def _apns(section: Section) -> Provider:
    from billboard.push.providers.apns import PRODUCTION, ApnsProvider
    from billboard.push.providers.apns_key import ApnsKey

    key = ApnsKey(section.text("team_id"), section.text("key_id"), section.content("key_file"))
    topics = section.apps("topics", Section.text)
    host, ca_file = section.text("host", PRODUCTION), section.file("ca_file")
    return ApnsProvider(key, topics, host, ca_file)


def _fcm(section: Section) -> Provider:
    from billboard.push.providers.fcm import PRODUCTION, FcmProvider
    from billboard.push.providers.fcm_account import FcmAccount

    def account(app: Section, name: str) -> FcmAccount:
        inner = app.section(name)
        made = FcmAccount(inner.text("project_id"), inner.content("key_file"))
        inner.end()
        return made

    accounts = section.apps("accounts", account)
    return FcmProvider(accounts, section.text("host", PRODUCTION), section.file("ca_file"))


def _web_push(section: Section) -> Provider:
    from billboard.push.providers.webpush import WebPushProvider
    from billboard.push.providers.webpush_hosts import BROWSER_SERVICES
    from billboard.push.providers.webpush_vapid import VapidKey

    key = VapidKey(section.content("key_file"), section.text("contact"))
    hosts = section.texts("hosts", list(BROWSER_SERVICES))
    networks = section.texts("networks", [])
    ports = section.integers("ports", [443], 1, 65535)
    ca_file = section.file("ca_file")
    return WebPushProvider(key, hosts, ca_file, ports=ports, networks=networks)


def _sns(section: Section) -> Provider:
    from billboard.push.providers.sns import SnsProvider

    applications = section.apps("applications", Section.text)
    host = section.text("host") if "host" in section else None
    return SnsProvider(applications, host=host, ca_file=section.file("ca_file"))


def _pushy(section: Section) -> Provider:
    from billboard.push.providers.pushy import PRODUCTION, PushyProvider

    def api_key(app: Section, name: str) -> str:
        return app.content(name).decode("utf-8", "replace").strip()

    keys = section.apps("api_key_files", api_key)
    return PushyProvider(keys, section.text("host", PRODUCTION), section.file("ca_file"))


def _gorush_apns(section: Section) -> Provider:
    from billboard.push.providers.gorush import GorushProvider

    topics = section.apps("topics", Section.text)
    ca_file = section.file("ca_file")
    return GorushProvider(Platform.APNS, section.text("host"), topics, ca_file)


def _gorush_fcm(section: Section) -> Provider:
    from billboard.push.providers.gorush import GorushProvider

    ca_file = section.file("ca_file")
    return GorushProvider(Platform.FCM, section.text("host"), ca_file=ca_file)


_PROVIDERS: dict[str, Callable[[Section], Provider]] = {
    "apns": _apns,
    "fcm": _fcm,
    "web_push": _web_push,
    "sns": _sns,
    "pushy": _pushy,
    "gorush_apns": _gorush_apns,
    "gorush_fcm": _gorush_fcm,
}
