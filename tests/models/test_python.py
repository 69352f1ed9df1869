"""The user's own code as the model, good and bad."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lightly_assets.format.schema import Category
from lightly_assets.models.checked_model import load_model
from lightly_assets.models.config import parse_model
from lightly_assets.models.protocol import ModelError, Source
from lightly_assets.models.results import Classification, Detections, Ready

CATEGORIES = [Category(id=0, name="person")]


def load(
    folder: Path, code: str, task_type: str = "object-detection", name: str = "mine", **settings: Any
) -> Any:
    (folder / f"{name}.py").write_text(code)
    config = parse_model({"kind": "python", "call": f"{name}:predict", **settings})
    return load_model(config, task_type=task_type, categories=CATEGORIES, base_dir=folder)


def predict(model: Any, count: int = 2, first: int = 0) -> Any:
    images = np.zeros((count, 40, 60, 3), dtype=np.uint8)
    return model.predict(images, [Source("a/v.mp4", first + index, 60, 40) for index in range(count)])


def test_a_function_gets_an_array_and_its_singletons_stay_as_they_are(tmp_path: Path) -> None:
    code = """
calls = []
def predict(images):
    calls.append((images.shape, str(images.dtype)))
    return [[{"category_id": 0, "bbox": [0, 10, 30, 5], "score": 0.8}], []]
"""
    found = predict(load(tmp_path, code))
    assert isinstance(found[0], Ready)
    assert found[0].singletons == [{"category_id": 0, "bbox": [0, 10, 30, 5], "score": 0.8}]
    assert found[1].singletons == []
    import mine  # type: ignore[import-not-found]

    assert mine.calls == [((2, 40, 60, 3), "uint8")]


def test_images_of_several_sizes_come_size_by_size(tmp_path: Path) -> None:
    model = load(tmp_path, "def predict(images):\n    return [[] for _ in images]\n")
    images = [np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint8), np.zeros((6, 5, 3), np.uint8)]
    sources = [Source(f"{n}.png", None, 5, image.shape[0]) for n, image in enumerate(images)]
    assert len(model.predict(images, sources)) == 3


def test_a_class_is_made_once_with_its_arguments(tmp_path: Path) -> None:
    code = """
class predict:
    made = 0
    def __init__(self, score):
        predict.made += 1
        self.score = score
    def __call__(self, images):
        return [[{"category_id": 0, "bbox": [0, 0, predict.made, 5], "score": self.score}] for _ in images]
"""
    model = load(tmp_path, code, args={"score": 0.5})
    predict(model)
    assert predict(model)[0].singletons == [{"category_id": 0, "bbox": [0, 0, 1, 5], "score": 0.5}]


def test_an_object_with_predict_gets_the_sources(tmp_path: Path) -> None:
    code = """
class predict:
    batch_size = 3
    version = "mine-7"
    def predict(self, images, sources):
        return [[{"category_id": 0, "bbox": [source.index, 0, 5, 5], "score": 1.0}] for source in sources]
"""
    model = load(tmp_path, code)
    assert model.batch_size == 3
    assert [one.singletons[0]["bbox"][0] for one in predict(model, first=7)] == [7, 8]


def test_the_version_follows_the_source_and_can_be_said(tmp_path: Path) -> None:
    code = "def predict(images):\n    return [[] for _ in images]\n"
    first = load(tmp_path, code).version
    assert load(tmp_path, code).version == first
    assert load(tmp_path, code, score_threshold=0.9).version == first
    assert load(tmp_path, code + "# changed\n").version != first
    said = load(tmp_path, code, version="7").version
    assert load(tmp_path, code + "# changed\n", version="7").version == said
    assert load(tmp_path, code, version="8").version != said


def test_files_that_arguments_name_are_part_of_the_version(tmp_path: Path) -> None:
    code = """
class predict:
    def __init__(self, weights, title): ...
    def __call__(self, images): return [[] for _ in images]
