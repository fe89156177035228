"""Long-CLIP in plain PyTorch on the CPU, to be read: no fusing, no packing, padded captions. For make_reference.py.

Parameters are a dictionary with OpenAI's key names; `config` is toy_config.json. Formulas: docs/recipe.md.
"""

import json
import math
import pathlib
import struct

import torch
import torch.nn.functional as F

KEEP, RATIO = 20, 4  # positions: the first 20 unchanged, the rest four times as many
FORWARD_LOGIT_SCALE = 2.65625
RECIPE = {
    "lr": 1e-3,
    "weight_decay": 0.01,
    "warmup": 5,
    "steps": 20,
    "label_smoothing": 0.1,
    "short_weight": 1.0,
    "log_scale": 4.6052,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
}

# ---- safetensors: 8 bytes of header length, a JSON header, the tensors ----

DTYPES = {"F16": torch.float16, "F32": torch.float32, "F64": torch.float64, "I64": torch.int64}


def read_safetensors(path):
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = torch.frombuffer(bytearray(data[8 + length + begin : 8 + length + end]), dtype=DTYPES[entry["dtype"]])
        tensors[name] = raw.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    names = {dtype: name for name, dtype in DTYPES.items()}
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(tensors, key=lambda name: (-tensors[name].element_size(), name)):  # keeps every tensor aligned
        tensor = tensors[name].detach().contiguous()
        raw = tensor.numpy().tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


# ---- the model; `p` maps OpenAI's key names to tensors ----


def stretch(table):
    """77 rows -> 248, each operation rounded to the table's own precision."""
    rows = [table[i] for i in range(KEEP)]
    for i in range(KEEP, len(table) - 1):
        rows += [(RATIO - r) * table[i] / RATIO + r * table[i + 1] / RATIO for r in range(RATIO)]
    rows += [table[-1] + r * (table[-1] - table[-2]) / RATIO for r in range(RATIO)]
    return torch.stack(rows)


def layer_norm(x, p, name):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)


