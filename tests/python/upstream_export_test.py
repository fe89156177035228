"""torch.load reads what `longclip export --format upstream` writes: the names of the Long-CLIP code, both tables."""

import sys

import pytest
import torch
from conftest import SOURCE, assert_close, encode, run
from PIL import Image
from transformers import CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

sys.path.insert(0, str(SOURCE / "scripts"))
import reference_model  # noqa: E402

LAYERS, HEADS = 4, 2  # of both towers of --arch tiny

OUTSIDE_BLOCKS = """
    logit_scale positional_embedding positional_embedding_res text_projection token_embedding.weight
    ln_final.weight ln_final.bias visual.class_embedding visual.positional_embedding visual.proj visual.conv1.weight
    visual.ln_pre.weight visual.ln_pre.bias visual.ln_post.weight visual.ln_post.bias
""".split()
IN_BLOCK = """
    attn.in_proj_weight attn.in_proj_bias attn.out_proj.weight attn.out_proj.bias ln_1.weight ln_1.bias
    mlp.c_fc.weight mlp.c_fc.bias mlp.c_proj.weight mlp.c_proj.bias ln_2.weight ln_2.bias
""".split()


@pytest.fixture(scope="module")
def weights(exported):
    return torch.load(exported("upstream"), weights_only=True)


def test_the_keys_are_those_of_the_long_clip_code(weights):
    blocks = [
        f"{tower}transformer.resblocks.{layer}.{name}"
        for tower in ("", "visual.")
        for layer in range(LAYERS)
        for name in IN_BLOCK
    ]
    assert set(weights) == {*OUTSIDE_BLOCKS, *blocks}


def test_both_position_tables_have_248_equal_rows(weights):
    assert weights["positional_embedding"].shape == (248, 128)
    assert torch.equal(weights["positional_embedding"], weights["positional_embedding_res"])


def test_a_plain_forward_pass_gives_the_features_of_encode(weights, exported, stretched, pictures, captions, tmp_path):
    ids = CLIPTokenizer.from_pretrained(exported("hf"))(captions, truncation=True)["input_ids"]
    padded = torch.tensor([row + [0] * (248 - len(row)) for row in ids])
    processor = CLIPImageProcessorPil.from_pretrained(exported("hf"))
    pixels = processor([Image.open(path) for path in pictures], return_tensors="pt")["pixel_values"]
    sizes = {"patch": 16, "vision_layers": LAYERS, "vision_heads": HEADS, "text_layers": LAYERS, "text_heads": HEADS}
    ours = encode(stretched, tmp_path, pictures, captions)
    with torch.no_grad():
        image = reference_model.encode_image(weights, pixels, sizes)
        text = reference_model.encode_text(weights, padded, sizes)
    assert_close("image features", ours["image_features"], image, 1e-5)
    assert_close("text features", ours["text_features"], text, 1e-5)


def test_the_program_reads_its_own_upstream_export_back(exported, stretched, tmp_path):
    run("export", exported("upstream"), tmp_path / "again.pt", "--format", "upstream")
    again = torch.load(tmp_path / "again.pt", weights_only=True)
    original = torch.load(exported("upstream"), weights_only=True)
    assert again.keys() == original.keys()
    assert all(torch.equal(again[name], original[name]) for name in original)
