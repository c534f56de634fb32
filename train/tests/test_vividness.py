# SPDX-License-Identifier: BSD-2-Clause
"""The read-out in PyTorch, and the choice of the vividness table."""
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.inference import Model, chroma, predict
from train.vividness import MORE, choose_table

BINS = torch.tensor([[40.0, 0.0], [0.0, 40.0], [-40.0, 0.0], [0.3, 0.0]])
LOG_WEIGHT = torch.tensor([0.5, -0.5, 1.0, 0.0])


def flat_network(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same distribution everywhere, whatever the picture."""
    h, w = x.shape[2] // 4, x.shape[3] // 4
    return LOG_WEIGHT.view(1, 4, 1, 1).expand(len(x), 4, h, w), torch.full((len(x), 5, h, w), 0.1)


def answer(*shares: float) -> Tensor:
    """Logits [1,4,3,2] of a distribution, with the weights that the model takes out again."""
    return (torch.tensor(shares).log() + LOG_WEIGHT).view(1, 4, 1, 1).expand(1, 4, 3, 2)


def test_the_picture_departs_from_the_mean() -> None:
    model = Model(flat_network, BINS, LOG_WEIGHT)
    mean = model.mean(torch.cat([answer(1.0, 1e-9, 1e-9, 1e-9), answer(0.5, 0.5, 1e-9, 1e-9)]))
    assert torch.allclose(mean[:, 0, 0], torch.tensor([[40.0, 0.0], [20.0, 20.0]]), atol=1e-4)
    residual = torch.tensor([0.1, -0.1, 0.5, 0.02, 0.03]).view(1, 5, 1, 1).expand(2, 5, 3, 2)
    for g, want in ((0.0, [51.0, -11.0]), (1.0, [60 + 13.2, -7.7]), (2.0, [80 + 15.4, -4.4])):
        assert chroma(mean, residual, g)[0, :, 2, 1].tolist() == pytest.approx(want, abs=1e-3)
    # a gain below 0 counts as 0: hues are never turned round
    assert chroma(mean, -residual, 3.0)[1, :, 0, 0].tolist() == pytest.approx([-17.6, 1.1], abs=1e-3)


def test_cells_of_padding_are_left_out() -> None:
    logits, residual = predict(Model(flat_network, BINS, LOG_WEIGHT), torch.zeros(2, 1, 33, 65))
    assert logits.shape == (2, 4, 9, 17) and residual.shape == (2, 5, 9, 17)


@pytest.mark.parametrize(("most", "usual", "vivid"), [(0.8, 0.8, 1.0), (2.0, 1.0, MORE), (0.4, 0.4, 1.0)])
def test_table_of_vividness(most: float, usual: float, vivid: float) -> None:
    """Colourfulness is 0.4 + 0.4 g here, and `most` of it is good enough."""
    grid = [(g / 4, 25.0 - g, 0.4 + 0.1 * g) for g in range(11)]
    table = dict(choose_table(grid, lambda g: 0.4 + 0.4 * g <= most + 1e-9))
    assert list(table) == [0.0, 0.5, 1.0, 1.5, 2.0] and table[0.0] == 0
    assert 0.4 + 0.4 * table[1.0] == pytest.approx(usual, abs=0.03) and 0.4 + 0.4 * table[1.0] <= most + 1e-9
    assert 0.4 + 0.4 * table[2.0] == pytest.approx(vivid, abs=0.01)
    gains = list(table.values())
    assert gains == sorted(gains) and gains[-1] > gains[2]
