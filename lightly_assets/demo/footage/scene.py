"""A street scene: who moves through it, and any moment of it as a frame with its truth."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from lightly_assets.demo.footage.backdrop import Backdrop
from lightly_assets.demo.footage.cars import SPINS, Car, draw_car
from lightly_assets.demo.footage.colours import LIGHTS
from lightly_assets.demo.footage.geometry import Camera, random_view
from lightly_assets.demo.footage.persons import PHASES, Person, draw_person
from lightly_assets.demo.footage.props import KINDS, draw_prop
from lightly_assets.demo.footage.sprite import Sprite
from lightly_assets.demo.footage.truth import (
    BACKGROUND,
    CAR,
    PERSON,
    WEATHERS,
    SceneFrame,
    Truth,
    TruthObject,
)

_SHAKE = 4  # Rows and columns around the frame, for a camera that is not quite still.
_STRIDE = 1.45  # Metres of one full step cycle.


@dataclass(frozen=True, slots=True)
class _Actor:
    """Something that stands or moves on the ground."""

    looks: Person | Car | str
    place: float
    """Metres along the street at time 0."""
    speed: float
    """Metres a second along the street; below 0 to the left."""
    depth: float
    """Metres at time 0."""
    across: float
    """Metres a second away from the camera."""
    direction: int
    """1 looks to the right, -1 to the left."""
    phase: float
    """Of the stride at time 0, from 0 to 1."""
    seed: int

    def at(self, time: float) -> tuple[float, float]:
        """Place and depth."""
        return self.place + self.speed * time, self.depth + self.across * time

    @property
    def category(self) -> str | None:
        """None for things of no category."""
        return "person" if isinstance(self.looks, Person) else "car" if isinstance(self.looks, Car) else None


class Scene:
    """A street in some weather, and its frames.

    The same seed, size and weather always give the same frames, in whatever order they are asked for.
    """

    def __init__(
        self,
        seed: int,
        *,
        width: int = 640,
        height: int = 360,
        weather: str | None = None,
        persons: int | None = None,
        cars: int | None = None,
    ) -> None:
        """A scene of its own for every seed.

        Args:
            seed: decides everything that is not given.
            width: of the frames, in pixels.
            height: of the frames, in pixels.
            weather: one of WEATHERS.
            persons: how many pass within the first seconds.
            cars: likewise.
        """
        rng = np.random.default_rng([seed, 7001])
        self.width, self.height, self._seed = width, height, seed
        self.weather = weather if weather is not None else WEATHERS[int(rng.integers(len(WEATHERS)))]
        self._light = LIGHTS[self.weather]
        camera, self._street = random_view(rng, width, height)
        # A margin on all sides, which a shaking camera sees.
        self._camera: Camera = replace(
            camera, width=width + 2 * _SHAKE, height=height + 2 * _SHAKE, horizon=camera.horizon + _SHAKE
        )
        self._backdrop = Backdrop(rng, self._camera, self._street, self.weather, self._light)
        self._sway = (float(rng.uniform(0, 2 * math.pi)), float(rng.uniform(0.15, 0.5)))
        self._shake = float(rng.uniform(0, 2.2)) if rng.random() < 0.6 else 0.0
        self._actors = self._cast(rng, persons, cars)
        self._sprites: dict[tuple[object, ...], Sprite] = {}
        self._grain = (
            rng.normal(0, rng.uniform(1.5, 4.5), (height + 64, width + 64, 3)).round().astype(np.int16)
        )
        self._rain = _rain(rng, self._camera) if self.weather == "rainy" else None
        self._shadow = _shadow(self._light.shadow)

    # Who takes part

    def _cast(self, rng: np.random.Generator, persons: int | None, cars: int | None) -> list[_Actor]:
        actors = [self._prop(rng) for _ in range(int(rng.integers(1, 6)))]
        calm = self._street.crossing is not None and rng.random() < 0.7
        number = int(rng.integers(1, 7)) if cars is None else cars
        near = int(rng.integers(number + 1))
        actors += self._lane(rng, near, 1, calm)
        actors += self._lane(rng, number - near, -1, calm)
        number = int(rng.integers(2, 9)) if persons is None else persons
        return actors + [self._person(rng, calm) for _ in range(number)]

    def _reach(self, depth: float) -> float:
        """Half of what the camera sees of the street, in metres."""
        return self._camera.width / 2 / self._camera.scale(depth)

    def _prop(self, rng: np.random.Generator) -> _Actor:
        street = self._street
        kind = KINDS[int(rng.integers(len(KINDS)))]
        near = rng.random() < 0.4
        depth = street.road - rng.uniform(0.3, 0.9) if near else street.far + rng.uniform(0.2, 0.7)
        if kind == "cone" and rng.random() < 0.5:
            depth = street.road + rng.uniform(0.2, 0.6)
        reach = self._reach(depth) * 1.1
        return _Actor(
            kind, float(rng.uniform(-reach, reach)), 0.0, float(depth), 0.0, 1, 0.0, int(rng.integers(2**31))
        )

    def _lane(self, rng: np.random.Generator, number: int, direction: int, calm: bool) -> list[_Actor]:
        """The cars of one lane: all drive at one speed, or wait at the crossing, or are parked."""
        street = self._street
        middle = (street.road + street.middle) / 2 if direction > 0 else (street.middle + street.far) / 2
        reach = self._reach(middle) + 2
        speed = float(rng.uniform(2.0, 9.0))
        # The first is somewhere in sight or, driving, about to come into sight; the others follow.
        front = float(rng.uniform(-0.2, 1.0)) * reach
        if calm and street.crossing is not None:
            speed, front = 0.0, direction * street.crossing - 2.6
        elif rng.random() < 0.2:
            speed, middle = 0.0, street.road + 1.1 if direction > 0 else street.far - 1.0
        elif rng.random() < 0.5:
            front -= reach + speed * float(rng.uniform(0, 1))
        actors = []
        for _ in range(number):
            car = Car.random(rng, self._light, lights=self.weather == "rainy" or bool(rng.random() < 0.2))
            place = front - car.half_length
            depth = float(middle + rng.uniform(-0.15, 0.15))
            seed = int(rng.integers(2**31))
            actors.append(_Actor(car, direction * place, direction * speed, depth, 0.0, direction, 0.0, seed))
            front = place - car.half_length - float(rng.choice((0.9, 2.5, 7.0)) * rng.uniform(0.8, 1.5))
        return actors

    def _person(self, rng: np.random.Generator, calm: bool) -> _Actor:
        street = self._street
        person = Person.random(rng, self._light)
        seed, phase = int(rng.integers(2**31)), float(rng.random())
        if calm and street.crossing is not None and rng.random() < 0.35:
            away = rng.random() < 0.5
            start = street.road - 1 if away else street.far + 1
            across = float(rng.uniform(0.9, 1.5)) * (1 if away else -1)
            place = float(street.crossing + rng.uniform(-1.6, 1.6))
            direction = int(rng.choice((-1, 1)))
            depth = float(start + across * rng.uniform(-1, 4))
            return _Actor(person, place, 0.12 * direction, depth, across, direction, phase, seed)
        near = rng.random() < 0.55
        depth = float(street.road - rng.uniform(0.2, 1.1) if near else street.far + rng.uniform(0.3, 2.6))
        reach = self._reach(depth) * 1.15
        direction = int(rng.choice((-1, 1)))
        speed = 0.0 if rng.random() < 0.2 else direction * float(rng.uniform(0.8, 2.0))
        place = float(rng.uniform(-reach, reach))
        return _Actor(person, place, speed, depth, 0.0, direction, phase, seed)

    # A moment

    def frame(self, time: float) -> SceneFrame:
        """The frame at a time in seconds, from 0; the street is empty after half a minute or so."""
        camera, at = self._camera, self._camera_at(time)
        view = self._backdrop.view(at)
        picture = Image.fromarray(view.image)
        instances = np.zeros(view.semantic.shape, dtype=np.uint8)
        placed: list[tuple[_Actor, Sprite, int, int]] = []
        for actor in sorted(self._actors, key=lambda one: -one.at(time)[1]):
            place, depth = actor.at(time)
            if not self._street.road - 1.6 < depth < self._street.houses - 0.2:
                continue
            sprite = self._sprite(actor, time, depth)
            x, y = round(camera.column(place, depth, at)), round(camera.row(depth))
            self._paint(picture, sprite, actor, x, y, depth)
            number = 0
            if actor.category is not None:
                placed.append((actor, sprite, x, y))
                number = len(placed)
            label = {"person": PERSON, "car": CAR, None: BACKGROUND}[actor.category]
            _stamp(sprite, x, y, instances, number, view.semantic, label)
        if self._rain is not None:
            self._fall(picture, time)
        dx, dy = self._shaken(time)
        window = (slice(dy, dy + self.height), slice(dx, dx + self.width))
        moved = [(actor, sprite, x - dx, y - dy) for actor, sprite, x, y in placed]
        image = self._exposed(np.asarray(picture)[window], time)
        return SceneFrame(image, self._truth(moved, instances[window], view.semantic[window]))

    def _camera_at(self, time: float) -> float:
        phase, pace = self._sway
        return self._camera.sway * math.sin(phase + pace * time)

    def _shaken(self, time: float) -> tuple[int, int]:
        x = math.sin(5.1 * time + 1) + 0.6 * math.sin(11.7 * time)
        y = math.sin(6.3 * time + 2) + 0.6 * math.sin(13.1 * time)
        return _SHAKE + round(self._shake * x), _SHAKE + round(self._shake * y)

    def _sprite(self, actor: _Actor, time: float, depth: float) -> Sprite:
        scale = self._camera.scale(depth)
        way = abs(actor.speed) + abs(actor.across)
        direction, step = actor.direction, 0
        if isinstance(actor.looks, Person):
            step = int((actor.phase + way * time / _STRIDE) % 1 * PHASES) if way else -1
        elif isinstance(actor.looks, Car):
            turns = (actor.place + actor.speed * time) / (2 * math.pi * actor.looks.wheel_radius)
            step = int((turns * 5 * direction) % 1 * SPINS)
        key = (actor.seed, step, round(scale, 1))
        if key not in self._sprites:
            self._sprites[key] = self._drawn(actor, round(scale, 1), direction, step)
        return self._sprites[key]

    def _drawn(self, actor: _Actor, scale: float, direction: int, step: int) -> Sprite:
        if isinstance(actor.looks, Person):
            return draw_person(actor.looks, scale, direction, None if step < 0 else step)
        if isinstance(actor.looks, Car):
            return draw_car(actor.looks, scale, direction, step)
        return draw_prop(actor.looks, scale, self._light, np.random.default_rng(actor.seed))

    def _paint(
        self, picture: Image.Image, sprite: Sprite, actor: _Actor, x: int, y: int, depth: float
    ) -> None:
        scale = self._camera.scale(depth)
        half = actor.looks.half_length * 1.04 if isinstance(actor.looks, Car) else 0.38
        shadow = self._shadow.resize((max(2, round(2.3 * half * scale)), max(2, round(0.5 * scale))))
        lean = round(0.12 * scale) if self.weather == "sunny" else 0
        picture.paste((18, 20, 26), (x - shadow.width // 2 + lean, y - shadow.height // 2), shadow)
        if self.weather == "rainy":
            # The wet ground mirrors what stands on it.
            low = sprite.image.crop((0, -sprite.top - round(0.9 * scale), sprite.image.width, -sprite.top))
            mirror = low.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
            picture.paste(
                mirror, (x + sprite.left, y), mirror.getchannel("A").point(lambda value: value // 5)
            )
        picture.paste(sprite.image, (x + sprite.left, y + sprite.top), sprite.image)

    def _fall(self, picture: Image.Image, time: float) -> None:
        assert self._rain is not None
        for speed, slant, sheet in ((1500, -90, self._rain[0]), (1000, -60, self._rain[1])):
            down = int(speed * time) % sheet.height
            side = int(slant * time) % 64
            for top in (down, down - sheet.height):
                picture.paste((206, 214, 222), (side - 64, top), sheet)

    def _exposed(self, pixels: NDArray[np.uint8], time: float) -> NDArray[np.uint8]:
        """With the noise of a sensor."""
        rng = np.random.default_rng([self._seed, round(time * 1000), 7002])
        down, side = (int(value) for value in rng.integers(0, 64, 2))
        noisy = pixels + self._grain[down : down + self.height, side : side + self.width]
        return np.clip(noisy, 0, 255, out=noisy).astype(np.uint8)

    def _truth(
        self,
        placed: list[tuple[_Actor, Sprite, int, int]],
        instances: NDArray[np.uint8],
        semantic: NDArray[np.uint8],
    ) -> Truth:
        objects: list[TruthObject] = []
        numbers = np.zeros(256, dtype=np.uint8)
        for number, (actor, sprite, x, y) in enumerate(placed, start=1):
            assert actor.category is not None
            top, left = max(0, y + sprite.top), max(0, x + sprite.left)
            part = instances[
                top : max(0, y + sprite.top + sprite.mask.shape[0]),
                left : max(0, x + sprite.left + sprite.mask.shape[1]),
            ]
            rows, columns = (
                (part == number).any(axis=1).nonzero()[0],
                (part == number).any(axis=0).nonzero()[0],
            )
            if not len(rows):
                continue
            box = (
                left + int(columns[0]),
                top + int(rows[0]),
                int(columns[-1] - columns[0]) + 1,
                int(rows[-1] - rows[0]) + 1,
            )
            share = float((part == number).sum() / sprite.mask.sum())
            points = sprite.keypoints + np.array((x, y), dtype=np.float32)
            objects.append(TruthObject(actor.category, box, share, _seen(points, instances, number)))
            numbers[number] = len(objects)
        return Truth(self.weather, tuple(objects), numbers[instances], semantic.copy())


def _stamp(
    sprite: Sprite,
    x: int,
    y: int,
    instances: NDArray[np.uint8],
    number: int,
    semantic: NDArray[np.uint8],
    label: int,
) -> None:
    """Write an object's pixels over those of the objects behind it."""
    height, width = instances.shape
    top, left = y + sprite.top, x + sprite.left
    rows = slice(max(0, -top), max(0, min(sprite.mask.shape[0], height - top)))
    columns = slice(max(0, -left), max(0, min(sprite.mask.shape[1], width - left)))
    mask = sprite.mask[rows, columns]
    if not mask.size:
        return
    window = (
        slice(top + rows.start, top + rows.stop),
        slice(left + columns.start, left + columns.stop),
    )
    instances[window][mask] = number
    semantic[window][mask] = label


