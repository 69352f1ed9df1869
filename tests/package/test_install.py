"""How ``make setup`` installs: what uv is told of pip's settings, and when pip works alone."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "requirements" / "install.py"


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """The script, with a file of pip's settings that the test writes."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return runpy.run_path(str(SCRIPT))


def test_an_index_and_an_authority_of_pip_are_those_of_uv(install: dict[str, Any], tmp_path: Path) -> None:
    settings = ["index-url = https://index.test/simple", f"cert = {SCRIPT}", "timeout = 60"]
    (tmp_path / "pip.conf").write_text("\n".join(["[global]", *settings, "find-links = /nowhere"]))
    found = install["settings_for_uv"]()
    assert found["UV_DEFAULT_INDEX"] == "https://index.test/simple" and found["SSL_CERT_FILE"] == str(SCRIPT)
    assert "UV_FIND_LINKS" not in found


@pytest.mark.parametrize(
    "line", ["proxy = http://proxy.test", "trusted-host = index.test", "no-index = true"]
)
def test_what_uv_would_not_heed_leaves_it_to_pip(install: dict[str, Any], tmp_path: Path, line: str) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\n{line}\n")
    assert install["settings_for_uv"]() is None


def test_a_uv_that_fails_is_no_reason_to_fail(
    install: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An empty lock file: pip has nothing to do, whatever the uv on PATH says."""
    (tmp_path / "bin").mkdir()
    uv = tmp_path / "bin" / "uv"
    uv.write_text("#!/bin/sh\nexit 1\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:/usr/bin:/bin")
    (tmp_path / "empty.lock").write_text("")
    assert not install["with_uv"](tmp_path / "empty.lock", {})
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "empty.lock"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
