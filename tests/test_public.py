"""The public names: all there, loaded late."""

import ast
import doctest
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lightly_assets


def test_every_public_name_is_there() -> None:
    for name in lightly_assets.__all__:
        assert getattr(lightly_assets, name) is not None
    assert set(lightly_assets.__all__) == set(dir(lightly_assets))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = lightly_assets.nothing


def test_they_do_what_the_specification_says() -> None:
    mask = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
    assert lightly_assets.encode(mask) == [2, 2, 1, 3, 3, 1]
    assert np.array_equal(lightly_assets.decode([2, 2, 1, 3, 3, 1], 3, 4), mask)
    assert lightly_assets.frame_name("sub/v.mp4", 99, 200) == "sub/v-099-mp4.png"
    assert lightly_assets.prediction_path("task", "sub/v-099-mp4.png") == "task/sub/v-099-mp4.json"


def test_importing_the_package_imports_nothing_large() -> None:
    code = "import sys, lightly_assets\nassert not {'dagster', 'numpy', 'pydantic', 'av'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", sorted(set(lightly_assets.__all__) - {"__version__"}))
def test_each_has_an_example_that_is_right(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(__file__).parent / "earlier" / "project", tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    value = getattr(lightly_assets, name)
    finder = doctest.DocTestFinder(recurse=False)
    (found,) = finder.find(value, name, module=sys.modules[value.__module__])
    assert found.examples, f"{name} shows no example in its docstring"
    said: list[str] = []
    doctest.DocTestRunner().run(found, out=said.append)
    assert said == []


def test_the_format_loads_numpy_and_pydantic_only() -> None:
    """All modules of ``lightly_assets.format``, in a process of its own."""
    code = (
        "import pkgutil, sys, importlib\n"
        "before = set(sys.modules)\n"
        "import lightly_assets.format as root\n"
        "for one in pkgutil.walk_packages(root.__path__, root.__name__ + '.'):\n"
        "    importlib.import_module(one.name)\n"
        "files = [name for name, one in sys.modules.items() if getattr(one, '__file__', None)]\n"
        "tops = {name.partition('.')[0] for name in set(files) - before}\n"
        "print(sorted(tops - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_pydantic = {"annotated_types", "pydantic_core", "typing_extensions", "typing_inspection"}
    found = set(ast.literal_eval(done.stdout))
    assert {"numpy", "pydantic"} <= found
    found = {name for name in found if not name.startswith("_sysconfigdata")}
    assert found - of_pydantic - {"numpy", "pydantic", "lightly_assets", "__main__"} == set()


def test_types_are_for_others_too() -> None:
    """PEP 561: type checkers of users read our types."""
    assert (Path(lightly_assets.__file__).parent / "py.typed").is_file()
