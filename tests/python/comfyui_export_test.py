"""The file of `longclip export --format comfyui` holds exactly what ComfyUI's loader looks for.

ComfyUI is no package that could run here. Its rules, from Comfy-Org/ComfyUI: comfy/sd.py detect_te_model and
load_text_encoder_state_dicts, comfy/text_encoders/long_clipl.py model_options_long_clip, comfy/clip_model.py
CLIPTextModel.
"""

import pytest
import torch
from conftest import assert_close, encode, inspected_fingerprints, run
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

LAYERS, WIDTH = 4, 128  # of --arch tiny
POSITIONS = "text_model.embeddings.position_embedding.weight"


@pytest.fixture(scope="module")
def path(exported):
    return exported("comfyui")


def shapes_of_comfyui(layers, width, mlp, positions):
    """The parameters of comfy/clip_model.py CLIPTextModel."""
    shapes = {
        "text_model.embeddings.token_embedding.weight": (49408, width),
        POSITIONS: (positions, width),
        "text_projection.weight": (width, width),
    }

    def add(name, out, *inputs):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (out, *inputs), (out,)

    for i in range(layers):
        layer = f"text_model.encoder.layers.{i}"
        for norm in ("layer_norm1", "layer_norm2"):
            add(f"{layer}.{norm}", width)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            add(f"{layer}.self_attn.{part}", width, width)
        add(f"{layer}.mlp.fc1", mlp, width)
        add(f"{layer}.mlp.fc2", width, mlp)
    add("text_model.final_layer_norm", width)
    return shapes


def test_names_and_shapes_are_those_of_its_text_model(path):
    found = {name: tuple(tensor.shape) for name, tensor in load_file(path).items()}
    assert found == shapes_of_comfyui(LAYERS, WIDTH, 4 * WIDTH, 248)


def test_its_detection_takes_the_file_for_a_long_clip_l(path):
    weights = load_file(path)
    assert "transformer.resblocks.0.ln_1.weight" not in weights  # else it converts, and looks for one table only
    assert "text_projection" not in weights  # else it transposes
    assert "text_model.encoder.layers.0.mlp.fc1.weight" in weights  # CLIP-L ...
    assert not any(f"text_model.encoder.layers.{i}.mlp.fc1.weight" in weights for i in (22, 30))  # ... not H, not G
    assert f"clip_l.{POSITIONS}" not in weights and weights[POSITIONS].shape[0] == 248


def test_the_weights_compute_the_features_of_encode(path, exported, stretched, captions, tmp_path):
    config = CLIPTextConfig.from_pretrained(exported("text-encoder", "fp32", "--projection") / "text_encoder")
    model = CLIPTextModelWithProjection(config).eval()
    model.load_state_dict(load_file(path))
    tokenizer = CLIPTokenizer.from_pretrained(exported("hf"))
    with torch.no_grad():
        out = model(**tokenizer(captions, padding=True, truncation=True, return_tensors="pt")).text_embeds
    theirs = torch.nn.functional.normalize(out, dim=-1)
    assert_close("text features", encode(stretched, tmp_path, texts=captions)["text_features"], theirs, 1e-5)


def test_the_program_reads_the_file_back(path, exported, tmp_path):
    run("export", path, tmp_path / "again.safetensors", "--format", "comfyui")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()
    text_encoder = exported("text-encoder", "fp32", "--projection") / "text_encoder"
    assert inspected_fingerprints(path) == inspected_fingerprints(text_encoder)


def test_a_size_that_comfyui_does_not_know_is_told(stretched, tmp_path):
    message = run("export", stretched, tmp_path / "a.safetensors", "--format", "comfyui", "--dtype", "fp16").stderr
    assert "will not load" in message and "768" in message
    assert all(tensor.dtype == torch.float16 for tensor in load_file(tmp_path / "a.safetensors").values())
