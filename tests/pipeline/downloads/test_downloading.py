"""Downloads against a real server on this machine that breaks off, lies and refuses."""

import hashlib
import io
import json
import shutil
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.corpora import card
from pipeline.corpora.card import Archive, CorpusCard, Licence
from pipeline.downloads import DownloadError
from pipeline.downloads.downloading import download, require_free_source
from pipeline.downloads.fetching import fetch
from pipeline.downloads.unpacking import Limits, unpack
from tests.projects import make_project


@dataclass
class Site:
    """A server's files, and how it behaves."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    break_after: int | None = None  # bytes of a body, after which the connection is cut
    asked: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range
    etag: str = '"1"'


@pytest.fixture
def site() -> Iterator[Site]:
    """A site at an address of its own."""
    told = Site()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            told.asked.append((self.path, wanted))
            body = told.files.get(self.path)
            if body is None:
                self.send_error(404)
                return
            start = 0
            if wanted and self.headers.get("If-Range") == told.etag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.send_header("ETag", told.etag)
            self.end_headers()
            rest = body[start:]
            if told.break_after is not None and len(rest) > told.break_after:
                self.wfile.write(rest[: told.break_after])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(rest)

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.address = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()


BODY = bytes(range(256)) * 400


def md5(data: bytes) -> str:
    return f"md5:{hashlib.md5(data).hexdigest()}"


def got(site: Site, to: Path, digest: str | None = None) -> str:
    return fetch(f"{site.address}/a.zip", to, digest, lambda have, total: None, pause_s=0)


def test_a_broken_connection_is_taken_up_where_it_broke(site: Site, tmp_path: Path) -> None:
    site.files["/a.zip"], site.break_after = BODY, 30_000
    assert got(site, tmp_path / "a.zip", md5(BODY)) == md5(BODY)
    assert (tmp_path / "a.zip").read_bytes() == BODY
    ranges = [wanted for _, wanted in site.asked]
    assert ranges[:3] == [None, "bytes=30000-", "bytes=60000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_file_that_changed_meanwhile_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    site.files["/a.zip"], site.break_after = BODY, 0
    (tmp_path / "a.zip.part").write_bytes(b"old beginning")
    (tmp_path / "a.zip.part.json").write_text('{"validator": "\\"0\\""}')
    site.break_after = None
    got(site, tmp_path / "a.zip", md5(BODY))
    assert (tmp_path / "a.zip").read_bytes() == BODY
    assert site.asked == [("/a.zip", "bytes=13-")]


def test_a_server_that_gives_up_leaves_what_came_for_the_next_time(
    site: Site, tmp_path: Path
) -> None:
    site.files["/a.zip"], site.break_after = BODY, 0
    with pytest.raises(DownloadError, match="run the same command again to go on"):
        got(site, tmp_path / "a.zip")
    assert len(site.asked) == 5
    assert not (tmp_path / "a.zip").exists()


def test_a_wrong_checksum_is_refused_and_nothing_kept(site: Site, tmp_path: Path) -> None:
    site.files["/a.zip"] = BODY
    with pytest.raises(DownloadError, match=r"found md5:\w+, expected md5:"):
        got(site, tmp_path / "a.zip", md5(b"something else"))
    assert not list(tmp_path.glob("a.zip*")) or [p.suffix for p in tmp_path.iterdir()] == [".json"]


def test_a_missing_file_and_a_missing_network_are_told(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="the server answers 404"):
        got(site, tmp_path / "a.zip")
    with pytest.raises(DownloadError, match="Is there a network here"):
        fetch("http://127.0.0.1:9/a.zip", tmp_path / "a", None, lambda *_: None, pause_s=0)


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def link(target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo("link")
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def linked_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


EVIL = {
    "zip slip": (zipped(**{"../../evil.wav": b"x"}), "leads out of the folder"),
    "backslashes": (zipped(**{"..\\evil.wav": b"x"}), "leads out of the folder"),
    "absolute": (zipped(**{"/tmp/evil.wav": b"x"}), "leads out of the folder"),
    "drive": (zipped(**{"C:/evil.wav": b"x"}), "leads out of the folder"),
    "tar slip": (tarred((tarfile.TarInfo("a/../../e"), b"x")), "leads out of the folder"),
    "tar link": (tarred((link("../.."), b"")), "a link or a device"),
    "zip link": (linked_zip(), "a link"),
    "bomb": (zipped(big=bytes(3 << 20)), "more than"),
    "no archive": (b"<html>please log in</html>", "expected a zip or tar"),
    "cut off": (zipped(a=BODY)[:-30], "expected a zip or tar|cannot be unpacked"),
}


@pytest.mark.parametrize("kind", EVIL)
def test_what_an_archive_must_not_hold_is_refused(tmp_path: Path, kind: str) -> None:
    data, message = EVIL[kind]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.zip").write_bytes(data)
    before = sorted(tmp_path.rglob("*"))
    limits = Limits(most_ratio=10, free_bytes=1 << 20)
    with pytest.raises(DownloadError, match=message):
        unpack(tmp_path / "in" / "a.zip", tmp_path / "in" / "out", limits)
    assert sorted(tmp_path.rglob("*")) == before


def test_zip_and_tar_are_unpacked_without_what_archivers_leave(tmp_path: Path) -> None:
    data = zipped(**{"wav/é 你好.wav": b"1", "__MACOSX/wav/x": b"2", "wav/.DS_Store": b"3"})
    (tmp_path / "a").write_bytes(data)
    assert unpack(tmp_path / "a", tmp_path / "z") == 1
    assert (tmp_path / "z" / "wav" / "é 你好.wav").read_bytes() == b"1"
    (tmp_path / "b").write_bytes(tarred((tarfile.TarInfo("d/e.wav"), b"4")))
    assert unpack(tmp_path / "b", tmp_path / "t") == 1
    assert (tmp_path / "t" / "d" / "e.wav").read_bytes() == b"4"


def stated(*archives: Archive) -> CorpusCard:
    return CorpusCard(
        title="Toy",
        citation="nobody",
        licence=Licence(name="free", free=True),
        home="http://toy.example",
        languages=("en",),
        labels="table",
        utterances=1,
        speakers=1,
        access="Ask Toy's owners.",
        archives=archives,
    )


def test_a_corpus_appears_whole_or_not_at_all(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good, bad = zipped(**{"wav/1.wav": b"1"}), zipped(**{"../2.wav": b"2"})
    site.files |= {"/good.zip": good, "/bad.zip": bad, "/list.txt": b"1 angry"}

    def archive(name: str, **more: object) -> Archive:
        return Archive(url=f"{site.address}/{name}", name=name, **more)  # type: ignore[arg-type]

    with pytest.raises(DownloadError, match="leads out"):
        download(stated(archive("good.zip"), archive("bad.zip")), "toy")
    assert not Path("data/raw/toy").exists()
    right = stated(
        archive("good.zip", digest=md5(good), folder="audio"),
        archive("list.txt", unpack=False, folder="labels"),
    )
    folder = download(right, "toy")
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    assert files == ["audio/wav/1.wav", "download.json", "labels/list.txt"]
    assert [path for path, _ in site.asked].count("/good.zip") == 1, "the first time was enough"
    with pytest.raises(DownloadError, match="is there already"):
        download(right, "toy")


def test_without_a_published_checksum_the_first_download_is_what_later_ones_must_be(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)

    def fetched(data: bytes, **more: object) -> None:
        site.files["/a.zip"] = data
        toy = Archive(url=f"{site.address}/a.zip", name="a.zip", **more)  # type: ignore[arg-type]
        shutil.rmtree("data", ignore_errors=True)
        download(stated(toy), "toy")

    one, other = zipped(**{"1.wav": b"1"}), zipped(**{"1.wav": b"22"})
    fetched(one, size=len(one) + 1)
    assert f"has {len(one)} bytes, expected {len(one) + 1}: its owners" in caplog.text
    assert "no published checksum is known, so it is trusted this once" in caplog.text
    [noted] = json.loads(Path("downloads.json").read_text()).values()
    assert noted == {"digest": f"sha256:{hashlib.sha256(one).hexdigest()}", "bytes": len(one)}
    fetched(one)
    with pytest.raises(
        DownloadError, match=r"but the first download was sha256:.*to trust the new"
    ):
        fetched(other)
    assert not Path("data/raw/toy").exists()
    fetched(other, fixed=False)
    assert "differs from the first download" in caplog.text
    fetched(other, digest=md5(other), size=len(other))  # a published one needs no ledger
    Path("downloads.json").write_text('["sha256"]')
    with pytest.raises(DownloadError, match=r"downloads\.json: .*get it from git, or remove it"):
        fetched(one)


def test_another_size_than_that_of_a_known_checksum_is_refused_before_it_is_fetched(
    site: Site, tmp_path: Path
) -> None:
    site.files["/a.zip"] = BODY
    with pytest.raises(DownloadError, match="the server offers 102400 bytes, expected 7"):
        fetch(f"{site.address}/a.zip", tmp_path / "a", md5(BODY), lambda *_: None, size=7)
    assert not (tmp_path / "a.part").exists()


def test_a_corpus_without_a_free_source_says_where_to_apply() -> None:
    with pytest.raises(DownloadError, match=r"IEMOCAP.*To get it: .*vcemo corpus add iemocap"):
        require_free_source(card("iemocap"), "iemocap")
    with pytest.raises(DownloadError, match="reads any corpus"):
        require_free_source(card("table"), "table")


def test_the_licence_comes_first(tmp_path: Path) -> None:
    made = make_project(tmp_path / "project")
    done = made.vcemo("corpus", "download", "ravdess", check=False)
    assert done.returncode == 1
    assert "licence" in done.stdout
    assert "208468073 bytes, must be md5:bc696df654c87fed845eb13823edef8a" in done.stdout
    assert "add --accept-licence" in done.stdout
    assert "expected one of" in made.vcemo("corpus", "download", "nope", check=False).stderr
