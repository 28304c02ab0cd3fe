"""The layers of the encoders, however NumPy multiplies."""

from __future__ import annotations

import numpy as np
import pytest

from lipsync_core.model import products
from lipsync_core.model.layers import convolve, log_softmax


@pytest.mark.parametrize(("dilation", "stride"), [(1, 1), (4, 1), (1, 2)])
@pytest.mark.parametrize("steps", [1, 2, 37])
def test_a_convolution_is_the_same_with_and_without_a_tuned_blas(
    dilation: int, stride: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x, weight, bias = (rng.normal(size=shape).astype(np.float32) for shape in ((steps, 6), (5, 6, 7), (7,)))
    results = []
    for tuned in (True, False):
        monkeypatch.setattr(products, "blas_is_tuned", lambda tuned=tuned: tuned)
        results.append(convolve(x, weight, bias, dilation=dilation, stride=stride))

    assert results[0].shape == (-(-steps // stride), 7)
    np.testing.assert_allclose(results[1], results[0], atol=1e-5)


def test_log_softmax_makes_probabilities_of_any_logits() -> None:
    logits = np.array([[1e4, 0, -1e4], [0, 0, 0]], np.float32)

    np.testing.assert_allclose(np.exp(log_softmax(logits)).sum(1), 1, rtol=1e-6)
    assert log_softmax(np.zeros((4, 0), np.float32)).shape == (4, 0)
