"""Hugging Face transformers loads what `longclip export --format hf` writes and computes the same features."""

import pytest
import torch
from conftest import assert_close, encode, report, same_crop
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    CLIPModel,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPTokenizerFast,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

TOLERANCE = 1e-5  # of normalised features, float32


@pytest.fixture(scope="module")
def hf(exported):
    return exported("hf")


@pytest.fixture(scope="module")
def model(hf):
    return CLIPModel.from_pretrained(hf).eval()


@pytest.fixture(scope="module")
def read_pictures(hf):
    processor = CLIPImageProcessorPil.from_pretrained(hf)
    return lambda paths: processor([Image.open(path) for path in paths], return_tensors="pt")["pixel_values"]


@pytest.fixture(scope="module")
def read_texts(hf):
    tokenizer = CLIPTokenizer.from_pretrained(hf)
    return lambda texts: tokenizer(texts, padding=True, truncation=True, return_tensors="pt")


def assert_features_equal(model, ours, inputs, pixels):
    with torch.no_grad():
        theirs = model(**inputs, pixel_values=pixels)
    for name in ("image", "text"):
        assert ours[f"{name}_features"].std(0).max() > 0.01  # else the rows are alike and equality shows nothing
        assert_close(f"{name} features", ours[f"{name}_features"], theirs[f"{name}_embeds"], TOLERANCE)


def test_from_pretrained_finds_every_weight_and_no_other(hf):
    model, loading = CLIPModel.from_pretrained(hf, output_loading_info=True)
    assert not any(loading.values()), loading
    assert model.dtype == torch.float32


def test_the_config_states_248_positions_and_the_end_of_text(model):
    text = model.config.text_config
    assert (text.max_position_embeddings, text.eos_token_id, text.bos_token_id) == (248, 49407, 49406)
    assert text.hidden_act == model.config.vision_config.hidden_act == "quick_gelu"


@pytest.mark.parametrize("kind", [CLIPTokenizer, CLIPTokenizerFast])
def test_the_tokenizer_knows_248_positions_and_pads_with_the_end_of_text(hf, kind):
    tokenizer = kind.from_pretrained(hf)
    assert tokenizer.model_max_length == 248
    assert tokenizer.pad_token_id == tokenizer.eos_token_id == 49407
    ids = tokenizer("a cat " * 300, truncation=True)["input_ids"]
    assert (len(ids), ids[0], ids[-1]) == (248, 49406, 49407)


def test_drawn_pictures_and_captions_have_the_features_of_encode(
    stretched, model, read_pictures, read_texts, pictures, captions, tmp_path
):
    inputs = read_texts(captions)
    assert inputs["input_ids"].shape[1] == 248
    assert_features_equal(model, encode(stretched, tmp_path, pictures, captions), inputs, read_pictures(pictures))


def test_photographs_and_their_long_captions_have_the_features_of_encode(
    stretched, model, read_pictures, read_texts, coco, tmp_path
):
    """Photographs that transformers cuts elsewhere than CLIP are left out; all captions are ASCII (no ftfy needed)."""
    rows = [row for row in coco if same_crop(*Image.open(row["image"]).size) and row["long"].isascii()][:16]
    assert len(rows) >= 10
    paths, texts = [row["image"] for row in rows], [row["long"] for row in rows]
    texts.append(" ".join(texts))  # certainly cut
    inputs = read_texts(texts)
    cut = int((inputs["attention_mask"].sum(1) == 248).sum())
    report(f"{len(paths)} photographs, {len(texts)} captions, {cut} of them of 248 tokens")
    assert_features_equal(model, encode(stretched, tmp_path, paths, texts), inputs, read_pictures(paths))


def test_each_tower_loads_alone(hf, stretched, read_pictures, read_texts, pictures, captions, tmp_path):
    ours = encode(stretched, tmp_path, pictures[:4], captions)
    inputs, pixels = read_texts(captions), read_pictures(pictures[:4])
    weights = load_file(hf / "model.safetensors")
    project_text, project_image = weights["text_projection.weight"].T, weights["visual_projection.weight"].T
    towers = [
        (CLIPTextModel, "text", inputs, lambda out: out.pooler_output @ project_text),
        (CLIPTextModelWithProjection, "text", inputs, lambda out: out.text_embeds),
        (CLIPVisionModel, "image", {"pixel_values": pixels}, lambda out: out.pooler_output @ project_image),
        (CLIPVisionModelWithProjection, "image", {"pixel_values": pixels}, lambda out: out.image_embeds),
    ]
    for kind, name, given, feature_of in towers:
        tower, loading = kind.from_pretrained(hf, output_loading_info=True)
        assert not loading["missing_keys"] and not loading["mismatched_keys"], loading
        with torch.no_grad():
            theirs = torch.nn.functional.normalize(feature_of(tower.eval()(**given)), dim=-1)
        assert_close(kind.__name__, ours[f"{name}_features"], theirs, TOLERANCE)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_exports_hold_the_rounded_weights(exported, hf, dtype):
    half = exported("hf", {torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype])
    assert CLIPModel.from_pretrained(half, dtype="auto").dtype == dtype
    full, rounded = load_file(hf / "model.safetensors"), load_file(half / "model.safetensors")
    assert full.keys() == rounded.keys()
    for name, tensor in full.items():
        assert rounded[name].dtype == dtype
        assert torch.equal(rounded[name], tensor.to(dtype)), name
