"""A detector of torchvision with weights of your own: its dicts of boxes and labels are taken as they are."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.models.detection import maskrcnn_resnet50_fpn


class MaskRCNN:
    """Made once, with the ``args`` of ``lightly.yaml``."""

    def __init__(self, weights: str, num_classes: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=num_classes)
        path = Path(__file__).parent / weights
        self.model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.model.eval().to(self.device)

    @torch.inference_mode()
    def __call__(self, images: NDArray[np.uint8]) -> list[dict[str, Any]]:
        batch = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255
        found: list[dict[str, Any]] = self.model(list(batch))
        return found