def attention(x, p, name, heads, causal):
    batch, length, width = x.shape
    qkv = F.linear(x, p[name + ".in_proj_weight"], p[name + ".in_proj_bias"])
    q, k, v = (part.reshape(batch, length, heads, width // heads).transpose(1, 2) for part in qkv.chunk(3, -1))
    scores = q @ k.transpose(-1, -2) / math.sqrt(width // heads)
    if causal:
        scores = scores + torch.full((length, length), -math.inf, dtype=x.dtype).triu(1)
    mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width)
    return F.linear(mixed, p[name + ".out_proj.weight"], p[name + ".out_proj.bias"])


def transformer(x, p, name, layers, heads, causal):
    for layer in range(layers):
        block = f"{name}.resblocks.{layer}"
        x = x + attention(layer_norm(x, p, block + ".ln_1"), p, block + ".attn", heads, causal)
        hidden = F.linear(layer_norm(x, p, block + ".ln_2"), p[block + ".mlp.c_fc.weight"], p[block + ".mlp.c_fc.bias"])
        hidden = hidden * torch.sigmoid(1.702 * hidden)
        x = x + F.linear(hidden, p[block + ".mlp.c_proj.weight"], p[block + ".mlp.c_proj.bias"])
    return x


def encode_image(p, pixels, config):
    patches = (
        F.conv2d(pixels.to(p["visual.proj"].dtype), p["visual.conv1.weight"], stride=config["patch"])
        .flatten(2)
        .transpose(1, 2)
    )
    class_token = p["visual.class_embedding"].expand(len(pixels), 1, -1)
    x = torch.cat([class_token, patches], 1) + p["visual.positional_embedding"]
    x = transformer(
        layer_norm(x, p, "visual.ln_pre"),
        p,
        "visual.transformer",
        config["vision_layers"],
        config["vision_heads"],
        False,
    )
    return F.normalize(layer_norm(x[:, 0], p, "visual.ln_post") @ p["visual.proj"], dim=-1)


def encode_text(p, ids, config):
    positions = torch.cat([p["positional_embedding"][:KEEP], p["positional_embedding_res"][KEEP:]])
    x = transformer(
        p["token_embedding.weight"][ids] + positions,
        p,
        "transformer",
        config["text_layers"],
        config["text_heads"],
        True,
    )
    first_eot = ids.argmax(-1)
    return F.normalize(layer_norm(x, p, "ln_final")[torch.arange(len(ids)), first_eot] @ p["text_projection"], dim=-1)


def coarse(features, components):
    """Projection on the first principal components. Of the two matrices with the same spectrum the smaller is taken: it
    has no repeated zero eigenvalues, at which the derivative of eigh is undefined."""
    x = features.double()
    rows, width = x.shape
    if rows <= components + 1:  # centred rows have rank rows - 1: nothing is lost
        return features
    mean = x.mean(0)
    centred = x - mean
    if rows < width:
        top = torch.linalg.eigh(centred @ centred.T)[1][:, -components:]
        projected = top @ (top.T @ centred)
    else:
        top = torch.linalg.eigh(centred.T @ centred)[1][:, -components:]
        projected = centred @ top @ top.T
    return (projected + mean).to(features.dtype)


def contrastive(image, text, logit_scale):
    logits = logit_scale.exp() * image @ text.T
    targets = torch.arange(len(image))
    smoothing = RECIPE["label_smoothing"]
    return (
        F.cross_entropy(logits, targets, label_smoothing=smoothing)
        + F.cross_entropy(logits.T, targets, label_smoothing=smoothing)
    ) / 2


def forward(p, batch, config):
    image = encode_image(p, batch["pixels"], config)
    long, short = encode_text(p, batch["ids_long"], config), encode_text(p, batch["ids_short"], config)
    components = config.get("pcm_components", 32)
    return {
        "image": image,
        "long": long,
        "short": short,
        "loss_long": contrastive(image, long, p["logit_scale"]),
        "loss_short": contrastive(coarse(image, components), short, p["logit_scale"]),
    }


def load_parameters(folder, dtype, logit_scale):
    """The stretched toy model. Everything is trained but the frozen table."""
    p = {name: tensor.to(dtype) for name, tensor in read_safetensors(folder / "toy_clip_state.safetensors").items()}
    p["positional_embedding"] = stretch(p["positional_embedding"])
    p["positional_embedding_res"] = p["positional_embedding"].clone()
    p["logit_scale"] = torch.tensor(logit_scale, dtype=dtype)
    for name, tensor in p.items():
        tensor.requires_grad_(name != "positional_embedding")
    return p


# ---- one pass and a short training ----


def run_forward(folder, config, batch, dtype):
    """Features, coarse features, losses and gradients of loss_long + loss_short."""
    p = load_parameters(folder, dtype, FORWARD_LOGIT_SCALE)
    values = forward(p, batch, config)
    (values["loss_long"] + values["loss_short"]).backward()
    for rows in (config["n"], config["n"] // 2, config["n"] // 4):
        values[f"pca_{rows}"] = coarse(values["image"][:rows], config.get("pcm_components", 32))
    values = {name: value.detach() for name, value in values.items()}
    return values, {name: tensor.grad for name, tensor in p.items() if tensor.grad is not None}


def learning_rate(step):
    base, warmup, steps = RECIPE["lr"], RECIPE["warmup"], RECIPE["steps"]
    if step < warmup:
        return base * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) * base


def run_training(folder, config, batch, dtype):
    p = load_parameters(folder, dtype, RECIPE["log_scale"])
    trained = [tensor for tensor in p.values() if tensor.requires_grad]
    optimizer = torch.optim.AdamW(
        trained,
        lr=RECIPE["lr"],
        betas=RECIPE["betas"],
        eps=RECIPE["eps"],
        weight_decay=RECIPE["weight_decay"],
        foreach=False,
    )
    half, steps = config["n"] // 2, []
    for step in range(RECIPE["steps"]):
        optimizer.param_groups[0]["lr"] = learning_rate(step)
        rows = slice((step % 2) * half, (step % 2) * half + half)
        values = forward(p, {name: tensor[rows] for name, tensor in batch.items()}, config)
        optimizer.zero_grad()
        (values["loss_long"] + RECIPE["short_weight"] * values["loss_short"]).backward()
        norm = math.sqrt(sum(tensor.grad.double().square().sum().item() for tensor in trained))
        steps.append(
            {
                "step": step,
                "loss_long": values["loss_long"].item(),
                "loss_short": values["loss_short"].item(),
                "lr": learning_rate(step),
                "grad_norm": norm,
                "logit_scale": p["logit_scale"].item(),
            }
        )
        optimizer.step()
    return steps, {name: tensor.detach() for name, tensor in p.items()}
