#!/usr/bin/env python3
"""Reference values for the tests: a toy Long-CLIP (arXiv 2403.15378) and what it computes, in plain PyTorch on the CPU.

    make_reference.py OUT            writes them (tests/golden was made so)
    make_reference.py --check FOLDER recomputes what FOLDER holds, prints the differences, fails if one is too large

FOLDER may come from this script or, with the same file names, from the original implementation. Needs torch and numpy.
"""

import argparse
import json
import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F

from reference_model import (
    FORWARD_LOGIT_SCALE,
    RECIPE,
    load_parameters,
    read_safetensors,
    run_forward,
    run_training,
    stretch,
    write_safetensors,
)

SAMPLE_ABOVE, SAMPLE_STEP = 4096, 37  # of larger tensors, elements 0, 37, 74, ... of the flattened tensor are stored
WHOLE = {"positional_embedding_res"}  # stored whole whatever its size
TOY = {
    "embed_dim": 16,
    "image": 16,
    "patch": 8,
    "vision_width": 48,
    "vision_layers": 2,
    "text_width": 16,
    "text_layers": 1,
    "vocab": 300,
    "context": 77,
    "n": 20,
    "vision_heads": 2,
    "text_heads": 2,
    "long_context": 248,
    "sot": 298,
    "eot": 299,
    "pcm_components": 8,
}

# ---- what is stored ----


def sampled(name, tensor):
    if name in WHOLE or tensor.numel() <= SAMPLE_ABOVE:
        return tensor
    return tensor.flatten()[::SAMPLE_STEP].clone()


def describe(name, single, double):
    whole = single.double()
    return {
        "shape": list(single.shape),
        "l2": whole.norm().item(),
        "sum": whole.sum().item(),
        "max_abs": whole.abs().max().item(),
        "sampled": sampled(name, single).numel() != single.numel(),
        "f32_minus_f64_max_abs": (whole - double).abs().max().item(),
    }


# ---- retrieval ----


def ranks(scores, own, rule):
    """Rank (from 1) of the best of each row's own columns; `rule` says how columns with an equal score are ordered."""
    result = []
    for row, mine in zip(scores, own):
        best = row[mine].max()
        equal = [column for column in range(len(row)) if row[column] == best]
        ordered = {
            "low": sorted(equal),
            "high": sorted(equal, reverse=True),
            "best": sorted(equal, key=lambda c: c not in mine),
            "worst": sorted(equal, key=lambda c: c in mine),
        }[rule]
        result.append(int((row > best).sum()) + 1 + min(i for i, column in enumerate(ordered) if column in mine))
    return np.array(result)