"""
    args = {"weights": "w.pth", "title": "x" * 5000}
    versions = set()
    for weights in (b"1", b"2", b"1"):
        (tmp_path / "w.pth").write_bytes(weights)
        versions.add(load(tmp_path, code, args=args).version)
    assert len(versions) == 2
    assert load(tmp_path, code + "# changed\n", args=args).version not in versions


def test_an_edited_module_and_another_project_of_the_same_name_are_read_anew(tmp_path: Path) -> None:
    code = """
def predict(images):
    return [[{"category_id": 0, "bbox": [0, 0, 1, 5], "score": 0.%d}] for _ in images]
"""
    scores = []
    for folder, digit in [("a", 1), ("a", 2), ("b", 3), ("a", 2)]:
        (tmp_path / folder).mkdir(exist_ok=True)
        scores.append(predict(load(tmp_path / folder, code % digit))[0].singletons[0]["score"])
    assert scores == [0.1, 0.2, 0.3, 0.2]


BAD: list[tuple[str, str]] = [
    (
        "def predict(images):\n    raise ValueError('boom')",
        r"a/v.mp4, frames 3 to 4: the model raised ValueError: boom \(mine.py, line 2\)",
    ),
    ("def predict(images):\n    return None", "frames 3 to 4: mine:predict returned None"),
    ("def predict(images):\n    return [[]]", "frames 3 to 4: the model returned 1 results for 2 images"),
    ("def predict(images):\n    return 7", "returned int; it must return a list"),
    ("def predict(images):\n    return [[], None]", "v.mp4, frame 4: The model returned None"),
    (
        "def predict(images):\n"
        "    return [[], [{'category_id': 0, 'bbox': [0, 0, 5, 5], 'score': float('nan')}]]",
        r"frame 4: prediction 0: score is nan; it must be a finite number",
    ),
    (
        "def predict(images):\n    return [[], {'score': 1}]",
        "frame 4: The model returned a dict without boxes",
    ),
    ("def predict(images):\n    return [[], [3]]", r"frame 4: .* int at \[0\]"),
    (
        "def predict(images):\n    return [[], 'x']",
        "frame 4: The model returned str; a task of type object-detection",
    ),
    (
        "from lightly_assets.models.results import Detections\n"
        "def predict(images):\n    return [[], Detections([[0, 0, 5, float('nan')]], [0.5], [0])]",
        r"frames 3 to 4: boxes\[0\] is \[0.0, 0.0, 5.0, nan\]; its numbers must be finite",
    ),
    (
        "from lightly_assets.models.results import Classification\n"
        "def predict(images):\n    return [[], Classification(0, 0.5)]",
        "frame 4: The model returned Classification; a task of type object-detection needs Detections",
    ),
    ("def predict(images):\n    raise GeneratorExit", "the model raised GeneratorExit"),
    (
        "import asyncio\nasync def ask():\n    raise asyncio.CancelledError\n"
        "def predict(images):\n    return asyncio.run(ask())",
        "the model raised CancelledError",
    ),
    (
        "def predict(images):\n    raise BaseExceptionGroup('both', [SystemExit(1)])",
        "the model raised BaseExceptionGroup: both",
    ),
]


@pytest.mark.parametrize(("code", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_model_is_named_with_its_video_and_frame(code: str, message: str, tmp_path: Path) -> None:
    model = load(tmp_path, code)
    with pytest.raises(ModelError, match=message) as caught:
        predict(model, first=3)
    assert caught.value.source is not None
    assert caught.value.source.input == "a/v.mp4"
    # Where one image is to blame, it is that one; otherwise the first of the batch.
    assert caught.value.source.index == (4 if "frame 4" in str(caught.value) else 3)


def test_scores_of_pixels_have_a_channel_for_each_category(tmp_path: Path) -> None:
    code = (
        "import numpy as np\nfrom lightly_assets import SemanticScores\n"
        "def predict(images):\n"
        "    return [SemanticScores(scores=np.full((3, 48, 64), 1 / 3)) for _ in images]"
    )
    categories = [Category(id=number, name=f"c{number}") for number in range(2)]
    (tmp_path / "mine.py").write_text(code)
    images = np.zeros((2, 48, 64, 3), dtype=np.uint8)
    sources = [Source("a/v.mp4", index, 64, 48) for index in range(2)]
    for map_, message in ((None, "frame 0: scores have 3 channels, but the task has 2"), ({0: 0, 2: 1}, "")):
        config = parse_model({"kind": "python", "call": "mine:predict", "category_map": map_})
        model = load_model(
            config, task_type="semantic-segmentation", categories=categories, base_dir=tmp_path
        )
        if not message:
            assert len(model.predict(images, sources)) == 2
            continue
        with pytest.raises(ModelError, match=message):
            model.predict(images, sources)


LOADING: list[tuple[str, dict[str, Any], str]] = [
    ("x = 1", {}, "names predict, which mine does not have; it has nothing that can be called"),
    ("def other(images): ...", {}, "it has other"),
    (
        "import no_such_package",
        {},
        "importing mine fails: ModuleNotFoundError: No module named 'no_such_package'",
    ),
    ("def predict(:", {}, "importing mine fails: SyntaxError"),
    ("predict = 3", {}, "is an object of int, which cannot be called and has no method 'predict'"),
    (
        "class predict:\n    def __init__(self): raise OSError('no weights')",
        {},
        "cannot be made: OSError: no weights",
    ),
    ("def predict(images): ...", {"args": {"a": 1}}, "is no class, so args cannot be used"),
    ("", {"call": "nowhere:predict"}, "names the module nowhere, which cannot be found; it must lie beside"),
]


@pytest.mark.parametrize(("code", "settings", "message"), LOADING, ids=range(len(LOADING)))
def test_what_is_wrong_with_the_code_is_said_when_it_is_loaded(
    code: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        load(tmp_path, code, **settings)


def test_out_of_memory_halves_the_batch_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = """
sizes = []
def predict(images):
    sizes.append(len(images))
    if len(images) > 4:
        raise MemoryError
    return [[] for _ in images]
