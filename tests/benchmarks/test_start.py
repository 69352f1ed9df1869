"""Every benchmark starts, and says in its first second what it needs."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import programs

ROOT = Path(__file__).parents[2]
# Parts of others.
PARTS = {"benchmarks.programs"}
MODULES = sorted(
    {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "benchmarks").rglob("*.py")}
    - PARTS
)


@pytest.mark.parametrize("module", MODULES)
def test_a_benchmark_says_what_it_does(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")
    assert not ended.value.code
    assert "usage:" in capsys.readouterr().out


def test_the_ffmpeg_program_is_the_one_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    from imageio_ffmpeg import get_ffmpeg_exe

    monkeypatch.setenv("PATH", "")
    assert programs.ffmpeg() == get_ffmpeg_exe()


def test_a_program_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    """As a program of its own, with nothing on PATH."""
    code = "from benchmarks import programs; programs.program('ffprobe', 'The package of Debian')"
    environment = os.environ | {"PATH": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == (
        "This benchmark needs the program ffprobe; The package of Debian brings it, or it may be on PATH.\n"
    )
