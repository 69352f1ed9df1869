"""``lightly-assets probe``: what a video is, found by decoding all of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightly_assets.commands.files.extract import OnDamage

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
    for video in videos:
        info = probe(video)
        failed |= not info.is_usable(on_damage.value)
        results.append(info.to_json(video))
        if not as_json:
            typer.echo(_text(video, info))
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
