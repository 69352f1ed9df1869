"""The names that users import, and what importing them costs."""

import subprocess
import sys

import numpy as np
import pytest

import lightly_assets


def test_every_public_name_is_there() -> None:
    for name in lightly_assets.__all__:
        value = getattr(lightly_assets, name)
        assert name == "__version__" or value.__name__ == name
    assert set(lightly_assets.__all__) <= set(dir(lightly_assets))


def test_public_names_work() -> None:
    from lightly_assets import decode, encode, frame_name, prediction_path

    mask = np.array([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]])
    assert encode(mask) == [2, 2, 1, 3, 3, 1]
    assert (decode([2, 2, 1, 3, 3, 1], 3, 4) == mask).all()
    assert frame_name("subdir/video_1.mp4", 99, 200) == "subdir/video_1-099-mp4.png"
    assert prediction_path("people", "subdir/image_1.png") == "people/subdir/image_1.json"


def test_star_import_gives_the_public_names_and_others_do_not_exist() -> None:
    names: dict[str, object] = {}
    exec("from lightly_assets import *", names)
    assert set(lightly_assets.__all__) <= names.keys()
    with pytest.raises(AttributeError, match="'lightly_assets' has no attribute 'enc'"):
        lightly_assets.enc  # noqa: B018


def _modules_after(statement: str) -> set[str]:
    program = f"{statement}; import sys; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_package_costs_nothing_until_a_name_is_used() -> None:
    assert not _modules_after("import lightly_assets") & {"numpy", "dagster", "pydantic", "typing_extensions"}


def test_masks_do_not_wait_for_dagster() -> None:
    modules = _modules_after("from lightly_assets import encode, frame_name, active_learning_scores")
    assert not modules & {"dagster", "pyarrow", "av", "PIL", "torch"}


def test_importing_the_package_takes_less_than_a_twentieth_of_a_second() -> None:
    program = "import time; s = time.perf_counter(); import lightly_assets; print(time.perf_counter() - s)"
    # The fastest of some: other work on the machine is not what is measured.
    runs = [subprocess.run([sys.executable, "-c", program], capture_output=True, text=True) for _ in range(5)]
    assert min(float(run.stdout) for run in runs) < 0.05
