"""Long JSON lists in pieces, against a parser that reads them at once."""
# ruff: noqa: E501

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightly_assets.labels.coco import json_stream
from lightly_assets.labels.coco.json_stream import JsonFile
from lightly_assets.labels.errors import LabelsError

TEXT = st.text(st.sampled_from('ab"\\{}[],:é\n𝄞 '), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ELEMENTS = st.lists(st.dictionaries(TEXT, VALUES, max_size=3) | st.lists(VALUES, max_size=2), max_size=5)
DOCUMENTS = st.fixed_dictionaries(
    {}, optional={"images": ELEMENTS, "annotations": ELEMENTS, "info": VALUES, 'a "b"': VALUES}
)


def scanned(path: Path) -> tuple[Any, dict[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    file = JsonFile(path)

    def take(section: str, values: list[Any], spans: Any) -> None:
        found.setdefault(section, []).extend(values)
        for value, (start, end) in zip(values, spans.tolist(), strict=True):
            assert json.loads(file.read(start, end)) == value

    return file.scan(("images", "annotations"), take), found


@settings(max_examples=300, deadline=None)
@given(DOCUMENTS | ELEMENTS, st.sampled_from([None, 1]), st.booleans(), st.integers(1, 40))
def test_pieces_are_the_whole(
    tmp_path_factory: Any, document: Any, indent: int | None, ascii_only: bool, chunk: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "stream.json"
    path.write_text(json.dumps(document, indent=indent, ensure_ascii=ascii_only))
    before, json_stream._CHUNK = json_stream._CHUNK, chunk
    try:
        skeleton, found = scanned(path)
    finally:
        json_stream._CHUNK = before
    if isinstance(document, list):
        assert (skeleton, found.get("", [])) == ([], document)
        return
    lists = {key: document[key] for key in ("images", "annotations") if key in document}
    assert {key: found.get(key, []) for key in lists} == lists
    assert skeleton == {key: [] if key in lists else value for key, value in document.items()}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", '{"images": [{}', '{"images": [{}, ]}', '{"images": [{} {}]}', '{"images": [,{}]}', "[{}}", "[{},]",
        '{"images": [{}]} x', '{"images": [{"a": 1,}]}', '{"images": [{}]]', '[{"a": NaN}]', '{"a" "images": []}', "[{}", '["a]',
    ],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [1, 1 << 18])
def test_what_is_no_json(text: str, chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError):
        json.loads(text.replace("NaN", "nan"))
    monkeypatch.setattr(json_stream, "_CHUNK", chunk)
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(LabelsError, match="is not valid JSON"):
        scanned(path)


@pytest.mark.parametrize("end", [20, 45, 60])
def test_a_file_that_was_cut_short(end: int, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}'[:end])
    with pytest.raises(LabelsError, match=f"ends in the middle, after {end} bytes"):
        scanned(path)


def test_lists_of_other_things(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    for text in ('{"images": [5, {"a": 1}]}', '{"images": [{"a": 1}, 5, {"b": 2}]}'):
        path.write_text(text)
        with pytest.raises(LabelsError, match="The list 'images' holds 5; it must hold objects only"):
            scanned(path)
