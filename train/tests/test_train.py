# SPDX-License-Identifier: BSD-2-Clause
"""The recipe on two made-up photographs: it learns them, goes on from a checkpoint, and exports what it learned."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tools import czw
from train import color, metrics
from train.bins import make_bins
from train.config import load, parse
from train.data import AB_SCALE, Batch, Sampler
from train.vividness import random_hints
from train.export import difference, export
from train.inference import load_network
from train.losses import ERROR_FLOOR, picture_loss
from train.mean import mean
from train.network import ColorNet, Encoder, count
from train.critic import Teacher, doubt
from train.perception import Perception
from train.quantize import DEFAULT_INT8, quantize
from train.store import open_store
from train.trainer import Trainer


def random_encoder(lite: int) -> Encoder:
    return Encoder(lite, channels=3).eval().requires_grad_(False)


def make_photos(folder: Path) -> None:
    """A dark red and a light green picture with some texture."""
    rng = np.random.default_rng(0)
    for name, rgb in (("a", (150, 60, 50)), ("b", (170, 210, 150))):
        noise = rng.normal(0, 12, (80, 100, 1))
        image = np.clip(np.array(rgb) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(image).save(folder / f"{name}.png")


def make_config(folder: Path, steps: int) -> dict[str, object]:
    return {"name": "test", "data": str(folder), "runs": str(folder / "runs"), "steps": steps, "pretrained": False,
            "warmup": 0.0, "ema": 0.8, "threads": 2, "report_seconds": 1000.0, "rate": 3e-3, "encoder_rate": 3e-3,
            "phases": [{"data": "photos", "size": 32, "batch": 4, "share": 1.0}], "old": 0.2, "hints": 0.2}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("train")
    (folder / "photos").mkdir()
    make_photos(folder / "photos")
    torch.manual_seed(0)
    trainer = Trainer(parse(make_config(folder, 24)), resume=False)
    losses = []
    while trainer.progress() < 1:
        losses.append(float(trainer.train_step(trainer.progress())["loss"]))
    trainer.save()
    return folder, losses


def test_loss_falls(run: tuple[Path, list[float]]) -> None:
    losses = run[1]
    assert np.mean(losses[-4:]) < 0.8 * np.mean(losses[:2])


def test_resume_continues(run: tuple[Path, list[float]]) -> None:
    trainer = Trainer(parse(make_config(run[0], 26)), resume=True)
    assert trainer.step == 24
    trainer.run()
    assert trainer.step == 26 and trainer.seen == 26 * 4


def test_a_run_begins_from_given_weights(run: tuple[Path, list[float]]) -> None:
    config = {**make_config(run[0], 2), "name": "more", "init": str(run[0] / "runs/test/weights.npz"), "rate": 1e-5,
              "encoder_rate": 1e-5, "loss": {"safe": 1.0, "default": 1.0, "smooth": 1.0, "even": 0.0}}
    trainer = Trainer(parse(config), resume=False)
    given, arrays = load_network(run[0] / "runs/test/weights.npz")
    assert all(torch.equal(v, trainer.net.state_dict()[k]) for k, v in given.state_dict().items())
    assert np.array_equal(trainer.bins.centers.numpy(), arrays["color.bins"]) and trainer.step == 0
    assert torch.isfinite(trainer.train_step(0.5)["loss"])
    with pytest.raises(SystemExit, match="architecture"):
        Trainer(parse({**config, "architecture": {"d4": 64}}), resume=False)


def test_a_run_begins_from_a_model_file(run: tuple[Path, list[float]]) -> None:
    net, arrays = load_network(run[0] / "runs/test/weights.npz")
    path = run[0] / "test.czw"
    model = export(net, arrays["color.bins"], arrays["color.log_weight"], [(0.0, 0.0), (1.0, 1.0)], "f32", {"name": "test"})
    model.write(path)
    config: dict[str, object] = {**make_config(run[0], 2), "name": "from-file", "init": str(path)}
    trainer = Trainer(parse(config), resume=False)
    assert difference(trainer.net.eval(), model) < 1e-4
    assert np.array_equal(trainer.bins.centers.numpy(), arrays["color.bins"])
    # The norms hold the statistics of what comes, so that training begins where the file is.
    inputs = trainer.sampler("photos", 0).batch(32, 64, 1.2, 0.2, 0.2).input
    with torch.no_grad():
        apart = (trainer.net.train()(inputs)[0] - trainer.net.eval()(inputs)[0]).square().mean()
        assert apart < 0.05 * trainer.net(inputs)[0].var()
    with pytest.raises(SystemExit, match="does not fit"):
        Trainer(parse({**config, "architecture": {"d4": 64}}), resume=False)


def test_a_run_begins_from_integers(run: tuple[Path, list[float]]) -> None:
    """Channels of other sizes and rounded weights, but the same network."""
    net, arrays = load_network(run[0] / "runs/test/weights.npz")
    source = export(net, arrays["color.bins"], arrays["color.log_weight"], [(0.0, 0.0), (1.0, 1.0)], "f32", {"name": "test"})
    images = torch.rand(4, 64, 64, 4, generator=torch.Generator().manual_seed(3)) * 2 - 1
    model = quantize(source, images, "|".join(DEFAULT_INT8))
    planes = next(c for c in model.constants if c.name == "hints.planes").values()
    assert not np.isin(planes, (-1, 0, 1)).all()
    model.write(run[0] / "integers.czw")
    trainer = Trainer(parse({**make_config(run[0], 2), "name": "integers", "init": str(run[0] / "integers.czw")}), resume=False)
    assert difference(trainer.net.eval(), source) < 0.3


def test_picture_loss_judges_pictures() -> None:
    rgb = 0.3 + 0.4 * torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    lab = color.srgb_to_lab(rgb)
    batch = Batch(torch.zeros(0), lab[:, :1], lab[:, 1:], torch.zeros(0))
    truth = torch.nn.functional.avg_pool2d(batch.ab, 4).permute(0, 2, 3, 1) / AB_SCALE
    results = {gain: picture_loss(gain * truth, truth, batch) for gain in (0.0, 0.5, 1.0, 1.5)}
    assert float(results[1.0][0]) == pytest.approx(np.log(ERROR_FLOOR), abs=1e-3)
    assert float(results[0.0][0]) > float(results[0.5][0]) > float(results[1.0][0]) < float(results[1.5][0])
    assert float(results[0.0][1]) == pytest.approx(1, abs=1e-3) and float(results[0.0][1]) > float(results[0.5][1])
    assert float(results[1.5][1]) == float(results[1.0][1]) == 0


def test_perception_is_nearer_for_the_right_colours() -> None:
    torch.manual_seed(0)
    judge = Perception(random_encoder(1))
    theirs = torch.rand(4, 3, 64, 64)
    gray = theirs.mean(1, keepdim=True).expand_as(theirs)
    near = (0.8 * theirs + 0.2 * gray).requires_grad_()
    loss = judge(*judge.features(near, theirs))
    loss.backward()
    assert 0 == float(judge(*judge.features(theirs, theirs))) < float(loss) < float(judge(*judge.features(gray, theirs)))
    assert near.grad is not None and float(near.grad.abs().sum()) > 0


def test_a_critic_learns_to_tell_pictures() -> None:
    torch.manual_seed(0)
    channels = [6, 8]
    teacher = Teacher(channels, 5e-3, torch.device("cpu"))
    real = [torch.randn(8, c, 4, 4) for c in channels]
    made = [(f + torch.arange(f.shape[1]).view(1, -1, 1, 1) / 4).requires_grad_() for f in real]
    before = float(doubt(teacher.critic, real, made))
    for _ in range(60):
        teacher.step([([f.detach() for f in made], real)])
    after = doubt(teacher.critic, made, real)
    assert float(doubt(teacher.critic, real, made)) < 0.5 * before and float(after) > 2 * before
    after.backward()  # reaches the pictures, and leaves the critic as it is
    assert all(f.grad is not None and float(f.grad.abs().sum()) > 0 for f in made)
    assert not any(p.requires_grad for p in teacher.critic.parameters())


def test_a_run_with_a_critic_resumes(run: tuple[Path, list[float]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.trainer.imagenet_encoder", random_encoder)
    config: dict[str, object] = {
        **make_config(run[0], 4), "name": "judged", "init": str(run[0] / "runs/test/weights.npz"),
        "loss": {"safe": 1.0, "default": 1.0, "seen": 1.0, "real": 0.5, "even": 0.0},
        "phases": [{"data": "photos", "size": 64, "batch": 4, "share": 1.0}]}
    trainer = Trainer(parse(config), resume=False)
    parts = [trainer.train_step(0.5) for _ in range(2)]
    assert all(torch.isfinite(p[k]) for p in parts for k in ("loss", "seen", "real", "critic"))
    trainer.save()
    again = Trainer(parse(config), resume=True)
    assert trainer.teacher is not None and again.teacher is not None
    other = again.teacher.critic.state_dict()
    assert all(torch.equal(v, other[k]) for k, v in trainer.teacher.critic.state_dict().items())


def test_the_mean_of_two_runs(run: tuple[Path, list[float]]) -> None:
    net, arrays = load_network(run[0] / "runs/test/weights.npz")
    names = [k for k in arrays if k.startswith("net.") and arrays[k].dtype.kind == "f"]
    other = {k: a + 2 if k in names else a for k, a in arrays.items()}
    result = mean([arrays, other])
    assert result.keys() == arrays.keys() and all(np.allclose(result[k], arrays[k] + 1, atol=1e-4) for k in names)
    assert all(np.array_equal(result[k], arrays[k]) for k in arrays.keys() - set(names))
    with pytest.raises(SystemExit, match="color.bins"):
        mean([arrays, {**arrays, "color.bins": arrays["color.bins"] + 1}])


def test_every_configuration_is_understood() -> None:
    paths = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.toml"))
    configs = {c.name: c for c in map(load, paths)}
    assert len(configs) == len(paths) > 4
    assert [p.size for p in configs["default-more"].phases] == [192, 256]
    assert [p.size for p in configs["default-last"].phases] == [256]


def test_export_computes_the_same(run: tuple[Path, list[float]]) -> None:
    net, arrays = load_network(run[0] / "runs/test/weights.npz")
    table = [(0.0, 0.0), (1.0, 1.5)]
    for dtype, bound in (("f32", 1e-4), ("f16", 3e-2)):
        model = export(net, arrays["color.bins"], arrays["color.log_weight"], table, dtype, {"name": "test"})
        again = czw.decode(model.to_bytes())
        assert difference(net, again) < bound
        names = {c.name: c for c in again.constants}
        assert names["color.vividness"].data.shape == (1, 1, 2, 2)
        assert names["color.bins"].dtype == "f32"


def test_network_budget() -> None:
    parameters, gflop = count(ColorNet(210))
    assert parameters <= 5.0e6 and gflop <= 3.2


def test_lab_round_trip_and_known_values() -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    lab = color.srgb_to_lab(rgb)
    assert torch.allclose(color.lab_to_srgb(lab), rgb, atol=1e-4)
    red = color.srgb_to_lab(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)).flatten()
    assert torch.allclose(red, torch.tensor([53.24, 80.09, 67.20]), atol=0.02)


def test_delta_e2000_published_pairs() -> None:
    pairs = np.array([[[50, 2.6772, -79.7751], [50, 0, -82.7485]], [[50, -1, 2], [50, 0, 0]],
                      [[2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514]]])
    assert np.allclose(metrics.delta_e2000(pairs[:, 0], pairs[:, 1]), [2.0425, 2.3669, 0.9082], atol=1e-4)


def test_bins_encode_near_and_sum_to_one() -> None:
    counts = np.zeros((241, 241))
    counts[100:140, 100:140] = 1
    bins = make_bins(counts, 0.5, 1e-4, 12.0)
    ab = torch.tensor([[0.0, 0.0], [7.0, -8.0]])
    index, amount = bins.encode(ab)
    assert torch.allclose(amount.sum(1), torch.ones(2))
    assert float((bins.centers[index] - ab[:, None]).norm(dim=2).max()) < 18
    counts[120, 120] = counts.sum()  # half of the pixels are gray
    weight = make_bins(counts, 0.5, 1e-4, 12.0).log_weight
    gray = (bins.centers == 0).all(1)
    assert gray.sum() == 1 and float(weight[gray].max()) < 0 < float(weight[~gray].max())


def test_hints_hold_the_truth(run: tuple[Path, list[float]]) -> None:
    store = open_store(run[0], "photos", run[0] / "runs/cache")
    batch = Sampler(store, torch.device("cpu"), 3).batch(64, 8, 1.2, 0.0, 1.0)
    mask = batch.input[:, 3] > 0
    assert mask.any() and not batch.input[:, 1:3].permute(0, 2, 3, 1)[~mask].any()
    gap = (batch.input[:, 1:3] * 110 - batch.ab).permute(0, 2, 3, 1)[mask]
    assert float(gap.abs().mean()) < 3  # the pictures are nearly flat, so a patch's mean is near every pixel
    assert float(random_hints(batch.ab, 3)[:, 2].sum(dim=(1, 2)).min()) >= 49


def test_a_configuration_extends_another(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('name = "base"\ndata = "d"\nsteps = 3\narchitecture = { d32 = 64, encoder = 2 }\n'
                                        '[[phases]]\ndata = "p"\nsize = 32\nbatch = 2\nshare = 1.0\n')
    (tmp_path / "own.toml").write_text('extends = "base.toml"\nname = "own"\narchitecture = { d32 = 96 }\n')
    own = load(tmp_path / "own.toml")
    assert (own.name, own.steps, own.architecture.d32, own.architecture.encoder) == ("own", 3, 96, 2)
    assert load(tmp_path / "base.toml").architecture.d32 == 64
