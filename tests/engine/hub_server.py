"""A Hugging Face hub of made-up repositories, as far as huggingface_hub talks with one.

The paths, headers and error codes are those of https://huggingface.co, without xet and the CDN.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Files = Mapping[str, bytes]


@dataclass
class Cut:
    """Transfers of a file that break off at a byte of it, so many times."""

    at: int
    times: int


@dataclass
class Repo:
    commits: dict[str, Files] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)  # branches and tags


@dataclass
class Hub:
    """What the hub holds, what it was asked, and how it fails; tests change it as it runs."""

    repositories: dict[str, Repo] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)  # "GET owner/name file", "GET owner/name" ...
    gated: dict[str, str] = field(default_factory=dict)  # by id, the token that opens it
    cuts: dict[str, Cut] = field(default_factory=dict)  # by file
    stuck: threading.Event | None = None  # files come to their middle until it is set
    padding: int = 0  # bytes that a listing claims of each file beyond its own
    address: str = ""

    def publish(self, hub_id: str, files: Files, revision: str = "main") -> str:
        """A new commit, to which the revision moves."""
        repo = self.repositories.setdefault(hub_id, Repo())
        commit = _blob(f"{hub_id} {len(repo.commits)}".encode())
        repo.commits[commit] = files
        repo.revisions[revision] = commit
        return commit

    def fetched(self) -> list[str]:
        """The files that were sent, in order."""
        return [line.split()[2] for line in self.log if re.match(r"GET \S+ \S+", line)]


class _Server(ThreadingHTTPServer):
    def __init__(self, hub: Hub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/revision/(.+)", path):
            self._list(found[1], found[2])
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._file(found[1], found[2], found[3])
        else:
            self._refuse(404, "")

    def _list(self, hub_id: str, revision: str) -> None:
        self.server.hub.log.append(f"{self.command} {hub_id}")
        if commit := self._commit(hub_id, revision):
            files = self.server.hub.repositories[hub_id].commits[commit]
            siblings = [self._sibling(*entry) for entry in files.items()]
            self._answer(200, json.dumps({"id": hub_id, "sha": commit, "siblings": siblings}))

    def _sibling(self, name: str, content: bytes) -> dict[str, object]:
        size = len(content) + self.server.hub.padding
        entry: dict[str, object] = {"rfilename": name, "size": size, "blobId": _blob(content)}
        if _is_large(name):
            sha = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"sha256": sha, "size": size, "pointerSize": 134}
        return entry

    def _file(self, hub_id: str, revision: str, name: str) -> None:
        hub = self.server.hub
        hub.log.append(f"{self.command} {hub_id} {name} {self.headers.get('Range', '')}".strip())
        if not (commit := self._commit(hub_id, revision)):
            return
        token = hub.gated.get(hub_id)
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            self._refuse(403, "GatedRepo")
        elif name not in (files := hub.repositories[hub_id].commits[commit]):
            self._refuse(404, "EntryNotFound")
        else:
            self._send(name, files[name], commit)

    def _send(self, name: str, content: bytes, commit: str) -> None:
        hub = self.server.hub
        part = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start, end = int(part[1]) if part else 0, len(content)
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        large = _is_large(name)
        etag = hashlib.sha256(content).hexdigest() if large else _blob(content)
        self.send_header("ETag", f'"{etag}"')
        if large:
            self.send_header("X-Linked-ETag", f'"{etag}"')
            self.send_header("X-Linked-Size", str(end))
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = hub.cuts.get(name)
        if cut and cut.times:
            cut.times -= 1
            end = cut.at
        if hub.stuck and not hub.stuck.is_set():
            self.wfile.write(content[start : end // 2])
            start = max(start, end // 2)
            hub.stuck.wait(60)
        try:
            self.wfile.write(content[start:end])
        except ConnectionError:
            self.close_connection = True  # whoever asked is gone

    def _commit(self, hub_id: str, revision: str) -> str:
        """The commit of a revision; where there is none, "" after the answer that says so."""
        repo = self.server.hub.repositories.get(hub_id)
        if repo is None:
            self._refuse(401, "RepoNotFound")
            return ""
        commit = repo.revisions.get(revision, revision)
        if commit not in repo.commits:
            self._refuse(404, "RevisionNotFound")
            return ""
        return commit

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, json.dumps({"error": code}), {"X-Error-Code": code})

    def _answer(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


def _is_large(name: str) -> bool:
    """Whether git-lfs holds the file."""
    return name.endswith((".safetensors", ".bin"))


def _blob(content: bytes) -> str:
    """The name that git gives to a content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@contextmanager
def serve() -> Iterator[Hub]:
    hub = Hub()
    with _Server(hub) as server:
        hub.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()
