"""Signal-to-noise ratio of speech, estimated from the waveform alone: WADA.

C. Kim and R. M. Stern, "Robust signal-to-noise ratio estimation based on waveform amplitude
distribution analysis", Interspeech 2008. Samples of clean speech are taken to be of a symmetric
gamma distribution of shape 0.4, noise to be Gaussian and independent. Their sum then has

    G = ln(mean |x|) - mean(ln |x|)

which depends on neither's level but on their ratio: 0.409 for noise alone, 1.645 for speech alone.
`TABLE` is G by numerical integration of that definition (Kim and Stern drew theirs), and a test
integrates it again. It is an estimate: music, hum and clipping are no Gaussian noise, and long
pauses without noise look like a cleaner recording.
"""

import numpy as np
from numpy.typing import NDArray

from features.fourier import Signal

LEAST = np.float32(2**-16)  # half a step of 16 bits: what is smaller is rounding
STRETCH = 16  # samples; so many zeros in a row are digital silence, which has no noise to measure
STEP_DB = 5
LOWEST_DB, HIGHEST_DB = -10.0, 60.0  # beyond them G hardly changes
TABLE = (  # G at every STEP_DB from LOWEST_DB to HIGHEST_DB
    *(0.412148, 0.423839, 0.461837, 0.543551, 0.667346, 0.812272, 0.955825, 1.084657),
    *(1.194065, 1.284208, 1.357266, 1.415945, 1.462844, 1.500225, 1.529975),
)

Tallies = NDArray[np.float64]


def tallies(x: Signal) -> Tallies:
    """What the estimate needs of a stretch of samples: their number, sum |x| and sum ln |x|.

    Those of several stretches add up to those of the whole. Digital silence counts for nothing;
    samples must be finite.

    Shape: (T,) -> (3,)
    """
    whole = x.size - x.size % STRETCH
    rows = np.abs(x[:whole]).reshape(-1, STRETCH)
    heard = rows[rows.any(axis=1)].ravel()
    heard = np.maximum(np.concatenate([heard, np.abs(x[whole:])]), LEAST)
    sums = (values.sum(dtype=np.float64) for values in (heard, np.log(heard)))
    return np.array([heard.size, *sums])


def wada_snr_db(tallied: Tallies) -> float | None:
    """The estimate in dB, from LOWEST_DB to HIGHEST_DB; None where nothing but silence was heard.

    Between the values of the table it is interpolated, with an error below 0.3 dB.

    Shape: (3,) -> ()
    """
    count, amplitude, logarithm = tallied
    if not count:
        return None
    statistic = np.log(amplitude / count) - logarithm / count
    levels = LOWEST_DB + STEP_DB * np.arange(len(TABLE))
    return float(np.interp(statistic, TABLE, levels))
