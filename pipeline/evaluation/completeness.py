"""Whether a run answered all that its split tests, as of now or of any commit."""

from typing import Any

from ruamel.yaml import YAML

from pipeline import labels, layout
from pipeline.evaluation.answers import unanswered
from pipeline.evaluation.revisions import RevisionError, Snapshot


def warnings_about(place: Snapshot, run: str) -> tuple[str, ...]:
    """What a reader of the scores of a run must know: what it left unanswered, if that is known."""
    facts = place.facts(run)
    warnings = list(facts.get("warnings", ()))
    try:
        warnings.append(_unanswered(place, run, facts))
    except KeyError as error:
        warnings.append(_not_told(f"metrics.json or params.yaml of then tell no {error}"))
    except (RevisionError, FileNotFoundError, labels.LabelError) as error:
        warnings.append(_not_told(str(error)))
    return tuple(filter(None, warnings))


def _not_told(why: str) -> str:
    return f"whether every test utterance is answered cannot be told ({why})"


def _unanswered(place: Snapshot, run: str, facts: dict[str, Any]) -> str:
    """In words; "" where nothing is missing."""
    with place.files.open(layout.PARAMS.as_posix(), "r") as file:
        params = YAML(typ="safe").load(file)
    split, seeds = facts["split"], facts["seeds"]
    emotions = labels.task(params["tasks"][facts["task"]]["classes"]).index
    connection = place.connection([run], utterances=True, split=split)
    return unanswered(connection, run, split, list(emotions), seeds)
