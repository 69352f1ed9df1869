"""Categories of files and of tasks: the name decides."""

import pytest

from lightly_assets.format.schema import Category
from lightly_assets.labels.categories import duplicated_names, known_ids, match_categories
from lightly_assets.labels.errors import LabelsError

TASK = [Category(id=0, name="person"), Category(id=3, name="car")]


def match(found: list[tuple[int, str]], given: dict[int | str, int | str] | None = None) -> dict[int, int]:
    return dict(match_categories(found, TASK, given, file="f.json").ids)


def test_names_decide() -> None:
    assert match([(1, "car"), (2, "person")]) == {1: 3, 2: 0}
    assert match([(0, "car"), (3, "person")]) == {0: 3, 3: 0}
    assert match([(0, "person")]) == {0: 0}


def test_names_that_differ_are_shown() -> None:
    found = match_categories([(0, "Person"), (3, "car")], TASK, file="f.json")
    assert found.ids == {3: 3} and found.unknown == {0: "Person"}
    assert (
        "f.json has the categories 0 'Person', 3 'car', but the task has 0 'person', 3 'car'" in found.problem
    )
    assert "{Person: person}" in found.problem


def test_a_map_settles_it_by_name_or_id() -> None:
    names = [(1, "human"), (2, "auto"), (5, "tree")]
    for given in ({"human": "person", "auto": "car"}, {1: 0, 2: 3}, {"human": 0, 2: "car"}):
        found = match_categories(names, TASK, given, file="f.json")  # type: ignore[arg-type]
        assert found.ids == {1: 0, 2: 3} and found.left_out == {5}
    assert dict(match_categories([], TASK, {7: "car"}, file="f.json").ids) == {7: 3}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"human": "dog"}, "leads to 'dog', which is none of the task: 0 'person', 3 'car'"),
        ({"human": 9}, "leads to 9, which is none"),
        ({"dog": "car"}, "has 'dog', which is no category of f.json: 1 'human'"),
        ({1: 0, "human": 3}, "says twice what the category 1"),
    ],
)
def test_maps_that_lead_nowhere(given: dict[int | str, int | str], text: str) -> None:
    with pytest.raises(LabelsError, match=text):
        match([(1, "human")], given)


def test_names_that_several_categories_have() -> None:
    twins = [Category(id=1, name="fish"), Category(id=2, name="fish")]
    assert dict(match_categories([(2, "fish")], twins, file="f").ids) == {2: 2}
    with pytest.raises(LabelsError, match=r"'fish' could be the category 1 or 2 of the task"):
        match_categories([(0, "fish")], twins, file="f")
    assert match([(1, "car"), (2, "car")]) == {1: 3, 2: 3}
    assert duplicated_names([(1, "car"), (2, "car"), (3, "x")]) == {"car": [1, 2]}


def test_without_names_ids_are_the_tasks() -> None:
    assert dict(known_ids({0, 3}, TASK, file="f").ids) == {0: 0, 3: 3}
    tail = [Category(id=0, name="person"), Category(id=1, name="car")]
    with pytest.raises(
        LabelsError, match=r"one more than those of the categories: category_map: \{1: 0, 2: 1\}"
    ):
        known_ids({1, 2}, tail, file="f")
