"""moto, an implementation of Amazon's services for tests, behind TLS.

It keeps no attributes of what it publishes to an endpoint, so they are read on the way.
"""

from __future__ import annotations

import io
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import boto3
import trustme
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.sns.models import sns_backends
from werkzeug.serving import make_server

from billboard.push.providers.sns import SnsProvider

REGION, ACCOUNT = "eu-west-1", "123456789012"
KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG"


@dataclass
class Moto:
    """moto behind TLS, with one application of each kind and what was published, by the wire."""

    url: str
    ca_file: Path
    published: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            verify=str(self.ca_file),
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
        )

    def application(self, service: str) -> str:
        sns = self.client("sns")
        made = sns.create_platform_application(Name="app", Platform=service, Attributes={})
        arn: str = made["PlatformApplicationArn"]
        return arn

    def endpoint(self, application: str) -> str:
        sns = self.client("sns")
        made = sns.create_platform_endpoint(
            PlatformApplicationArn=application, Token=f"device {time.monotonic_ns()}"
        )
        arn: str = made["EndpointArn"]
        return arn

    def messages(self, endpoint: str) -> list[dict[str, str]]:
        """What moto delivered to an endpoint."""
        texts = sns_backends[ACCOUNT][REGION].platform_endpoints[endpoint].messages.values()
        return [json.loads(text) for text in texts]

    def attributes(self) -> dict[str, str]:
        """Those of the last request."""
        (*_, parameters) = self.published
        names = {k: v for k, v in parameters.items() if k.endswith(".Name")}
        prefixes = {k.removesuffix(".Name"): v for k, v in names.items()}
        kinds = {parameters[f"{prefix}.Value.DataType"] for prefix in prefixes}
        assert kinds <= {"String"}
        return {v: parameters[f"{prefix}.Value.StringValue"] for prefix, v in prefixes.items()}

    def provider(self, *applications: str, **options: Any) -> SnsProvider:
        options.setdefault("credentials", Credentials(KEY_ID, SECRET))
        return SnsProvider(
            dict(enumerate(applications)), host=self.url, ca_file=self.ca_file, **options
        )


@contextmanager
def serve_moto(directory: Path) -> Iterator[Moto]:
    authority = trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    application = DomainDispatcherApplication(create_backend_app)
    running: Moto

    def recording(environ: Any, start_response: Any) -> Any:
        stream = environ["wsgi.input"]
        body = stream.read(int(environ["CONTENT_LENGTH"] or 0))
        parameters = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if parameters.get("Action") == "Publish":
            running.published.append(parameters)
            running.headers.append({k: str(v) for k, v in environ.items() if k.startswith("HTTP_")})
        environ["wsgi.input"] = io.BytesIO(body)
        return application(environ, start_response)

    server = make_server(
        "127.0.0.1",
        0,
        recording,
        threaded=True,
        request_handler=MotoRequestHandler,
        ssl_context=tls,
    )
    running = Moto(f"https://127.0.0.1:{server.server_port}", ca_file)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
