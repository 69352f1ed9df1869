#!/usr/bin/env bash
# labelformat reads no object of a YOLO text file that has scores (six columns), as ultralytics' save_txt with save_conf
# writes it: the image comes out as one without objects, with a line in the log and exit 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check labelformat==0.1.17 2>/dev/null
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import importlib.metadata, logging, sys
from pathlib import Path
from PIL import Image
from labelformat.formats import YOLOv8ObjectDetectionInput

logging.disable(logging.CRITICAL)
root = Path(sys.argv[1])
for name in ("images/train", "labels/train"):
    (root / name).mkdir(parents=True)
Image.new("RGB", (100, 100)).save(root / "images/train/a.png")
(root / "data.yaml").write_text(f"path: {root}\ntrain: images/train\nval: images/train\nnames: [car]\n")

def objects(line):
    (root / "labels/train/a.txt").write_text(line)
    found = YOLOv8ObjectDetectionInput(input_file=root / "data.yaml", input_split="train").get_labels()
    return sum(len(one.objects) for one in found)

plain, scored = objects("0 0.5 0.5 0.25 0.25\n"), objects("0 0.5 0.5 0.25 0.25 0.91\n")
print("labelformat", importlib.metadata.version("labelformat"))
print("expected: one object, with the score 0.91 or without")
print(f"behaviour: {plain} object of a line with five columns, {scored} of the same line with a score")
sys.exit(0 if (plain, scored) == (1, 0) else 1)
PYTHON
