"""open_clip_torch loads what `longclip export --format open_clip` and `openai` write, and computes the same features."""

import json

import open_clip
import pytest
import torch
from conftest import assert_close, encode, fingerprints, inspected_fingerprints, run, tokenize
from open_clip.push_to_hf_hub import save_for_hf
from open_clip_files_test import CONFIG, make_model
from PIL import Image
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def folder_export(exported):
    return exported("open_clip")


def features(model, preprocess, tokens, pictures):
    pixels = torch.stack([preprocess(Image.open(path)) for path in pictures])
    with torch.no_grad():
        return model.eval().encode_image(pixels, normalize=True), model.encode_text(tokens, normalize=True)


def assert_features(theirs, checkpoint, pictures, captions, folder):
    ours = encode(checkpoint, folder, pictures, captions)
    assert_close("image features", ours["image_features"], theirs[0], TOLERANCE)
    assert_close("text features", ours["text_features"], theirs[1], TOLERANCE)


def test_the_folder_says_everything(folder_export, stretched, pictures, captions, tmp_path):
    name = f"local-dir:{folder_export}"
    model, _, preprocess = open_clip.create_model_and_transforms(name)
    assert model.context_length == 248
    tokens = open_clip.get_tokenizer(name)(captions)
    for ours, row in zip(tokenize(captions, tmp_path), tokens.tolist(), strict=True):
        assert row == ours + [0] * (248 - len(ours))
    assert_features(features(model, preprocess, tokens, pictures), stretched, pictures, captions, tmp_path)


@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".bin"])
def test_a_file_loads_with_a_model_config_of_248_positions(folder_export, stretched, ending, tmp_path):
    config = json.loads((folder_export / "open_clip_config.json").read_text())["model_cfg"]
    (tmp_path / "tiny-248.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-248.json")
    out = tmp_path / f"weights{ending}"
    message = run("export", stretched, out, "--format", "open_clip").stderr
    assert "248 positions and QuickGELU" in message
    model = open_clip.create_model("tiny-248", pretrained=str(out))
    assert fingerprints(model.state_dict()) == fingerprints(load_file(stretched))


@pytest.mark.parametrize("quick_gelu", [False, True], ids=["gelu", "quick_gelu"])
def test_heads_mlp_and_activation_arrive(quick_gelu, pictures, captions, tmp_path):
    model = make_model(quick_gelu=quick_gelu)
    (tmp_path / "theirs").mkdir()
    save_file(model.state_dict(), tmp_path / "theirs" / "open_clip_model.safetensors")
    config = {"model_cfg": CONFIG | {"quick_gelu": quick_gelu}}
    (tmp_path / "theirs" / "open_clip_config.json").write_text(json.dumps(config))
    run("export", tmp_path / "theirs", tmp_path / "ours", "--format", "open_clip")
    again, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{tmp_path / 'ours'}")
    tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path / 'ours'}")(captions)
    for ours, theirs in zip(*(features(m, preprocess, tokens, pictures[:4]) for m in (again, model)), strict=True):
        assert torch.equal(ours, theirs)


def test_what_open_clip_saves_of_our_export_is_read(folder_export, stretched, exported, tmp_path):
    model = open_clip.create_model(f"local-dir:{folder_export}")
    config = json.loads((folder_export / "open_clip_config.json").read_text())["model_cfg"]
    tokenizer = open_clip.tokenizer.HFTokenizer(str(exported("hf")), context_length=248)
    save_for_hf(model, tokenizer, config, tmp_path / "saved", safe_serialization=True)
    assert inspected_fingerprints(tmp_path / "saved") == inspected_fingerprints(stretched)


def test_half_precision_is_the_rounded_weights(exported, stretched):
    half = load_file(exported("open_clip", "bf16") / "open_clip_model.safetensors")
    full = load_file(stretched)
    assert full.keys() == half.keys()
    assert all(torch.equal(half[name], tensor.bfloat16()) for name, tensor in full.items())


# ---- OpenAI's format: OpenCLIP carries OpenAI's build_model ----


def test_openai_code_loads_77_positions(exported, base, folder_export, pictures, captions, tmp_path):
    weights = torch.load(exported("openai"), weights_only=True)
    assert fingerprints(weights) == fingerprints(load_file(base))
    model = open_clip.load_openai_model(str(exported("openai")), precision="fp32", device="cpu")
    model.load_state_dict(weights)  # build_model rounds matrices to half; the names and shapes are its own
    _, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder_export}")
    tokens = open_clip.tokenize(captions)
    assert tokens.shape[1] == 77
    assert_features(features(model, preprocess, tokens, pictures), base, pictures, captions, tmp_path)


def test_openai_code_does_not_get_248_positions(stretched, tmp_path):
    message = run("export", stretched, tmp_path / "clip.pt", "--format", "openai", exit_code=2).stderr
    assert "248" in message and "77" in message
    assert all(format in message for format in ("upstream", "hf", "open_clip"))
    assert not (tmp_path / "clip.pt").exists()