"""
    model = load(tmp_path, code, batch_size=8)
    assert len(predict(model, 8)) == 8
    assert model.batch_size == 4
    assert "a batch of 8 images does not fit into memory; going on with 4" in caplog.text
    assert len(predict(model, 8)) == 8
    import mine

    assert mine.sizes == [8, 4, 4, 4, 4]


def test_out_of_memory_again_is_an_error(tmp_path: Path) -> None:
    model = load(tmp_path, "def predict(images):\n    raise MemoryError\n")
    with pytest.raises(
        ModelError, match=r"frames 0 to 3: 4 images do not fit into memory .* smaller batch_size"
    ):
        predict(model, 8)


def test_result_types_and_numbers_of_numpy_are_taken(tmp_path: Path) -> None:
    code = """
import numpy as np
from lightly_assets.models.results import Detections
def predict(images):
    ready = {"category_id": np.int64(0), "bbox": np.array([0, 1, 2, 3], np.float32), "score": np.float32(0.8)}
    return np.array([Detections(np.zeros((0, 4)), [], []), [ready]], dtype=object)
"""
    found = predict(load(tmp_path, code))
    assert isinstance(found[0], Detections)
    assert found[1].singletons == [{"category_id": 0, "bbox": [0.0, 1.0, 2.0, 3.0], "score": 0.8}]
    assert type(found[1].singletons[0]["score"]) is float
    assert type(found[1].singletons[0]["category_id"]) is int


def test_a_classification_of_probabilities(tmp_path: Path) -> None:
    code = """
from lightly_assets.models.results import Classification
def predict(images):
    return [Classification(probabilities=[0.25, 0.75])] * 2
"""
    found = predict(load(tmp_path, code, task_type="classification"))
    assert isinstance(found[0], Classification)


def test_a_batch_that_is_kept_does_not_change(tmp_path: Path) -> None:
    code = """
KEPT = []
def predict(images):
    KEPT.append(images[:1])
    return [[] for _ in images]
"""
    model = load(tmp_path, code, name="keeps_batches")
    for value in range(5):
        images = [np.full((4, 6, 3), value, dtype=np.uint8) for _ in range(2)]
        model.predict(images, [Source("a.mp4", index, 6, 4) for index in range(2)])
    kept = sys.modules["keeps_batches"].KEPT
    assert [int(one[0, 0, 0, 0]) for one in kept] == [0, 1, 2, 3, 4]
