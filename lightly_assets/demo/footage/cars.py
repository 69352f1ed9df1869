"""Cars of four kinds, seen from the side."""

import math
from dataclasses import dataclass

import numpy as np

from lightly_assets.demo.footage.colours import CARS, Colour, Light, pick
from lightly_assets.demo.footage.sprite import Pen, Point, Sprite, mirrored, shade

SPINS = 6
"""Pictures of a wheel; after a fifth of a turn it looks the same."""
_SPOKES = 5


@dataclass(frozen=True, slots=True)
class _Shape:
    """Outlines in metres from the middle, the front to the right."""

    body: tuple[Point, ...]
    cabin: tuple[Point, ...]
    windows: tuple[tuple[Point, ...], ...]
    doors: tuple[float, ...]
    wheels: tuple[float, float]
    wheel: float
    length: float
    top: float


# Rows of points: one outline each.
# ruff: noqa: E501
_SHAPES = {
    "saloon": _Shape(
        ((-2.26, 0.34), (-2.3, 0.72), (-2.18, 0.92), (-1.4, 0.98), (1.0, 0.95), (1.95, 0.83), (2.26, 0.64), (2.27, 0.34)),
        ((-1.62, 0.94), (-1.05, 1.42), (-0.2, 1.47), (0.3, 1.42), (1.12, 0.92)),
        (((-1.4, 0.97), (-0.98, 1.33), (-0.4, 1.37), (-0.4, 0.97)), ((-0.31, 0.97), (-0.31, 1.37), (0.22, 1.33), (0.88, 0.96))),
        (-0.36, 0.85),
        (-1.38, 1.4),
        0.33,
        4.6,
        1.5,
    ),
    "hatchback": _Shape(
        ((-1.92, 0.34), (-1.97, 0.8), (-1.86, 1.0), (0.95, 0.98), (1.68, 0.84), (1.94, 0.62), (1.95, 0.34)),
        ((-1.88, 0.95), (-1.62, 1.44), (-0.4, 1.54), (0.25, 1.46), (1.06, 0.94)),
        (((-1.62, 1.0), (-1.46, 1.37), (-0.5, 1.44), (-0.5, 1.0)), ((-0.41, 1.0), (-0.41, 1.44), (0.17, 1.37), (0.82, 0.99))),
        (-0.46, 0.75),
        (-1.2, 1.22),
        0.32,
        3.95,
        1.57,
    ),
    "estate": _Shape(
        ((-2.32, 0.36), (-2.36, 0.85), (-2.28, 1.02), (1.0, 1.02), (2.0, 0.9), (2.3, 0.7), (2.32, 0.36)),
        ((-2.28, 1.0), (-2.0, 1.62), (-0.4, 1.7), (0.3, 1.62), (1.06, 1.0)),
        (
            ((-2.05, 1.07), (-1.86, 1.52), (-1.35, 1.56), (-1.35, 1.07)),
            ((-1.26, 1.07), (-1.26, 1.57), (-0.42, 1.6), (-0.42, 1.07)),
            ((-0.33, 1.07), (-0.33, 1.6), (0.22, 1.53), (0.82, 1.05)),
        ),
        (-1.3, -0.38, 0.8),
        (-1.45, 1.42),
        0.37,
        4.7,
        1.72,
    ),
    "van": _Shape(
        ((-2.5, 0.38), (-2.55, 1.95), (-2.38, 2.12), (0.95, 2.15), (1.3, 2.02), (1.82, 1.28), (2.42, 1.06), (2.55, 0.72), (2.54, 0.38)),
        (),
        (((0.72, 1.28), (0.72, 1.92), (1.16, 1.92), (1.58, 1.28)),),
        (0.6, 1.62),
        (-1.5, 1.6),
        0.35,
        5.1,
        2.15,
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Car:
    """How a car looks."""

    kind: str
    paint: Colour
    glass: Colour
    trim: Colour
    rim: Colour
    stripe: Colour | None
    size: float
    """1 is usual."""
    lights: bool

    @staticmethod
    def random(rng: np.random.Generator, light: Light, lights: bool) -> "Car":
        """Some car, in the light of the weather."""
        kinds = list(_SHAPES)
        return Car(
            kind=kinds[int(rng.choice(4, p=[0.34, 0.3, 0.2, 0.16]))],
            paint=light.on(pick(rng, CARS)),
            glass=light.on((92, 116, 132), float(rng.uniform(0.6, 1.1))),
            trim=light.on((36, 37, 40)),
            rim=light.on((176, 180, 184), float(rng.uniform(0.7, 1.15))),
            stripe=light.on(pick(rng, CARS)) if rng.random() < 0.12 else None,
            size=float(rng.uniform(0.93, 1.08)),
            lights=lights,
        )

    @property
    def half_length(self) -> float:
        """Metres."""
        return _SHAPES[self.kind].length / 2 * self.size

    @property
    def wheel_radius(self) -> float:
        """Metres."""
        return _SHAPES[self.kind].wheel * self.size


def draw_car(car: Car, scale: float, direction: int, spin: int) -> Sprite:
    """A car, ``direction`` 1 driving to the right; ``spin`` from 0 to SPINS turns the wheels."""
    shape = _SHAPES[car.kind]
    scale *= car.size
    half = shape.length / 2 + 0.1
    pen = Pen(scale, half, half, shape.top + 0.05)

    def at(*points: Point) -> list[Point]:
        return mirrored(points, direction)

    low, high = shape.body[0][1], max(y for x, y in shape.body)
    rear, front = shape.body[0][0], shape.body[-1][0]
    if shape.cabin:
        pen.polygon(at(*shape.cabin), shade(car.paint, 0.94))
    pen.polygon(at(*shape.body), car.paint)
    belt = 0.62 if high < 1.5 else 0.75
    pen.polygon(at((rear, low), (rear, belt), (front, belt), (front, low)), shade(car.paint, 0.8))
    pen.line(at((rear + 0.12, belt + 0.16), (front - 0.3, belt + 0.12)), 0.035, shade(car.paint, 1.18))
    pen.polygon(
        at((rear, low - 0.06), (rear, low + 0.09), (front, low + 0.09), (front, low - 0.06)), car.trim
    )
    if car.stripe:
        pen.polygon(
            at((rear + 0.1, belt + 0.2), (rear + 0.1, belt + 0.36), (0.5, belt + 0.36), (0.5, belt + 0.2)),
            car.stripe,
        )
    for window in shape.windows:
        pen.polygon(at(*window), car.glass)
        pen.polygon(at(*_upper(window)), shade(car.glass, 1.35))
    for door in shape.doors:
        pen.line(
            at((door, low + 0.1), (door, high - 0.06 if high < 1.5 else 1.22)), 0.02, shade(car.paint, 0.6)
        )
    pen.line(
        at((rear + 0.03, belt + 0.1), (rear + 0.1, belt + 0.22)),
        0.09,
        (204, 40, 36) if car.lights else (150, 30, 30),
    )
    pen.ellipse(at((front - 0.12, belt))[0], 0.13, 0.08, (255, 246, 206) if car.lights else (226, 226, 214))
    for place in shape.wheels:
        _wheel(pen, car, at((place, shape.wheel))[0], shape.wheel, spin * direction)
    wheels = sorted(at(*((place, shape.wheel) for place in shape.wheels)))
    return pen.sprite(wheels)


def _upper(window: tuple[Point, ...]) -> list[Point]:
    """The upper half of a window, where the sky is mirrored: its corners above, and halfway down."""
    half = (min(y for x, y in window) + max(y for x, y in window)) / 2
    points: list[Point] = []
    for here, there in zip(window, (*window[1:], window[0]), strict=True):
        if here[1] >= half:
            points.append(here)
        if (here[1] - half) * (there[1] - half) < 0:
            share = (half - here[1]) / (there[1] - here[1])
            points.append((here[0] + share * (there[0] - here[0]), half))
    return points


def _wheel(pen: Pen, car: Car, hub: Point, radius: float, spin: int) -> None:
    pen.ellipse((hub[0], hub[1] + 0.02), radius * 1.16, radius * 1.16, shade(car.paint, 0.35))
    pen.ellipse(hub, radius, radius, shade(car.trim, 0.7))
    pen.ellipse(hub, radius * 0.66, radius * 0.66, shade(car.rim, 0.62))
    for spoke in range(_SPOKES):
        turn = 2 * math.pi * (spoke + spin / SPINS) / _SPOKES
        tip = (hub[0] + 0.58 * radius * math.sin(turn), hub[1] + 0.58 * radius * math.cos(turn))
        pen.line([hub, tip], radius * 0.2, car.rim)
    pen.ellipse(hub, radius * 0.16, radius * 0.16, car.trim)
