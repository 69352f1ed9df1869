"""PP-OCR's models for text as rapidocr carries them: where lines are, and which way up."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr_onnxruntime.ch_ppocr_cls import TextClassifier
from rapidocr_onnxruntime.ch_ppocr_det import TextDetector

from tests.trained.comparison import Boxes, assert_same_boxes, corners, ours
from tests.trained.footage import folder, frames

MODELS = folder("rapidocr_onnxruntime") / "models"
SESSION = {"use_cuda": False, "use_dml": False, "intra_op_num_threads": 2, "inter_op_num_threads": -1}
DETECTOR = {
    "model_path": str(MODELS / "ch_PP-OCRv4_det_infer.onnx"),
    "limit_side_len": 736,
    "limit_type": "min",
    "mean": [0.5] * 3,
    "std": [0.5] * 3,
    "thresh": 0.3,
    "box_thresh": 0.5,
    "unclip_ratio": 1.6,
    "use_dilation": True,
    "score_mode": "fast",
}
SETTINGS = {
    "kind": "onnx",
    "path": DETECTOR["model_path"],
    "layout": "db",
    "score_threshold": 0.5,
    "unclip": 1.6,
    "dilate": True,
    "preprocess": {"mean": 0.5, "std": 0.5},
}
CLASSIFIER = {
    "model_path": str(MODELS / "ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    "cls_image_shape": [3, 48, 192],
    "cls_batch_num": 6,
    "cls_thresh": 0.9,
    "label_list": ["0", "180"],
}


def lines_of(detector: TextDetector, image: NDArray[np.uint8]) -> Boxes:
    """What the package finds: the upright boxes around its corners, in whole pixels."""
    # The steps of its __call__, which keeps no scores.
    pixels = detector.get_preprocess(max(image.shape[:2]))(image)
    boxes, scores = detector.postprocess_op(detector.infer(pixels)[0], image.shape[:2])
    theirs: Boxes = []
    for box, score in zip(boxes, scores, strict=True):
        for kept in detector.filter_tag_det_res(np.array([box]), image.shape[:2]):
            theirs.append((0, float(score), [*kept.min(axis=0).tolist(), *kept.max(axis=0).tolist()]))
    return theirs


def pages() -> list[tuple[str, NDArray[np.uint8]]]:
    """Half of the footage, and one picture turned, in which text is at an angle."""
    found = frames()[::2]
    name, image = next((name, image) for name, image in found if name.startswith("bus"))
    height, width = image.shape[:2]
    turned = cv2.warpAffine(image, cv2.getRotationMatrix2D((width / 2, height / 2), 23, 1), (width, height))
    return [*found, (f"{name}, turned", turned)]


def test_lines_of_text() -> None:
    detector = TextDetector(SESSION | DETECTOR)
    readers: dict[bool, Callable[[NDArray[Any]], Any]] = {}
    pairs = []
    for name, image in pages():
        height, width = image.shape[:2]
        # The package makes small images larger, and leaves others as they are.
        small = min(height, width) < 736
        if small not in readers:
            larger = {"resize": "shortest", "shortest": 736} if small else {}
            pixels = {"preprocess": {"mean": 0.5, "std": 0.5, **larger}}
            readers[small] = ours(SETTINGS | pixels, "object-detection", 1)
        theirs = lines_of(detector, np.ascontiguousarray(image[..., ::-1]))
        limits = (width - 1, height - 1, width - 1, height - 1)
        mine: Boxes = [
            (category, score, [float(min(round(side), most)) for side, most in zip(box, limits, strict=True)])
            for category, score, box in corners(readers[small](image))
        ]
        pairs.append((name, theirs, mine))
    assert_same_boxes(pairs, 10)


def test_which_way_up() -> None:
    """Of lines that the other model finds, and of these upside down."""
    detector, classifier = TextDetector(SESSION | DETECTOR), TextClassifier(SESSION | CLASSIFIER)
    written = ours(
        {
            "kind": "onnx",
            "path": CLASSIFIER["model_path"],
            "layout": "probabilities",
            "preprocess": {
                "resize": "letterbox",
                "size": [48, 192],
                "rounding": "ceil",
                "pad": "mean",
                "pad_at": "end",
                "interpolation": "linear",
                "mean": 0.5,
                "std": 0.5,
                "channels": "bgr",
            },
        },
        "classification",
        2,
    )
    off, seen = [], set()
    for _, image in pages():
        for _, _, (left, top, right, bottom) in lines_of(detector, np.ascontiguousarray(image[..., ::-1])):
            line = image[int(top) : int(bottom), int(left) : int(right)]
            # Longer lines are squeezed by the package; a letterbox keeps their shape.
            for part in (line, line[::-1, ::-1]):
                if not 0 < part.shape[1] <= 4 * part.shape[0]:
                    continue
                pixels = classifier.resize_norm_img(np.ascontiguousarray(part[..., ::-1]))
                theirs = classifier.infer(pixels[None].astype(np.float32))[0][0]
                found = np.array(written(np.ascontiguousarray(part))[0]["probabilities"])
                off.append(np.abs(found - theirs).max())
                seen.add(int(theirs.argmax()))
    print(f"which way up: {len(off)} lines, probabilities max {max(off):.2g}")
    assert len(off) >= 10 and seen == {0, 1}
    assert max(off) <= 1e-5
