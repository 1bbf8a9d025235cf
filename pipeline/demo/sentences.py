"""The sentences of the demo corpus: all the words it knows, and how they are put together.

A sentence is a frame (template and noun) with two words that carry the valence. Positive and
negative sentences come in pairs of the same frame, so only those words tell them apart. And only
their spelling does: in Mandarin the two sentences sound the same, in English they are made of the
same sounds. A recogniser that hears the audio alone should not learn the valence from the words.
"""

from dataclasses import dataclass

PAIRS = 60  # pairs of sentences (positive, negative) per language
VALENCES = ("positive", "negative")
_STEPS = (
    1,
    2,
    3,
    4,
    6,
    5,
)  # between the two words, for each ten pairs; 6 is 4 backwards, so 5 last


@dataclass(frozen=True)
class Lexicon:
    """The words of one language, those of a kind separated by spaces."""

    templates: tuple[str, ...]
    nouns: str
    positive: str
    negative: str  # each has the place of its positive twin


LEXICONS = {
    "en": Lexicon(
        templates=(
            "The {noun} was {a} and {b}.",
            "I find this {noun} {a}, and {b} too.",
            "They call the {noun} {a} and {b}.",
            "Such a {a} {noun}, so {b}.",
        ),
        nouns="meeting garden dinner journey story room film letter job plan",
        # every stem and either ending is on both sides: only together they tell the valence
        positive="hopeful painless useful harmless graceful fearless tasteful doubtless joyful "
        "sinless",
        negative="hopeless painful useless harmful graceless fearful tasteless doubtful joyless "
        "sinful",
    ),
    "zh": Lexicon(
        templates=(
            "{noun}又{a}又{b}。",
            "我觉得{noun}很{a}，也很{b}。",
            "今天的{noun}很{a}，而且{b}。",
            "这{noun}真{a}，真{b}。",
        ),
        nouns="会议 天气 花园 晚餐 旅行 故事 房间 电影 音乐 工作",
        positive="优 雅 健 欣 慧 富 良 吉 智 旺",
        negative="忧 哑 贱 辛 秽 负 凉 疾 滞 妄",  # homophones of the positive ones
    ),
}


def sentence(language: str, pair: int, valence: str) -> str:
    """Sentence number `pair` (0..59) of a language, with its positive or its negative words.

    Each ten pairs use every word once in either place, so any ten know all the words; the step
    from the first word to the second changes with each ten, so no two sentences are the same.

    >>> sentence("en", 0, "positive"), sentence("en", 0, "negative")
    ('The meeting was hopeful and painless.', 'The meeting was hopeless and painful.')
    """
    lexicon = LEXICONS[language]
    nouns = lexicon.nouns.split()
    words = (lexicon.positive if valence == "positive" else lexicon.negative).split()
    block, first = divmod(pair, len(words))
    return lexicon.templates[pair % len(lexicon.templates)].format(
        noun=nouns[(3 * pair + block) % len(nouns)],
        a=words[first],
        b=words[(first + _STEPS[block]) % len(words)],
    )


def sentences(language: str) -> list[str]:
    """Every sentence of a language."""
    return [sentence(language, pair, valence) for pair in range(PAIRS) for valence in VALENCES]
