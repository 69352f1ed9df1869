"""Output layouts: how families of models write down what they found."""

from lightly_assets.models.layouts.base import Layout
from lightly_assets.models.layouts.detr import Detr, RtDetr, RtDetrTopk
from lightly_assets.models.layouts.scores import LabelMap, Logits, Probabilities
from lightly_assets.models.layouts.torchvision import Torchvision
from lightly_assets.models.layouts.yolo import Yolo, YoloNms, YoloV5

LAYOUTS: dict[str, type[Layout]] = {
    "yolo": Yolo,
    "yolov5": YoloV5,
    "yolo_nms": YoloNms,
    "detr": Detr,
    "rtdetr": RtDetr,
    "rtdetr_topk": RtDetrTopk,
    "torchvision": Torchvision,
    "logits": Logits,
    "probabilities": Probabilities,
    "label_map": LabelMap,
}
