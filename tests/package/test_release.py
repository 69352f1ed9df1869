"""A release in a copy of the repository: what it changes, what it refuses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from releasing.release import ReleaseError, current, main, order, refuse

ROOT = Path(__file__).parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with what a release reads and writes."""
    root = tmp_path / "copy"
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "CITATION.cff"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    package = root / "lightly_assets"
    (package / "report/static").mkdir(parents=True)
    shutil.copy(ROOT / "lightly_assets/report/static/uPlot-LICENSE.txt", package / "report/static")
    (package / "__init__.py").touch()
    (package / "_version.py").write_text('__version__ = "0.1.0"\n')
    (root / "CITATION.cff").write_text(
        re.sub(r"^version: .*$", 'version: "0.1.0"', (ROOT / "CITATION.cff").read_text(), flags=re.MULTILINE)
    )
    (root / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- Something.\n\n## 0.1.0\n\n- First.\n"
    )
    for command in (
        ["init", "-q"],
        ["config", "user.name", "t"],
        ["config", "user.email", "t"],
        ["add", "-A"],
        ["commit", "-qm", "first"],
    ):
        git(root, *command)
    return root


def git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def test_without_do_nothing_changes(copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = git(copy, "rev-parse", "HEAD")
    assert main(["0.2.0", "--root", str(copy)]) == 0
    said = capfd.readouterr().out
    assert '+__version__ = "0.2.0"' in said and "+## 0.2.0 (" in said
    assert "lightly_assets-0.2.0-py3-none-any.whl" in said and "lightly_assets-0.2.0.tar.gz" in said
    assert git(copy, "rev-parse", "HEAD") == before and git(copy, "tag") == ""
    assert git(copy, "status", "--porcelain") == "" and not (copy / "dist").exists()


def test_with_do_it_is_committed_tagged_and_built(copy: Path) -> None:
    assert main(["0.2.0", "--do", "--root", str(copy)]) == 0
    assert current(copy) == "0.2.0" and git(copy, "tag") == "v0.2.0\n"
    assert git(copy, "log", "-1", "--format=%s") == "Release 0.2.0\n"
    changelog = (copy / "CHANGELOG.md").read_text()
    assert re.search(
        r"## Unreleased\n\n## 0\.2\.0 \(\d{4}-\d\d-\d\d\)\n\n- Something\.\n\n## 0\.1\.0\n", changelog
    )
    assert 'version: "0.2.0"' in (copy / "CITATION.cff").read_text()
    assert len(list((copy / "dist").iterdir())) == 2
    with pytest.raises(ReleaseError, match=r"nothing to release|not committed"):
        refuse(copy, "0.3.0")


@pytest.mark.parametrize(
    ("version", "why"),
    [("0.1.0", "not newer"), ("0.0.9", "not newer"), ("1", "is no version"), ("v0.2.0", "is no version")],
)
def test_a_version_that_cannot_be(copy: Path, version: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        refuse(copy, version)


def test_work_that_is_not_committed_stops_it(copy: Path) -> None:
    (copy / "README.md").write_text("changed")
    with pytest.raises(ReleaseError, match=r"not committed: M README\.md"):
        refuse(copy, "0.2.0")


def test_a_candidate_comes_before_its_release() -> None:
    versions = ["0.9.0", "0.10.0a1", "0.10.0b1", "0.10.0rc1", "0.10.0rc2", "0.10.0", "1.0.0"]
    assert sorted(versions, key=order) == versions


def test_citation_and_package_name_one_version() -> None:
    assert f'version: "{current(ROOT)}"' in (ROOT / "CITATION.cff").read_text()
