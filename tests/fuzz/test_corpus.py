"""Every input of the fuzzers' corpus holds what the harnesses check, and the harnesses can fail."""

from pathlib import Path

import pytest

from bridge.core.decode import v3
from bridge.io.http.head_cache import HeadCache
from tests.fuzz import codec, http

CORPUS = Path(__file__).parent / "corpus"


def _inputs(name: str) -> list[Path]:
    return sorted((CORPUS / name).iterdir())


def _check_all(name: str) -> None:
    for file in _inputs(name):
        (codec if name == "codec" else http).check(file.read_bytes())


@pytest.mark.parametrize("file", _inputs("codec"), ids=lambda file: file.name)
def test_bodies(file: Path) -> None:
    codec.check(file.read_bytes())


@pytest.mark.parametrize("file", _inputs("http"), ids=lambda file: file.name)
def test_connections(file: Path) -> None:
    http.check(file.read_bytes())


def test_the_corpus_uses_the_fast_path_and_the_head_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    real = HeadCache.match
    hits: list[object] = []

    def counted(self: HeadCache, data: bytes) -> object:
        hits.append(found := real(self, data))
        return found

    monkeypatch.setattr(HeadCache, "match", counted)
    for file in _inputs("http"):
        http.check(file.read_bytes())
    assert any(hits)
    assert any(v3.decode_fast(file.read_bytes()) for file in _inputs("codec"))


def test_the_codec_harness_sees_a_short_way_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = v3.decode_fast
    monkeypatch.setattr(v3, "decode_fast", lambda body: real(body.replace(b'"t"', b'"u"')))
    with pytest.raises(AssertionError, match="another event"):
        _check_all("codec")


def test_the_http_harness_sees_a_head_cache_that_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = HeadCache.match

    def wrong(self: HeadCache, data: bytes) -> object:
        found = real(self, data)
        return None if found is None else real(self, data[:-1] + b" ")

    monkeypatch.setattr(HeadCache, "match", wrong)
    with pytest.raises(AssertionError, match="other deliveries"):
        _check_all("http")
