#!/usr/bin/env bash
# ultralytics runs an ONNX file that it exported with dynamic=True at 640, whatever imgsz the file's metadata say.
#
# Versions:    ultralytics 8.4.190, torch 2.14.1, onnx 1.23.2, onnxruntime 1.32.0
# Expectation: export(format="onnx", imgsz=160, dynamic=True) writes imgsz [160, 160] into the file's metadata, as it does
#              without dynamic=True, so YOLO(file).predict(image) resizes to 160, as it does without dynamic=True.
# Behaviour:   the file without dynamic=True is run at 160, the one with it at 640 (predict's default), so that the same
#              weights say something else of the same image. predict(image, imgsz=160) says the same of both.
# The network is untrained and built from the package's own yaml: nothing is downloaded but the packages.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export YOLO_CONFIG_DIR=$work/config YOLO_OFFLINE=1 YOLO_AUTOINSTALL=false
python3 -m venv env
env/bin/python -m pip install -q --disable-pip-version-check ultralytics==8.4.190 torch==2.14.1 torchvision==0.29.1 \
  onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2 2>/dev/null
env/bin/python -m pip uninstall -q -y opencv-python 2>/dev/null
env/bin/python -m pip install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 2>/dev/null
cat > try.py <<'PYTHON'
import shutil, sys
import numpy as np
import torch
from ultralytics import YOLO

torch.manual_seed(0)
YOLO("yolov8n.yaml").save("net.pt")
used = {}
for dynamic in (False, True):
    file = f"dynamic-{dynamic}.onnx"
    shutil.move(YOLO("net.pt").export(format="onnx", imgsz=160, dynamic=dynamic, simplify=False), file)
    for given in ({}, {"imgsz": 160}):
        model = YOLO(file, task="detect")
        model.predict(np.zeros((120, 160, 3), np.uint8), verbose=False, **given)
        used[dynamic, bool(given)] = list(model.predictor.imgsz)
        print(f"dynamic={dynamic}: metadata imgsz {list(model.predictor.model.imgsz)}, predict({given or ''}) "
              f"runs at {list(model.predictor.imgsz)}", file=sys.stderr)
right = used[False, False] == used[False, True] == used[True, True] == [160, 160] and used[True, False] == [640, 640]
sys.exit(0 if right else 1)
PYTHON
env/bin/python try.py 2>seen >/dev/null || { cat seen; echo "This has changed."; exit 1; }
grep '^dynamic=' seen
# Output seen:
#   dynamic=False: metadata imgsz [160, 160], predict() runs at [160, 160]
#   dynamic=False: metadata imgsz [160, 160], predict({'imgsz': 160}) runs at [160, 160]
#   dynamic=True: metadata imgsz [160, 160], predict() runs at [640, 640]
#   dynamic=True: metadata imgsz [160, 160], predict({'imgsz': 160}) runs at [160, 160]
echo "As described."
