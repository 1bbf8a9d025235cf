"""Facts of the section that describes each corpus."""

from typing import Any

from pipeline.inspection.card import read_card
from pipeline.inspection.pictures import SIZE_IN, draw_card
from pipeline.reporting.context import Context
from pipeline.reporting.figures import figure, to_svg


def facts(context: Context) -> dict[str, Any] | None:
    """A card and its picture for each corpus; None where the params name none."""
    corpora = context.settings.get("corpora", {})
    found = []
    for name in sorted(context.catalog.keys() & corpora.keys()):
        card = read_card(name, corpora[name]["reader"])
        with figure(*SIZE_IN) as page:
            draw_card(page, card)
            picture = to_svg(
                page,
                f"card-{name}",
                f"Classes, durations, loudness, noise, texts and speakers of {name}",
            )
        found.append({"card": card, "picture": picture})
    return {"cards": found} if found else None
