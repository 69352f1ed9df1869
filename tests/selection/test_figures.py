"""The figures of many files are those of all their predictions at once, in whatever order they are read."""

from pathlib import Path

import numpy as np
import pytest

from lightly_assets.folders.read import read_folder
from lightly_assets.folders.scores import file_scores
from lightly_assets.selection import figures as module
from lightly_assets.selection.figures import Names, Wanted, read_figures
from tests.evaluation.folders import write_task

SCORES = frozenset({"uncertainty_entropy", "objectness_least_confidence", "object_frequency"})
WANTED = Wanted(SCORES, True, frozenset({"boxes"}), frozenset({"probabilities"}))


def folder(root: Path) -> None:
    random = np.random.default_rng(0)
    files = {}
    # The names in their folders are in another order than the paths: "a-1" before "a" but "a.x/" behind.
    for name in ("a.jpg", "a-1.jpg", "a.x/b.jpg", "é/ü.jpg", "z.jpg", *(f"m/{one}.jpg" for one in range(30))):
        objects = [
            {"category_id": int(random.integers(3)), "score": float(random.random()), "bbox": [1, 2, 3, 4]}
            for _ in range(int(random.integers(0, 4)))
        ]
        for number, one in enumerate(objects):
            if number % 2:
                one["probabilities"] = [0.5, 0.25, 0.25]
        files[name] = objects
    write_task(root, "boxes", "object-detection", {0: "a", 1: "b", 2: "c"}, files)


@pytest.mark.parametrize("at_once", [1, 7, 10_000])
def test_they_are_those_of_all_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    folder(tmp_path)
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    whole = read_folder(tmp_path).tasks["boxes"]
    found = read_figures(tmp_path, ["boxes"], lambda *_: WANTED, 1).tasks["boxes"]
    assert list(found.stems) == whole.columns.stems == sorted(whole.columns.stems)
    assert list(found.names) == whole.columns.file_names
    expected = file_scores(whole)
    assert found.scores.keys() == SCORES
    for name in SCORES:
        assert np.allclose(found.scores[name], expected[name], atol=1e-12), name
    counts = np.zeros((len(found.stems), 3))
    np.add.at(counts, (whole.columns.files, whole.columns.categories), 1)
    assert found.counts is not None and np.array_equal(found.counts, counts)
    vectors = np.where(np.isnan(whole.columns.probabilities), 0, whole.columns.probabilities)
    plain = np.isnan(whole.columns.probabilities[:, 0])
    vectors[plain, whole.columns.categories[plain]] = 1
    sums = np.zeros_like(counts)
    np.add.at(sums, whole.columns.files, vectors)
    assert found.distribution is not None and np.allclose(found.distribution, sums)
    assert found.columns is not None and np.array_equal(found.columns.boxes, whole.columns.boxes)


def test_names_are_a_list_of_texts() -> None:
    texts = ["", "a", "é\u0000", "\udc80 of a disk", "x" * 300]
    names = Names(texts[:2])
    names.extend(texts[2:])
    assert list(names) == texts and names[3] == texts[3] and len(names) == 5
    assert names == Names(texts) and names != Names(texts[::-1])
