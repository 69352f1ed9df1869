"""``lightly-assets extract``: frames of videos as PNG files, named as the format wants them."""

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from lightly_assets.commands.following import followed
from lightly_assets.commands.shared import is_quiet, say
from lightly_assets.errors import LightlyAssetsError
from lightly_assets.tracking import step, track


class Engine(StrEnum):
    """What decodes."""

    PYAV = "pyav"
    FFMPEG = "ffmpeg"


class OnDamage(StrEnum):
    """What happens to a damaged video."""

    FAIL = "fail"
    KEEP = "keep"


def extract_command(
    videos: Annotated[list[Path], typer.Argument(help="Videos to extract.", metavar="VIDEO…")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")],
    input_root: Annotated[
        Path | None,
        typer.Option(
            "--input", help="Root of the input; names are relative to it. Default: each own folder."
        ),
    ] = None,
    engine: Annotated[
        Engine, typer.Option("--engine", help="What decodes; ffmpeg is looked for on PATH.")
    ] = Engine.PYAV,
    on_damage: Annotated[
        OnDamage, typer.Option("--on-damage", help="Refuse damaged videos, or keep what decodes.")
    ] = OnDamage.FAIL,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write every frame of videos as a PNG; what is there already is not done again."""
    from lightly_assets.media import ProgramMissingError, extract  # late: PyAV takes its time

    _refuse_shared_names(videos, input_root)
    results: list[dict[str, Any]] = []
    with followed(as_json=as_json):
        for video in track(videos, "Videos"):
            entry: dict[str, Any] = {"path": os.fspath(video), "frames": None, "written": 0, "found": 0}
            entry |= {"notes": [], "errors": []}
            try:
                with step(f"Frames of {video.name}") as frames:
                    done = extract(
                        video,
                        out,
                        input_root=input_root,
                        engine=engine.value,
                        on_damage=on_damage.value,
                        on_frame=lambda _, frames=frames: frames.done(),  # type: ignore[misc]
                    )
                entry |= {"frames": done.frames, "written": done.written, "found": done.found}
                entry["notes"] = list(done.notes)
            except ProgramMissingError as error:
                say(str(error), error=True)
                raise typer.Exit(2) from None
            except (LightlyAssetsError, OSError) as error:
                entry["errors"] = [str(error)]
            results.append(entry)
            if not as_json:
                say(_text(entry), error=bool(entry["errors"]) and is_quiet())
    if as_json:
        typer.echo(json.dumps(results, indent=2))
    raise typer.Exit(1 if any(entry["errors"] for entry in results) else 0)


def _refuse_shared_names(videos: list[Path], input_root: Path | None) -> None:
    """Without a root, videos of different folders may have the same name, and so would their frames."""
    if input_root is not None:
        return
    seen: dict[str, Path] = {}
    for video in videos:
        other = seen.setdefault(video.name, video)
        if other.absolute() != video.absolute():
            say(
                f"Frames of '{other}' and '{video}' would have the same names; give their root with --input.",
                error=True,
            )
            raise typer.Exit(2)


def _text(entry: dict[str, Any]) -> str:
    if entry["errors"]:
        return "\n".join(f"error: {error}" for error in entry["errors"])
    lines = [
        f"{entry['path']}: {entry['frames']} frames ({entry['written']} written, {entry['found']} found)"
    ]
    return "\n".join([*lines, *(f"  note: {note}" for note in entry["notes"])])
