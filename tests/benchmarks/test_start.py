"""Every benchmark starts, and says in its first second what it needs."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import frame, programs
from benchmarks.networks import MEDIUM, NANO, network

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "benchmarks").rglob("*.py"))
    # The others are parts of these.
    if '__name__ == "__main__"' in path.read_text()
]


@pytest.mark.parametrize("module", MODULES)
def test_a_benchmark_says_what_it_does(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    # Others may have taken parts of it.
    monkeypatch.delitem(sys.modules, module, raising=False)
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


def test_the_script_for_gpus_runs_to_its_end_without_one() -> None:
    """On the CPU and with tiny networks, so that it does not rot."""
    command = [sys.executable, "-m", "benchmarks.device", "--small"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()]
    rates = {
        (row[0].split(",")[0], row[1], row[2]): row[3:] for row in rows if len(row) == 5 and "," in row[0]
    }
    assert {how for _, _, how in rates} == {"run", "bound"}
    assert {name for name, _, _ in rates} == {"tiny", "small"}
    assert all(float(cell) > 0 for row in rates.values() for cell in row)
    stages = {row[0]: float(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
    assert stages.keys() == {"decoding", "pre-processing", "reading outputs"}
    assert min(stages.values()) > 0
    chains = [row for row in rows if len(row) == 5 and row[0] in ("tiny", "small")]
    assert len(chains) == 2 and all(float(row[1]) > 0 for row in chains)


def test_networks_cost_what_they_say() -> None:
    """Billions of operations of YOLO11n and YOLO11m for an image of 640 pixels, as ultralytics lists them."""
    assert network(NANO).operations == pytest.approx(6.5, rel=0.05)
    assert network(MEDIUM).operations == pytest.approx(68.0, rel=0.05)


def test_the_page_shows_where_the_time_of_a_frame_goes(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tables and its picture are what the benchmark makes of its constants."""
    frame.main([])
    page = (ROOT / "docs" / "speed.md").read_text()
    assert all(table in page for table in capsys.readouterr().out.strip().split("\n\n"))
    assert (ROOT / "docs" / "pictures" / "frame-time.svg").read_text() == frame.picture(frame.MEASURED)
    total = sum(one.ms for one in frame.MEASURED)
    assert f"A frame of 1080p takes {total:.1f} ms of CPU" in page


def test_what_limits_a_machine() -> None:
    stages = [
        frame.Stage("decoding", 4.0, "eight", ""),
        frame.Stage(frame.MODEL, 36.0, "all", ""),
        frame.Stage("writing", 1.0, "one", ""),
    ]
    assert frame.limits(stages, 2, None)[:2] == [
        (pytest.approx(2000 / 41), "all cores together"),
        (500.0, "decoding"),
    ]
    assert [name for _, name in frame.limits(stages, 64, 1.0)] == [
        "the GPU",
        "writing",
        "decoding",
        "all cores together",
    ]


def test_one_command_writes_the_constants_the_page_and_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("benchmarks/frame.py", "docs/speed.md", "docs/pictures/frame-time.svg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    stages = [frame.Stage(one.name, 3 * one.ms + 0.04, one.cores, one.colour) for one in frame.MEASURED]
    monkeypatch.setattr(frame, "ROOT", tmp_path)
    monkeypatch.setattr(frame, "measured", lambda *_: stages)
    frame.main(["--measure", "--write"])
    written: dict[str, Any] = runpy.run_path(str(tmp_path / "benchmarks" / "frame.py"))
    found = written["MEASURED"]
    assert [one.ms for one in found] == [round(one.ms, 1) for one in stages]
    page = (tmp_path / "docs" / "speed.md").read_text()
    assert all(written[part](found) in page for part in ("parts_table", "table", "caption"))
    assert (tmp_path / "docs" / "pictures" / "frame-time.svg").read_text() == written["picture"](found)
    before = (ROOT / "docs" / "speed.md").read_text()
    assert len(page.splitlines()) == len(before.splitlines()) and page != before
