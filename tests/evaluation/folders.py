"""Prediction folders and COCO files for tests of the evaluation, and COCO's own evaluation of them."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lightly_assets.format.coco.masks import to_coco
from lightly_assets.format.rle import encode

HEIGHT, WIDTH = 120, 160


def write_task(
    root: Path, task: str, task_type: str, categories: dict[int, str], files: dict[str, list[dict[str, Any]]]
) -> None:
    """A task of a Lightly datasource; ``files`` are singletons by file name."""
    folder = root / ".lightly/predictions"
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "tasks.json"
    tasks = json.loads(listed.read_text()) if listed.is_file() else []
    listed.write_text(json.dumps([*tasks, task]))
    schema = {
        "task_type": task_type,
        "categories": [{"id": one, "name": name} for one, name in categories.items()],
    }
    (folder / task).mkdir()
    (folder / task / "schema.json").write_text(json.dumps(schema))
    for name, predictions in files.items():
        path = folder / task / Path(name).with_suffix(".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"file_name": name, "predictions": predictions}))


class RandomSet:
    """Labels and predictions of random objects: crowds, ties of scores and overlaps, empty categories."""

    def __init__(self, seed: int, kind: str, images: int = 12, keypoints: int = 17) -> None:
        self.random = np.random.default_rng(seed)
        self.kind = kind
        self.keypoints = keypoints
        self.categories = {3: "car", 7: "person", 9: "never labelled", 12: "never predicted"}
        # Ids in another order than names, so that ties show whose order counts.
        ids = self.random.permutation(np.arange(1, images + 1) * 5).tolist()
        self.images = [
            {"id": one, "file_name": f"sub/i{place:03}.png", "width": WIDTH, "height": HEIGHT}
            for place, one in enumerate(ids)
        ]
        self.annotations: list[dict[str, Any]] = []
        self.predictions: dict[str, list[dict[str, Any]]] = {}
        self.results: list[dict[str, Any]] = []
        for image in self.images:
            self._fill(image)

    def _fill(self, image: dict[str, Any]) -> None:
        boxes = [self._box() for _ in range(self.random.integers(0, 9))]
        classes = {tuple(box): int(self.random.choice([3, 3, 7, 7, 12])) for box in boxes}
        for box in boxes:
            label = self._shape(box, is_label=True) | {
                "id": len(self.annotations) + 1,
                "image_id": image["id"],
                "category_id": classes[tuple(box)],
                "iscrowd": int(self.random.random() < 0.15),
            }
            label["area"] = label.get("area", label["bbox"][2] * label["bbox"][3] * 0.8)
            self.annotations.append(label)
        singletons = []
        for box in [*boxes, *boxes, *(self._box() for _ in range(self.random.integers(0, 6)))]:
            if self.random.random() < 0.2:
                continue
            moved = box if self.random.random() < 0.3 else self._moved(box)
            right = classes.get(tuple(box), 12)
            category = (
                right if right != 12 and self.random.random() < 0.8 else int(self.random.choice([3, 7, 9]))
            )
            score = round(float(self.random.random() + (category == right)) / 2, 1)
            one = self._shape(moved, is_label=False) | {"category_id": category, "score": score}
            singletons.append(one)
        self.predictions[image["file_name"]] = singletons
        for one in singletons:
            self.results.append(self._result(one) | {"image_id": image["id"]})

    def _box(self) -> list[float]:
        w, h = self.random.integers(3, 110), self.random.integers(3, 90)
        return [
            float(self.random.integers(0, WIDTH - w)),
            float(self.random.integers(0, HEIGHT - h)),
            float(w),
            float(h),
        ]

    def _moved(self, box: list[float]) -> list[float]:
        x, y, w, h = box
        step = self.random.integers(-4, 5, 4)
        x, y = min(max(x + step[0], 0), WIDTH - 4), min(max(y + step[1], 0), HEIGHT - 4)
        w, h = min(max(w + step[2], 2), WIDTH - x), min(max(h + step[3], 2), HEIGHT - y)
        return [float(x), float(y), float(w), float(h)]

    def _shape(self, box: list[float], *, is_label: bool) -> dict[str, Any]:
        if self.kind == "object-detection":
            return {"bbox": box}
        if self.kind == "keypoint-detection":
            return self._points(box, is_label)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        x, y, w, h = map(int, box)
        rows, columns = np.mgrid[0:h, 0:w]
        mask[y : y + h, x : x + w] = (((rows - h / 2) / h) ** 2 + ((columns - w / 2) / w) ** 2) <= 0.26
        counts = encode(mask)
        if not is_label:
            return {"segmentation": counts, "bbox": box}
        rle = to_coco(counts, HEIGHT, WIDTH, compressed=bool(self.random.random() < 0.5))
        return {"segmentation": rle, "bbox": box, "area": float(mask.sum())}

    def _points(self, box: list[float], is_label: bool) -> dict[str, Any]:
        x, y, w, h = box
        points = (
            self.random.random((self.keypoints, 2)) * 0.05 + np.linspace(0.1, 0.9, self.keypoints)[:, None]
        )
        places = np.round(points * (w, h) + (x, y), 2)
        if not is_label:
            flat = [value for px, py in places.tolist() for value in (px, py, 1.0)]
            return {"keypoints": flat, "bbox": box}
        seen = self.random.choice([0, 1, 2], self.keypoints)
        if self.random.random() < 0.2:
            seen[:] = 0
        flat = [
            value for (px, py), v in zip(places.tolist(), seen.tolist(), strict=True) for value in (px, py, v)
        ]
        return {"keypoints": flat, "num_keypoints": int((seen > 0).sum()), "bbox": box}

    def _result(self, one: dict[str, Any]) -> dict[str, Any]:
        result = {"category_id": one["category_id"], "score": one["score"]}
        if self.kind == "object-detection":
            return result | {"bbox": one["bbox"]}
        if self.kind == "keypoint-detection":
            return result | {"keypoints": one["keypoints"]}
        columns = to_coco(one["segmentation"], HEIGHT, WIDTH)
        return result | {"segmentation": coco_mask.frPyObjects(columns, HEIGHT, WIDTH)}

    def coco(self) -> dict[str, Any]:
        categories = [{"id": one, "name": name} for one, name in self.categories.items()]
        return {"images": self.images, "annotations": self.annotations, "categories": categories}

    def write(self, folder: Path) -> Path:
        """The task ``t`` below ``folder``, and the labels, whose path is returned."""
        write_task(folder, "t", self.kind, self.categories, self.predictions)
        labels = folder / "labels.json"
        labels.write_text(json.dumps(self.coco()))
        return labels


def cocoeval(labels: dict[str, Any], results: list[dict[str, Any]], kind: str) -> COCOeval:
    """COCO's own evaluation."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = labels
        truth.createIndex()
        found = COCOeval(truth, truth.loadRes(results), kind)
        found.evaluate()
        found.accumulate()
        found.summarize()
    return found