def _seen(points: NDArray[np.float32], instances: NDArray[np.uint8], number: int) -> NDArray[np.float32]:
    """(K, 3): the points, and whether the object's own pixels are there."""
    height, width = instances.shape
    seen = np.zeros(len(points), dtype=np.float32)
    for place, (x, y) in enumerate(points):
        column, row = int(x), int(y)
        around = instances[max(0, row - 1) : max(0, row + 2), max(0, column - 1) : max(0, column + 2)]
        inside = 0 <= x < width and 0 <= y < height
        seen[place] = float(inside and bool((around == number).any()))
    return np.concatenate([points, seen[:, None]], axis=1)


def _rain(rng: np.random.Generator, camera: Camera) -> tuple[Image.Image, Image.Image]:
    """Two sheets of falling drops, as transparency; they repeat downwards."""

    sheets = []
    for count, length, alpha in ((190, 22, 84), (330, 13, 60)):
        sheet = Image.new("L", (camera.width + 128, camera.height))
        draw = ImageDraw.Draw(sheet)
        for _ in range(count):
            x, y = rng.uniform(0, sheet.width), rng.uniform(0, sheet.height)
            long = length * rng.uniform(0.7, 1.3) * camera.width / 640
            fill = int(alpha * rng.uniform(0.6, 1.2))
            for again in (0, -sheet.height):
                draw.line((x, y + again, x - long * 0.07, y + again + long), fill=fill)
        sheets.append(sheet)
    return sheets[0], sheets[1]


def _shadow(strength: float) -> Image.Image:
    """A soft dark spot, as transparency."""
    down, across = np.mgrid[-1:1:24j, -1:1:96j]
    fade = np.clip(1.25 * (1 - down**2 - across**2), 0, 1)
    return Image.fromarray((fade * strength * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(1))
