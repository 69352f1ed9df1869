"""Partition keys: readable, reversible, and nothing that Dagster trips over."""

import unicodedata

import pytest
from dagster._core.definitions.partitions.utils.base import raise_error_on_invalid_partition_key_substring
from hypothesis import example, given
from hypothesis import strategies as st

from lightly_assets.graph.partitions import decode_key, encode_key

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)


@given(keys)
@example("a...b.mp4")
@example("....")
@example("cam|front/a.mp4")
@example("a\nb\tc.mp4")
@example("100%25.mp4")
@example(" a .mp4 ")
@example(" ")
@example("\u200b")
@example("x" * 1024)
@example(unicodedata.normalize("NFD", "é.mp4"))
def test_a_key_survives_and_dagster_takes_it(key: str) -> None:
    partition = encode_key(key)
    assert decode_key(partition) == key
    assert "|" not in partition and partition.strip() == partition != ""
    raise_error_on_invalid_partition_key_substring([partition])


@given(keys, keys)
def test_no_two_keys_share_a_partition(one: str, other: str) -> None:
    assert (encode_key(one) == encode_key(other)) == (one == other)


@pytest.mark.parametrize(
    "key",
    [
        "cam 1/front.left..mp4",
        "straße/日本語/é.mov",
        "a-b_c(1),[2]'3'\"4\".mp4",
        "2026-11-23/cam.mp4",
        "./",
        "a/",
    ],
)
def test_ordinary_names_stay_as_they_are(key: str) -> None:
    assert encode_key(key) == key


def test_what_is_odd_stays_readable() -> None:
    assert encode_key("cam...1/a|b\n.mp4") == "cam%2E..1/a%7Cb%0A.mp4"
