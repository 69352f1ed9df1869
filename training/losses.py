"""What the network is told about each of its heads."""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.network import POINT_UNIT, STRIDE, centres, distances

WEIGHTS = {
    "scores": 1.0, "boxes": 2.0, "points": 2.0, "seen": 0.3, "masks": 2.0, "semantic": 1.5, "weather": 0.3,
}  # fmt: skip


def assign(boxes: Tensor, classes: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor, Tensor]:
    """What each place should say.

    Returns:
        (N, C, h, w) score targets: 1 at an object's middle, falling off around it; (N, h, w) weights, 0 where
        an object lies that is not asked for; (N, h, w) the object whose box a place reports, -1: none.
    """

    px, py = centres(rows, columns, boxes)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=2)
    # The middle of the cell that holds the box's middle.
    cell = (middle / STRIDE).floor().clamp(min=0)
    cell = torch.stack([cell[..., 0].clamp(max=columns - 1), cell[..., 1].clamp(max=rows - 1)], -1)
    cell = (cell + 0.5) * STRIDE
    dx = px - cell[..., 0, None, None]
    dy = py - cell[..., 1, None, None]
    spread = (size * 0.1).clamp(min=1.6)
    near = torch.exp(
        -(dx**2) / (2 * spread[..., 0, None, None] ** 2) - dy**2 / (2 * spread[..., 1, None, None] ** 2)
    )
    targets = torch.stack(
        [(near * (classes == number)[..., None, None]).amax(1) for number in range(2)], dim=1
    )
    inside = (dx.abs() < size[..., 0, None, None] / 2) & (dy.abs() < size[..., 1, None, None] / 2)
    ignored = (inside & (classes == -2)[..., None, None]).any(1)
    weights = 1 - (ignored & (targets.amax(1) < 0.3)).float()
    # Around its middle an object is reported; where two want a place, the nearer one by its own size.
    wanting = (near > 0.45) & (classes >= 0)[..., None, None]
    best, owner = torch.where(wanting, near, torch.zeros_like(near)).max(1)
    owner = torch.where(best > 0, owner, torch.full_like(owner, -1))
    return targets, weights, owner


def _focal(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """CenterNet's: easy places count little, and those beside an object less."""
    chance = torch.sigmoid(logits)
    positive = targets > 0.999
    hit = -F.logsigmoid(logits) * (1 - chance) ** 2
    miss = -F.logsigmoid(-logits) * chance**2 * (1 - targets) ** 4
    total = torch.where(positive, hit, miss * weights[:, None])
    return total.sum() / positive.sum().clamp(min=1)


def _overlap_loss(found: Tensor, true: Tensor) -> Tensor:
    """1 - GIoU of (K, 4) left, top, right, bottom distances from the same place."""
    low, high = torch.minimum(found, true), torch.maximum(found, true)
    common = (low[:, 0] + low[:, 2]).clamp(min=0) * (low[:, 1] + low[:, 3]).clamp(min=0)

    def area(sides: Tensor) -> Tensor:
        return (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])

    union = area(found) + area(true) - common
    around = area(high).clamp(min=1e-3)
    return 1 - common / union.clamp(min=1e-3) + (around - union) / around


def losses(out: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each head's loss, unweighted."""
    boxes, classes = batch["boxes"], batch["classes"]
    rows, columns = out["scores"].shape[2:]
    targets, weights, owner = assign(boxes, classes, rows, columns)
    image, row, column = (owner >= 0).nonzero(as_tuple=True)
    chosen = owner[image, row, column]
    px, py = centres(rows, columns, boxes)
    place = torch.stack([px[row, column], py[row, column]], 1)
    true = boxes[image, chosen]
    sides = torch.cat([place - true[:, :2], true[:, 2:] - place], 1)
    found = distances(out["sides"])[image, :, row, column]
    result = {
        "scores": _focal(out["scores"], targets, weights),
        "boxes": _overlap_loss(found, sides).mean()
        + (found.log() - sides.clamp(min=0.5).log()).abs().mean() * 0.3,
        "weather": F.cross_entropy(out["weather"], batch["weather"]),
    }
    result |= _point_losses(out, batch, image, row, column, chosen, place)
    result["masks"] = _mask_loss(out, batch, image, row, column, chosen)
    result["semantic"] = _semantic_loss(out["semantic"], batch["semantic"])
    return result


def _point_losses(
    out: dict[str, Tensor],
    batch: dict[str, Tensor],
    image: Tensor,
    row: Tensor,
    column: Tensor,
    chosen: Tensor,
    place: Tensor,
) -> dict[str, Tensor]:
    persons = batch["classes"][image, chosen] == 0
    image, row, column, chosen, place = (one[persons] for one in (image, row, column, chosen, place))
    true = batch["points"][image, chosen]
    found = out["points"][image, :, row, column].reshape(len(image), -1, 3)
    gap = (found[..., :2] * POINT_UNIT + place[:, None] - true[..., :2]).abs().sum(-1)
    size = (batch["boxes"][image, chosen, 3] - batch["boxes"][image, chosen, 1])[:, None]
    share = (gap / size.clamp(min=8)).clamp(max=2) * (0.15 + 0.85 * true[..., 2])
    return {
        "points": share.mean() * 5,
        "seen": F.binary_cross_entropy_with_logits(found[..., 2], true[..., 2]),
    }


def _mask_loss(
    out: dict[str, Tensor],
    batch: dict[str, Tensor],
    image: Tensor,
    row: Tensor,
    column: Tensor,
    chosen: Tensor,
) -> Tensor:
    """Inside the box, at the prototypes' resolution; every object counts alike."""
    some = torch.randperm(len(image))[:32]
    image, row, column, chosen = (one[some] for one in (image, row, column, chosen))
    mixed = torch.einsum(
        "km,kmhw->khw", torch.tanh(out["coefficients"][image, :, row, column]), out["prototypes"][image]
    )
    own = (batch["instances"][image] == (chosen + 1)[:, None, None]).float()
    true = F.avg_pool2d(own[:, None], 2)[:, 0]
    height, width = true.shape[1:]
    box = batch["boxes"][image, chosen] / 2
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    inside_x = (x > box[:, :1] - 1) & (x < box[:, 2:3] + 1)
    inside_y = (y > box[:, 1:2] - 1) & (y < box[:, 3:] + 1)
    inside = (inside_y[:, :, None] & inside_x[:, None, :]).float()
    each = F.binary_cross_entropy_with_logits(mixed, true, reduction="none") * inside
    chance = torch.sigmoid(mixed) * inside
    dice = 1 - (2 * (chance * true).sum((1, 2)) + 1) / (chance.sum((1, 2)) + (true * inside).sum((1, 2)) + 1)
    return (each.sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)).mean() + 0.5 * dice.mean()


def _semantic_loss(logits: Tensor, labels: Tensor) -> Tensor:
    wide = F.interpolate(logits, size=labels.shape[1:], mode="bilinear", align_corners=False)
    # Persons are few pixels, and cars not many.
    balance = torch.tensor((1.0, 1.0, 1.0, 1.0, 1.5, 1.2))
    return F.cross_entropy(wide, labels, weight=balance, ignore_index=255)
