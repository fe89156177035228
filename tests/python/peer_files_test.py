"""Checkpoints written by transformers and PyTorch are read by the program, each tensor under its name, bit for bit."""

import re
import zipfile

import pytest
import torch
from conftest import assert_close, encode, fingerprints, inspect, inspected_fingerprints, run
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

# ---- Hugging Face ----

OPENAI_NAMES = [  # regular expression, replacement; the text tower has no prefix at OpenAI
    (r"^(text|vision)_model\.encoder\.layers\.", r"\1_model.transformer.resblocks."),
    (r"\.layer_norm([12])\.", r".ln_\1."),
    (r"\.self_attn\.", ".attn."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.embeddings\.position_embedding\.weight$", ".positional_embedding"),
    (r"\.embeddings\.patch_embedding\.", ".conv1."),
    (r"\.embeddings\.", "."),
    (r"\.pre_layrnorm\.", ".ln_pre."),
    (r"\.post_layernorm\.", ".ln_post."),
    (r"\.final_layer_norm\.", ".ln_final."),
    (r"^text_model\.", ""),
    (r"^vision_model\.", "visual."),
    (r"^text_projection\.weight$", "text_projection"),
    (r"^visual_projection\.weight$", "visual.proj"),
]


def openai_tensors(huggingface):
    """OpenAI's names: projections transposed, query, key and value in one."""
    tensors = {}
    for original, tensor in huggingface.items():
        name = original
        for pattern, replacement in OPENAI_NAMES:
            name = re.sub(pattern, replacement, name)
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            name = name.replace("q_proj.", "in_proj_")
            tensor = torch.cat([huggingface[original.replace("q_proj", f"{part}_proj")] for part in "qkv"])
        tensors[name] = tensor.T if name in ("text_projection", "visual.proj") else tensor
    return tensors


@pytest.fixture(scope="module")
def model():
    """Towers that differ in everything, more heads than width / 64, exact GELU, all weights random."""
    tower = {"num_hidden_layers": 2, "hidden_act": "gelu", "projection_dim": 48}
    text = {"hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96, "max_position_embeddings": 248}
    text |= {"vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    vision = {"hidden_size": 96, "num_attention_heads": 3, "intermediate_size": 128, "image_size": 64, "patch_size": 16}
    config = CLIPConfig(
        text_config=text | tower, vision_config=vision | tower | {"num_hidden_layers": 3}, projection_dim=48
    )
    model = CLIPModel(config).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


@pytest.mark.parametrize("shard", ["1GB", "200KB"])
def test_a_model_saved_by_transformers_is_read(model, shard, exported, pictures, captions, tmp_path):
    model.save_pretrained(tmp_path / "hf", max_shard_size=shard)
    files = list((tmp_path / "hf").glob("*.safetensors"))
    assert (len(files) > 1) == (shard != "1GB")
    assert inspected_fingerprints(tmp_path / "hf") == fingerprints(openai_tensors(model.state_dict()))
    architecture = inspect(tmp_path / "hf")["architecture"]
    assert architecture["text"] == {"width": 64, "layers": 2, "heads": 4, "mlp_width": 96}
    assert architecture["vision"] == {"width": 96, "layers": 3, "heads": 3, "mlp_width": 128}
    ours = encode(tmp_path / "hf", tmp_path / "ours", pictures[:8], captions)
    inputs = CLIPTokenizer.from_pretrained(exported("hf"))(captions, padding=True, truncation=True, return_tensors="pt")
    processor = CLIPImageProcessorPil.from_pretrained(exported("hf"))
    pixels = processor([Image.open(path) for path in pictures[:8]], return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        theirs = model(**inputs, pixel_values=pixels)
    assert_close("image features", ours["image_features"], theirs.image_embeds, 1e-5)
    assert_close("text features", ours["text_features"], theirs.text_embeds, 1e-5)


# ---- torch.save ----


@pytest.fixture(scope="module")
def weights(base):
    return load_file(base)


def test_a_training_checkpoint_with_wrapped_names_is_read(weights, tmp_path):
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(3))])
    wrapped = {f"module.{name}": torch.nn.Parameter(tensor) for name, tensor in weights.items()}
    checkpoint = {"epoch": 3, "name": "run", "state_dict": wrapped, "optimizer": optimizer.state_dict()}
    torch.save(checkpoint, tmp_path / "epoch_3.pt")
    assert inspected_fingerprints(tmp_path / "epoch_3.pt") == fingerprints(weights)


# ---- TorchScript, as OpenAI publishes CLIP ----


class Node(torch.nn.Module):
    """A module with parameters and a little code, so that its archive holds a source file large enough to be packed."""

    def forward(self, x: torch.Tensor):
        if x.dim() > 1:
            x = torch.nn.functional.layer_norm(x, [x.shape[-1]])
        return x * torch.sigmoid(1.702 * x)


def module_of(tensors):
    root = Node()
    for name, tensor in tensors.items():
        *path, leaf = name.split(".")
        node = root
        for part in path:
            if part not in node._modules:
                node.add_module(part, Node())
            node = node._modules[part]
        node.register_parameter(leaf, torch.nn.Parameter(tensor))
    for name, value in (("input_resolution", 64), ("context_length", 77), ("vocab_size", 49408)):
        root.register_buffer(name, torch.tensor(value))
    return root


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch.jit; OpenAI's files are what they are
@pytest.mark.parametrize("compiled", ["script", "trace"])
def test_a_torchscript_archive_is_read(weights, compiled, tmp_path):
    halves = {name: tensor.half() for name, tensor in weights.items()}
    module = module_of(halves)
    archive = torch.jit.script(module) if compiled == "script" else torch.jit.trace(module, torch.zeros(2, 2))
    archive.save(str(tmp_path / "model.pt"))
    with zipfile.ZipFile(tmp_path / "model.pt") as records:  # PyTorch packs code of more than 200 bytes
        assert any(record.compress_type == zipfile.ZIP_DEFLATED for record in records.infolist())
    assert inspected_fingerprints(tmp_path / "model.pt") == fingerprints(halves)
