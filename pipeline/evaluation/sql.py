"""The scores as SQL aggregates over (label, answer), for `vcemo query` and anyone with DuckDB.

    SELECT gender, wa(p.label, p.prediction), ua(p.label, p.prediction)
    FROM predictions p JOIN utterances USING (utt_id) GROUP BY gender

For numbers, as arousal, there are ccc, corr (DuckDB's own, Pearson's) and mae over (actual,
predicted). F1 is averaged over the classes that occur or are answered among the rows at hand.
The bins that groups are made of are in `bins.py`.
"""

from pipeline.evaluation import bins

_SUPPORT = "histogram(label)"
_ANSWERED = "histogram(answer)"
_HITS = "histogram(label) FILTER (label = answer)"
_F1 = f"2 * {{hits}} / (coalesce(({_SUPPORT})[{{k}}], 0) + coalesce(({_ANSWERED})[{{k}}], 0))"


def _hits(key: str) -> str:
    return f"coalesce(({_HITS})[{key}], 0)"


def _f1(key: str) -> str:
    return _F1.format(hits=_hits(key), k=key)


MACROS = (
    *bins.MACROS,
    "CREATE MACRO wa(label, answer) AS avg((label = answer)::INT)",
    "CREATE MACRO ua(label, answer) AS list_avg(list_transform("
    f"map_entries({_SUPPORT}), lambda e: {_hits('e.key')} / e.value))",
    "CREATE MACRO f1_weighted(label, answer) AS list_sum(list_transform("
    f"map_entries({_SUPPORT}), lambda e: e.value * {_f1('e.key')})) / count(label)",
    # Of numbers: concordance correlation (Lin 1989), NULL where neither side varies.
    "CREATE MACRO ccc(actual, predicted) AS 2 * covar_pop(actual, predicted) / nullif("
    "var_pop(actual) + var_pop(predicted) + pow(avg(actual) - avg(predicted), 2), 0)",
    "CREATE MACRO mae(actual, predicted) AS avg(abs(actual - predicted))",
    "CREATE MACRO f1_macro(label, answer) AS list_avg(list_transform(list_distinct(list_concat("
    f"map_keys({_SUPPORT}), map_keys({_ANSWERED}))), lambda k: {_f1('k')}))",
)
