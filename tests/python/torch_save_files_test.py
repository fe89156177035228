"""Everything torch.save writes, today and as before PyTorch 1.6, is read as it is; what would run code is not."""

import os

import pytest
import torch
from conftest import fingerprints, inspected_fingerprints, run
from safetensors.torch import load_file

FORMATS = [pytest.param(True, id="zip"), pytest.param(False, id="legacy")]
pytestmark = pytest.mark.parametrize("new_format", FORMATS)


@pytest.fixture(scope="module")
def weights(base):
    return load_file(base)


def save(thing, path, new_format, **options):
    torch.save(thing, path, _use_new_zipfile_serialization=new_format, **options)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_state_dicts_of_every_floating_type_are_read(weights, new_format, dtype, tmp_path):
    tensors = {name: tensor.to(dtype) for name, tensor in weights.items()}
    path = save(tensors, tmp_path / "model.pt", new_format)
    assert inspected_fingerprints(path) == fingerprints(tensors)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_protocol_of_pickle_is_read(weights, new_format, protocol, tmp_path):
    path = save(weights, tmp_path / "model.bin", new_format, pickle_protocol=protocol)
    assert inspected_fingerprints(path) == fingerprints(weights)


@pytest.mark.parametrize(
    "entry, wrapper", [("state_dict", "module."), ("model", ""), ("model_state_dict", "_orig_mod.module.")]
)
def test_weights_in_an_entry_and_in_wrappers_are_found(weights, new_format, entry, wrapper, tmp_path):
    wrapped = {f"{wrapper}{name}": torch.nn.Parameter(tensor) for name, tensor in weights.items()}
    path = save({"epoch": 1, "lr": 1e-3, entry: wrapped, "args": {"seed": None}}, tmp_path / "epoch_1.pt", new_format)
    assert inspected_fingerprints(path) == fingerprints(weights)


def test_views_of_one_storage_are_read(weights, new_format, tmp_path):
    """All weights lie in one flat tensor, as some trainers keep them; one is transposed."""
    flat = torch.cat([tensor.flatten() for tensor in weights.values()])
    views, start = {}, 0
    for name, tensor in weights.items():
        views[name] = flat[start : start + tensor.numel()].view(tensor.shape)
        start += tensor.numel()
    views["visual.proj"] = views["visual.proj"].T.contiguous().T
    path = save(views, tmp_path / "flat.pt", new_format)
    assert path.stat().st_size < 1.1 * flat.nbytes
    assert inspected_fingerprints(path) == fingerprints(weights)


class Opens:
    """Unpickling this runs a command: what hostile files do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_a_file_that_runs_code_is_refused_and_runs_nothing(weights, new_format, tmp_path):
    path = save({**weights, "extra": Opens(tmp_path / "owned")}, tmp_path / "bad.pt", new_format)
    message = run("inspect", path, exit_code=2).stderr
    assert "bad.pt" in message and "system" in message
    assert run("stretch", path, tmp_path / "out", exit_code=2) and not (tmp_path / "out").exists()
    assert not (tmp_path / "owned").exists()
