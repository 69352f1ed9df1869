#!/usr/bin/env bash
# ultralytics' suppression of oriented boxes depends on the number of the class: the same boxes, as class 0 and as class 14
# (DOTA has 15), leave other survivors.
#
# Versions:    ultralytics 8.4.190, torch 2.14.1, torchvision 0.29.1
# Expectation: which of two overlapping boxes of one class stays does not depend on what number that class has.
# Behaviour:   classes are kept apart by 7680 pixels times the number, added to the centres in float32, which has steps of
#              1/128 pixel there. ProbIoU (https://arxiv.org/abs/2106.06072) is steep, so overlaps near the threshold fall on
#              either side. In float64 both classes leave the same boxes. Another program that suppresses the outputs of an
#              exported file exactly finds other boxes than the package, where objects lie in rows: 261 of 272 of an untrained YOLO26.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export YOLO_CONFIG_DIR=$work/config YOLO_OFFLINE=1 YOLO_AUTOINSTALL=false
python3 -m venv env
env/bin/python -m pip install -q --disable-pip-version-check ultralytics==8.4.190 torch==2.14.1 torchvision==0.29.1 2>/dev/null
env/bin/python -m pip uninstall -q -y opencv-python 2>/dev/null
env/bin/python -m pip install -q --disable-pip-version-check opencv-python-headless==5.0.0.93 2>/dev/null
cat > try.py <<'PYTHON'
import importlib.metadata, sys
import torch
from ultralytics.utils.nms import non_max_suppression

CLASSES, PAIRS, SIDE = 15, 400, 8.0
# Pairs of small boxes, far from each other; the second of a pair is moved along, to where the overlap is about 0.7.
moved = torch.linspace(1.98, 2.02, PAIRS, dtype=torch.float64)
place = torch.arange(PAIRS)
x, y = 20.0 + 40 * (place % 20), 20.0 + 40 * (place // 20)
first = torch.stack([x, y, torch.full_like(x, SIDE), torch.full_like(x, SIDE)]).double()
second = first.clone()
second[0] += moved

def survivors(number, dtype):
    rows = torch.zeros(1, 4 + CLASSES + 1, 2 * PAIRS, dtype=torch.float64)
    rows[0, :4] = torch.cat([first, second], dim=1)
    rows[0, 4 + number] = torch.cat([torch.linspace(0.9, 0.8, PAIRS), torch.linspace(0.7, 0.6, PAIRS)])
    found = non_max_suppression(rows.to(dtype), 0.3, 0.7, nc=CLASSES, max_det=2 * PAIRS, rotated=True)[0]
    return len(found)

single = [survivors(number, torch.float32) for number in range(CLASSES)]
double = [survivors(number, torch.float64) for number in range(CLASSES)]
print("ultralytics", importlib.metadata.version("ultralytics"), "torch", torch.__version__)
print(f"expected: the same number of boxes for each class; float64: {sorted(set(double))}")
print(f"behaviour: float32, classes 0 to 14: {single}")
sys.exit(0 if len(set(double)) == 1 < len(set(single)) else 1)
PYTHON
env/bin/python try.py
