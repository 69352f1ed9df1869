#!/usr/bin/env bash
# pycocotools' COCOeval does not honour "ignore": 1 of a label: for boxes and masks it is overwritten by "iscrowd".
# Its code says `gt['ignore'] = gt['ignore'] if 'ignore' in gt else 0` in the line before, so a reader trusts it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11 numpy==2.3.5 2>/dev/null
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib, importlib.metadata, io, sys
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

def average_precision(ignored_label):
    """One label is found; a second one, marked as given, is not."""
    box = {"image_id": 1, "category_id": 1, "area": 100.0, "iscrowd": 0}
    labels = [box | {"id": 1, "bbox": [0, 0, 10, 10]}, box | {"id": 2, "bbox": [50, 50, 10, 10]} | ignored_label]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], "annotations": labels}
        truth.createIndex()
        found = truth.loadRes([{"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "score": 1.0}])
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.evaluate(); evaluation.accumulate(); evaluation.summarize()
    return evaluation.stats[0]

plain, ignored, crowd = (average_precision(one) for one in ({}, {"ignore": 1}, {"iscrowd": 1}))
print("pycocotools", importlib.metadata.version("pycocotools"))
print('expected: a label with "ignore": 1 need not be found, so the average precision is 1, as with "iscrowd": 1')
print(f'behaviour: {ignored:.3f} with "ignore": 1, {plain:.3f} without it, {crowd:.3f} with "iscrowd": 1')
sys.exit(0 if abs(ignored - plain) < 1e-9 and ignored < 0.6 and crowd > 0.999 else 1)
PYTHON
