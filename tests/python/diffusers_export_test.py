"""diffusers takes the folders of `longclip export --format text-encoder` into its pipelines, at 248 tokens.

The pipelines have no UNet and no VAE: what is looked at is what their encode_prompt gives to the UNet.
"""

import pytest
import torch
from conftest import assert_close, encode, inspected_fingerprints, run, tokenize
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline
from safetensors.torch import load_file
from torch.nn.functional import normalize
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer, CLIPTokenizerFast

TOLERANCE = 1e-5
PARTS = ("vae", "unet", "scheduler", "safety_checker", "feature_extractor")


@pytest.fixture(scope="module")
def plain(exported):
    return exported("text-encoder")


@pytest.fixture(scope="module")
def with_projection(exported):
    return exported("text-encoder", "fp32", "--projection")


@pytest.fixture(scope="module")
def pipeline(plain):
    text_encoder = CLIPTextModel.from_pretrained(plain / "text_encoder")
    tokenizer = CLIPTokenizer.from_pretrained(plain / "tokenizer")
    parts = dict.fromkeys(PARTS)
    return StableDiffusionPipeline(
        text_encoder=text_encoder, tokenizer=tokenizer, requires_safety_checker=False, **parts
    )


def embeddings(pipeline, texts):
    with torch.no_grad():
        return pipeline.encode_prompt(texts, "cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)


@pytest.mark.parametrize("name", ["plain", "with_projection"])
def test_from_pretrained_finds_every_weight_and_no_other(name, request):
    kind = CLIPTextModel if name == "plain" else CLIPTextModelWithProjection
    model, loading = kind.from_pretrained(request.getfixturevalue(name) / "text_encoder", output_loading_info=True)
    assert not any(loading.values()), loading
    assert model.config.architectures == [kind.__name__]
    assert (model.config.max_position_embeddings, model.config.eos_token_id) == (248, 49407)


@pytest.mark.parametrize("kind", [CLIPTokenizer, CLIPTokenizerFast])
def test_the_tokens_of_the_pipeline_are_ours_id_for_id(plain, kind, captions, tmp_path):
    tokenizer = kind.from_pretrained(plain / "tokenizer")
    theirs = tokenizer(captions, padding="max_length", max_length=tokenizer.model_max_length, truncation=True)
    for ours, row in zip(tokenize(captions, tmp_path), theirs["input_ids"], strict=True):
        assert row == ours + [49407] * (248 - len(ours))


def test_stable_diffusion_sees_248_tokens_and_the_features_of_encode(pipeline, stretched, captions, tmp_path):
    states = embeddings(pipeline, captions)[0]
    assert states.shape == (len(captions), 248, 128)
    ends = [len(ids) - 1 for ids in tokenize(captions, tmp_path)]
    assert max(ends) == 247
    at_end = states[torch.arange(len(captions)), ends]  # the first end of text, where CLIP reads
    theirs = normalize(at_end @ load_file(stretched)["text_projection"], dim=-1)
    assert_close("text features", encode(stretched, tmp_path, texts=captions)["text_features"], theirs, TOLERANCE)


def test_stable_diffusion_xl_takes_both_encoders(plain, with_projection, stretched, captions, tmp_path):
    pipeline = StableDiffusionXLPipeline(
        vae=None, unet=None, scheduler=None, add_watermarker=False,
        text_encoder=CLIPTextModel.from_pretrained(plain / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(plain / "tokenizer"),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(with_projection / "text_encoder"),
        tokenizer_2=CLIPTokenizer.from_pretrained(with_projection / "tokenizer"),
    )  # fmt: skip
    with torch.no_grad():
        states, _, pooled, _ = pipeline.encode_prompt(captions, device="cpu", do_classifier_free_guidance=False)
    assert states.shape == (len(captions), 248, 2 * 128)
    assert torch.equal(states[:, :, :128], states[:, :, 128:])  # the same model twice
    ours = encode(stretched, tmp_path, texts=captions)["text_features"]
    assert_close("text features", ours, normalize(pooled, dim=-1), TOLERANCE)


def test_a_pipeline_saved_by_diffusers_is_read_and_takes_the_export_in_from_pretrained(
    pipeline, plain, captions, tmp_path
):
    pipeline.save_pretrained(tmp_path / "saved")
    assert inspected_fingerprints(tmp_path / "saved" / "text_encoder") == inspected_fingerprints(plain / "text_encoder")
    message = run("inspect", tmp_path / "saved", exit_code=2).stderr
    assert "text_encoder" in message
    again = StableDiffusionPipeline.from_pretrained(
        tmp_path / "saved",
        text_encoder=CLIPTextModel.from_pretrained(plain / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(plain / "tokenizer"),
        **dict.fromkeys(PARTS),
    )
    assert torch.equal(embeddings(again, captions[:3])[0], embeddings(pipeline, captions[:3])[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_the_rounded_weights(exported, plain, dtype):
    half = exported("text-encoder", {torch.float16: "fp16", torch.bfloat16: "bf16"}[dtype]) / "text_encoder"
    assert CLIPTextModel.from_pretrained(half, dtype="auto").dtype == dtype
    full = load_file(plain / "text_encoder" / "model.safetensors")
    rounded = load_file(half / "model.safetensors")
    assert full.keys() == rounded.keys()
    assert all(torch.equal(rounded[name], tensor.to(dtype)) for name, tensor in full.items())


def test_a_stretched_text_encoder_of_another_program_is_exported(with_projection, tmp_path):
    """As users of SDXL do with its second encoder, which is no part of a CLIP here."""
    run("export", with_projection / "text_encoder", tmp_path / "again", "--format", "text-encoder", "--projection")
    for name in ("text_encoder/model.safetensors", "text_encoder/config.json", "tokenizer/vocab.json"):
        assert (tmp_path / "again" / name).read_bytes() == (with_projection / name).read_bytes()
    message = run("export", with_projection / "text_encoder", tmp_path / "hf", "--format", "hf", exit_code=2).stderr
    assert "text-encoder" in message and not (tmp_path / "hf").exists()
