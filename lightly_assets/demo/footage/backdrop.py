"""Everything that does not move: sky, houses, trees and the ground, wide enough for a camera that sways."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lightly_assets.demo.footage.colours import LEAVES, WALLS, Colour, Light, noise, pick
from lightly_assets.demo.footage.geometry import Camera, Street
from lightly_assets.demo.footage.sprite import shade
from lightly_assets.demo.footage.truth import BACKGROUND, PAVEMENT, ROAD, SKY

_FINE = 2  # Layers are drawn twice as fine as they are shown.
_ASPHALT: Colour = (92, 93, 97)
_PAINT: Colour = (226, 226, 218)


@dataclass(frozen=True, slots=True)
class View:
    """What the camera sees behind everything that moves."""

    image: NDArray[np.uint8]
    """(H, W, 3), to draw on."""
    semantic: NDArray[np.uint8]
    """(H, W), to write on."""


class Backdrop:
    """The still parts of a scene, drawn once."""

    def __init__(
        self, rng: np.random.Generator, camera: Camera, street: Street, weather: str, light: Light
    ) -> None:
        self._camera, self._street = camera, street
        self._base = round(camera.row(street.houses))
        self._sky = _sky(rng, camera, weather, self._base)
        houses = _Houses(rng, camera, street, light, self._base).draw()
        self._houses, self._solid = houses[..., :3], houses[..., 3] > 127
        self._scales = (
            camera.focal * camera.above / (np.arange(self._base, camera.height) + 0.5 - camera.horizon)
        )
        self._ground, self._ground_semantic = _ground(rng, camera, street, weather, light, self._base)

    def view(self, at: float) -> View:
        """From a camera that is ``at`` metres from the middle of its way."""
        camera = self._camera
        image = np.empty((camera.height, camera.width, 3), dtype=np.uint8)
        semantic = np.empty((camera.height, camera.width), dtype=np.uint8)
        image[: self._base] = self._sky
        semantic[: self._base] = SKY
        margin = (self._houses.shape[1] - camera.width) // 2
        left = margin + round(at * camera.scale(self._street.houses))
        seen = slice(left, left + camera.width)
        solid = self._solid[:, seen]
        np.copyto(image[: self._base], self._houses[:, seen], where=solid[..., None])
        semantic[: self._base][solid] = BACKGROUND
        # Rows nearer to the camera move faster.
        margin = (self._ground.shape[1] - camera.width) // 2
        shifts = margin + np.round(at * camera.focal / self._scales).astype(np.intp)
        for row, shift in enumerate(shifts):
            image[self._base + row] = self._ground[row, shift : shift + camera.width]
            semantic[self._base + row] = self._ground_semantic[row, shift : shift + camera.width]
        return View(image, semantic)


def _sky(rng: np.random.Generator, camera: Camera, weather: str, rows: int) -> NDArray[np.uint8]:
    down = np.linspace(0, 1, rows, dtype=np.float32)[:, None, None]
    clouds = noise(rng, rows * 2, camera.width, camera.width / rng.uniform(2.5, 5), octaves=5)[::2, :, None]
    if weather == "sunny":
        top, bottom = np.array((64, 128, 206)), np.array((186, 216, 238))
        top = top + rng.integers(-16, 17, 3)
        cover = np.clip((clouds - rng.uniform(0.35, 0.9)) * 1.6, 0, 0.9)
        sky = (top + (bottom - top) * down) * (1 - cover) + 250 * cover
    elif weather == "clouded":
        grey = np.array((196, 201, 208)) + rng.integers(-14, 15)
        sky = grey + 26 * np.clip(clouds, -1.4, 1.1) + 14 * down
    else:
        grey = np.array((112, 120, 130)) + rng.integers(-16, 17)
        sky = grey + 15 * np.clip(clouds, -1.4, 1.4) + 18 * down
    picture = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    _skyline(rng, picture, camera, weather)
    return np.asarray(picture)


def _skyline(rng: np.random.Generator, picture: Image.Image, camera: Camera, weather: str) -> None:
    """Hills or towers far away, in the haze."""
    haze = {"sunny": (168, 190, 210), "clouded": (176, 180, 186), "rainy": (104, 112, 120)}[weather]
    draw = ImageDraw.Draw(picture)
    top, bottom = camera.horizon * rng.uniform(0.55, 0.8), picture.height
    x = -20.0
    hills = rng.random() < 0.5
    if hills:
        heights = noise(rng, 1, camera.width, camera.width / 4, octaves=3)[0] * 16 * camera.width / 640
        line = [(column, top + 12 + value) for column, value in enumerate(heights.tolist())]
        draw.polygon([*line, (camera.width, bottom), (0, bottom)], fill=shade(haze, 0.93))
        return
    while x < camera.width:
        wide = rng.uniform(18, 60) * camera.width / 640
        draw.rectangle(
            (x, top + rng.uniform(0, camera.horizon * 0.3), x + wide, bottom),
            fill=shade(haze, float(rng.uniform(0.85, 1.0))),
        )
        x += wide + rng.uniform(0, 12)


class _Houses:
    """The row of houses, hedges and trees behind the far pavement."""

    def __init__(
        self, rng: np.random.Generator, camera: Camera, street: Street, light: Light, base: int
    ) -> None:
        self._rng, self._light = rng, light
        self._scale = camera.scale(street.houses) * _FINE
        self._base = base * _FINE
        width = camera.width + 2 * (math.ceil(camera.sway * camera.scale(street.houses)) + 2)
        self._image = Image.new("RGBA", (width * _FINE, base * _FINE))
        self._draw = ImageDraw.Draw(self._image)

    def draw(self) -> NDArray[np.uint8]:
        """(base, W, 4) RGBA."""
        rng, wide = self._rng, self._image.width / self._scale
        self._hedge(wide)
        place = -float(rng.uniform(0, 6))
        while place < wide:
            width = float(rng.uniform(5, 11))
            if rng.random() < 0.78:
                self._house(place, width)
            else:
                width = float(rng.uniform(2, 6))
            place += width + (float(rng.uniform(0.5, 4)) if rng.random() < 0.3 else 0.0)
        for _ in range(int(rng.integers(1, 5))):
            self._tree(float(rng.uniform(0, wide)))
        pixels = np.asarray(self._image.reduce(_FINE)).copy()
        rows, columns, _ = pixels.shape
        rough = 1 + 0.05 * noise(rng, rows, columns, 2.5) + 0.07 * noise(rng, rows, columns, 60, octaves=2)
        pixels[..., :3] = np.clip(pixels[..., :3] * rough[..., None], 0, 255)
        return pixels

    def _box(self, left: float, bottom: float, right: float, top: float, colour: Colour) -> None:
        scale = self._scale
        self._draw.rectangle(
            (left * scale, self._base - top * scale, right * scale, self._base - bottom * scale),
            fill=(*colour, 255),
        )

    def _shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        pixels = [(x * self._scale, self._base - y * self._scale) for x, y in points]
        self._draw.polygon(pixels, fill=(*colour, 255))

    def _blob(self, x: float, y: float, radius: float, colour: Colour) -> None:
        scale = self._scale
        cx, cy, half = x * scale, self._base - y * scale, radius * scale
        self._draw.ellipse((cx - half, cy - half * 0.85, cx + half, cy + half * 0.85), fill=(*colour, 255))

    def _hedge(self, wide: float) -> None:
        leaf = self._light.on(pick(self._rng, LEAVES), 0.8)
        height = float(self._rng.uniform(0.9, 1.8))
        self._box(0, 0, wide, height, leaf)
        for _ in range(int(wide * 9)):
            x, y = self._rng.uniform(0, wide), self._rng.uniform(0.1, height + 0.1)
            self._blob(x, y, 0.2, shade(leaf, float(self._rng.uniform(0.7, 1.25))))

    def _house(self, left: float, width: float) -> None:
        rng, light = self._rng, self._light
        wall = light.on(pick(rng, WALLS))
        floors = int(rng.integers(1, 4))
        ground, storey = float(rng.uniform(3.0, 3.6)), float(rng.uniform(2.6, 3.0))
        height = ground + (floors - 1) * storey + 0.5
        right = left + width
        roof = light.on((112, 70, 58) if rng.random() < 0.5 else (84, 84, 92), float(rng.uniform(0.8, 1.2)))
        if rng.random() < 0.5:
            rise = float(rng.uniform(1.2, 2.4))
            inset = float(rng.uniform(0.2, 0.5)) * width * 0.8
            self._shape(
                [
                    (left - 0.2, height),
                    (left + inset, height + rise),
                    (right - inset, height + rise),
                    (right + 0.2, height),
                ],
                roof,
            )
        else:
            self._box(left - 0.1, height, right + 0.1, height + 0.35, shade(wall, 0.75))
        self._box(left, 0, right, height, wall)
        self._box(left, 0, right, 0.5, shade(wall, 0.7))
        if rng.random() < 0.4:
            self._box(left, ground - 0.1, right, ground + 0.05, shade(wall, 1.15))
        self._windows(left, right, ground, storey, floors, wall)
        self._ground_floor(left, right, ground, wall)
        self._box(right - 0.07, 0, right, height, shade(wall, 0.7))

    def _windows(
        self, left: float, right: float, ground: float, storey: float, floors: int, wall: Colour
    ) -> None:
        rng = self._rng
        count = max(1, int((right - left) / rng.uniform(1.6, 2.6)))
        step = (right - left) / count
        wide, tall = float(rng.uniform(0.8, 1.2)), float(rng.uniform(1.2, 1.7))
        frame = self._light.on((228, 224, 214)) if rng.random() < 0.6 else shade(wall, 0.55)
        for floor in range(floors - 1):
            bottom = ground + floor * storey + 0.7
            for place in range(count):
                middle = left + (place + 0.5) * step
                glass = self._light.on((96, 118, 134), float(rng.uniform(0.55, 1.15)))
                if rng.random() < 0.12:
                    glass = self._light.on((232, 208, 140))
                self._box(
                    middle - wide / 2 - 0.09,
                    bottom - 0.09,
                    middle + wide / 2 + 0.09,
                    bottom + tall + 0.09,
                    frame,
                )
                self._box(middle - wide / 2, bottom, middle + wide / 2, bottom + tall, glass)
                self._box(middle - 0.03, bottom, middle + 0.03, bottom + tall, frame)
                self._box(
                    middle - wide / 2 - 0.15,
                    bottom - 0.2,
                    middle + wide / 2 + 0.15,
                    bottom - 0.09,
                    shade(wall, 0.75),
                )

    def _ground_floor(self, left: float, right: float, ground: float, wall: Colour) -> None:
        rng, light = self._rng, self._light
        door = float(rng.uniform(left + 0.4, right - 1.5))
        shop = rng.random() < 0.55
        sign = light.on(pick(rng, WALLS), 0.7)
        if shop:
            self._box(left + 0.35, 0.5, right - 0.35, ground - 0.75, shade(wall, 0.5))
            panes = max(1, round((right - left) / 2.2))
            step = (right - left - 0.9) / panes
            for pane in range(panes):
                x = left + 0.45 + pane * step
                glass = light.on((120, 140, 150), float(rng.uniform(0.6, 1.3)))
                self._box(x + 0.06, 0.6, x + step - 0.06, ground - 0.85, glass)
                self._shape(
                    [
                        (x + 0.06, 1.2),
                        (x + step * 0.6, ground - 0.85),
                        (x + step * 0.85, ground - 0.85),
                        (x + 0.06, 0.7),
                    ],
                    shade(glass, 1.15),
                )
            if rng.random() < 0.6:
                stripes = max(4, round((right - left) / 0.5))
                width = (right - left - 0.4) / stripes
                for stripe in range(stripes):
                    x = left + 0.2 + stripe * width
                    colour = sign if stripe % 2 else light.on((232, 228, 220))
                    self._shape(
                        [
                            (x + 0.1, ground - 0.2),
                            (x + width + 0.1, ground - 0.2),
                            (x + width, ground - 0.95),
                            (x, ground - 0.95),
                        ],
                        colour,
                    )
            else:
                self._box(left + 0.3, ground - 0.75, right - 0.3, ground - 0.15, sign)
        else:
            glass = light.on((96, 118, 134), float(rng.uniform(0.6, 1.1)))
            for x in np.arange(left + 0.7, right - 1.4, 2.1):
                self._box(x - 0.08, 0.92, x + 1.08, 2.38, light.on((224, 220, 210)))
                self._box(x, 1.0, x + 1.0, 2.3, glass)
        self._box(door - 0.1, 0, door + 1.1, 2.4, shade(wall, 0.6))
        self._box(door, 0, door + 1.0, 2.3, sign)

    def _tree(self, x: float) -> None:
        rng = self._rng
        leaf = self._light.on(pick(rng, LEAVES))
        bark = self._light.on((84, 64, 48))
        height, spread = float(rng.uniform(3.5, 6.0)), float(rng.uniform(1.1, 2.0))
        self._shape(
            [(x - 0.16, 0), (x + 0.16, 0), (x + 0.09, height - spread), (x - 0.09, height - spread)], bark
        )
        for step in range(90):
            turn, far = rng.uniform(0, 2 * math.pi), math.sqrt(rng.random())
            bx, by = x + spread * far * math.cos(turn), height + spread * 0.8 * far * math.sin(turn)
            # Lighter where the light falls: at the top, and last, so that it lies in front.
            bright = 0.72 + 0.3 * (by - height + spread) / (2 * spread) + 0.2 * step / 90
            self._blob(
                bx, by, float(rng.uniform(0.2, 0.45)), shade(leaf, bright * float(rng.uniform(0.92, 1.08)))
            )


def _ground(
    rng: np.random.Generator, camera: Camera, street: Street, weather: str, light: Light, base: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(rows, W, 3) colours and (rows, W) classes of the ground, from the houses downwards."""
    rows = camera.height - base
    nearest = camera.focal * camera.above / (camera.height - camera.horizon)
    width = camera.width + 2 * (math.ceil(camera.sway * camera.focal / nearest) + 2)
    down = base + (np.arange(rows * _FINE) + 0.5) / _FINE
    depth = (camera.focal * camera.above / (down - camera.horizon))[:, None].astype(np.float32)
    across = ((np.arange(width * _FINE) + 0.5) / _FINE - width / 2)[None, :].astype(np.float32)
    along = across * depth / camera.focal

    grain = rng.uniform(-1, 1, (512, 512)).astype(np.float32)
    patches = noise(rng, 512, 512, 64, octaves=4)
    at = ((depth * 24).astype(np.intp) % 512, (along * 24).astype(np.intp) % 512)
    wide = ((depth * 30).astype(np.intp) % 512, (along * 30).astype(np.intp) % 512)
    rough = 1 + 0.07 * grain[at] + 0.08 * patches[wide]

    road = (depth > street.road) & (depth < street.far)
    shape = np.broadcast_shapes(depth.shape, along.shape)
    colours = np.empty((*shape, 3), dtype=np.float32)
    asphalt = light.on(_ASPHALT, float(rng.uniform(0.75, 1.15)))
    slab = light.on((168, 160, 148), float(rng.uniform(0.8, 1.1)))
    colours[:] = slab
    colours[np.broadcast_to(road, shape)] = asphalt
    size = float(rng.uniform(0.5, 1.1))
    joint = (np.abs(depth % size - size / 2) < 0.02) | (np.abs(along % size - size / 2) < 0.015)
    colours[joint & ~road] = shade(slab, 0.78)
    kerb = (np.abs(depth - street.road + 0.12) < 0.12) | (np.abs(depth - street.far - 0.12) < 0.12)
    colours[np.broadcast_to(kerb, shape)] = shade(slab, 1.15)
    gutter = (np.abs(depth - street.road - 0.1) < 0.1) | (np.abs(depth - street.far + 0.1) < 0.1)
    colours[np.broadcast_to(gutter, shape)] = shade(asphalt, 0.75)
    colours[_marks(rng, depth, along, street)] = light.on(_PAINT, 0.95)
    colours *= rough[..., None]
    if weather == "rainy":
        puddles = np.clip(patches[wide] - 0.1, 0, 1)[..., None]
        colours = colours * (0.82 + 0.5 * puddles * np.array((0.9, 0.95, 1.05), dtype=np.float32))
    if weather == "sunny":
        colours[np.broadcast_to(depth > street.houses - 1.2, shape)] *= 0.72
    fine = np.clip(colours, 0, 255).reshape(rows, _FINE, width, _FINE, 3)
    semantic = np.where(road[::_FINE], np.uint8(ROAD), np.uint8(PAVEMENT))
    return fine.mean(axis=(1, 3)).astype(np.uint8), np.broadcast_to(semantic, (rows, width)).copy()


def _marks(
    rng: np.random.Generator, depth: NDArray[np.float32], along: NDArray[np.float32], street: Street
) -> NDArray[np.bool_]:
    """Where paint is on the road."""
    dash = float(rng.uniform(2.5, 4))
    start = float(rng.uniform(0, dash))
    marks = (np.abs(depth - street.middle) < 0.09) & ((along + start) % (2 * dash) < dash)
    if rng.random() < 0.5:
        marks |= (np.abs(depth - street.road - 0.45) < 0.06) | (np.abs(depth - street.far + 0.45) < 0.06)
    if street.crossing is not None:
        inside = np.abs(along - street.crossing) < 2
        marks &= np.abs(along - street.crossing) > 2.6
        lane = (depth > street.road + 0.3) & (depth < street.far - 0.3)
        marks |= inside & lane & ((depth - street.road - 0.3) % 1.0 < 0.5)
    return np.asarray(marks)
