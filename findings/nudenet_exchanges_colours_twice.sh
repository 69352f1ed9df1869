#!/usr/bin/env bash
# NudeNet's detector shows its model pictures with red and blue exchanged: it turns them once by cvtColor with
# COLOR_RGBA2BGR, which exchanges them on three channels too, and once more by blobFromImage(swapRB=True).
# Files that it reads itself (cv2.imread gives blue first) reach a YOLOv8, which was trained red first, blue first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" install --quiet --disable-pip-version-check)
"${pip[@]}" numpy==2.3.5 onnxruntime==1.32.0 opencv-python-headless==5.0.0.93 2>/dev/null
"${pip[@]}" --no-deps nudenet==3.4.2 2>/dev/null
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import importlib.metadata, sys
import cv2, numpy as np
from nudenet import NudeDetector

# A picture file that is pure red.
cv2.imwrite("red.png", np.full((320, 320, 3), (0, 0, 255), dtype=np.uint8))
detector, shown = NudeDetector(), []
run = detector.onnx_session.run

class Watched:
    def __getattr__(self, name):
        return getattr(type(self).session, name)
    def run(self, outputs, feeds):
        shown.append(next(iter(feeds.values())))
        return run(outputs, feeds)

Watched.session, detector.onnx_session = detector.onnx_session, Watched()
detector.detect("red.png")
red, _, blue = (float(shown[0][0, channel].mean()) for channel in range(3))
print("nudenet", importlib.metadata.version("nudenet"))
print("expected: the model, an ultralytics export, gets red first: 1, 0, 0 for a red picture")
print(f"behaviour: its first channel is {red:.0f}, its last {blue:.0f}")
sys.exit(0 if red == 0 and blue == 1 else 1)
PYTHON
