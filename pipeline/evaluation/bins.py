"""Bins of numbers as SQL functions: groups by Python and groups by SQL are the same.

    SELECT snr_bin(snr_db) AS snr, count(*), ua(p.label, p.prediction)
    FROM predictions p JOIN utterances USING (utt_id) WHERE run = 'all' GROUP BY snr

Each is NULL for NULL. A bin holds its lower bound; of error rates, its upper one.
"""

MACROS = (
    "CREATE MACRO duration_bin(seconds) AS CASE WHEN seconds < 1 THEN '0 to 1 s' "
    "WHEN seconds < 2 THEN '1 to 2 s' WHEN seconds < 4 THEN '2 to 4 s' "
    "WHEN seconds < 8 THEN '4 to 8 s' WHEN seconds >= 8 THEN '8 s and more' END",
    "CREATE MACRO age_bin(years) AS CASE WHEN years < 18 THEN '0 to 17' "
    "WHEN years < 30 THEN '18 to 29' WHEN years < 45 THEN '30 to 44' "
    "WHEN years < 60 THEN '45 to 59' WHEN years >= 60 THEN '60 on' END",
    "CREATE MACRO snr_bin(db) AS CASE WHEN db < 5 THEN 'below 5 dB' "
    "WHEN db < 10 THEN '5 to 10 dB' WHEN db < 20 THEN '10 to 20 dB' "
    "WHEN db < 30 THEN '20 to 30 dB' WHEN db >= 30 THEN '30 dB and more' END",
    "CREATE MACRO wer_bin(rate) AS CASE WHEN rate = 0 THEN '0 %' "
    "WHEN rate <= 0.1 THEN '0 to 10 %' WHEN rate <= 0.3 THEN '10 to 30 %' "
    "WHEN rate <= 0.6 THEN '30 to 60 %' WHEN rate > 0.6 THEN '60 % and more' END",
)
