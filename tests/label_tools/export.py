"""Label files as the tools' own exporters write them: ``python export.py FOLDER``, in their environment.

Beside them lies ``truth.json``: what was handed to each exporter, image by image, in pixels.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 80, 60
NAMES = ["person", "car"]
BOXES = {
    "a.jpg": [["person", [10, 10, 20, 15]], ["car", [40.5, 20.25, 30, 30]]],
    "sub/b.jpg": [["car", [1, 2, 3, 4]]],
    "empty.jpg": [],
}
POLYGONS = {"a.jpg": [["person", [10, 10, 40, 10, 40, 30, 10, 30]], ["car", [50, 5, 70, 5, 60, 25]]]}
MASK = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
MASK[5:25, 10:40] = 1
MASK[10:15, 20:25] = 0  # a hole
MASK[40:50, 60:70] = 1  # and a second part
FRAMES = 6


def main(root: Path) -> None:
    truth: dict[str, dict[str, Any]] = {}
    for name, make in CASES.items():
        folder = root / name
        folder.mkdir(parents=True)
        truth[name] = make(folder)
    (root / "truth.json").write_text(json.dumps(truth, default=float))


def case(format: str, boxes: dict[str, Any], path: str = "", **settings: Any) -> dict[str, Any]:
    """What there is to read, how, and what must come of it."""
    return {"format": format, "path": path, "settings": settings, "truth": boxes}


def _dataset(annotations: dict[str, list[Any]], names: Any, subsets: dict[str, str] | None = None) -> Any:
    from datumaro.components.dataset import Dataset
    from datumaro.components.dataset_base import DatasetItem
    from datumaro.components.media import Image as Media

    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    subsets = subsets or {}
    items = [
        DatasetItem(
            name.rpartition(".")[0],
            media=Media.from_numpy(pixels),
            annotations=found,
            subset=subsets.get(name, "default"),
        )
        for name, found in annotations.items()
    ]
    return Dataset.from_iterable(items, categories=names)


def _boxes(subsets: dict[str, str] | None = None) -> Any:
    from datumaro.components.annotation import Bbox

    rows = {
        name: [Bbox(*box, label=NAMES.index(category)) for category, box in found]
        for name, found in BOXES.items()
    }
    return _dataset(rows, NAMES, subsets)


def datumaro(
    format: str, read_as: str, subsets: dict[str, str] | None = None
) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        _boxes(subsets).export(str(folder), format, save_media=True)
        return case(read_as, BOXES)

    return make


def datumaro_polygons(folder: Path) -> dict[str, Any]:
    from datumaro.components.annotation import Polygon

    rows = {
        name: [Polygon(points, label=NAMES.index(category)) for category, points in found]
        for name, found in POLYGONS.items()
    }
    _dataset(rows, NAMES).export(str(folder), "cvat", save_media=True)
    return case("cvat", POLYGONS)


def _mask_dataset() -> Any:
    from datumaro.components.annotation import AnnotationType, LabelCategories, Mask, MaskCategories

    labels = LabelCategories.from_iterable(["background", "car"])
    colours = MaskCategories({0: (0, 0, 0), 1: (128, 0, 0)})
    categories: Any = {AnnotationType.label: labels, AnnotationType.mask: colours}
    return _dataset({"a.jpg": [Mask(MASK, label=1)]}, categories)


def datumaro_masks(format: str, read_as: str) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        _mask_dataset().export(str(folder), format, save_media=True)
        found = [["car", MASK.tolist()]]
        if format != "cvat":  # a picture of classes has a pixel for everything
            found.insert(0, ["background", (1 - MASK).tolist()])
        return case(read_as, {"a.jpg": found}, task_type="semantic-segmentation")

    return make


def datumaro_classes(format: str, read_as: str) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        from datumaro.components.annotation import Label

        rows = {"a.jpg": [Label(1)], "b.jpg": [Label(0)]}
        _dataset(rows, NAMES).export(str(folder), format, save_media=True)
        return case(
            read_as, {"a.jpg": [["car", None]], "b.jpg": [["person", None]]}, task_type="classification"
        )

    return make


def datumaro_mot(folder: Path) -> dict[str, Any]:
    from datumaro.components.annotation import Bbox

    rows = {
        f"{index + 1:06}.jpg": [Bbox(10 + index, 10, 20, 15, label=1, attributes={"track_id": 1})]
        for index in range(FRAMES)
    }
    _dataset(rows, NAMES).export(str(folder), "mot_seq_gt", save_media=True)
    truth = {f"img1/{index + 1:06}.jpg": [["car", [10 + index, 10, 20, 15]]] for index in range(FRAMES)}
    return case("mot", truth)


def supervision(format: str) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        import supervision as sv

        found = {
            name: sv.Detections(
                xyxy=np.array([[x, y, x + w, y + h] for _, (x, y, w, h) in rows], dtype=float).reshape(-1, 4),
                class_id=np.array([NAMES.index(category) for category, _ in rows], dtype=int),
            )
            for name, rows in BOXES.items()
            if "/" not in name
        }
        images = {name: np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8) for name in found}
        data = sv.DetectionDataset(classes=NAMES, images=images, annotations=found)
        truth = {name: BOXES[name] for name in found}
        if format == "yolo":
            data.as_yolo(
                annotations_directory_path=str(folder / "labels"), data_yaml_path=str(folder / "data.yaml")
            )
            return case("yolo", truth)
        data.as_pascal_voc(annotations_directory_path=str(folder))
        # It rounds to whole pixels, once they count from 1.
        whole = {
            name: [
                [
                    category,
                    [
                        round(x + 1) - 1,
                        round(y + 1) - 1,
                        round(x + w) - round(x + 1) + 1,
                        round(y + h) - round(y + 1) + 1,
                    ],
                ]
                for category, (x, y, w, h) in rows
            ]
            for name, rows in truth.items()
        }
        return case("voc", whole, pixel_origin=1)

    return make


def label_studio(folder: Path) -> dict[str, Any]:
    from label_studio_sdk.converter.brush import mask2rle

    size = {"original_width": WIDTH, "original_height": HEIGHT}
    value = {"format": "rle", "rle": mask2rle(MASK * 255), "brushlabels": ["car"]}
    region = {"id": "r", "type": "brushlabels", "value": value, **size}
    tasks = [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}]
    (folder / "export.json").write_text(json.dumps(tasks))
    return case(
        "label-studio", {"a.jpg": [["car", MASK.tolist()]]}, "export.json", task_type="instance-segmentation"
    )


def _results(**found: Any) -> Any:
    import torch
    from ultralytics.engine.results import Results

    tensors = {name: torch.tensor(rows) for name, rows in found.items()}
    names = dict(enumerate(NAMES))
    return Results(np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8), path="a.jpg", names=names, **tensors)


def ultralytics(kind: str, *, scores: bool) -> Callable[[Path], dict[str, Any]]:
    def make(folder: Path) -> dict[str, Any]:
        score = 0.5 if scores else None
        box = [10.0, 10.0, 30.0, 25.0]
        tracked: list[float] = [7.0] if kind == "track" else []
        truth: Any = ["car", [10, 10, 20, 15]]
        settings: dict[str, Any] = {"categories": dict(enumerate(NAMES))}
        if kind == "pose":
            points = [[[20.0, 15.0, 0.5], [25.0, 20.0, 0.25], [0.0, 0.0, 0.0]]]
            results = _results(boxes=[[*box, 0.5, 1.0]], keypoints=points)
            (folder / "data.yaml").write_text("names: [person, car]\nkpt_shape: [3, 3]\n")
            truth = ["car", [value for point in points[0] for value in point]]
            settings = {}
        elif kind == "segment":
            mask = np.zeros((1, HEIGHT, WIDTH), dtype=np.float32)
            mask[0, 10:30, 20:50] = 1
            results = _results(boxes=[[20.0, 10.0, 50.0, 30.0, 0.5, 1.0]], masks=mask.tolist())
            truth = ["car", [20, 10, 20, 29, 49, 29, 49, 10]]
            settings["task_type"] = "instance-segmentation"
        elif kind == "obb":
            # A quarter turn: 20 wide and 10 high becomes 10 wide and 20 high.
            results = _results(obb=[[40.0, 30.0, 20.0, 10.0, float(np.pi / 2), 0.5, 1.0]])
            truth = ["car", [35, 20, 10, 20]]
            settings |= {"task_type": "object-detection", "rotated": "enclose"}
        elif kind == "classify":
            results, truth, score = _results(probs=[0.2, 0.8]), ["car", None], 0.8
        else:
            results = _results(boxes=[[*box, *tracked, 0.5, 1.0]])
        # Tracks are of frames, which are numbered.
        stem = "a_1" if kind == "track" else "a"
        results.save_txt(folder / f"labels/{stem}.txt", save_conf=scores)
        if scores or kind == "classify":
            settings["score"] = score
        return case("yolo", {f"{stem}.jpg": [truth]}, **settings)

    return make


def labelformat(format: str, read_as: str) -> Callable[[Path], dict[str, Any]]:
    """From a COCO file to another format, by its command line's own classes."""

    def make(folder: Path) -> dict[str, Any]:
        from labelformat.formats import COCOObjectDetectionInput

        images = [
            {"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT} for n, name in enumerate(BOXES)
        ]
        rows = [(n, category, box) for n, name in enumerate(BOXES) for category, box in BOXES[name]]
        annotations = [
            {"id": k, "image_id": n, "category_id": NAMES.index(category), "bbox": box, "iscrowd": 0}
            for k, (n, category, box) in enumerate(rows)
        ]
        categories = [{"id": n, "name": name} for n, name in enumerate(NAMES)]
        source = folder.parent / f"{folder.name}.json"
        flat = [image for image in images if "/" not in image["file_name"]]
        kept = {image["id"] for image in flat}
        annotations = [one for one in annotations if one["image_id"] in kept]
        source.write_text(json.dumps({"images": flat, "annotations": annotations, "categories": categories}))
        label_input = COCOObjectDetectionInput(input_file=source)
        if format == "kitti":
            from labelformat.formats import KittiObjectDetectionOutput

            KittiObjectDetectionOutput(output_folder=folder / "labels").save(label_input=label_input)
        elif format == "pascalvoc":
            from labelformat.formats import PascalVOCObjectDetectionOutput

            PascalVOCObjectDetectionOutput(output_folder=folder).save(label_input=label_input)
        else:
            from labelformat.formats import YOLOv8ObjectDetectionOutput

            YOLOv8ObjectDetectionOutput(output_file=folder / "data.yaml", output_split="train").save(
                label_input=label_input
            )
        return case(read_as, {name: rows for name, rows in BOXES.items() if "/" not in name})

    return make


def motmetrics(folder: Path) -> dict[str, Any]:
    """No exporter, but the reader of the benchmark's own evaluation, which counts pixels from 1."""
    import motmetrics as mm

    rows = [f"{index + 1},1,{11 + index},12,20,15,1,1,1" for index in range(FRAMES)]
    (folder / "seq/gt").mkdir(parents=True)
    (folder / "seq/gt/gt.txt").write_text("\n".join(rows))
    table = mm.io.loadtxt(str(folder / "seq/gt/gt.txt"), fmt="mot16")
    truth = {
        f"seq/img1/{frame:06}.jpg": [["pedestrian", [row.X, row.Y, row.Width, row.Height]]]
        for (frame, _), row in table.iterrows()
    }
    for name in truth:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / name)
    return case("mot", truth, "seq", pixel_origin=1)


CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "datumaro-cvat": datumaro("cvat", "cvat"),
    "datumaro-cvat-polygons": datumaro_polygons,
    "datumaro-cvat-masks": datumaro_masks("cvat", "cvat"),
    "datumaro-cvat-tags": datumaro_classes("cvat", "cvat"),
    "datumaro-voc": datumaro("voc_detection", "voc"),
    "datumaro-voc-masks": datumaro_masks("voc_segmentation", "masks"),
    "datumaro-camvid": datumaro_masks("camvid", "masks"),
    "datumaro-kitti": datumaro("kitti_detection", "kitti"),
    "datumaro-yolo": datumaro("yolo", "yolo"),
    "datumaro-yolo-ultralytics": datumaro(
        "yolo_ultralytics", "yolo", {"a.jpg": "train", "sub/b.jpg": "val", "empty.jpg": "val"}
    ),
    "datumaro-mot": datumaro_mot,
    "datumaro-imagenet": datumaro_classes("imagenet", "yolo"),
    "supervision-yolo": supervision("yolo"),
    "supervision-voc": supervision("voc"),
    "label-studio-sdk-brush": label_studio,
    "labelformat-yolov8": labelformat("yolov8", "yolo"),
    "labelformat-kitti": labelformat("kitti", "kitti"),
    "labelformat-pascalvoc": labelformat("pascalvoc", "voc"),
    "motmetrics": motmetrics,
    **{
        f"ultralytics-{kind}-{'scores' if scores else 'plain'}": ultralytics(kind, scores=scores)
        for kind in ("detect", "track", "segment", "pose", "classify", "obb")
        for scores in (False, True)
    },
}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
