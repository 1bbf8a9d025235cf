import json
import time
from pathlib import Path

import pytest
import torch

from training.runs import train_run
from training.speed import Stopwatch, traced


def test_only_the_wait_for_items_counts_as_waiting():
    def slow():
        for i in range(3):
            time.sleep(0.02)
            yield i

    watch = Stopwatch(torch.device("cpu"))
    for _ in watch.waits(slow()):
        time.sleep(0.05)
    speed = watch.read(30)
    assert 0.06 <= speed.waiting_s <= speed.seconds - 0.15
    assert speed.utterances_per_s == 30 / speed.seconds
    assert speed.memory_mib > 10


def test_a_trace_is_left_of_some_early_steps_and_changes_no_item(tmp_path):
    path = tmp_path / "speed" / "run.pt.trace.json"

    def squares():
        return [torch.ones(2, 2) @ torch.ones(2, 2) * i for i in traced(range(9), path)]

    assert [int(x[0, 0]) for x in squares()] == [2 * i for i in range(9)]
    names = {event.get("name") for event in json.loads(path.read_text())["traceEvents"]}
    assert "aten::mm" in names
    assert list(traced(range(3), None)) == [0, 1, 2]


@pytest.mark.parametrize("n", [0, 2, 3])
def test_a_trace_that_an_epoch_is_too_short_for_is_told(tmp_path, capsys, n):
    path = tmp_path / "run.pt.trace.json"
    assert list(traced(range(n), path)) == list(range(n))
    told = f"{path}: nothing is traced: the trace begins at the third batch, and an epoch has {n}\n"
    assert capsys.readouterr().err.endswith(told) == (n < 3)


@pytest.mark.slow
def test_a_profiled_run_is_the_same_run(cache_dir, run_settings, tmp_path):
    trace = tmp_path / "run.pt.trace.json"
    plain, seen = (
        [
            (folder / "model.safetensors").read_bytes()
            for folder in train_run(run_settings, cache_dir, tmp_path / out, workers=1, trace=path)
        ]
        for out, path in (("plain", None), ("seen", trace))
    )
    assert plain == seen
    assert Path(trace).stat().st_size > 0
