"""Labels: every name has one meaning, and errors show the names there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import labels
from pipeline.label_tables import ALIASES, EMOTIONS, TABLES, TASKS, Gap
from pipeline.labels import LabelError, Task

PAIRS = {"up": ("angry", "happy"), "down": ("sad", "neutral")}


def test_every_table_leads_to_canonical_emotions_or_says_why_not() -> None:
    for table in TABLES.values():
        assert {name for name in table.values() if not isinstance(name, Gap)} <= set(EMOTIONS)


def test_no_alias_means_two_emotions() -> None:
    names = [name for text in ALIASES.values() for name in text.split()]
    assert len(names) == len(set(names))
    assert not set(names) & set(EMOTIONS)
    assert set(ALIASES) == set(EMOTIONS)


@pytest.mark.parametrize(
    ("raw", "emotion"),
    [("Anger", "angry"), (" JOY ", "happy"), ("高兴", "happy"), ("Überraschung", "surprise")],
)
def test_common_names_are_understood_whatever_their_case(raw: str, emotion: str) -> None:
    assert labels.table("table", None)[labels.plain(raw)] == emotion


def test_emodb_letters_are_those_of_the_german_words() -> None:
    table = labels.table("emodb", None)
    assert {letter: table[letter.lower()] for letter in "WLEAFTN"} == TABLES["emodb"]


def test_additions_come_before_the_readers_own_table() -> None:
    table = labels.table("emodb", {"N": "calm", "X": "other"})
    assert (table["n"], table["x"], table["w"]) == ("calm", "other", "angry")


def test_an_addition_to_an_unknown_emotion_shows_the_emotions() -> None:
    with pytest.raises(LabelError, match=r"'grumpy'.*'furious'.*angry, happy"):
        labels.table("table", {"grumpy": "furious"})


def test_additions_that_differ_in_case_only_must_agree() -> None:
    assert labels.table("table", {"Mad": "angry", "MAD": "angry"})["mad"] == "angry"
    with pytest.raises(LabelError, match="'MAD'"):
        labels.table("table", {"Mad": "angry", "MAD": "sad"})


def test_classes_are_numbered_in_their_order() -> None:
    assert Task(PAIRS).index == {"angry": 0, "happy": 0, "sad": 1, "neutral": 1}


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ({"a": ("angry",), "b": ("happy", "angry")}, "'angry' already belongs to class 'a'"),
        ({"a": ("angry",), "b": ("joy",)}, "class 'b': found emotion 'joy', expected one of"),
        ({"a": ("angry",), "b": ()}, "class 'b' has no emotion"),
        ({"a": ("angry",)}, "found 1 classes"),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(
    classes: dict[str, tuple[str, ...]], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        Task(classes)


@given(st.dictionaries(st.sampled_from(EMOTIONS), st.floats(0, 100)))
def test_shares_of_classes_add_up_to_one_or_there_are_none(soft: dict[str, float]) -> None:
    shares = Task(PAIRS).shares(soft)
    if any(soft.get(emotion, 0) > 0 for emotions in PAIRS.values() for emotion in emotions):
        assert shares is not None
        assert sum(shares) == pytest.approx(1)
    else:
        assert shares is None


@given(st.text())
def test_plain_is_idempotent_for_all_names_in_use(name: str) -> None:
    once = labels.plain(f"  {name.strip()}\t")
    assert once == labels.plain(name)


def test_every_named_task_is_one() -> None:
    for name, classes in TASKS.items():
        assert labels.task(name) == Task(classes)
        assert len(classes) == int(name.partition("-")[0].replace("binary", "2"))
    assert labels.task("4-class").index["excited"] == labels.task("4-class").index["happy"]


def test_a_task_without_a_name_that_exists_shows_the_names() -> None:
    with pytest.raises(LabelError, match="'5-class', expected one of 4-class, 6-class, 8-class"):
        labels.task("5-class")


def test_a_gap_is_no_emotion_and_says_why() -> None:
    names = labels.table("iemocap", {"oth": None})
    assert labels.emotion(names, "xxx") is labels.emotion(names, "OTH") is None
    assert labels.emotion(names, "ang") == "angry"
    assert labels.emotion(names, " ") is labels.emotion(names, None) is None
    assert names["xxx"] == Gap("the raters did not agree")


def test_every_raw_name_of_a_table_is_unambiguous() -> None:
    for reader, names in TABLES.items():
        assert len({labels.plain(raw) for raw in names}) == len(names), reader
