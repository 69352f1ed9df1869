"""``lightly-assets probe``: what a video is, found by decoding all of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightly_assets.commands.files.extract import OnDamage
from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import is_quiet, say
from lightly_assets.tracking import track

if TYPE_CHECKING:
    from lightly_assets.media import VideoInfo


def probe_command(
    videos: Annotated[list[Path], typer.Argument(help="Videos to look at.", metavar="VIDEO…")],
    on_damage: Annotated[
        OnDamage, typer.Option("--on-damage", help="Fail for damaged videos, or only where nothing decodes.")
    ] = OnDamage.FAIL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Count the frames of videos by decoding them; say size, rotation and damage."""
    from lightly_assets.media import probe  # late: PyAV takes its time

    results = []
    failed = False
    with followed(as_json=as_json):
        for video in track(videos, "Decoding videos"):
            info = probe(video)
            usable = info.is_usable(on_damage.value)
            failed |= not usable
            results.append(info.to_json(video))
            if not as_json:
                say(_text(video, info), error=not usable and is_quiet())
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    raise typer.Exit(1 if failed else 0)


def _text(video: Path, info: "VideoInfo") -> str:
    frames = f"{info.frames} frames" if info.frames else "no frames"
    size = f", {info.width} x {info.height}" if info.frames else ""
    codec = f", {info.codec}" if info.codec else ""
    lines = [f"{video}: {frames}{size}{codec}"]
    lines += [f"  error: {error}" for error in info.errors]
    lines += [f"  note: {remark}" for remark in info.remarks]
    return "\n".join(lines)
