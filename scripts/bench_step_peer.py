"""scripts/bench_step_peer.py -- the peers of scripts/bench_step.py: one Long-CLIP training step as a user would run it without us.

usage: bench_step_peer.py pytorch|open_clip JSON [TRACE]     prints one line of JSON. JSON: what longclip_step_bench said of its run;
TRACE: a Chrome trace of one more step.
`pytorch` is the public Long-CLIP code's step, written anew: nn.MultiheadAttention with an additive mask, all 248 positions of
long and short captions, linalg.svd, autocast, torch.optim.AdamW. `open_clip` has the towers of open_clip_torch instead.
"""
import json
import math
import pathlib
import resource
import statistics
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class ResidualAttentionBlock(nn.Module):
    def __init__(self, width, heads, mlp_width, mask):
        super().__init__()
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, mlp_width), QuickGELU(), nn.Linear(mlp_width, width))
        self.mask = mask  # [L, L], -inf above the diagonal, or None

    def forward(self, x):  # [L, B, W]
        h = self.ln_1(x)
        mask = None if self.mask is None else self.mask.to(h)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


def transformer(size, mask=None):
    return nn.Sequential(*(ResidualAttentionBlock(size["width"], size["heads"], size["mlp_width"], mask) for _ in range(size["layers"])))


class LongClip(nn.Module):
    """Both towers; parameters are drawn, so only the shapes are CLIP's."""

    def __init__(self, sizes):
        super().__init__()
        vision, text, embed = sizes["vision"], sizes["text"], sizes["embed_dim"]
        length, patches = sizes["context_length"], (sizes["image_size"] // sizes["patch_size"]) ** 2
        self.conv1 = nn.Conv2d(3, vision["width"], sizes["patch_size"], sizes["patch_size"], bias=False)
        self.class_embedding = nn.Parameter(torch.randn(vision["width"]) * 0.02)
        self.visual_positions = nn.Parameter(torch.randn(patches + 1, vision["width"]) * 0.02)
        self.ln_pre, self.ln_post, self.ln_final = nn.LayerNorm(vision["width"]), nn.LayerNorm(vision["width"]), nn.LayerNorm(text["width"])
        self.visual = transformer(vision)
        self.proj = nn.Parameter(torch.randn(vision["width"], embed) * vision["width"] ** -0.5)
        self.token_embedding = nn.Embedding(sizes["vocabulary_size"], text["width"])
        nn.init.normal_(self.token_embedding.weight, std=0.02)
        self.register_buffer("positions", torch.randn(length, text["width"]) * 0.01)
        self.positions_res = nn.Parameter(self.positions.clone())
        keep = torch.zeros(length, 1)
        keep[:20] = 1
        self.register_buffer("keep", keep)
        self.text = transformer(text, torch.full((length, length), -math.inf).triu(1))
        self.text_projection = nn.Parameter(torch.randn(text["width"], embed) * text["width"] ** -0.5)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_image(self, image):
        x = self.conv1(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.to(x.dtype).expand(len(x), 1, -1), x], 1) + self.visual_positions.to(x.dtype)
        x = self.visual(self.ln_pre(x).transpose(0, 1)).transpose(0, 1)
        return self.ln_post(x[:, 0]) @ self.proj

    def encode_text(self, ids):
        x = self.token_embedding(ids) + self.positions * self.keep + self.positions_res * (1 - self.keep)
        x = self.ln_final(self.text(x.transpose(0, 1)).transpose(0, 1))
        return x[torch.arange(len(ids)), ids.argmax(-1)] @ self.text_projection


def open_clip_model(sizes):
    import open_clip
    vision, text = sizes["vision"], sizes["text"]
    return open_clip.model.CLIP(
        embed_dim=sizes["embed_dim"], quick_gelu=True,
        vision_cfg={"image_size": sizes["image_size"], "patch_size": sizes["patch_size"], "layers": vision["layers"], "width": vision["width"],
                    "head_width": vision["width"] // vision["heads"], "mlp_ratio": vision["mlp_width"] / vision["width"]},
        text_cfg={"context_length": sizes["context_length"], "vocab_size": sizes["vocabulary_size"], "width": text["width"],
                  "heads": text["heads"], "layers": text["layers"]})


def coarse(image_features, components=32):
    """Long-CLIP's PCA of the batch."""
    x = image_features.float()
    mean = x.mean(0)
    kept = torch.linalg.svd(x - mean, full_matrices=False)[2][:components].T
    return (x - mean) @ kept @ kept.T + mean


def contrastive(image, text, scale):
    logits, target = scale * image @ text.T, torch.arange(len(image), device=image.device)
    return (F.cross_entropy(logits, target, label_smoothing=0.1) + F.cross_entropy(logits.T, target, label_smoothing=0.1)) / 2


def captions(lengths, sizes):
    """[B, L], padded with 0 behind the end-of-text token, which has the highest id."""
    ids = torch.zeros(len(lengths), sizes["context_length"], dtype=torch.long)
    for row, length in zip(ids, lengths):
        row[: length - 1] = torch.randint(1, sizes["eos_id"], (length - 1,))
        row[length - 1] = sizes["eos_id"]
    return ids


def main():
    peer, ours = sys.argv[1], json.loads(sys.argv[2])
    sizes, pairs = ours["sizes"], ours["pairs"]
    torch.set_num_threads(ours["threads"])
    torch.manual_seed(0)
    device = torch.device(ours["device"])
    on_gpu = device.type == "cuda"
    model = (LongClip(sizes) if peer == "pytorch" else open_clip_model(sizes)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=1e-2)
    inputs = [torch.randn(pairs, 3, sizes["image_size"], sizes["image_size"]),
              captions([118 + (120 * i) // max(pairs - 1, 1) for i in range(pairs)], sizes),
              captions([16 + (24 * i) // max(pairs - 1, 1) for i in range(pairs)], sizes)]
    if on_gpu:
        inputs = [tensor.pin_memory() for tensor in inputs]

    def step():
        optimizer.zero_grad()
        image, long_ids, short_ids = (tensor.to(device, non_blocking=True) for tensor in inputs)
        with torch.autocast(device.type, torch.bfloat16, enabled=ours["precision"] == "bf16"):
            features = [F.normalize(encoded, dim=-1) for encoded in
                        (model.encode_image(image), model.encode_text(long_ids), model.encode_text(short_ids))]
        image_BE, long_BE, short_BE = (feature.float() for feature in features)
        scale = model.logit_scale.exp()
        loss = contrastive(image_BE, long_BE, scale) + contrastive(coarse(image_BE), short_BE, scale)
        loss.backward()
        optimizer.step()
        return loss.item()

    seconds = []
    for i in range(ours["warmup_steps"] + ours["steps"]):
        start = time.monotonic()
        loss = step()
        if on_gpu:
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - start)
    memory = torch.cuda.max_memory_allocated() if on_gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if len(sys.argv) > 3:
        activities = [torch.profiler.ProfilerActivity.CPU] + [torch.profiler.ProfilerActivity.CUDA] * on_gpu
        with torch.profiler.profile(activities=activities, record_shapes=True) as profile:
            step()
            if on_gpu:
                torch.cuda.synchronize()
        profile.export_chrome_trace(sys.argv[3])
    print(json.dumps({"step_seconds": {"median": statistics.median(seconds[ours["warmup_steps"]:])}, "last_loss": loss,
                      "peak_memory_bytes": memory, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
