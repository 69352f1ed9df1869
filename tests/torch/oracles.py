"""Models with random weights, exported to ONNX, and what their own packages make of their outputs.

Runs in an environment with PyTorch, torchvision, transformers, ultralytics and ONNX (``make test-torch``).
Each oracle gives the exported file, the settings that a user would write, and a function from raw outputs to
what the package itself finds in an image of a given size.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Found = dict[str, NDArray[Any]]
THRESHOLD = 0.3


@dataclass
class Oracle:
    """A model and its package's own reading of its outputs."""

    name: str
    task_type: str
    categories: int
    settings: dict[str, Any]
    build: Callable[[Path], None]
    """Writes the ONNX file."""
    expected: Callable[[list[NDArray[Any]], tuple[int, int], tuple[int, int]], Found]
    """Raw outputs of an image, size of the model's input, of the image (height, width) → what is found."""
    sizes: list[tuple[int, int]] = field(default_factory=lambda: [(108, 192), (150, 100)])
    """Heights and widths of the images that are tried."""


def export(
    model: torch.nn.Module, image: torch.Tensor, path: Path, outputs: list[str], dynamic: bool = True
) -> None:
    """A model as ONNX, with batches of any size where it can."""
    axes = {name: {0: "batch"} for name in ["images", *outputs]} if dynamic else None
    torch.onnx.export(
        model.eval(),
        (image,),
        str(path),
        input_names=["images"],
        output_names=outputs,
        dynamic_axes=axes,
        opset_version=18,
        dynamo=False,
    )


