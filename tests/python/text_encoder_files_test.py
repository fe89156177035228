"""Text encoders alone: transformers and other programs write them, the program stretches them, transformers loads that."""

import json

import pytest
import torch
from conftest import assert_close, fingerprints, inspect, run
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

OPENAI_TO_HF = [("transformer.resblocks.", "text_model.encoder.layers."), (".ln_1.", ".layer_norm1."), (".ln_2.", ".layer_norm2.")]


def text_encoder(kind, positions=77, **changes):
    """Small; more heads than width / 64, an MLP that is not 4 x width, exact GELU, every weight random."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "projection_dim": 48}
    sizes |= {"vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    model = kind(CLIPTextConfig(**sizes | {"hidden_act": "gelu", "max_position_embeddings": positions} | changes)).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model


def table_of(model):
    return next(tensor for name, tensor in model.state_dict().items() if name.endswith("position_embedding.weight"))


def stretched_table(table, keep=20):
    """The rule of Long-CLIP (arXiv:2403.15378): between two old rows three new ones."""
    rows = [table[i] for i in range(keep)]
    for i in range(keep, len(table) - 1):
        rows += [table[i] * (1 - r / 4) + table[i + 1] * (r / 4) for r in range(4)]
    step = table[-1] - table[-2]
    return torch.stack(rows + [table[-1] + step * (r / 4) for r in range(4)])


def outputs(model, ids):
    with torch.no_grad():
        out = model(input_ids=ids)
    pooled = out.text_embeds if hasattr(out, "text_embeds") else out.pooler_output
    return pooled, out.last_hidden_state


@pytest.mark.parametrize("kind", [CLIPTextModel, CLIPTextModelWithProjection])
@pytest.mark.parametrize("out", ["long", "long.safetensors"])
def test_a_stretched_text_encoder_loads_in_transformers(kind, out, tmp_path):
    model = text_encoder(kind)
    model.save_pretrained(tmp_path / "short")
    run("stretch", tmp_path / "short", tmp_path / out)
    if out.endswith(".safetensors"):  # bare, as ComfyUI wants it: the config is ours to give
        config = CLIPTextConfig(**model.config.to_dict() | {"max_position_embeddings": 248})
        weights = load_file(tmp_path / out)
        loaded = kind.from_pretrained(None, config=config, state_dict=weights).eval()
    else:
        loaded, loading = kind.from_pretrained(tmp_path / out, output_loading_info=True)
        assert not any(loading.values()), loading
        loaded.eval()
        assert loaded.config.max_position_embeddings == 248 and loaded.config.hidden_act == "gelu"
        assert json.loads((tmp_path / out / "config.json").read_text())["architectures"] == [kind.__name__]
    wanted = text_encoder(kind, positions=248)
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("position_ids")}
    name = next(name for name in state if name.endswith("position_embedding.weight"))
    wanted.load_state_dict(state | {name: stretched_table(state[name])}, strict=False)
    ids = torch.randint(0, 49406, (3, 248), generator=torch.Generator().manual_seed(4))
    ids[:, 0], ids[0, 20], ids[1, 90], ids[2, 247] = 49406, 49407, 49407, 49407
    for label, ours, theirs in zip(("pooled", "hidden"), outputs(loaded, ids), outputs(wanted, ids)):
        assert_close(label, ours, theirs, 1e-5)


@pytest.mark.parametrize("kind", [CLIPTextModel, CLIPTextModelWithProjection])
def test_a_text_encoder_shows_its_sizes(kind, tmp_path):
    text_encoder(kind).save_pretrained(tmp_path / "short")
    told = inspect(tmp_path / "short")
    assert told["architecture"]["text"] == {"width": 64, "layers": 2, "heads": 4, "mlp_width": 96}
    assert told["architecture"]["embed_dim"] == (48 if kind is CLIPTextModelWithProjection else None)
    assert told["architecture"]["hidden_act"] == "gelu"


def test_the_old_end_of_text_of_published_configs_is_corrected(tmp_path):
    text_encoder(CLIPTextModel).save_pretrained(tmp_path / "old")
    config = json.loads((tmp_path / "old" / "config.json").read_text())
    (tmp_path / "old" / "config.json").write_text(json.dumps(config | {"eos_token_id": 2, "bos_token_id": 0, "pad_token_id": 1}))
    assert inspect(tmp_path / "old")["architecture"]["eos_id"] == 49407


def test_a_text_encoder_in_a_single_file_of_stable_diffusion_is_found(tmp_path):
    """SDXL's two encoders beside a UNet; the first in Hugging Face's names with a buffer."""
    model = text_encoder(CLIPTextModelWithProjection)
    tower = {f"conditioner.embedders.0.transformer.{name}": tensor for name, tensor in model.state_dict().items() if name.startswith("text_model.")}
    tower["conditioner.embedders.0.transformer.text_model.embeddings.position_ids"] = torch.arange(77)[None]
    other = {f"conditioner.embedders.1.{name}": tensor.clone() for name, tensor in model.state_dict().items()}
    save_file({**tower, **other, "model.diffusion_model.out.2.bias": torch.zeros(4)}, tmp_path / "sdxl.safetensors")
    message = run("stretch", tmp_path / "sdxl.safetensors", tmp_path / "out", exit_code=2).stderr
    assert "--entry" in message and "conditioner.embedders.0.transformer" in message
    run("stretch", tmp_path / "sdxl.safetensors", tmp_path / "out", "--entry", "embedders.0", "--text-heads", 4, "--hidden-act", "gelu")
    loaded = CLIPTextModel.from_pretrained(tmp_path / "out")
    assert torch.equal(table_of(loaded)[:20], table_of(model)[:20])
    assert loaded.config.num_attention_heads == 4
    ours, theirs = loaded.state_dict(), model.state_dict()
    for name, tensor in ours.items():
        if not name.endswith("position_embedding.weight"):
            assert torch.equal(tensor, theirs[f"text_model.{name.removeprefix('text_model.')}"]), name
