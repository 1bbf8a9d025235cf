"""A model hub on this machine: as much of the Hugging Face hub's protocol as fetching needs."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

Files = Mapping[str, bytes]  # path in the repository -> content
REPO = "org/model"


@contextmanager
def serving(commits: Mapping[str, Files]) -> Iterator[str]:
    """Address of a hub with one model, REPO; its branch `main` is at the last of the commits."""
    handler = type("_HubOfThese", (_Hub,), {"commits": commits})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Hub(BaseHTTPRequestHandler):
    commits: Mapping[str, Files]

    def do_GET(self) -> None:
        """Answer what `model_info` and `snapshot_download` of huggingface_hub ask."""
        path = self.path.partition("?")[0]
        if path.startswith(f"/{REPO}/resolve/"):
            revision, _, name = path.removeprefix(f"/{REPO}/resolve/").partition("/")
            self._reply(self._commit(revision), name)
        elif path == f"/api/models/{REPO}":
            self._describe(self._commit("main"))
        elif path.startswith(f"/api/models/{REPO}/revision/"):
            self._describe(self._commit(path.rpartition("/")[2]))
        elif path.startswith(f"/api/models/{REPO}/tree/"):
            self._list(self._commit(path.rpartition("/")[2]))
        else:
            self.send_error(404)

    do_HEAD = do_GET  # noqa: N815

    def _commit(self, revision: str) -> str:
        return [*self.commits][-1] if revision == "main" else revision

    def _describe(self, commit: str) -> None:
        self._send(commit, json.dumps({"id": REPO, "sha": commit, "siblings": []}).encode())

    def _list(self, commit: str) -> None:
        files = self.commits.get(commit, {}).items()
        entries = [{"type": "file", "path": n, "size": len(b), "oid": n} for n, b in files]
        self._send(commit, json.dumps(entries).encode())

    def _reply(self, commit: str, name: str) -> None:
        self._send(commit, self.commits.get(commit, {}).get(name))

    def _send(self, commit: str, body: bytes | None) -> None:
        if body is None or commit not in self.commits:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{blake2b(body, digest_size=16).hexdigest()}"')
        self.send_header("X-Repo-Commit", commit)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the test's output quiet."""
