"""What the scores of speech recognition come to: metrics for DVC, a table and a picture."""

import csv
import io
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import layout
from pipeline.catalog import read_entry
from pipeline.corpus import Corpus
from pipeline.files import appearing, write_json
from pipeline.query import connect

GROUPINGS = {
    "class": "coalesce(label, 'unlabelled')",
    "speaker": "coalesce(speaker, 'unknown')",
    "duration": "CASE WHEN duration_s < 2 THEN '0-2 s' WHEN duration_s < 5 THEN '2-5 s' "
    "WHEN duration_s < 10 THEN '5-10 s' ELSE 'over 10 s' END",
}
_POOLED = (
    "sum(word_errors) / nullif(sum(asr_scores.words), 0), "
    "sum(character_errors) / nullif(sum(characters), 0)"
)


class Pooled(NamedTuple):
    """Errors over errors of what was said, all utterances of a group together."""

    source: str
    grouping: str  # "all", or a name of GROUPINGS
    group: str
    utterances: int
    wer: float | None  # None in languages without spaces
    cer: float | None  # None if nothing was said


def pooled(connection: Any, corpus: str) -> list[Pooled]:
    """Error rates of each ASR setting of a corpus: of all, and by class, speaker and duration."""
    return [
        Pooled(source, grouping, group, count, _rounded(wer), _rounded(cer))
        for grouping, key in {"all": "'all'", **GROUPINGS}.items()
        for source, group, count, wer, cer in connection.execute(
            f"SELECT source, {key} AS part, count(*), {_POOLED} "
            "FROM asr_scores JOIN utterances USING (utt_id) WHERE corpus = ? "
            "GROUP BY source, part ORDER BY source, part",
            [corpus],
        ).fetchall()
    ]


def write(corpus: Corpus) -> None:
    """Write asr.json (metrics), asr_cer.csv and asr_cer.png of a corpus into reports/."""
    folder = layout.corpus_report(corpus.name)
    entries = {name: read_entry(name, corpus.name) for name in ("manifest", "asr_scores")}
    found = pooled(connect({corpus.name: entries}, {}, {}, {}), corpus.name)
    scores: dict[str, Any] = {
        one.source: {"cer": one.cer, "utterances": one.utterances}
        | ({} if one.wer is None else {"wer": one.wer})
        for one in found
        if one.grouping == "all"
    }
    # DVC wants a number and a row even where nothing was recognised.
    write_json(folder / "asr.json", {"sources": len(scores), **scores})
    with appearing(folder / "asr_cer.csv") as temporary:
        temporary.write_text(_table(found), encoding="utf-8")
    plot(found, folder / "asr_cer.png")


def plot(found: list[Pooled], path: Path) -> None:
    """CER by class, speaker and duration, a bar for each ASR setting."""
    from pipeline.reporting.figures import figure, write_png

    with figure(10, 3.6) as page:
        draw(page, found)
        write_png(page, path)


def draw(page: Any, found: list[Pooled]) -> None:
    """Draw the bars; many speakers are shown as the spread over them."""
    from pipeline.reporting.figures import COLOURS, GREY, LINE

    sources = sorted({one.source for one in found})
    if not sources:
        page.text(0.5, 0.5, "no text of an ASR setting beside a reference", ha="center", color=GREY)
        return
    axes = page.subplots(1, len(GROUPINGS), sharey=True)
    for place, grouping in zip(axes, GROUPINGS, strict=True):
        parts = sorted({one.group for one in found if one.grouping == grouping})
        width = 0.8 / len(sources)
        for number, source in enumerate(sources):
            rates = {one.group: one.cer for one in found if one[:2] == (source, grouping)}
            at = [i + (number - (len(sources) - 1) / 2) * width for i in range(len(parts))]
            heights = [rates.get(part) or 0.0 for part in parts]
            colour = COLOURS[number % len(COLOURS)]
            place.bar(at, heights, width, color=colour, label=source)
        few = len(parts) <= 12
        place.set_xticks(range(len(parts)) if few else [], parts if few else [], rotation=30)
        place.set_xlabel(grouping if few else f"{len(parts)} values of {grouping}")
        place.grid(axis="y", color=LINE, linewidth=0.6)
        place.set_axisbelow(True)
    axes[0].set_ylabel("character error rate")
    page.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside upper right",
        ncols=len(sources),
        frameon=False,
        fontsize=8.5,
    )


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, 6)


def _table(found: list[Pooled]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, Pooled._fields, lineterminator="\n")
    writer.writeheader()
    nothing = Pooled("none", "all", "all", 0, None, None)
    writer.writerows(one._asdict() for one in found or [nothing])
    return out.getvalue()
