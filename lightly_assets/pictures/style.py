"""How pictures look: colours of categories, widths of lines, sizes of text."""

import math
from functools import lru_cache

Colour = tuple[int, int, int]

DARK: Colour = (22, 24, 29)
LIGHT: Colour = (240, 241, 244)

MOST_LABELS = 40
LABELLED_SHARE = 0.25
"""Labels cover no more of a picture."""
MOST_LEGEND_ROWS = 3
MOST_PROBABILITIES = 5
SEEN = 0.5
"""Keypoints are filled from this score on."""
INSTANCE_TINT = 0.45, 1.0
"""How much of a mask's colour is seen inside and at its edge."""
SEMANTIC_TINT = 0.5, 0.8

# Okabe and Ito's colours, which colour-blind people tell apart as well; without black, which is no object's.
_PALETTE: tuple[Colour, ...] = (
    (86, 180, 233),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
)


@lru_cache(maxsize=4096)
def category_colour(category_id: int) -> Colour:
    """The colour of a category, the same in every picture; light and dark variants after the first seven."""
    red, green, blue = _PALETTE[category_id % len(_PALETTE)]
    variant = category_id // len(_PALETTE) % 3
    target, share = ((0, 0.0), (255, 0.5), (0, 0.4))[variant]

    def mixed(value: int) -> int:
        return round(value + (target - value) * share)

    return mixed(red), mixed(green), mixed(blue)


def text_colour(background: Colour) -> Colour:
    """Dark or light, whichever reads better on a colour."""
    red, green, blue = background
    return DARK if 0.299 * red + 0.587 * green + 0.114 * blue > 120 else (255, 255, 255)


def line_width(width: int, height: int) -> int:
    """Of lines in a picture of so many pixels across and down."""
    side = math.sqrt(width * height)
    return 1 if side < 100 else max(2, round(side / 320))


def text_size(width: int, height: int) -> int:
    """Of labels and legends, in pixels."""
    return max(10, round(math.sqrt(width * height) / 40))
