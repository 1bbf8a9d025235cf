import json
import os

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from training.mapped import map_tensors


@pytest.fixture
def path(tmp_path):
    tensors = {
        "values": torch.arange(12, dtype=torch.float16).view(4, 3),
        "offsets": torch.tensor([0, 4]),
        "none": torch.zeros(0, 3),
        "text": torch.frombuffer(bytearray("ä".encode()), dtype=torch.uint8),
    }
    save_file(tensors, tmp_path / "a.safetensors", metadata={"made": "by hand"})
    return tmp_path / "a.safetensors"


def test_what_is_mapped_is_what_the_library_reads(path):
    found, expected = map_tensors(path), load_file(path)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == expected[name].dtype
        assert torch.equal(value, expected[name])


def test_a_file_larger_than_the_memory_is_opened_and_read_where_asked(tmp_path):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    size = 2 * memory // 16 * 16  # nearly all of it a hole in the file
    entry = {"dtype": "F16", "shape": [size // 16, 8], "data_offsets": [0, size]}
    header = json.dumps({"values": entry}).encode()
    with (tmp_path / "large.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.truncate(8 + len(header) + size)
        file.seek(-16, 2)
        file.write(np.arange(8, dtype=np.float16).tobytes())
    values = map_tensors(tmp_path / "large.safetensors")["values"]
    assert values[-1].tolist() == list(range(8))
    assert values[len(values) // 2].tolist() == [0] * 8


def damaged(path, old, new):
    path.write_bytes(path.read_bytes().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda p: p.write_bytes(b""), "0 bytes, whose header would be 0 long"),
        (lambda p: p.write_bytes(p.read_bytes()[:40]), "40 bytes, whose header"),
        (lambda p: p.write_bytes(p.read_bytes()[:-1]), r"does not fit|header tells of"),
        (lambda p: p.write_bytes(p.read_bytes() + b"x"), "header tells of"),
        (lambda p: damaged(p, b"[4,3]", b"[4,4]"), r"values of shape \[4, 4\] does not fit"),
        (lambda p: damaged(p, b'"F16"', b'"F17"'), "values has the type F17"),
        (lambda p: damaged(p, b'{"', b"{'"), "Expecting property name"),
    ],
)
def test_a_damaged_file_is_refused(path, damage, message):
    damage(path)
    with pytest.raises(ValueError, match=message):
        map_tensors(path)
