"""Colours, and how the weather changes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Colour = tuple[int, int, int]

CARS: tuple[Colour, ...] = (
    (188, 32, 38), (32, 72, 148), (232, 232, 230), (38, 40, 44), (150, 154, 158), (222, 178, 38),
    (28, 108, 84), (206, 96, 36), (94, 30, 52), (120, 160, 196), (86, 94, 70),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (196, 48, 52), (44, 88, 164), (236, 232, 222), (42, 44, 52), (226, 176, 60), (58, 128, 86),
    (128, 72, 140), (216, 118, 62), (98, 158, 180), (146, 112, 84), (222, 134, 156),
)  # fmt: skip
TROUSERS: tuple[Colour, ...] = (
    (40, 52, 84), (34, 34, 38), (94, 84, 70), (150, 132, 100), (72, 78, 86), (66, 92, 132), (110, 44, 44),
)  # fmt: skip
SKINS: tuple[Colour, ...] = ((244, 206, 178), (224, 176, 140), (188, 132, 96), (138, 92, 62), (92, 60, 42))
HAIRS: tuple[Colour, ...] = ((36, 28, 24), (84, 54, 32), (196, 160, 98), (128, 122, 118), (138, 66, 34))
WALLS: tuple[Colour, ...] = (
    (172, 98, 76), (214, 196, 160), (166, 164, 158), (200, 152, 96), (122, 146, 148), (226, 218, 204),
    (146, 84, 70), (186, 176, 132), (132, 122, 132), (206, 170, 150),
)  # fmt: skip
LEAVES: tuple[Colour, ...] = ((64, 112, 48), (86, 128, 52), (46, 94, 56), (118, 132, 50), (142, 108, 44))


@dataclass(frozen=True, slots=True)
class Light:
    """What the weather does to colours and shadows."""

    factor: tuple[float, float, float]
    saturation: float
    shadow: float
    """How dark shadows are, from 0 to 1."""

    def on(self, colour: Colour, share: float = 1.0) -> Colour:
        """A colour in this light; ``share`` darkens or brightens it first."""
        grey = sum(colour) / 3
        red, green, blue = (
            min(255, max(0, round((grey + (value - grey) * self.saturation) * share * factor)))
            for value, factor in zip(colour, self.factor, strict=True)
        )
        return red, green, blue


LIGHTS = {
    "sunny": Light((1.06, 1.03, 0.96), 1.1, 0.5),
    "clouded": Light((0.88, 0.9, 0.92), 0.8, 0.25),
    "rainy": Light((0.62, 0.67, 0.74), 0.65, 0.2),
}


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One of the colours, slightly changed."""
    chosen = colours[int(rng.integers(len(colours)))]
    red, green, blue = (int(np.clip(value + rng.integers(-12, 13), 0, 255)) for value in chosen)
    return red, green, blue


def noise(
    rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 1
) -> NDArray[np.float32]:
    """(height, width) smooth noise around 0, about -1..1, with spots of ``cell`` pixels and finer ones."""
    total = np.zeros((height, width), dtype=np.float32)
    for octave in range(octaves):
        size = max(1.0, cell / 2**octave)
        rows, columns = int(height / size) + 2, int(width / size) + 2
        grid = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
        smooth = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(smooth) / 2**octave
    return total
