"""The names that corpora give to emotions: one table per corpus, each name mapped explicitly.

A raw name leads to one of the canonical `EMOTIONS`, or to a `Gap` that says why it stands for none.
A name that is in neither is an error (`pipeline/labels.py`), whose message prints the table.
"""

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
    "other",  # an emotion outside this list
)


@dataclass(frozen=True)
class Gap:
    """A raw label that stands for no emotion: its utterances have none."""

    reason: str


NO_AGREEMENT = Gap("the raters did not agree")

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
    "other": "oth others sonstiges andere 其他 其它",
}
COMMON: dict[str, str | Gap] = {
    name: emotion for emotion in EMOTIONS for name in (emotion, *ALIASES[emotion].split())
} | {"xxx": NO_AGREEMENT, "unknown": Gap("the corpus calls it unknown")}

EMODB = {
    "W": "angry",  # Wut
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}

TABLES: dict[str, Mapping[str, str | Gap]] = {  # reader -> its names
    "demo": COMMON,
    "emodb": EMODB,
    "table": COMMON,
}
