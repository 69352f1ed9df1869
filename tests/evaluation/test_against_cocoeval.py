"""Average precision and recall, beside pycocotools' COCOeval on the same random labels and predictions."""

from pathlib import Path

import numpy as np
import pytest
from pycocotools.cocoeval import COCOeval

from lightly_assets.evaluation.document import Document, document
from lightly_assets.evaluation.evaluate import evaluate
from tests.evaluation.folders import RandomSet, cocoeval

KINDS = {"object-detection": "bbox", "instance-segmentation": "segm", "keypoint-detection": "keypoints"}
BOXES = ("map", "map50", "map75", "map_small", "map_medium", "map_large", "ar1", "ar10", "ar")
KEYPOINTS = ("map", "map50", "map75", "map_medium", "map_large", "ar")


def expected(found: COCOeval, kind: str) -> dict[str, float | None]:
    names = KEYPOINTS if kind == "keypoints" else BOXES
    return {
        name: None if value == -1 else value for name, value in zip(names, found.stats.tolist(), strict=False)
    }


def of_categories(found: COCOeval) -> list[tuple[float | None, float | None]]:
    precision = found.eval["precision"][:, :, :, 0, -1]
    return [
        (None, None) if (precision[:, :, one] == -1).all() else
        (precision[:, :, one].mean(), precision[0, :, one].mean())
        for one in range(precision.shape[2])
    ]  # fmt: skip


def close(ours: Document, theirs: dict[str, float | None]) -> None:
    for name, value in theirs.items():
        if value is None:
            assert ours[name] is None, name
        else:
            assert ours[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_equals_cocoeval(tmp_path: Path, kind: str, seed: int) -> None:
    random = RandomSet(seed, kind)
    labels = random.write(tmp_path)
    theirs = cocoeval(random.coco(), random.results, KINDS[kind])
    ours = document(evaluate(tmp_path, "t", labels))
    # A random set on which everything fails or fits would show nothing.
    assert 0.05 < ours["map"] < 0.95
    close(ours, expected(theirs, KINDS[kind]))
    for row, (ap, ap50) in zip(ours["per_category"], of_categories(theirs), strict=True):
        assert row["ap"] == (None if ap is None else pytest.approx(ap, abs=1e-9))
        assert row["ap50"] == (None if ap50 is None else pytest.approx(ap50, abs=1e-9))


def test_more_predictions_than_cocoeval_looks_at(tmp_path: Path) -> None:
    """Beyond 100 of a category in an image, only the surest count; one image, so ranks matter."""
    random = RandomSet(11, "object-detection", images=2)
    name = random.images[0]["file_name"]
    more = [{"bbox": random._box(), "category_id": 3, "score": round(0.3 + i / 1000, 3)} for i in range(250)]
    random.predictions[name] += more
    random.results += [one | {"image_id": random.images[0]["id"]} for one in more]
    labels = random.write(tmp_path)
    theirs = cocoeval(random.coco(), random.results, "bbox")
    close(document(evaluate(tmp_path, "t", labels)), expected(theirs, "bbox"))


@pytest.mark.parametrize("keypoints", [5, 21])
def test_other_numbers_of_keypoints(tmp_path: Path, keypoints: int) -> None:
    random = RandomSet(3, "keypoint-detection", keypoints=keypoints)
    labels = random.write(tmp_path)
    from pycocotools.cocoeval import Params

    sigmas = np.full(keypoints, 0.07)
    kept = Params.setKpParams

    def with_sigmas(self: Params) -> None:
        kept(self)
        self.kpt_oks_sigmas = sigmas

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Params, "setKpParams", with_sigmas)
        theirs = cocoeval(random.coco(), random.results, "keypoints")
    ours = document(evaluate(tmp_path, "t", labels, sigmas=tuple(sigmas)))
    close(ours, expected(theirs, "keypoints"))


def test_labels_of_another_task_are_the_same_as_their_coco_file(tmp_path: Path) -> None:
    from tests.evaluation.folders import write_task

    random = RandomSet(5, "object-detection")
    for one in random.annotations:
        one["iscrowd"], one["area"] = 0, one["bbox"][2] * one["bbox"][3]
    # Tasks have no ids of images: names decide between equal scores.
    for place, image in enumerate(random.images):
        old, image["id"] = image["id"], place + 1
        for one in [*random.annotations, *random.results]:
            if one["image_id"] == old and "done" not in one:
                one |= {"image_id": place + 1, "done": 1}
    labels = random.write(tmp_path)
    truth: dict[str, list[dict[str, object]]] = {image["file_name"]: [] for image in random.images}
    names = {image["id"]: image["file_name"] for image in random.images}
    for one in random.annotations:
        truth[names[one["image_id"]]].append(
            {"category_id": one["category_id"], "bbox": one["bbox"], "score": 1.0}
        )
    write_task(tmp_path, "truth", "object-detection", random.categories, truth)
    of_file = document(evaluate(tmp_path, "t", labels))
    of_task = document(evaluate(tmp_path, "t", "truth"))
    assert of_task.pop("labels") == "task 'truth'"
    of_file.pop("labels")
    assert of_task == of_file
