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

AESDD = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "s": "sad",
}

CAFE = {
    "C": "angry",  # colère
    "D": "disgust",  # dégoût
    "J": "happy",  # joie
    "N": "neutral",  # neutre
    "P": "fear",  # peur
    "S": "surprise",  # surprise
    "T": "sad",  # tristesse
}

CASIA = {
    "angry": "angry",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "surprise": "surprise",
}

CREMAD = {
    # of the emotion meant, then of the raters' answers
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
    "A": "angry",
    "D": "disgust",
    "F": "fear",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
}

CSEMOTIONS = {
    "Neutral": "neutral",
    "Happy": "happy",
    "Angry": "angry",
    "Sad": "sad",
    "Surprise": "surprise",
    "Fearful": "fear",
    "Playfulness": "other",
    # its first description names these two instead
    "Fear": "fear",
    "Disgust": "disgust",
}

EMODB = {
    "W": "angry",  # Wut
    "L": "bored",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happy",  # Freude
    "T": "sad",  # Trauer
    "N": "neutral",
}

EMOTIONTALK = {
    "happy": "happy",
    "angry": "angry",
    "sad": "sad",
    "disgusted": "disgust",
    "disgust": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "surprise": "surprise",
    "surprised": "surprise",
    "neutral": "neutral",
}

EMOVO = {
    "dis": "disgust",  # disgusto
    "gio": "happy",  # gioia
    "neu": "neutral",  # neutro
    "pau": "fear",  # paura
    "rab": "angry",  # rabbia
    "sor": "surprise",  # sorpresa
    "tri": "sad",  # tristezza
}

ENTERFACE = {
    "anger": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprise": "surprise",
}

ESD = {
    "Neutral": "neutral",
    "Angry": "angry",
    "Happy": "happy",
    "Sad": "sad",
    "Surprise": "surprise",
}

IEMOCAP: dict[str, str | Gap] = {
    "ang": "angry",
    "hap": "happy",
    "exc": "excited",
    "sad": "sad",
    "neu": "neutral",
    "fru": "frustrated",
    "fea": "fear",
    "sur": "surprise",
    "dis": "disgust",
    "oth": "other",
    "xxx": NO_AGREEMENT,
    # of the raters
    "Anger": "angry",
    "Happiness": "happy",
    "Excited": "excited",
    "Sadness": "sad",
    "Neutral": "neutral",
    "Neutral state": "neutral",
    "Frustration": "frustrated",
    "Fear": "fear",
    "Surprise": "surprise",
    "Disgust": "disgust",
    "Other": "other",
}

JL = {
    # the last five are what the corpus calls secondary emotions
    "angry": "angry",
    "sad": "sad",
    "neutral": "neutral",
    "happy": "happy",
    "excited": "excited",
    "anxious": "fear",
    "apologetic": "other",
    "assertive": "other",
    "concerned": "other",
    "encouraging": "other",
}

M3ED = {
    "Happy": "happy",
    "Surprise": "surprise",
    "Sad": "sad",
    "Disgust": "disgust",
    "Anger": "angry",
    "Fear": "fear",
    "Neutral": "neutral",
}

MELD = {
    "anger": "angry",
    "disgust": "disgust",
    "sadness": "sad",
    "joy": "happy",
    "neutral": "neutral",
    "surprise": "surprise",
    "fear": "fear",
}

MER2023 = {
    # it has no class for fear; `worried` is the nearest to it
    "neutral": "neutral",
    "angry": "angry",
    "happy": "happy",
    "sad": "sad",
    "worried": "fear",
    "surprise": "surprise",
}

MSP_PODCAST: dict[str, str | Gap] = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": "other",
    "X": NO_AGREEMENT,
    # of the raters
    "Angry": "angry",
    "Sad": "sad",
    "Happy": "happy",
    "Surprise": "surprise",
    "Fear": "fear",
    "Disgust": "disgust",
    "Contempt": "contempt",
    "Neutral": "neutral",
    "Other": "other",
}

NEMO = {
    "anger": "angry",
    "fear": "fear",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprised": "surprise",
}

POLISH = {
    "a": "angry",
    "s": "fear",  # strach
    "n": "neutral",
}

RAVDESS = {
    "01": "neutral",
    "02": "calm",
    "03": "happy",
    "04": "sad",
    "05": "angry",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}

SAVEE = {
    "a": "angry",
    "d": "disgust",
    "f": "fear",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprise",
}

SHEMO = {
    "A": "angry",
    "F": "fear",
    "H": "happy",
    "N": "neutral",
    "S": "sad",
    "W": "surprise",
}

SUBESCO = {
    "ANGRY": "angry",
    "DISGUST": "disgust",
    "FEAR": "fear",
    "HAPPY": "happy",
    "NEUTRAL": "neutral",
    "SAD": "sad",
    "SURPRISE": "surprise",
}

TESS = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprise",  # pleasant surprise
    "sad": "sad",
}

URDU = {
    "Angry": "angry",
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
}

TABLES: dict[str, Mapping[str, str | Gap]] = {  # reader -> its names
    "aesdd": AESDD,
    "cafe": CAFE,
    "casia": CASIA,
    "cremad": CREMAD,
    "csemotions": CSEMOTIONS,
    "demo": COMMON,
    "emodb": EMODB,
    "emotiontalk": EMOTIONTALK,
    "emovo": EMOVO,
    "enterface": ENTERFACE,
    "esd": ESD,
    "iemocap": IEMOCAP,
    "jl": JL,
    "m3ed": M3ED,
    "meld": MELD,
    "mer2023": MER2023,
    "msp_podcast": MSP_PODCAST,
    "nemo": NEMO,
    "polish": POLISH,
    "ravdess": RAVDESS,
    "savee": SAVEE,
    "shemo": SHEMO,
    "subesco": SUBESCO,
    "table": COMMON,
    "tess": TESS,
    "urdu": URDU,
    "vcemo": COMMON,
}

TASKS: dict[str, dict[str, tuple[str, ...]]] = {  # name -> classes in order, each of emotions
    "4-class": {  # the usual one with IEMOCAP; happy and excited together
        "angry": ("angry",),
        "happy": ("happy", "excited"),
        "neutral": ("neutral",),
        "sad": ("sad",),
    },
    "6-class": {  # of CASIA and VCEMO
        "angry": ("angry",),
        "fear": ("fear",),
        "happy": ("happy", "excited"),
        "neutral": ("neutral",),
        "sad": ("sad",),
        "surprise": ("surprise",),
    },
    "8-class": {  # of MSP-Podcast and its challenges
        "angry": ("angry",),
        "contempt": ("contempt",),
        "disgust": ("disgust",),
        "fear": ("fear",),
        "happy": ("happy", "excited"),
        "neutral": ("neutral", "calm"),
        "sad": ("sad",),
        "surprise": ("surprise",),
    },
    "binary-arousal": {  # disgust, contempt and other are of no clear arousal
        "high": ("angry", "excited", "fear", "frustrated", "happy", "surprise"),
        "low": ("bored", "calm", "neutral", "sad"),
    },
}
