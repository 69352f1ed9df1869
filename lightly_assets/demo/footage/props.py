"""Things that stand in the way and are neither persons nor cars."""

import numpy as np

from lightly_assets.demo.footage.colours import Light
from lightly_assets.demo.footage.sprite import Pen, Sprite, shade

KINDS = ("lamp", "cone", "bin", "sign", "bollard", "tub")


def draw_prop(kind: str, scale: float, light: Light, rng: np.random.Generator) -> Sprite:
    """One of KINDS, at so many pixels a metre."""
    if kind == "lamp":
        pen = Pen(scale, 0.9, 0.9, 5.6)
        steel = light.on((84, 92, 94))
        side = int(rng.choice((-1, 1)))
        pen.line([(0, 0), (0, 5.3)], 0.1, steel)
        pen.line([(0, 0), (0, 0.7)], 0.17, shade(steel, 0.85))
        pen.line([(0, 5.3), (0.7 * side, 5.4)], 0.07, steel)
        pen.line([(0.45 * side, 5.36), (0.75 * side, 5.38)], 0.14, light.on((220, 216, 190)))
    elif kind == "cone":
        pen = Pen(scale, 0.35, 0.35, 0.8)
        orange, white = light.on((232, 96, 28)), light.on((238, 236, 230))
        pen.polygon([(-0.26, 0), (0.26, 0), (0.26, 0.05), (-0.26, 0.05)], shade(orange, 0.7))
        pen.polygon([(-0.19, 0.05), (0.19, 0.05), (0.04, 0.72), (-0.04, 0.72)], orange)
        pen.polygon([(-0.13, 0.27), (0.13, 0.27), (0.095, 0.43), (-0.095, 0.43)], white)
    elif kind == "bin":
        pen = Pen(scale, 0.4, 0.4, 1.2)
        green = light.on((52, 84, 64), float(rng.uniform(0.7, 1.3)))
        pen.polygon([(-0.26, 0), (0.26, 0), (0.3, 0.95), (-0.3, 0.95)], green)
        pen.polygon([(-0.26, 0), (-0.1, 0), (-0.13, 0.95), (-0.3, 0.95)], shade(green, 0.75))
        pen.line([(-0.3, 1.0), (0.3, 1.0)], 0.1, shade(green, 0.6))
    elif kind == "sign":
        pen = Pen(scale, 0.5, 0.5, 2.7)
        pen.line([(0, 0), (0, 2.3)], 0.06, light.on((140, 144, 146)))
        pen.ellipse((0, 2.3), 0.32, 0.32, light.on((196, 36, 40)))
        pen.ellipse((0, 2.3), 0.24, 0.24, light.on((236, 234, 230)))
        pen.polygon([(-0.14, 2.26), (0.14, 2.26), (0.14, 2.34), (-0.14, 2.34)], light.on((40, 40, 44)))
    elif kind == "bollard":
        pen = Pen(scale, 0.2, 0.2, 1.1)
        pen.line([(0, 0), (0, 0.9)], 0.15, light.on((64, 66, 70)))
        pen.line([(0, 0.72), (0, 0.76)], 0.15, light.on((226, 222, 214)))
    else:
        pen = Pen(scale, 0.9, 0.9, 1.4)
        leaf = light.on((66, 106, 52), float(rng.uniform(0.7, 1.2)))
        for _ in range(26):
            x, y = rng.uniform(-0.5, 0.5), rng.uniform(0.5, 0.95)
            pen.ellipse((x, y), 0.2, 0.17, shade(leaf, float(rng.uniform(0.7, 1.25))))
        tub = light.on((150, 132, 112))
        pen.polygon([(-0.42, 0), (0.42, 0), (0.52, 0.5), (-0.52, 0.5)], tub)
        pen.line([(-0.52, 0.5), (0.52, 0.5)], 0.07, shade(tub, 1.15))
    return pen.sprite()
