"""A camera that looks across a street: metres to pixels."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Camera:
    """A level pinhole camera above the near pavement. Depth is the distance across the street, in metres."""

    width: int
    """Of the frame, in pixels."""
    height: int
    focal: float
    """Pixels a metre takes at a depth of one metre."""
    above: float
    """Metres above the ground."""
    horizon: float
    """The row of the horizon."""
    sway: float
    """The most that the camera moves to either side, in metres."""

    def scale(self, depth: float) -> float:
        """Pixels a metre takes."""
        return self.focal / depth

    def row(self, depth: float) -> float:
        """The row of the ground."""
        return self.horizon + self.focal * self.above / depth

    def column(self, place: float, depth: float, at: float) -> float:
        """The column of a place along the street, for a camera that is at ``at``; both in metres."""
        return self.width / 2 + (place - at) * self.scale(depth)


@dataclass(frozen=True, slots=True)
class Street:
    """Where the parts of the street begin, as depths in metres."""

    road: float
    """Kerb of the near pavement."""
    middle: float
    """Between the two directions."""
    far: float
    """Kerb of the far pavement."""
    houses: float
    crossing: float | None
    """Where a zebra crossing lies along the street, in metres; it is 4 m wide."""


def random_view(rng: np.random.Generator, width: int, height: int) -> tuple[Camera, Street]:
    """A camera and a street; pixel sizes follow the frame's width."""
    unit = width / 640
    road = rng.uniform(7.2, 8.2)
    lane = rng.uniform(2.9, 3.3)
    far = road + 2 * lane
    crossing = float(rng.uniform(-3, 3)) if rng.random() < 0.35 else None
    street = Street(road, road + lane, far, far + rng.uniform(3.0, 4.0), crossing)
    camera = Camera(
        width=width,
        height=height,
        focal=rng.uniform(410, 520) * unit,
        above=rng.uniform(2.3, 3.0),
        horizon=rng.uniform(0.36, 0.43) * height,
        sway=rng.uniform(0.0, 2.5),
    )
    return camera, street
