"""Train the demo's models on generated scenes, and write their ONNX files.

``python -m training.train`` from the repository's root; see README.md beside this file.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data import HEIGHT, WIDTH, Examples, make_examples
from training.export import export
from training.losses import WEIGHTS, losses
from training.network import StreetNet

MODELS = Path(__file__).parent.parent / "lightly_assets" / "demo" / "models"
FIRST_SEED = 100_000
"""Scenes from here on are for training only."""


def batch_of(examples: Examples, places: np.ndarray, rng: np.random.Generator) -> dict[str, Tensor]:
    """Some examples, mirrored and in other light at random."""
    images = examples.images[places].astype(np.float32) / 255
    number = len(places)
    contrast = rng.uniform(0.8, 1.25, (number, 1, 1, 1)).astype(np.float32)
    colour = rng.uniform(0.92, 1.08, (number, 1, 1, 3)).astype(np.float32)
    offset = rng.uniform(-0.06, 0.06, (number, 1, 1, 1)).astype(np.float32)
    images = np.clip(((images - 0.5) * contrast + 0.5 + offset) * colour, 0, 1)
    fields = {
        "images": images,
        "semantic": examples.semantic[places].astype(np.int64),
        "instances": examples.instances[places],
        "boxes": examples.boxes[places].copy(),
        "points": examples.points[places].copy(),
    }
    for index in np.flatnonzero(rng.random(number) < 0.5):
        for name in ("images", "semantic", "instances"):
            fields[name][index] = fields[name][index, :, ::-1].copy()
        boxes, points = fields["boxes"][index], fields["points"][index]
        boxes[:, [0, 2]] = WIDTH - boxes[:, [2, 0]]
        points[..., 0] = WIDTH - points[..., 0]
        # What was left is right now.
        fields["points"][index] = points[:, [0, 2, 1, 4, 3]]
    batch = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in fields.items()}
    batch["images"] = batch["images"].permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    batch["classes"] = torch.from_numpy(examples.classes[places])
    batch["weather"] = torch.from_numpy(examples.weather[places])
    return batch


def train(examples: Examples, steps: int, batch: int, peak: float, seed: int, save: Path | None) -> StreetNet:
    """A network after so many steps, its weights averaged over the last ones."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = StreetNet().to(memory_format=torch.channels_last)
    print(f"{sum(one.numel() for one in net.parameters()):,} parameters, {len(examples)} frames", flush=True)
    optimiser = torch.optim.AdamW(net.parameters(), lr=peak, weight_decay=0.01)
    average = torch.optim.swa_utils.AveragedModel(
        net, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995), use_buffers=True
    )
    order = np.empty(0, dtype=np.int64)
    started, shown = time.perf_counter(), dict.fromkeys(WEIGHTS, 0.0)
    for step in range(steps):
        warm = min(1.0, (step + 1) / 100)
        for group in optimiser.param_groups:
            group["lr"] = peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(len(examples))])
        places, order = order[:batch], order[batch:]
        data = batch_of(examples, places, rng)
        parts = losses(net(data["images"]), data)
        total = sum(WEIGHTS[name] * value for name, value in parts.items())
        assert isinstance(total, Tensor)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        if step >= 100:
            average.update_parameters(net)
        for name, value in parts.items():
            shown[name] = 0.95 * shown[name] + 0.05 * float(value.detach())
        if (step + 1) % 50 == 0:
            text = "  ".join(f"{name} {value:.3f}" for name, value in shown.items())
            print(f"{step + 1:5d}/{steps} {time.perf_counter() - started:6.0f} s  {text}", flush=True)
        if save is not None and (step + 1) % 200 == 0:
            torch.save(average.module.state_dict(), save)
    return average.module


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=1400)
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=MODELS, help="where the ONNX files go")
    parser.add_argument("--checkpoint", type=Path, help="weights, saved every 200 steps")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    started = time.perf_counter()
    examples = make_examples(range(FIRST_SEED, FIRST_SEED + given.scenes), given.threads)
    print(f"examples drawn in {time.perf_counter() - started:.0f} s", flush=True)
    net = train(examples, given.steps, given.batch, given.rate, given.seed, given.checkpoint)
    for path in export(net, given.out, (HEIGHT, WIDTH)):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
