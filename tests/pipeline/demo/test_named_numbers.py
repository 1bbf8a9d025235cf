"""Numbers drawn from names."""

import numpy as np
import pytest

from pipeline.demo import named_numbers


def test_values_drawn_from_a_name_have_its_distribution() -> None:
    values = named_numbers.uniform("a", (200, 50), 0.4)
    assert values.dtype == np.float32
    assert values.std() == pytest.approx(0.4, rel=0.02)
    assert abs(values.mean()) < 0.02
    np.testing.assert_array_equal(values, named_numbers.uniform("a", (200, 50), 0.4))
    assert np.abs(np.corrcoef(values.ravel(), named_numbers.uniform("b", (10000,), 1))[0, 1]) < 0.05
    drawn = {named_numbers.integer(str(i), -1, 1) for i in range(100)}
    assert drawn == {-1, 0, 1}
