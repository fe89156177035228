"""The `safetensors` package reads the files of a training run."""

import pytest
import torch
from conftest import run
from safetensors import safe_open
from safetensors.torch import load_file


@pytest.fixture(scope="module")
def checkpoint(experiment):
    config, home = experiment("own_files")
    run("train", config)
    return home / "checkpoints" / (home / "checkpoints" / "latest").read_text().strip()


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors"])
def test_a_checkpoint_holds_finite_tensors(checkpoint, name):
    tensors = load_file(checkpoint / name)
    assert tensors
    for key, tensor in tensors.items():
        assert not tensor.is_floating_point() or tensor.isfinite().all(), key
    with safe_open(checkpoint / name, "pt") as file:
        assert set(file.keys()) == set(tensors)


def test_training_moved_every_weight(checkpoint, stretched):
    before, after = load_file(stretched), load_file(checkpoint / "model.safetensors")
    assert before.keys() == after.keys()
    assert not [name for name in before if torch.equal(before[name], after[name])]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_exports_of_a_run_in_half_precision_are_its_rounded_weights(checkpoint, dtype, tmp_path):
    name = {torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype]
    run_folder = checkpoint.parent.parent
    run("export", run_folder, tmp_path / "hf", "--format", "hf", "--dtype", name)
    exported = load_file(tmp_path / "hf" / "model.safetensors")
    trained = load_file(checkpoint / "model.safetensors")
    assert all(tensor.dtype == dtype and tensor.isfinite().all() for tensor in exported.values())
    assert torch.equal(exported["text_projection.weight"], trained["text_projection"].T.to(dtype))
