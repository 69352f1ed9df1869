"""One small network with a head for every task, and what is exported of it for one task."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MASKS = 16
"""Prototypes that instance masks are mixed from."""
STRIDE = 4
"""Input pixels between two places that can report an object."""


def _conv(inputs: int, outputs: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class Trunk(nn.Module):
    """From the image to features at strides 2, 4 (fused with all coarser ones) and 32."""

    widths = (12, 24, 32, 48, 40)
    fused = 32

    def __init__(self) -> None:
        super().__init__()
        a, b, c, d, e = self.widths
        self.stem = _conv(3, a, 2)
        self.quarter = nn.Sequential(_conv(a, b, 2), _conv(b, b))
        self.eighth = nn.Sequential(_conv(b, c, 2), _Residual(c), _Residual(c))
        self.sixteenth = nn.Sequential(_conv(c, d, 2), _Residual(d), _Residual(d))
        self.last = nn.Sequential(_conv(d, e, 2), _Residual(e))
        self.from_last, self.at_sixteenth = nn.Conv2d(e, 32, 1), nn.Conv2d(d, 32, 1)
        self.at_eighth, self.mix_eighth = nn.Conv2d(c, 32, 1), _conv(32, 32)
        self.mix_sixteenth = _conv(32, 32)
        self.to_quarter, self.at_quarter = nn.Conv2d(32, self.fused, 1), nn.Conv2d(b, self.fused, 1)
        self.mix_quarter = _conv(self.fused, self.fused)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        half = self.stem(x)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        last = self.last(sixteenth)
        merged = self.mix_sixteenth(self.at_sixteenth(sixteenth) + _twice(self.from_last(last)))
        merged = self.mix_eighth(self.at_eighth(eighth) + _twice(merged))
        merged = self.mix_quarter(self.at_quarter(quarter) + _twice(self.to_quarter(merged)))
        return half, merged, last


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class _Fine(nn.Module):
    """Features at stride 2, from those at stride 4 and the first ones."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.coarse, self.first = nn.Conv2d(Trunk.fused, 16, 1), nn.Conv2d(Trunk.widths[0], 16, 1)
        self.mix = _conv(16, 16)
        self.out = nn.Conv2d(16, outputs, 1)

    def forward(self, half: Tensor, merged: Tensor) -> Tensor:
        coarse = F.interpolate(self.coarse(merged), scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.out(self.mix(F.relu(self.first(half) + coarse)))


class StreetNet(nn.Module):
    """All tasks at once, for training."""

    def __init__(self, categories: int = 2, classes: int = 6, weathers: int = 3, points: int = 5) -> None:
        super().__init__()
        self.trunk = Trunk()
        fused = Trunk.fused
        self.tower = _conv(fused, fused)
        self.scores = nn.Conv2d(fused, categories, 1)
        nn.init.constant_(self.scores.bias, -4.0)
        self.sides = nn.Conv2d(fused, 4, 1)
        self.person_tower = _conv(fused, fused)
        self.points = nn.Conv2d(fused, 3 * points, 1)
        self.coefficients = nn.Conv2d(fused, MASKS, 1)
        self.prototypes = _Fine(MASKS)
        self.semantic = _Fine(classes)
        self.weather = nn.Linear(Trunk.widths[-1], weathers)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Raw outputs of all heads."""
        half, merged, last = self.trunk(x)
        tower = self.tower(merged)
        return {
            "scores": self.scores(tower),
            "sides": self.sides(tower),
            "points": self.points(self.person_tower(merged)),
            "coefficients": self.coefficients(tower),
            "prototypes": self.prototypes(half, merged),
            "semantic": self.semantic(half, merged),
            "weather": self.weather(last.mean(dim=(2, 3))),
        }


def centres(rows: int, columns: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """(rows, columns) x and y of the places that report objects, in input pixels."""
    x = (torch.arange(columns, dtype=like.dtype) + 0.5) * STRIDE
    y = (torch.arange(rows, dtype=like.dtype) + 0.5) * STRIDE
    return x[None, :].expand(rows, columns), y[:, None].expand(rows, columns)


def distances(sides: Tensor) -> Tensor:
    """(N, 4, h, w) pixels from a place to the left, top, right and bottom side of its box."""
    return torch.exp(sides.clamp(-6, 4)) * 8


POINT_UNIT = 16.0
"""Input pixels that a keypoint output of 1 means."""


class Exported(nn.Module):
    """One task's part of the network, with outputs as others expect them.

    Objects are in the layout of YOLOv8: (N, 4 + categories + extra, places): centre, width and height in
    input pixels, a score for each category, then mask coefficients or keypoints. Of neighbouring places only
    the one with the highest score keeps it; non-maximum suppression remains to be done.
    """

    def __init__(self, net: StreetNet, task: str) -> None:
        super().__init__()
        self.net, self.task = net, task

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        net = self.net
        half, merged, last = net.trunk(x)
        if self.task == "weather":
            return net.weather(last.mean(dim=(2, 3)))
        if self.task == "semantic":
            return net.semantic(half, merged)
        tower = net.tower(merged)
        rows, columns = merged.shape[2:]
        px, py = centres(rows, columns, merged)
        left, top, right, bottom = distances(net.sides(tower)).unbind(1)
        box = torch.stack(
            [px + (right - left) / 2, py + (bottom - top) / 2, left + right, top + bottom], dim=1
        )
        scores = torch.sigmoid(net.scores(tower))
        best = scores.amax(dim=1, keepdim=True)
        scores = scores * (F.max_pool2d(best, 3, 1, 1) == best).to(scores.dtype)
        if self.task == "objects":
            return torch.cat([box, scores], 1).flatten(2)
        if self.task == "instances":
            table = torch.cat([box, scores, torch.tanh(net.coefficients(tower))], 1).flatten(2)
            return table, net.prototypes(half, merged)
        persons = scores[:, :1]
        points = net.points(net.person_tower(merged))
        shaped = points.reshape(points.shape[0], -1, 3, rows, columns)
        placed = torch.stack(
            [
                shaped[:, :, 0] * POINT_UNIT + px,
                shaped[:, :, 1] * POINT_UNIT + py,
                torch.sigmoid(shaped[:, :, 2]),
            ],
            dim=2,
        )
        return torch.cat([box, persons, placed.flatten(1, 2)], 1).flatten(2)
