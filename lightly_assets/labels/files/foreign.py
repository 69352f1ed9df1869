"""What files are that no reader knows: other tools' formats, archives, tables; for advice only."""

from itertools import islice
from pathlib import Path

from lightly_assets.labels.files.text import files_below, starts_like_json

# Words that stand near the beginning of a tool's JSON, all of them, and the tool.
_TOOLS: tuple[tuple[tuple[str, ...], str], ...] = (
    (('"shapes"', '"imagePath"'), "labelme"),
    (('"shape_attributes"',), "VGG Image Annotator (VIA)"),
    (('"_via_settings"',), "VGG Image Annotator (VIA)"),
    (('"project"', '"fname"', '"metadata"'), "VGG Image Annotator (VIA)"),
    (('"completions"', '"data"'), "an old version of Label Studio"),
    (('"original_width"', '"rectanglelabels"'), "Label Studio's JSON-MIN"),
    (('"dm_format_version"',), "Datumaro"),
    (('"categories"', '"items"', '"label"'), "Datumaro"),
    (('"schema_ref"', '"item"'), "V7 Darwin"),
    (('"box2d"',), "BDD100K or Scalabel"),
    (('"poly2d"',), "BDD100K or Scalabel"),
    (('"frameIndex"', '"labels"'), "BDD100K or Scalabel"),
    (('"type"', '"coordinates"', '"filename"'), "Dataloop"),
    (('"coordinates"', '"annotations"', '"label"'), "CreateML"),
    (('"classTitle"',), "Supervisely"),
    (('"className"', '"instances"'), "SuperAnnotate"),
    (('"openlabel"',), "OpenLABEL"),
    (('"bounding_box"', '"_cls"'), "FiftyOne"),
    (('"classes"', '"labels"', '"bounding_box"'), "FiftyOne"),
    (('"task_id"', '"response"'), "Scale"),
    (('"bbox_mode"', '"annotations"'), "detectron2's records"),
    (('"boundingBox"', '"regions"'), "VoTT"),
    (('"source-ref"',), "Amazon's Ground Truth"),
    (('"imageGcsUri"',), "Google's Vertex AI"),
    (('"tagName"', '"regions"'), "Azure's Custom Vision"),
    (('"topX"', '"label"'), "Azure's machine learning"),
    (('"jsonResponse"',), "Kili"),
    (('"label_hash"', '"data_units"'), "Encord"),
    (('"image_name"', '"class_name"'), "Hasty"),
    (('"gtboxes"',), "CrowdHuman"),
    (('"imgHeight"', '"polygon"'), "Cityscapes' polygons"),
    (('"pose_keypoints_2d"',), "OpenPose"),
    (('"FeatureCollection"', '"features"'), "GeoJSON"),
    (('"synsets"', '"names"'), "Visual Genome"),
    (('"file_name"', '"objects":{', '"bbox"'), "a data set of Hugging Face"),
    (('"file_name"', '"objects": {', '"bbox"'), "a data set of Hugging Face"),
)
_TABLES = frozenset({".csv", ".tsv", ".parquet", ".xlsx", ".arrow", ".tfrecord"})
# So many files of a folder are looked at.
_LOOKED_AT = 20


def foreign_tool(start: str) -> str | None:
    """The tool whose JSON begins like this; None where it is none of those that are not read."""
    return next((tool for words, tool in _TOOLS if all(word in start for word in words)), None)


def explained(path: Path, names: dict[str, list[Path]]) -> str | None:
    """What to do about labels of no known format, as the rest of ``PATH …``.

    Args:
        path: a file or a folder.
        names: for a folder, files in it that a reader takes when they are named, by its format.
    """
    if not path.is_dir():
        return _of_file(path)
    for name, files in names.items():
        more = f" (one of {len(files)})" if len(files) > 1 else ""
        return f"holds files of {name}; name the file itself, such as {files[0]}{more}"
    said = [_of_file(file) for file in islice(_files(path), _LOOKED_AT)]
    found = next((one for one in said if one), None)
    return None if found is None else f"holds files that cannot be read: one {found}"


def json_files(folder: Path) -> list[Path]:
    """The first JSON files of a folder and below."""
    return list(islice(files_below(folder, ".json"), _LOOKED_AT))


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


def _of_file(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    if not head:
        return "is empty"
    if head.startswith(b"PK\x03\x04"):
        return "is a ZIP archive; unpack it and name what is in it"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16; save it as UTF-8"
    if path.suffix.lower() in _TABLES or head.startswith(b"PAR1"):
        return "is a table, which is not read; write its rows as COCO"
    start = starts_like_json(path)
    if tool := foreign_tool(start):
        return f"seems to be of {tool}, which is not read; export or convert it to COCO"
    if "\n{" in start.strip() and start.startswith("{"):
        return "has a JSON object in each line, which is read of Labelbox only; convert it to COCO"
    if start and path.suffix.lower() != ".json":
        return "is JSON with another suffix; say which it is with --format (format:), or name it .json"
    return None
