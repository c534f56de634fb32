# SPDX-License-Identifier: BSD-2-Clause
"""The read-out in PyTorch, and the choice of the vividness table."""
from __future__ import annotations

import pytest
import torch
from torch import Tensor

from train.inference import FADED_MOST, Model, lost_chroma, predict
from train.vividness import MORE, choose_table

BINS = torch.tensor([[40.0, 0.0], [0.0, 40.0], [-40.0, 0.0], [0.3, 0.0]])
LOG_WEIGHT = torch.tensor([0.5, -0.5, 1.0, 0.0])


def flat_network(x: Tensor) -> tuple[Tensor, Tensor]:
    """The same distribution everywhere, whatever the picture."""
    h, w = x.shape[2] // 4, x.shape[3] // 4
    return LOG_WEIGHT.view(1, 4, 1, 1).expand(len(x), 4, h, w), torch.full((len(x), 2, h, w), 0.1)


def answer(*shares: float) -> Tensor:
    """Logits [1,4,3,2] of a distribution, with the weights that the model takes out again."""
    return (torch.tensor(shares).log() + LOG_WEIGHT).view(1, 4, 1, 1).expand(1, 4, 3, 2)


def test_the_gain_is_what_averaging_took() -> None:
    model, none = Model(flat_network, BINS, LOG_WEIGHT), torch.zeros(4, 2, 3, 2)
    sure, torn, opposite, gray = (1.0, 1e-9, 1e-9, 1e-9), (0.5, 0.5, 1e-9, 1e-9), (0.51, 1e-9, 0.49, 1e-9), \
        (1e-9, 1e-9, 1e-9, 1.0)
    logits = torch.cat([answer(*p) for p in (sure, torn, opposite, gray)])
    mean, lost = model.read(logits)
    assert lost[:, 0, 0].tolist() == pytest.approx([0, 2**0.5 - 1, FADED_MOST - 1, 0], abs=1e-4)
    assert mean[1, :, 0, 0].tolist() == pytest.approx([20, 20], rel=1e-4)
    assert torch.equal(model.chroma(logits, none, 0.0), mean)
    vivid = model.chroma(logits, none, 1.0)
    assert vivid.norm(dim=1)[:, 0, 0].tolist() == pytest.approx([40, 40, 0.8 * FADED_MOST, 0.3], rel=1e-3)
    assert model.chroma(logits, none, 2.0)[1, 0, 0, 0] == pytest.approx(20 * (1 + 2 * (2**0.5 - 1)), rel=1e-4)
    # each photograph has its own gain, and the residual none
    assert torch.allclose(model.chroma(logits[1:2], none[1:2] + 0.1, 1.0), vivid[1:2] + 11)


def test_what_is_sure_gets_less_back() -> None:
    mean, chroma = torch.zeros(1, 2, 2, 2), torch.full((1, 2, 2), 20.0)
    mean[0, :, :, 0] = torch.tensor([[20.0, 16.0], [4.0, 1.0]])
    lost = lost_chroma(mean, chroma)
    assert lost.flatten().tolist() == pytest.approx([0, 0.5, 80 / 41 - 1, 80 / 41 - 1], rel=1e-3)
    assert torch.equal(lost_chroma(mean, 0.9 * mean.norm(dim=3)), torch.zeros(1, 2, 2))


def test_cells_of_padding_are_left_out() -> None:
    logits, residual = predict(Model(flat_network, BINS, LOG_WEIGHT), torch.zeros(2, 1, 33, 65))
    assert logits.shape == (2, 4, 9, 17) and residual.shape == (2, 2, 9, 17)


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
