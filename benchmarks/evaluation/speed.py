"""Evaluation beside pycocotools' COCOeval: ``python -m benchmarks.evaluation.speed [--boxes 200000]``.

Both sides start from what they need in memory: COCOeval from its own index of labels and results, ours from
the columns of the prediction folder and the parsed label file. CPU seconds, because cores are shared.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lightly_assets.evaluation.evaluate import judge
from lightly_assets.evaluation.objects import Objects
from lightly_assets.evaluation.pairing import Labels
from lightly_assets.folders.columns import Collector
from lightly_assets.folders.read import Task
from lightly_assets.format.rules.fast_path import ParsedFile
from lightly_assets.format.rules.prediction_rules import UNKNOWN
from lightly_assets.format.schema import Schema


def seconds(action: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came out."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def random_set(boxes: int, per_image: int, categories: int) -> tuple[Task, Labels, dict[str, Any], list[Any]]:
    """As many predictions as ``boxes``, labels close to two thirds of them."""
    random = np.random.default_rng(0)
    images = boxes // per_image
    xywh = np.concatenate(
        [random.random((boxes, 2)) * 500, random.random((boxes, 2)) * 150 + 4], axis=1
    ).round(2)
    image, category = np.repeat(np.arange(images), per_image), random.integers(0, categories, boxes)
    score = random.random(boxes).round(4)
    is_label = random.random(boxes) < 0.66
    labels = (xywh + random.normal(0, 5, xywh.shape))[is_label].round(2)
    labels[:, 2:] = np.maximum(labels[:, 2:], 1)
    areas = labels[:, 2] * labels[:, 3]
    names = [{"id": one, "name": f"c{one}"} for one in range(categories)]
    annotations = [
        {"id": number + 1, "image_id": i, "category_id": c, "bbox": b, "area": a, "iscrowd": 0}
        for number, (i, c, b, a) in enumerate(
            zip(
                image[is_label].tolist(),
                category[is_label].tolist(),
                labels.tolist(),
                areas.tolist(),
                strict=True,
            )
        )
    ]
    results = [
        {"image_id": i, "category_id": c, "bbox": b, "score": s}
        for i, c, b, s in zip(image.tolist(), category.tolist(), xywh.tolist(), score.tolist(), strict=True)
    ]
    coco = {"images": [{"id": one} for one in range(images)], "annotations": annotations, "categories": names}
    lists: list[list[Any]] = [[] for _ in range(images)]
    for one in results:
        lists[one["image_id"]].append({key: one[key] for key in ("category_id", "bbox", "score")})
    files = [
        ParsedFile(b"", {"file_name": f"{n:07}.png", "predictions": p}, f"{n:07}", UNKNOWN)
        for n, p in enumerate(lists)
    ]
    schema = Schema.parse({"task_type": "object-detection", "categories": names})
    task = Task("t", schema, Collector(categories)(files))
    nothing = np.zeros(len(annotations), dtype=np.bool_)
    objects = Objects(
        image[is_label], category[is_label], np.ones(len(annotations)), labels, areas, nothing
    )  # fmt: skip
    found = Labels(
        "labels", [one.stem for one in files], [(one["id"], one["name"]) for one in names], objects
    )
    return task, found, coco, results


def coco_figures(coco: dict[str, Any], results: list[Any]) -> tuple[float, COCOeval]:
    """CPU seconds of COCO's evaluation, without making its index."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = coco
        truth.createIndex()
        found = COCOeval(truth, truth.loadRes(results), "bbox")
        start = time.process_time()
        found.evaluate()
        found.accumulate()
        found.summarize()
    return time.process_time() - start, found


def main() -> None:
    """Prints both sides and their ratio, for few and for many categories."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--boxes", type=int, default=200_000)
    boxes = parser.parse_args().boxes
    print("boxes    an image  categories  COCOeval s  ours s  ratio  |difference of mAP|")
    for per_image, categories in ((20, 10), (20, 80), (100, 3)):
        task, labels, coco, results = random_set(boxes, per_image, categories)
        ours, found = seconds(lambda task=task, labels=labels: judge(task, labels))
        theirs, reference = coco_figures(coco, results)
        assert found.precision is not None
        difference = abs((found.precision.ap() or 0) - reference.stats[0])
        print(
            f"{boxes:8,} {per_image:8} {categories:11} {theirs:11.1f} {ours:7.2f} {theirs / ours:6.1f}  "
            f"{difference:.1e}"
        )


if __name__ == "__main__":
    main()
