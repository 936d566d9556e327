"""What ``vod-bridge --version`` reports of the interpreter's build."""

import platform
import sysconfig

import pytest

from bridge.cli.interpreter import describe_interpreter


@pytest.mark.parametrize(
    ("configure_arguments", "build"),
    [
        ("'--enable-optimizations' '--with-lto' '--enable-shared'", "optimized build: PGO, LTO"),
        ("'--build=x86_64-linux-gnu' '--enable-optimizations'", "optimized build: PGO"),
        ("--with-lto=thin", "optimized build: LTO"),
        ("'--prefix=/usr' 'CFLAGS=-O2'", "build records neither PGO nor LTO"),
        (None, "build records neither PGO nor LTO"),
    ],
)
def test_the_build_is_named_as_configure_was_called(
    configure_arguments: str | None, build: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", {"CONFIG_ARGS": configure_arguments}.get)
    assert describe_interpreter() == f"Python {platform.python_version()} ({build})"
