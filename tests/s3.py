"""A private S3 server for the tests, on a port of its own, gone at the end."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer


@dataclass(frozen=True, slots=True)
class Server:
    """An S3 server at that URL, which takes any key."""

    endpoint: str

    def new_bucket(self) -> str:
        """Makes an empty bucket and returns its URL."""
        name = f"test-{uuid4().hex}"
        httpx.put(f"{self.endpoint}/{name}").raise_for_status()
        return f"s3://{name}"


@contextmanager
def serve() -> Iterator[Server]:
    """A running server, found by the standard AWS variables as long as it runs."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # not a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        try:
            yield Server(f"http://{host}:{port}")
        finally:
            server.stop()
