"""OpenCLIP writes checkpoints in both of its layouts, the program reads them and computes the same features."""

import json

import pytest
import torch
from conftest import SIDE, assert_close, encode, fingerprints, inspected_fingerprints, inspect, run
from PIL import Image
from safetensors.torch import save_file

open_clip = pytest.importorskip("open_clip")

CONFIG = {  # heads and MLP as in ViT-bigG: neither width / 64 nor 4 x width
    "embed_dim": 48,
    "vision_cfg": {"image_size": SIDE, "layers": 3, "width": 80, "head_width": 20, "patch_size": 16, "mlp_ratio": 4.9231},
    "text_cfg": {"context_length": 248, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}


def make_model(custom_text=False, quick_gelu=False):
    from open_clip.model import CLIP, CustomTextCLIP

    model = (CustomTextCLIP if custom_text else CLIP)(**CONFIG, quick_gelu=quick_gelu).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    return model


def plain(model):
    return {name.removeprefix("text."): tensor for name, tensor in model.state_dict().items() if not name.endswith("attn_mask")}


def assert_same_features(model, checkpoint, pictures, captions, folder):
    ours = encode(checkpoint, folder, pictures[:4], captions)
    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=248)(captions)
    preprocess = open_clip.image_transform(SIDE, is_train=False)
    pixels = torch.stack([preprocess(Image.open(path)) for path in pictures[:4]])
    with torch.no_grad():
        assert_close("image features", ours["image_features"], model.encode_image(pixels, normalize=True), 1e-5)
        assert_close("text features", ours["text_features"], model.encode_text(tokens, normalize=True), 1e-5)


@pytest.mark.parametrize("custom_text", [False, True], ids=["CLIP", "CustomTextCLIP"])
@pytest.mark.parametrize("quick_gelu", [False, True], ids=["gelu", "quick_gelu"])
@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_a_folder_of_open_clip_is_read_and_computes_the_same(custom_text, quick_gelu, file, pictures, captions, tmp_path):
    model = make_model(custom_text, quick_gelu)
    home = tmp_path / "model"
    home.mkdir()
    config = {"model_cfg": CONFIG | ({"quick_gelu": True} if quick_gelu else {}) | ({"custom_text": True} if custom_text else {})}
    (home / "open_clip_config.json").write_text(json.dumps(config))
    weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, home / file) if file.endswith(".safetensors") else torch.save(weights, home / file)
    told = inspect(home)
    assert told["architecture"]["vision"] == {"width": 80, "layers": 3, "heads": 4, "mlp_width": int(80 * 4.9231)}
    assert told["architecture"]["hidden_act"] == ("quick_gelu" if quick_gelu else "gelu")
    assert inspected_fingerprints(home) == fingerprints(plain(model))
    assert_same_features(model, home, pictures, captions, tmp_path / "ours")


def test_a_training_checkpoint_of_open_clip_is_read_with_the_words_of_the_user(pictures, captions, tmp_path):
    model = make_model()
    wrapped = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters())
    torch.save({"epoch": 3, "name": "x", "state_dict": wrapped, "optimizer": optimizer.state_dict()}, tmp_path / "epoch_3.pt")
    message = run("inspect", tmp_path / "epoch_3.pt").stdout
    assert "--vision-heads" in message  # 80 / 64 is no number of heads
    hints = ["--hidden-act", "gelu", "--text-heads", 4, "--vision-heads", 4]
    told = json.loads(run("inspect", tmp_path / "epoch_3.pt", "--json", *hints).stdout)
    assert told["architecture"]["hidden_act"] == "gelu"
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in captions))
    run("encode", tmp_path / "epoch_3.pt", "--texts", tmp_path / "texts" / "texts.jsonl", "--device", "cpu", *hints,
        "--out", tmp_path / "texts" / "out.safetensors")  # fmt: skip
    from safetensors.torch import load_file

    tokens = open_clip.get_tokenizer("ViT-B-32", context_length=248)(captions)
    with torch.no_grad():
        theirs = model.encode_text(tokens, normalize=True)
    assert_close("text features", load_file(tmp_path / "texts" / "out.safetensors")["text_features"], theirs, 1e-5)
