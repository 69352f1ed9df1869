"""Persons: walking along or across the street, or standing."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lightly_assets.demo.footage.colours import CLOTHES, HAIRS, SKINS, TROUSERS, Colour, Light, pick
from lightly_assets.demo.footage.sprite import Pen, Point, Sprite, mirrored, shade

PHASES = 24
"""Pictures of one stride."""

_At = Callable[..., list[Point]]


@dataclass(frozen=True, slots=True)
class Person:
    """How somebody looks."""

    height: float
    """Metres."""
    girth: float
    """1 is usual."""
    top: Colour
    bottom: Colour
    shoes: Colour
    skin: Colour
    hair: Colour
    coat: bool
    skirt: bool
    sleeves: bool
    backpack: Colour | None
    hat: Colour | None
    long_hair: bool

    @staticmethod
    def random(rng: np.random.Generator, light: Light) -> "Person":
        """Somebody, in the light of the weather."""

        def chance(share: float) -> bool:
            return bool(rng.random() < share)

        return Person(
            height=float(rng.uniform(1.5, 1.92)),
            girth=float(rng.uniform(0.9, 1.25)),
            top=light.on(pick(rng, CLOTHES)),
            bottom=light.on(pick(rng, TROUSERS)),
            shoes=light.on(pick(rng, TROUSERS), 0.7),
            skin=light.on(pick(rng, SKINS)),
            hair=light.on(pick(rng, HAIRS)),
            coat=chance(0.3),
            skirt=chance(0.2),
            sleeves=chance(0.7),
            backpack=light.on(pick(rng, CLOTHES), 0.8) if chance(0.3) else None,
            hat=light.on(pick(rng, CLOTHES)) if chance(0.2) else None,
            long_hair=chance(0.4),
        )


@dataclass(frozen=True, slots=True)
class _Pose:
    """Joints in shares of the height, looking to the right; the far limb first."""

    legs: tuple[tuple[Point, Point, Point], ...]
    arms: tuple[tuple[Point, Point, Point], ...]


def _limb(
    start: Point, upper: float, lower: float, first: float, second: float
) -> tuple[Point, Point, Point]:
    """Three joints; angles in radians from straight down, positive to the front."""
    joint = (start[0] + upper * math.sin(first), start[1] - upper * math.cos(first))
    return start, joint, (joint[0] + lower * math.sin(second), joint[1] - lower * math.cos(second))


def _walking(phase: float) -> _Pose:
    swing = math.sin(phase)
    lift = 0.008 * math.cos(2 * phase)
    hip, shoulder = (0.0, 0.515 + lift), (0.01, 0.81 + lift)
    legs, arms = [], []
    for side in (-1, 1):
        forward = 0.46 * side * swing
        bend = 0.75 * max(0.0, side * math.cos(phase)) + 0.08
        legs.append(_limb(hip, 0.25, 0.235, forward, forward - bend))
        back = -0.5 * side * swing
        arms.append(_limb(shoulder, 0.165, 0.16, back, back + 0.45))
    return _Pose(tuple(legs), tuple(arms))


def _standing() -> _Pose:
    legs = tuple(_limb((0.045 * side, 0.515), 0.25, 0.24, 0.04 * side, 0.02 * side) for side in (-1, 1))
    arms = tuple(_limb((0.105 * side, 0.8), 0.165, 0.16, 0.16 * side, 0.08 * side) for side in (-1, 1))
    return _Pose(legs, arms)


def draw_person(person: Person, scale: float, direction: int, phase: int | None) -> Sprite:
    """A person in a moment of the stride.

    Args:
        person: how somebody looks.
        scale: pixels a metre takes.
        direction: 1 looks to the right, -1 to the left.
        phase: from 0 to PHASES; None stands, facing the camera.
    """
    pen = Pen(scale, 0.75, 0.75, person.height * 1.08)
    standing = phase is None
    pose = _standing() if phase is None else _walking(2 * math.pi * phase / PHASES)

    def at(*points: Point) -> list[Point]:
        return mirrored([(x * person.height, y * person.height) for x, y in points], direction)

    size, girth = person.height, person.girth
    sleeve = person.top if person.sleeves else person.skin

    def leg(joints: tuple[Point, Point, Point], light: float) -> None:
        bare = person.skirt and not person.coat
        pen.line(at(*joints), 0.075 * size * girth, shade(person.skin if bare else person.bottom, light))
        foot = joints[2]
        toe = (foot[0] + (0.0 if standing else 0.055), foot[1] - 0.005)
        pen.line(at((foot[0] - 0.01, foot[1]), toe), 0.042 * size, shade(person.shoes, light))

    def arm(joints: tuple[Point, Point, Point], light: float) -> None:
        pen.line(at(*joints[:2]), 0.058 * size * girth, shade(person.top, light))
        pen.line(at(*joints[1:]), 0.048 * size, shade(sleeve, light))
        pen.ellipse(at(joints[2])[0], 0.026 * size, 0.026 * size, shade(person.skin, light))

    if not standing:
        arm(pose.arms[0], 0.72)
    leg(pose.legs[0], 0.74)
    leg(pose.legs[1], 1.0)
    if person.backpack and not standing:
        pen.line(at((-0.1, 0.63), (-0.1, 0.77)), 0.13 * size, person.backpack)
    _torso(pen, person, at, standing)
    for joints in pose.arms if standing else pose.arms[1:]:
        arm(joints, 0.9)
    _head(pen, person, at, standing)

    hands = sorted(at(pose.arms[0][2], pose.arms[1][2]))
    feet = sorted(at(pose.legs[0][2], pose.legs[1][2]))
    return pen.sprite([*at((0.015, 0.925)), *hands, *feet])


def _torso(pen: Pen, person: Person, at: _At, standing: bool) -> None:
    wide = (0.115 if standing else 0.08) * person.girth
    hem = 0.33 if person.coat else 0.47
    flare = 1.15 if person.coat else 0.92
    if person.skirt and not person.coat:
        pen.polygon(
            at((-0.07 * person.girth, 0.55), (0.07 * person.girth, 0.55), (0.11, 0.31), (-0.11, 0.31)),
            person.bottom,
        )
    pen.polygon(
        at(
            (-wide, 0.8),
            (-wide * 0.55, 0.84),
            (wide * 0.55, 0.84),
            (wide, 0.8),
            (wide * flare, hem),
            (-wide * flare, hem),
        ),
        person.top,
    )
    # A darker back gives the body some roundness.
    pen.polygon(
        at((-wide, 0.8), (-wide * 0.6, 0.82), (-wide * 0.5, hem), (-wide * flare, hem)),
        shade(person.top, 0.82),
    )


def _head(pen: Pen, person: Person, at: _At, standing: bool) -> None:
    size = person.height
    pen.line(at((0.0, 0.83), (0.01, 0.88)), 0.05 * size, shade(person.skin, 0.85))
    if person.long_hair:
        pen.line(at((-0.025, 0.94), (-0.045, 0.83)), 0.07 * size, person.hair)
    pen.ellipse(at((-0.004, 0.937))[0], 0.056 * size, 0.063 * size, person.hair)
    face = (0.0, 0.918) if standing else (0.018, 0.92)
    pen.ellipse(at(face)[0], 0.043 * size, 0.052 * size, person.skin)
    if person.hat:
        pen.polygon(at((-0.06, 0.95), (-0.052, 1.0), (0.045, 1.0), (0.055, 0.95)), person.hat)
        pen.line(at((-0.055, 0.952), (0.09, 0.952)), 0.018 * size, shade(person.hat, 0.8))