def shaken(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Weights that spread scores and boxes, as training would, instead of all being nearly equal."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.3, 0.8)
            module.weight.data.uniform_(0.7, 1.5)
    return model


def _yolo(
    name: str, kind: str, task_type: str, layout: str, classes: int, seed: int, spread: float
) -> Oracle:
    size = (128, 160)

    def build(path: Path) -> None:
        from ultralytics.nn import tasks

        torch.manual_seed(seed)
        model = shaken(getattr(tasks, kind)(f"{name}.yaml", nc=classes, verbose=False), seed)
        head = model.model[-1]
        if layout == "yolo_nms":
            head.end2end = True
        branches = head.one2one_cv3 if getattr(head, "end2end", False) else head.cv3
        for branch in branches:
            branch[-1].weight.data.mul_(spread)
            branch[-1].bias.data.fill_(-0.5 if "seg" in name else -1.5)
        for branch in getattr(head, "one2one_cv4", None) or getattr(head, "cv4", []):
            if task_type == "instance-segmentation":
                branch[-1].weight.data.mul_(20)
                branch[-1].bias.data.zero_()
        head.export, head.format, head.dynamic = True, "onnx", False
        outputs = ["output0", "output1"] if task_type == "instance-segmentation" else ["output0"]
        model = model.fuse().eval()
        export(model, torch.zeros(1, 3, *size), path, outputs)

    settings = {"layout": layout, "score_threshold": THRESHOLD, "preprocess": {"size": list(size)}}
    if task_type == "keypoint-detection" and layout == "yolo":
        settings["classes"] = classes
    return Oracle(
        name, task_type, classes, settings, build, _yolo_expected(classes, task_type, layout == "yolo_nms")
    )


def _yolo_expected(classes: int, task_type: str, end2end: bool) -> Any:
    def expected(outputs: list[NDArray[Any]], input_size: tuple[int, int], size: tuple[int, int]) -> Found:
        from ultralytics.utils import ops
        from ultralytics.utils.nms import non_max_suppression

        raw = torch.from_numpy(outputs[0].copy())
        rows = non_max_suppression(raw, THRESHOLD, 0.7, nc=classes, max_det=300, end2end=end2end)[0]
        extra = rows[:, 6:]
        rows[:, :4] = ops.scale_boxes(input_size, rows[:, :4], size)
        found = {"boxes": rows[:, :4], "scores": rows[:, 4], "classes": rows[:, 5]}
        if task_type == "instance-segmentation":
            prototypes = torch.from_numpy(outputs[1][0])
            found["masks"] = ops.process_mask_native(prototypes, extra[:100], rows[:100, :4], size)
            found = {key: value[:100] for key, value in found.items()}
        elif task_type == "keypoint-detection":
            points = extra.reshape(len(extra), -1, 3)
            found["keypoints"] = ops.scale_coords(input_size, points, size)
        return {key: value.numpy() for key, value in found.items()}

    return expected


def _obb() -> Oracle:
    """Oriented boxes as ultralytics exports them; it gives the upright boxes around them as ``xyxy``."""
    size, classes = (128, 160), 3

    def build(path: Path) -> None:
        from ultralytics.nn import tasks

        torch.manual_seed(9)
        model = shaken(tasks.OBBModel("yolo11n-obb.yaml", nc=classes, verbose=False), 9)
        head = model.model[-1]
        for branch in head.cv3:
            branch[-1].weight.data.mul_(25)
            branch[-1].bias.data.fill_(-1.5)
        for branch in head.cv4:
            branch[-1].weight.data.mul_(20)
        head.export, head.format, head.dynamic = True, "onnx", False
        export(model.fuse().eval(), torch.zeros(1, 3, *size), path, ["output0"])

    def expected(outputs: list[NDArray[Any]], input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        """The steps of ``OBBPredictor``."""
        from ultralytics.engine.results import OBB
        from ultralytics.utils import ops
        from ultralytics.utils.nms import non_max_suppression

        raw = torch.from_numpy(outputs[0].copy())
        rows = non_max_suppression(raw, THRESHOLD, 0.7, nc=classes, max_det=300, rotated=True)[0]
        boxes = ops.regularize_rboxes(torch.cat([rows[:, :4], rows[:, -1:]], dim=-1))
        boxes[:, :4] = ops.scale_boxes(input_size, boxes[:, :4], image, xywh=True)
        found = OBB(torch.cat([boxes, rows[:, 4:6]], dim=-1), image)
        return {"boxes": found.xyxy.numpy(), "scores": found.conf.numpy(), "classes": found.cls.numpy()}

    settings = {"layout": "obb", "score_threshold": THRESHOLD, "preprocess": {"size": list(size)}}
    return Oracle("yolo11n-obb", "object-detection", classes, settings, build, expected)


class _WithObjectness(torch.nn.Module):
    """What a YOLOv5 head gives after its sigmoid, from a few convolutions."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 16, 8, 8), torch.nn.SiLU())
        self.head = torch.nn.Conv2d(16, 3 * (5 + classes), 1)
        self.columns = 5 + classes

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.head(self.stem(images))
        batch, _, rows, columns = found.shape
        found = found.view(batch, 3, self.columns, rows, columns).permute(0, 1, 3, 4, 2).sigmoid()
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        grid = torch.stack([x, y], dim=-1)
        anchors = torch.tensor([[10, 13], [16, 30], [33, 23]]).view(1, 3, 1, 1, 2)
        xy = (found[..., :2] * 2 - 0.5 + grid) * 8
        wh = (found[..., 2:4] * 2) ** 2 * anchors
        return torch.cat([xy, wh, found[..., 4:]], dim=-1).view(batch, -1, self.columns)


def _yolov5() -> Oracle:
    classes, size = 4, (128, 160)

    def build(path: Path) -> None:
        torch.manual_seed(5)
        model = _WithObjectness(classes)
        model.head.weight.data.mul_(12)
        export(model, torch.zeros(1, 3, *size), path, ["output0"])

    def expected(outputs: list[NDArray[Any]], input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        """YOLOv5's own steps: scores times objectness, the best class, suppression by class, to the image."""
        import torchvision
        from ultralytics.utils import ops

        rows = torch.from_numpy(outputs[0][0].copy())
        rows = rows[rows[:, 4] > THRESHOLD]
        scores, labels = (rows[:, 5:] * rows[:, 4:5]).max(1)
        kept = scores > THRESHOLD
        boxes, scores, labels = ops.xywh2xyxy(rows[kept, :4]), scores[kept], labels[kept]
        chosen = torchvision.ops.nms(boxes + labels[:, None] * 7680, scores, 0.7)[:300]
        found = ops.scale_boxes(input_size, boxes[chosen], image)
        return {"boxes": found.numpy(), "scores": scores[chosen].numpy(), "classes": labels[chosen].numpy()}

    settings = {"layout": "yolov5", "score_threshold": THRESHOLD}
    return Oracle("yolov5", "object-detection", classes, settings, build, expected)


def _transformers(name: str, layout: str, make: Callable[[], Any], processor: str, classes: int) -> Oracle:
    size = (96, 128)

    def build(path: Path) -> None:
        torch.manual_seed(7)
        model = _Outputs(_spread(make()))
        export(model, torch.rand(1, 3, *size), path, ["logits", "pred_boxes"], dynamic=False)

    def expected(outputs: list[NDArray[Any]], input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        import transformers

        class Output:
            logits = torch.from_numpy(outputs[0])
            pred_boxes = torch.from_numpy(outputs[1])

        found = getattr(transformers, processor)().post_process_object_detection(
            Output(), threshold=THRESHOLD, target_sizes=[image]
        )[0]
        return {
            "boxes": found["boxes"].numpy(),
            "scores": found["scores"].numpy(),
            "classes": found["labels"].numpy(),
        }

    settings = {"layout": layout, "score_threshold": THRESHOLD, "preprocess": {"size": list(size)}}
    return Oracle(name, "object-detection", classes, settings, build, expected)


class _Outputs(torch.nn.Module):
    """Only the two outputs that count."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.model(pixel_values=images)
        return found.logits, found.pred_boxes


def _spread(model: torch.nn.Module) -> torch.nn.Module:
    for name, parameter in model.named_parameters():
        if "class_labels_classifier" in name or "class_embed" in name:
            parameter.data.normal_(0, 0.8)
        elif "bbox" in name and "layers.2" in name:
            parameter.data.normal_(0, 0.4)
    return model


def _make_detr(kind: str = "Detr") -> Any:
    import transformers

    backbone = transformers.ResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 16, 32, 32],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    config = getattr(transformers, f"{kind}Config")(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=backbone,
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=100,
        num_labels=5,
    )
    return getattr(transformers, f"{kind}ForObjectDetection")(config)


def _make_rtdetr() -> Any:
    import transformers

    backbone = transformers.RTDetrResNetConfig(
        embedding_size=16,
        hidden_sizes=[16, 32, 64, 64],
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage2", "stage3", "stage4"],
    )
    config = transformers.RTDetrConfig(
        backbone_config=backbone,
        encoder_in_channels=[32, 64, 64],
        encoder_hidden_dim=32,
        d_model=32,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        num_queries=40,
        decoder_in_channels=[32, 32, 32],
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_labels=5,
        eval_size=None,
    )
    return transformers.RTDetrForObjectDetection(config)


def _rfdetr() -> Oracle:
    """RF-DETR has the outputs ``dets`` and ``labels``; its own steps are a sigmoid and the best pairs."""
    classes, size = 6, (96, 96)

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = torch.nn.Sequential(torch.nn.Conv2d(3, 24, 16, 16), torch.nn.GELU())
            self.boxes, self.labels = torch.nn.Linear(24, 4), torch.nn.Linear(24, classes)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            queries = self.stem(images).flatten(2).transpose(1, 2)
            return self.boxes(queries).sigmoid(), self.labels(queries)

    def build(path: Path) -> None:
        torch.manual_seed(11)
        model = Head()
        model.labels.weight.data.mul_(8)
        export(model, torch.zeros(1, 3, *size), path, ["dets", "labels"])

    def expected(outputs: list[NDArray[Any]], _input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        boxes, logits = torch.from_numpy(outputs[0][0]), torch.from_numpy(outputs[1][0])
        scores, places = logits.sigmoid().flatten().topk(len(logits))
        chosen = boxes[places // classes]
        corners = torch.cat([chosen[:, :2] - chosen[:, 2:] / 2, chosen[:, :2] + chosen[:, 2:] / 2], dim=1)
        corners = corners * torch.tensor([image[1], image[0], image[1], image[0]])
        kept = scores > THRESHOLD
        return {
            "boxes": corners[kept].numpy(),
            "scores": scores[kept].numpy(),
            "classes": (places % classes)[kept].numpy(),
        }

    settings = {"layout": "rtdetr", "score_threshold": THRESHOLD}
    return Oracle("rfdetr", "object-detection", classes, settings, build, expected)


def _ultralytics_rtdetr() -> Oracle:
    """RT-DETR as ultralytics exports it: one output of boxes and scores."""
    classes = 3

    def build(path: Path) -> None:
        torch.manual_seed(13)

        class Head(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.stem = torch.nn.Conv2d(3, 4 + classes, 16, 16)
                self.stem.weight.data.mul_(6)

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return self.stem(images).flatten(2).transpose(1, 2).sigmoid()

        export(Head(), torch.zeros(1, 3, 96, 96), path, ["output0"])

    def expected(outputs: list[NDArray[Any]], _input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        """The steps of ``RTDETRPredictor.postprocess``."""
        from ultralytics.utils import ops

        boxes, scores = torch.from_numpy(outputs[0][0]).split((4, classes), dim=-1)
        best, labels = scores.max(-1)
        kept = best > THRESHOLD
        corners = ops.xywh2xyxy(boxes[kept]) * torch.tensor([image[1], image[0], image[1], image[0]])
        order = best[kept].argsort(descending=True)
        return {
            "boxes": corners[order].numpy(),
            "scores": best[kept][order].numpy(),
            "classes": labels[kept][order].numpy(),
        }

    settings = {"layout": "rtdetr", "score_threshold": THRESHOLD}
    return Oracle("ultralytics_rtdetr", "object-detection", classes, settings, build, expected)


def _ultralytics_topk() -> Oracle:
    """RT-DETR as newer ultralytics exports it: the best pairs of query and class, in rows of six."""
    classes = 3

    def build(path: Path) -> None:
        torch.manual_seed(29)

        class Head(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.stem = torch.nn.Conv2d(3, 4 + classes, 16, 16)
                self.stem.weight.data.mul_(6)

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                found = self.stem(images).flatten(2).transpose(1, 2).sigmoid()
                scores, places = found[..., 4:].flatten(1).topk(20)
                boxes = found[..., :4].gather(1, (places // classes)[..., None].expand(-1, -1, 4))
                return torch.cat([boxes, scores[..., None], (places % classes)[..., None].float()], dim=-1)

        export(Head(), torch.zeros(1, 3, 96, 96), path, ["output0"])

    def expected(outputs: list[NDArray[Any]], _input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        """The steps of ``RTDETRPredictor.postprocess``."""
        from ultralytics.utils import ops

        boxes, scores, labels = torch.from_numpy(outputs[0][0]).split((4, 1, 1), dim=-1)
        kept = scores[:, 0] > THRESHOLD
        corners = ops.xywh2xyxy(boxes[kept]) * torch.tensor([image[1], image[0], image[1], image[0]])
        return {
            "boxes": corners.numpy(),
            "scores": scores[kept, 0].numpy(),
            "classes": labels[kept, 0].numpy(),
        }

    settings = {"layout": "rtdetr_topk", "score_threshold": THRESHOLD}
    return Oracle("ultralytics_rtdetr_topk", "object-detection", classes, settings, build, expected)


def _nms_inside() -> Oracle:
    """``yolo export nms=True``: suppression inside of the graph."""
    classes, size = 3, (128, 160)
    oracle = _yolo("yolo11n", "DetectionModel", "object-detection", "yolo_nms", classes, 2, 25)

    def build(path: Path) -> None:
        from types import SimpleNamespace

        from ultralytics.engine.exporter import NMSModel
        from ultralytics.nn.tasks import DetectionModel

        torch.manual_seed(2)
        model = shaken(DetectionModel("yolo11n.yaml", nc=classes, verbose=False), 2)
        model.task = "detect"
        head = model.model[-1]
        for branch in head.cv3:
            branch[-1].weight.data.mul_(25)
            branch[-1].bias.data.fill_(-1.5)
        head.export, head.format = True, "onnx"
        settings = SimpleNamespace(
            format="onnx",
            conf=0.05,
            iou=0.7,
            max_det=100,
            agnostic_nms=False,
            dynamic=False,
            half=False,
            int8=False,
            simplify=False,
        )
        export(
            NMSModel(model.fuse().eval(), settings),
            torch.zeros(1, 3, *size),
            path,
            ["output0"],
            dynamic=False,
        )

    oracle.name, oracle.build = "yolo11n_nms_inside", build
    return oracle


def _torchvision(
    name: str, task_type: str, make: Callable[[], Any], outputs: list[str], classes: int
) -> Oracle:
    size = (108, 192)

    def build(path: Path) -> None:
        torch.manual_seed(17)
        model = make()
        if name == "fasterrcnn":
            model = shaken(model, 17)
        model.eval().roi_heads.box_predictor.cls_score.weight.data.mul_(30 if name == "fasterrcnn" else 8)
        torch.onnx.export(
            model,
            ([torch.rand(3, *size)],),
            str(path),
            input_names=["images"],
            output_names=outputs,
            dynamic_axes={"images": {1: "height", 2: "width"}},
            opset_version=18,
            dynamo=False,
        )

    def expected(raw: list[NDArray[Any]], _input_size: tuple[int, int], _image: tuple[int, int]) -> Found:
        kept = raw[2] >= THRESHOLD
        found = {"boxes": raw[0][kept], "scores": raw[2][kept], "classes": raw[1][kept] - 1}
        if task_type == "instance-segmentation":
            found["masks"] = (raw[3][kept][:100, 0] >= 0.5).astype(np.uint8)
            found = {key: value[:100] for key, value in found.items()}
        if task_type == "keypoint-detection":
            found["keypoints"] = raw[3][kept]
        return found

    settings = {"layout": "torchvision", "score_threshold": THRESHOLD}
    return Oracle(name, task_type, classes, settings, build, expected, [size])


def _small_rcnn(kind: str, classes: int) -> Any:
    import torchvision.models.detection as detection

    sizes = {"min_size": 96, "max_size": 192, "box_score_thresh": 0.05, "box_detections_per_img": 30}
    return getattr(detection, kind)(weights=None, weights_backbone=None, num_classes=classes + 1, **sizes)


def _classifier() -> Oracle:
    def build(path: Path) -> None:
        import torchvision

        torch.manual_seed(19)
        model = shaken(torchvision.models.mobilenet_v3_small(weights=None, num_classes=7), 19)
        export(model, torch.zeros(1, 3, 64, 64), path, ["logits"])

    def expected(raw: list[NDArray[Any]], _input_size: tuple[int, int], _image: tuple[int, int]) -> Found:
        return {"probabilities": torch.from_numpy(raw[0][0]).softmax(0).numpy()}

    return Oracle("mobilenet", "classification", 7, {"layout": "logits"}, build, expected)


def _segformer() -> Oracle:
    def build(path: Path) -> None:
        import transformers

        torch.manual_seed(23)
        config = transformers.SegformerConfig(
            hidden_sizes=[16, 16, 32, 32],
            depths=[1, 1, 1, 1],
            num_attention_heads=[1, 1, 2, 2],
            decoder_hidden_size=32,
            num_labels=5,
        )
        model = transformers.SegformerForSemanticSegmentation(config)
        model.decode_head.classifier.weight.data.mul_(40)

        class Logits(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.model = model

            def forward(self, images: torch.Tensor) -> torch.Tensor:
                return self.model(pixel_values=images).logits

        export(Logits(), torch.rand(1, 3, 96, 128), path, ["logits"], dynamic=False)

    def expected(raw: list[NDArray[Any]], _input_size: tuple[int, int], image: tuple[int, int]) -> Found:
        import transformers

        class Output:
            logits = torch.from_numpy(raw[0])

        found = transformers.SegformerImageProcessor().post_process_semantic_segmentation(Output(), [image])
        return {"label_map": found[0].numpy().astype(np.uint8)}

    return Oracle("segformer", "semantic-segmentation", 5, {"layout": "logits"}, build, expected)


def oracles() -> list[Oracle]:
    """All of them."""
    boxes = ["boxes", "labels", "scores"]
    return [
        _yolo("yolov8n", "DetectionModel", "object-detection", "yolo", 5, 1, 25),
        _yolo("yolo11n", "DetectionModel", "object-detection", "yolo", 3, 2, 25),
        _yolo("yolo11n-seg", "SegmentationModel", "instance-segmentation", "yolo", 3, 3, 25),
        _yolo("yolo11n-pose", "PoseModel", "keypoint-detection", "yolo", 1, 4, 25),
        _yolo("yolo26n", "DetectionModel", "object-detection", "yolo_nms", 3, 6, 25),
        _yolo("yolo26n-seg", "SegmentationModel", "instance-segmentation", "yolo_nms", 3, 8, 25),
        _obb(),
        _yolov5(),
        _transformers("detr", "detr", _make_detr, "DetrImageProcessor", 5),
        _transformers(
            "conditional_detr",
            "rtdetr",
            lambda: _make_detr("ConditionalDetr"),
            "ConditionalDetrImageProcessor",
            5,
        ),
        _transformers("rtdetr", "rtdetr", _make_rtdetr, "RTDetrImageProcessor", 5),
        _rfdetr(),
        _ultralytics_rtdetr(),
        _ultralytics_topk(),
        _nms_inside(),
        _torchvision(
            "fasterrcnn",
            "object-detection",
            lambda: _small_rcnn("fasterrcnn_mobilenet_v3_large_320_fpn", 3),
            boxes,
            3,
        ),
        _torchvision(
            "maskrcnn",
            "instance-segmentation",
            lambda: _small_rcnn("maskrcnn_resnet50_fpn", 3),
            [*boxes, "masks"],
            3,
        ),
        _torchvision(
            "keypointrcnn",
            "keypoint-detection",
            lambda: _small_rcnn("keypointrcnn_resnet50_fpn", 1),
            [*boxes, "keypoints", "keypoints_scores"],
            1,
        ),
        _classifier(),
        _segformer(),
    ]


def picture(size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """An image with large and small structures."""
    rng = np.random.default_rng(seed)
    height, width = size
    coarse = rng.integers(0, 256, (height // 12 + 1, width // 12 + 1, 3))
    blocks = np.kron(coarse, np.ones((12, 12, 1)))[:height, :width]
    return np.clip(blocks + rng.normal(0, 20, blocks.shape), 0, 255).astype(np.uint8)


def model_settings(oracle: Oracle, path: Path) -> dict[str, Any]:
    """What a user writes under ``model:``."""
    return {"kind": "onnx", "path": str(path), **json.loads(json.dumps(oracle.settings))}