def recalls(image, text, captions_each, rule, k):
    scores = image.double().numpy() @ text.double().numpy().T
    captions = [list(range(i * captions_each, (i + 1) * captions_each)) for i in range(len(image))]
    pictures = [[c // captions_each] for c in range(len(text))]
    return [float((ranks(scores, captions, rule) <= k).mean()), float((ranks(scores.T, pictures, rule) <= k).mean())]


def describe_retrieval(features):
    def sizes(name):
        return {"images": len(features[name + ".image"]), "captions": len(features[name + ".text"])}

    def both(name, rule, k, every=1):
        image, text = features[name + ".image"], features[name + ".text"][::every]
        return recalls(image, text, len(text) // len(image), rule, k)

    out = {
        "random": sizes("random"),
        "ties": sizes("ties"),
        "one_to_one": {"images": len(features["one_to_one.image"])},
    }
    for k in (1, 5, 10):
        out["random"][f"i2t_R@{k}"], out["random"][f"t2i_R@{k}"] = both("random", "low", k)
        possible = list(zip(both("ties", "worst", k), both("ties", "best", k)))
        out["ties"][f"i2t_R@{k}_possible"], out["ties"][f"t2i_R@{k}_possible"] = map(list, possible)
        for rule in ("high", "low"):
            out["ties"][f"own_rule_{rule}_index_first_R@{k}"] = both("ties", rule, k)
    out["one_to_one"]["i2t_R@1"], out["one_to_one"]["t2i_R@1"] = both("one_to_one", "low", 1)
    out["one_to_one_ties"] = {
        "own_rule_lowest_index_wins": both("ties", "low", 1, every=5)[::-1]
    }  # text to image first
    return out


def toy_retrieval(rng):
    def unit(rows, width):
        x = torch.from_numpy(rng.standard_normal((rows, width)).astype(np.float32))
        return F.normalize(x, dim=-1)

    def signs(rows):  # entries of +-1/4 in 16 dimensions: scores are exact, so equal scores are equal
        return torch.from_numpy(rng.choice([-0.25, 0.25], (rows, 16)).astype(np.float32))

    images, pairs, tied = unit(40, 16), unit(60, 16), signs(30)
    tied[20:] = tied[rng.integers(0, 20, 10)]
    flipped = torch.from_numpy(np.where(rng.random((150, 16)) < 0.2, -1, 1).astype(np.float32))
    return {
        "random.image": images,
        "random.text": F.normalize(images.repeat_interleave(5, 0) + 1.2 * unit(200, 16), dim=-1),
        "one_to_one.image": pairs,
        "one_to_one.text": F.normalize(pairs + 1.2 * unit(60, 16), dim=-1),
        "ties.image": tied,
        "ties.text": tied.repeat_interleave(5, 0) * flipped,
    }


# ---- the toy model and its batch ----


def toy_state(rng):
    def normal(shape, scale, centre=0.0):
        return torch.from_numpy(centre + scale * rng.standard_normal(shape)).half()

    def tower(state, name, width, layers):
        for layer in range(layers):
            block = f"{name}.resblocks.{layer}."
            shapes = {
                "attn.in_proj_weight": (3 * width, width),
                "attn.out_proj.weight": (width, width),
                "mlp.c_fc.weight": (4 * width, width),
                "mlp.c_proj.weight": (width, 4 * width),
            }
            for key, shape in shapes.items():
                state[block + key] = normal(shape, 1.2 * shape[1] ** -0.5)
                state[block + key.replace("proj_weight", "proj_bias").replace(".weight", ".bias")] = normal(
                    shape[0], 0.05
                )
            for norm in ("ln_1", "ln_2"):
                norm_state(state, block + norm, width)

    def norm_state(state, name, width):
        state[name + ".weight"], state[name + ".bias"] = normal(width, 0.1, 1.0), normal(width, 0.05)

    vision, text, tokens = TOY["vision_width"], TOY["text_width"], (TOY["image"] // TOY["patch"]) ** 2 + 1
    state = {"logit_scale": torch.tensor(FORWARD_LOGIT_SCALE).half()}
    state["visual.class_embedding"] = normal(vision, 0.5)
    state["visual.positional_embedding"] = normal((tokens, vision), 0.3)
    state["visual.conv1.weight"] = normal((vision, 3, TOY["patch"], TOY["patch"]), 0.07)
    state["visual.proj"] = normal((vision, TOY["embed_dim"]), vision**-0.5)
    state["token_embedding.weight"] = normal((TOY["vocab"], text), 0.5)
    # Multiples of 1/64, so that half and single precision stretch the table to exactly the same rows.
    state["positional_embedding"] = (normal((TOY["context"], text), 0.3) * 64).round() / 64
    state["text_projection"] = normal((text, TOY["embed_dim"]), text**-0.5)
    for name, width in (("visual.ln_pre", vision), ("visual.ln_post", vision), ("ln_final", text)):
        norm_state(state, name, width)
    tower(state, "visual.transformer", vision, TOY["vision_layers"])
    tower(state, "transformer", text, TOY["text_layers"])
    return state


def toy_captions(rng, shortest, longest):
    """Zero padded; id 0 is also a word; row 1 has an end of text in the middle (the first counts); row 2 is full."""
    ids = np.zeros((TOY["n"], TOY["long_context"]), dtype=np.int64)
    for row in range(TOY["n"]):
        words = longest if row == 2 else int(rng.integers(shortest, longest + 1))
        ids[row, 0], ids[row, words + 1] = TOY["sot"], TOY["eot"]
        ids[row, 1 : words + 1] = rng.integers(0, TOY["sot"], words)
        ids[row, 1 + words // 3] = 0
    ids[1, 4] = TOY["eot"]
    return torch.from_numpy(ids)


def write_json(path, value):
    path.write_text(json.dumps(value) + "\n")


def write_forward(out, config, batch):
    single, grads = run_forward(out, config, batch, torch.float32)
    double, grads64 = run_forward(out, config, batch, torch.float64)
    tensors = {"f32." + name: value for name, value in single.items()} | {
        "f64." + name: value for name, value in double.items()
    }
    tensors |= {"grad." + name: sampled(name, grad) for name, grad in grads.items()}
    tensors |= {"grad64." + name: grad for name, grad in grads64.items() if grad.numel() <= 512}
    write_safetensors(out / "toy_forward.safetensors", tensors)
    centred = double["image"] - double["image"].mean(0)
    values = torch.linalg.svdvals(centred)[config["pcm_components"] - 1 : config["pcm_components"] + 1]
    record = {"n": config["n"], "logit_scale": FORWARD_LOGIT_SCALE}
    for term in ("loss_long", "loss_short"):
        record[term + "_f32"], record[term + "_f64"] = single[term].item(), double[term].item()
    record["singular_values_at_the_cut"] = values.tolist()
    record["grad_norm_f64"] = math.sqrt(sum(grad.square().sum().item() for grad in grads64.values()))
    record["max_abs_f32_minus_f64"] = {
        name: (single[name].double() - double[name]).abs().max().item() for name in single
    }
    record["gradients"] = {name: describe(name, grad, grads64[name]) for name, grad in grads.items()}
    write_json(out / "toy_forward.json", record)


def write_training(out, config, batch):
    steps, weights = run_training(out, config, batch, torch.float32)
    steps64, weights64 = run_training(out, config, batch, torch.float64)
    half = config["n"] // 2
    write_json(
        out / "toy_train.json",
        {
            "recipe": RECIPE,
            "batches": f"step k uses rows (k % 2) * {half} .. + {half} of toy_batch",
            "steps_f32": steps,
            "steps_f64": steps64,
            "final_logit_scale": weights["logit_scale"].item(),
            "weights": {name: describe(name, tensor, weights64[name]) for name, tensor in weights.items()},
        },
    )
    write_safetensors(
        out / "toy_trained.safetensors", {name: sampled(name, tensor) for name, tensor in weights.items()}
    )


def write_reference(out):
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2403)
    state = toy_state(rng)
    write_safetensors(out / "toy_clip_state.safetensors", state)
    batch = {
        "pixels": torch.from_numpy(rng.standard_normal((TOY["n"], 3, TOY["image"], TOY["image"])).astype(np.float32)),
        "ids_long": toy_captions(rng, 20, TOY["long_context"] - 2),
        "ids_short": toy_captions(rng, 4, 14),
    }
    write_safetensors(out / "toy_batch.safetensors", batch)
    write_json(out / "toy_config.json", TOY | {"parameters_77": sum(tensor.numel() for tensor in state.values())})
    write_forward(out, TOY, batch)
    write_training(out, TOY, batch)
    table = torch.from_numpy(0.04 * rng.standard_normal((TOY["context"], 8))).half()
    single, half = stretch(table.float()), stretch(table).float()
    write_safetensors(
        out / "stretch.safetensors", {"table_77": table.float(), "single_248": single, "upstream_248": half}
    )
    write_json(out / "stretch.json", {"max_abs_single_minus_upstream": (single - half).abs().max().item()})
    features = toy_retrieval(rng)
    write_safetensors(out / "retrieval.safetensors", features)
    write_json(out / "retrieval.json", describe_retrieval(features))


# ---- checking a folder ----


class Report:
    """Collects the largest difference of each kind and whether one was too large."""

    def __init__(self):
        self.largest, self.failed = {}, False

    def add(self, kind, difference, tolerance):
        seen = self.largest.get(kind, (0.0, tolerance))[0]
        self.largest[kind] = (max(seen, float(difference)), tolerance)
        self.failed |= not float(difference) <= tolerance

    def print(self):
        for kind, (difference, tolerance) in self.largest.items():
            verdict = "" if difference <= tolerance else "  TOO LARGE"
            print(f"{kind:44s} {difference:9.2e}  tolerance {tolerance:.0e}{verdict}")


def check_forward(folder, config, batch, report):
    stored = read_safetensors(folder / "toy_forward.safetensors")
    for prefix, dtype, tolerances in (
        ("f32", torch.float32, (2e-6, 5e-6, 2e-5)),
        ("f64", torch.float64, (1e-12, 1e-12, 1e-10)),
    ):
        values, grads = run_forward(folder, config, batch, dtype)
        for name, value in values.items():
            kind = "loss" if name.startswith("loss") else "feature"
            report.add(
                f"forward {prefix} {kind}", (value - stored[f"{prefix}.{name}"]).abs().max(), tolerances[kind == "loss"]
            )
        for name, grad in grads.items():
            reference = stored.get(("grad." if prefix == "f32" else "grad64.") + name)
            if reference is not None:  # in double precision only small tensors are stored
                error = (sampled(name, grad) - reference).abs().max() / reference.abs().max()
                report.add(f"forward {prefix} gradient / largest entry", error, tolerances[2])
            elif prefix == "f32":
                sys.exit(f"{folder}: no gradient of {name}")


def without_key_bias(name, tensor):
    """The gradient of the key biases is zero in exact arithmetic; after training they hold noise."""
    third = len(tensor) // 3 if name.endswith("in_proj_bias") else 0
    return torch.cat([tensor[:third], tensor[2 * third :]]) if third else tensor


def check_training(folder, config, batch, report):
    record = json.loads((folder / "toy_train.json").read_text())
    steps, weights = run_training(folder, config, batch, torch.float32)
    for mine, stored in zip(steps, record["steps_f32"], strict=True):
        report.add("training loss", max(abs(mine[key] - stored[key]) for key in ("loss_long", "loss_short")), 1e-3)
        report.add("training grad_norm, relative", abs(mine["grad_norm"] / stored["grad_norm"] - 1), 1e-3)
        report.add("training lr", abs(mine["lr"] - stored["lr"]), 1e-15)
        report.add("training logit_scale", abs(mine["logit_scale"] - stored["logit_scale"]), 1e-5)
    start = load_parameters(folder, torch.float32, RECIPE["log_scale"])
    for name, stored in read_safetensors(folder / "toy_trained.safetensors").items():
        mine, before, stored = (
            without_key_bias(name, sampled(name, tensor.detach())) if i < 2 else without_key_bias(name, tensor)
            for i, tensor in enumerate((weights[name], start[name], stored))
        )
        error, update = (mine - stored).norm(), (stored - before).norm()
        report.add("trained weights, l2 / norm", error / stored.norm(), 1e-3)
        if update > 0:
            report.add("trained weights, l2 / update", error / update, 1e-2)


def check_rest(folder, report):
    tables = read_safetensors(folder / "stretch.safetensors")
    report.add("stretch single", (stretch(tables["table_77"]) - tables["single_248"]).abs().max(), 1e-7)
    report.add("stretch half", (stretch(tables["table_77"].half()).float() - tables["upstream_248"]).abs().max(), 0)
    stored = json.loads((folder / "retrieval.json").read_text())
    for protocol, values in describe_retrieval(read_safetensors(folder / "retrieval.safetensors")).items():
        for key, value in values.items():
            report.add("retrieval", np.abs(np.array(value) - np.array(stored[protocol][key])).max(), 1e-12)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # the order of sums, and so the last bits, depend on it
    torch.use_deterministic_algorithms(True)
    if not arguments.check:
        write_reference(arguments.folder)
        return
    config = json.loads((arguments.folder / "toy_config.json").read_text())
    batch = read_safetensors(arguments.folder / "toy_batch.safetensors")
    report = Report()
    check_forward(arguments.folder, config, batch, report)
    check_training(arguments.folder, config, batch, report)
    check_rest(arguments.folder, report)
    report.print()
    sys.exit(report.failed)


if __name__ == "__main__":
    main()
