#!/usr/bin/env bash
# Label Studio turns rectangles about their first corner, in pixels. The COCO export of its own SDK turns them in percents
# of an image that is not square, so a box that is turned by 90 degrees gets another shape and another place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2 2>/dev/null
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import importlib.metadata, json, logging, sys
from pathlib import Path
from label_studio_sdk.converter import Converter

logging.disable(logging.CRITICAL)
root = Path(sys.argv[1])
config = '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image"><Label value="car"/></RectangleLabels></View>'
# 50 wide and 10 high at (50, 10) of a 200 x 100 image, turned clockwise by 90 degrees.
value = {"x": 25, "y": 10, "width": 25, "height": 10, "rotation": 90, "rectanglelabels": ["car"]}
size = {"original_width": 200, "original_height": 100, "image_rotation": 0}
region = {"id": "r", "type": "rectanglelabels", "from_name": "label", "to_name": "image", "value": value, **size}
task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [region], "was_cancelled": False}]}
(root / "in.json").write_text(json.dumps([task]))
converter = Converter(config, str(root), download_resources=False)
converter.convert_to_coco(str(root / "in.json"), str(root / "out"), is_dir=False)
found = [round(one, 3) + 0.0 for one in json.loads((root / "out/result.json").read_text())["annotations"][0]["bbox"]]
print("label-studio-sdk", importlib.metadata.version("label-studio-sdk"))
print("expected: bbox [40, 10, 10, 50], the box that was drawn, or no box")
print(f"behaviour: bbox {found}")
sys.exit(0 if found == [30.0, 10.0, 20.0, 25.0] else 1)
PYTHON
