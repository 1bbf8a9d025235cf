"""Names of emotions: the project's own, those of corpora, and the classes of a task.

Every corpus names emotions its own way. A reader passes the raw name on; the manifest stores it
beside one of the canonical `EMOTIONS`; a task says which canonical emotions make up its classes.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

EMOTIONS = (
    "angry",
    "happy",
    "sad",
    "neutral",
    "fear",
    "disgust",
    "surprise",
    "excited",
    "frustrated",
    "bored",
    "calm",
    "contempt",
    "other",  # an emotion outside this list, or raters who did not agree
)

# emotion -> names it commonly goes by (English, IEMOCAP's short forms, German, Chinese)
ALIASES = {
    "angry": "anger ang wut wütend ärger zorn 生气 愤怒 憤怒 生氣 怒",
    "happy": "happiness joy joyful hap freude freudig fröhlich glücklich "
    "高兴 开心 快乐 喜悦 高興 開心 快樂 喜",
    "sad": "sadness trauer traurig 悲伤 伤心 难过 悲傷 傷心 難過 悲 哀",
    "neutral": "neu neutrality 中性 中立 无情绪 無情緒",
    "fear": "fearful afraid scared fea angst ängstlich furcht 恐惧 害怕 恐懼 惧 恐",
    "disgust": "disgusted dis ekel angeekelt 厌恶 厭惡 恶心",
    "surprise": "surprised sur überraschung überrascht 惊讶 惊奇 吃惊 驚訝 驚奇 吃驚 惊",
    "excited": "excitement exc begeistert begeisterung aufgeregt 兴奋 激动 興奮 激動",
    "frustrated": "frustration fru frustriert 沮丧 沮喪 挫败",
    "bored": "boredom langeweile gelangweilt 无聊 無聊 厌倦",
    "calm": "calmness ruhig 平静 平靜 冷静",
    "contempt": "contemptuous verachtung 轻蔑 蔑视 輕蔑",
    "other": "oth others xxx unknown sonstiges andere 其他 其它",
}
COMMON = {name: emotion for emotion in EMOTIONS for name in (emotion, *ALIASES[emotion].split())}

EMODB = {
    "W": "angry",  # Wut
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}

TABLES: dict[str, Mapping[str, str]] = {"emodb": EMODB}  # readers with names of their own


class LabelError(ValueError):
    """A label or a task names an emotion that does not exist, or one emotion twice."""


def plain(name: str) -> str:
    """A raw label as it is looked up: case, width and surrounding space do not matter.

    >>> plain(" Anger "), plain("ＡＮＧ")
    ('anger', 'ang')
    """
    return unicodedata.normalize("NFKC", name).strip().casefold()


def table(reader: str, additions: Mapping[str, str] | None) -> dict[str, str]:
    """Raw label (as `plain` gives it) -> emotion, for one corpus; `additions` come first.

    Raises:
        LabelError: an addition names an unknown emotion, or one raw label is mapped to two.
    """
    own: dict[str, str] = {}
    for raw, emotion in (additions or {}).items():
        _require_known(emotion, f"labels: {raw!r}")
        if own.setdefault(plain(raw), emotion) != emotion:
            raise LabelError(
                f"labels: {raw!r} is mapped to {own[plain(raw)]!r} and {emotion!r}; "
                "letter case does not tell raw labels apart: keep one of the two"
            )
    names = TABLES.get(reader, COMMON)
    return {plain(raw): emotion for raw, emotion in names.items()} | own


@dataclass(frozen=True)
class Task:
    """A classification problem: its classes in order, each made of canonical emotions.

    Raises:
        LabelError: a class is empty, an emotion is unknown or belongs to two classes.
    """

    classes: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        """Check that every emotion has at most one class."""
        owner: dict[str, str] = {}
        for name, emotions in self.classes.items():
            if not emotions:
                raise LabelError(f"class {name!r} has no emotion: list at least one")
            for emotion in emotions:
                _require_known(emotion, f"class {name!r}")
                if emotion in owner:
                    raise LabelError(
                        f"class {name!r}: {emotion!r} already belongs to class "
                        f"{owner[emotion]!r}; an emotion can be in one class only"
                    )
                owner[emotion] = name
        if len(self.classes) < 2:
            raise LabelError(f"found {len(self.classes)} classes, expected two or more")

    @property
    def index(self) -> dict[str, int]:
        """Emotion -> index of its class; emotions outside the task are absent."""
        return {e: i for i, emotions in enumerate(self.classes.values()) for e in emotions}

    def shares(self, soft: Mapping[str, float]) -> list[float] | None:
        """The raters' shares of each class, adding up to 1; None if they chose no class of it."""
        votes = [sum(soft.get(e, 0.0) for e in emotions) for emotions in self.classes.values()]
        total = sum(votes)
        return [v / total for v in votes] if total > 0 else None


def _require_known(emotion: str, where: str) -> None:
    if emotion not in EMOTIONS:
        known = ", ".join(EMOTIONS)
        raise LabelError(f"{where}: found emotion {emotion!r}, expected one of {known}")
