"""Registries: a new file in the folder is enough; names that are taken or wrong are refused."""

import sys
from pathlib import Path

import pytest

from lightly_assets.format.registry import Registry


def _package(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> Path:
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text(
        f"from lightly_assets.format.registry import Registry\nSHAPES = Registry('shape', {name!r})\n"
    )
    (package / "round.py").write_text(f"from {name} import SHAPES\nSHAPES.add('circle', 1)\n")
    monkeypatch.syspath_prepend(str(folder))
    return package


def test_every_module_of_the_package_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = _package(monkeypatch, tmp_path, "shapes_of_a_test")
    (package / "angular.py").write_text(
        "from shapes_of_a_test import SHAPES\n@SHAPES.register('square')\ndef square() -> None: ...\n"
    )
    from shapes_of_a_test import SHAPES  # type: ignore[import-not-found]

    assert SHAPES.names == ("circle", "square")
    assert list(SHAPES) == ["square", "circle"], "files in the order of their names"
    assert SHAPES["circle"] == 1
    assert "triangle" not in SHAPES
    assert SHAPES.refusal("shape", "squar") == (
        "shape is 'squar'; allowed are circle, square (did you mean square?)."
    )


def test_a_name_that_is_a_modules_needs_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = _package(monkeypatch, tmp_path, "shapes_alone")
    declared = "from shapes_alone import SHAPES\n@SHAPES.register('{}')\nclass Shape: ...\n"
    for name in ("angular", "two_sided", "wavy"):
        (package / f"{name}.py").write_text(declared.format(name.replace("_", "-")))
    from shapes_alone import SHAPES  # type: ignore[import-not-found]

    def read() -> set[str]:
        return {name.rpartition(".")[2] for name in sys.modules if name.startswith("shapes_alone.")}

    assert SHAPES["two-sided"].__module__ == "shapes_alone.two_sided"
    assert read() == {"two_sided"}
    assert "../angular" not in SHAPES and "circle" in SHAPES
    assert read() == {"angular", "round", "two_sided", "wavy"}
    assert [name for name in SHAPES if name != "circle"] == ["angular", "two-sided", "wavy"]


def test_a_new_file_is_enough_and_a_trial_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _package(monkeypatch, tmp_path, "shapes_on_trial")
    from shapes_on_trial import SHAPES  # type: ignore[import-not-found]

    assert SHAPES.names == ("circle",)
    other = tmp_path / "other"
    other.mkdir()
    (other / "late.py").write_text("from shapes_on_trial import SHAPES\nSHAPES.add('ellipse', 2)\n")
    for _ in range(2):
        with SHAPES.trial(other):
            assert SHAPES.names == ("circle", "ellipse"), "the second time, too: the module was forgotten"
        assert SHAPES.names == ("circle",)


def test_a_trial_before_the_first_look_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _package(monkeypatch, tmp_path, "shapes_unread")
    from shapes_unread import SHAPES  # type: ignore[import-not-found]

    with SHAPES.trial(tmp_path / "nothing"):
        SHAPES.add("ellipse", 2)
    assert SHAPES.names == ("circle",)


def test_names_that_are_taken_or_wrong_are_refused() -> None:
    shapes = Registry[int]("shape")
    shapes.add("circle", 1)
    with pytest.raises(ValueError, match="already is a shape named 'circle'"):
        shapes.add("circle", 1)
    for name in ("", "Circle", "a b", "-a", "a--b", "ä"):
        with pytest.raises(ValueError, match="needs a name of"):
            shapes.add(name, 1)
