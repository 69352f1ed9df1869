"""The wheel and the source package as they are built: what is in them, and that the wheel works alone."""

import email
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def build(source: Path, out: Path, *targets: str) -> None:
    wanted = [word for target in targets for word in ("-t", target)]
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", *wanted, "-d", str(out)], cwd=source, check=True
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and source package of what is committed, and of what git does not ignore."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out, "wheel", "sdist")
    return next(out.glob("*.whl")), next(out.glob("*.tar.gz"))


def test_the_wheel_has_all_that_runs_and_nothing_else(built: tuple[Path, Path]) -> None:
    names = set(zipfile.ZipFile(built[0]).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "lightly_assets"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    package = {name for name in tracked.stdout.splitlines() if (ROOT / name).is_file()}
    info = {name for name in names if ".dist-info/" in name}
    assert names - info == package
    assert {"lightly_assets/py.typed", "lightly_assets/documents/schemas/run.json"} <= package
    licences = {name.partition("licenses/")[2] for name in info if "licenses/" in name}
    assert licences == {"LICENSE", "NOTICE", "lightly_assets/report/static/uPlot-LICENSE.txt"}


def test_what_the_wheel_carries_of_others_has_a_notice(built: tuple[Path, Path]) -> None:
    notice = (ROOT / "NOTICE").read_text()
    with zipfile.ZipFile(built[0]) as wheel:
        foreign = [
            name
            for name in wheel.namelist()
            if name.endswith((".onnx", ".min.js", ".min.css", ".ttf", ".woff2"))
        ]
        script = wheel.read("lightly_assets/report/static/uPlot.iife.min.js").decode()
    assert foreign
    assert [name for name in foreign if str(Path(name).parent) not in notice] == []
    assert "uPlot" in script[:200] and f"uPlot {script.split('v')[1].split(')')[0].strip()}" in notice


def test_metadata_says_what_pyproject_says(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        (name,) = [one for one in wheel.namelist() if one.endswith(".dist-info/METADATA")]
        found = email.message_from_bytes(wheel.read(name))
    assert found["Requires-Python"] == "<3.15,>=3.11"
    assert set(found.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])
    assert found["License-Expression"] == "Apache-2.0"


def test_the_source_package_builds_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    with tarfile.open(built[1]) as source:
        source.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    assert (folder / "tests/package/test_build.py").is_file() and (folder / "SECURITY.md").is_file()
    build(folder, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(built[0]) as one, zipfile.ZipFile(again) as other:
        assert {item.filename: item.CRC for item in one.infolist()} == {
            item.filename: item.CRC for item in other.infolist()
        }


def test_the_wheel_works_where_the_sources_are_not(built: tuple[Path, Path], tmp_path: Path) -> None:
    place = tmp_path / "installed"
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(place)
    code = "from lightly_assets.cli import main; import sys; sys.argv[0] = 'lightly-assets'; main()"
    said = subprocess.run(
        [sys.executable, "-c", code, "schema", "run"],
        cwd=tmp_path, env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '"$schema"' in said.stdout
    where = subprocess.run(
        [sys.executable, "-c", "import lightly_assets; print(lightly_assets.__file__)"],
        cwd=tmp_path, env={"PYTHONPATH": str(place)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(place))


def test_every_extra_is_tried_and_has_a_row_in_the_docs() -> None:
    """``make test-extras`` installs each one alone; this only says that none is forgotten."""
    import runpy

    extras = PROJECT["optional-dependencies"]
    tries = runpy.run_path(str(ROOT / "tests/extras/run.py"))["TRIES"]
    page = (ROOT / "docs/install.md").read_text()
    assert set(tries) - {"(none)"} == set(extras)
    assert [name for name in tries if f"\n| {name} |" not in page] == []
