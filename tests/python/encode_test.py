"""What `longclip encode` writes, as Python reads it; its parts are those that transformers computes."""

import json

import numpy
import pytest
import torch
from conftest import assert_close, report, run
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer, CLIPVisionModel
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

TOLERANCE = 1e-5  # float32


@pytest.fixture(scope="module")
def parts(stretched, pictures, captions, tmp_path_factory):
    """Features of the drawn pictures and the captions, with patches and tokens."""
    folder = tmp_path_factory.mktemp("parts")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in captions))
    run("encode", stretched, "--images", *pictures, "--texts", folder / "texts.jsonl", "--patch-features", "--token-features",
        "--device", "cpu", "--batch", 7, "--out", folder / "f.safetensors")
    return load_file(folder / "f.safetensors")


def strings(tensor):
    return json.loads(bytes(tensor.numpy()))


def test_the_names_are_those_of_the_rows(parts, pictures, captions):
    assert strings(parts["image_names"]) == [str(path) for path in pictures]
    assert strings(parts["texts"]) == captions
    assert len(parts["image_features"]) == len(pictures) and len(parts["text_features"]) == len(captions)


def test_patch_features_are_the_last_hidden_state_after_post_layernorm(parts, exported, pictures):
    hf = exported("hf")
    model = CLIPVisionModel.from_pretrained(hf).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(hf)([Image.open(path) for path in pictures], return_tensors="pt")["pixel_values"]
    tower = getattr(model, "vision_model", model)
    with torch.no_grad():
        theirs = tower.post_layernorm(model(pixel_values=pixels).last_hidden_state[:, 1:])
    assert theirs.std(0).max() > 0.01
    assert_close("patches", parts["image_patch_features"], theirs, TOLERANCE)


def test_token_features_are_the_last_hidden_state_of_each_text_up_to_its_end(parts, exported, captions):
    hf = exported("hf")
    inputs = CLIPTokenizer.from_pretrained(hf)(captions, padding=True, truncation=True, return_tensors="pt")
    with torch.no_grad():
        theirs = CLIPTextModel.from_pretrained(hf).eval()(**inputs).last_hidden_state
    kept = inputs["attention_mask"].bool()
    assert parts["text_lengths"].tolist() == kept.sum(1).tolist()
    assert parts["text_token_ids"].tolist() == inputs["input_ids"][kept].tolist()
    assert_close("tokens", parts["text_token_features"], theirs[kept], TOLERANCE)
    ends = parts["text_lengths"].cumsum(0) - 1
    project = load_file(hf / "model.safetensors")["text_projection.weight"].T
    features = torch.nn.functional.normalize(parts["text_token_features"][ends] @ project, dim=-1)
    assert_close("features of the rows at the end of text", parts["text_features"], features, 1e-5)


def test_numpy_reads_the_npy_file_and_search_the_one_that_numpy_wrote(parts, stretched, pictures, tmp_path):
    run("encode", stretched, "--images", *pictures, "--device", "cpu", "--out", tmp_path / "f.npy")
    ours = numpy.load(tmp_path / "f.npy")
    assert ours.dtype == numpy.float32
    assert_close("features in .npy", torch.from_numpy(ours), parts["image_features"], 1e-6)
    assert json.loads((tmp_path / "f.json").read_text())["images"] == [str(path) for path in pictures]
    numpy.save(tmp_path / "theirs.npy", ours)
    found = run("search", tmp_path / "theirs.npy", "--model", stretched, "--image", pictures[5], "--top", 1, "--json").stdout
    assert json.loads(found)["results"][0]["row"] == 5


def test_zero_shot_accuracy_is_what_transformers_features_give(stretched, exported, triples, tmp_path):
    """Eight pictures in three classes; prompts of two templates, averaged."""
    hf = exported("hf")
    classes = ["rock", "sea", "tree"]
    for i in range(8):
        (tmp_path / "set" / classes[i % 3]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / classes[i % 3] / f"{i}.png").write_bytes((triples.parent / f"{i}.png").read_bytes())
    templates = ["a photo of a {}.", "a drawing of the {}!"]
    (tmp_path / "templates.txt").write_text("\n".join(templates))
    ours = json.loads(run("eval", "zeroshot", stretched, "--data", tmp_path / "set", "--templates", tmp_path / "templates.txt", "--json").stdout)

    model, processor = CLIPModel.from_pretrained(hf).eval(), CLIPImageProcessorPil.from_pretrained(hf)
    inputs = CLIPTokenizer.from_pretrained(hf)([t.format(c) for c in classes for t in templates], padding=True, return_tensors="pt")
    paths = sorted((tmp_path / "set").rglob("*.png"))
    with torch.no_grad():
        out = model(**inputs, pixel_values=processor([Image.open(path) for path in paths], return_tensors="pt")["pixel_values"])
    means = torch.nn.functional.normalize(out.text_embeds.view(3, 2, -1).mean(1), dim=-1)
    scores = out.image_embeds @ means.T
    margin = scores.topk(2).values.diff().abs().min().item()
    report(f"smallest distance of best and second class {margin:.3g}")
    right = [classes[best] == path.parent.name for best, path in zip(scores.argmax(1).tolist(), paths)]
    assert ours["top1"] == sum(right) / 8
