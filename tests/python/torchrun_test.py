"""PyTorch's own launcher starts two ranks of `longclip train`."""

import json
import os
import pathlib
import subprocess
import sys
import time

import torch
from conftest import PROGRAM, assert_close, run

TORCHRUN = pathlib.Path(sys.executable).with_name("torchrun")
TOLERANCE = 1e-4  # two ranks add up in another order


def metrics_of(home):
    return [json.loads(line) for line in (home / "metrics.jsonl").read_text().splitlines()]


UNDER_TORCHRUN = [TORCHRUN, "--standalone", "--nproc-per-node", 2, "--no-python", PROGRAM, "train"]


def train_under_torchrun(config, home):
    run(*UNDER_TORCHRUN, config)
    return home


def wait_until(holds, seconds=120):
    for _ in range(10 * seconds):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("nothing happened")


def runs_in(folder):
    """Whether the program runs in this folder."""
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == folder and (process / "exe").readlink().name == PROGRAM.name:
                return True
        except OSError:  # it has just ended
            pass
    return False


def test_two_ranks_have_the_losses_of_one_process(experiment):
    config, home = experiment("one_process")
    run("train", config)
    alone = metrics_of(home)
    together = metrics_of(train_under_torchrun(*experiment("two_ranks")))
    assert [row["step"] for row in alone] == [row["step"] for row in together] == [1, 2, 3]
    assert alone[2]["loss"] < alone[0]["loss"] - 0.1  # they train, so a lost gradient would show
    for name in ("loss", "loss_long", "loss_short", "logit_scale", "pcm_energy"):
        assert_close(name, *(torch.tensor([row[name] for row in rows]) for rows in (alone, together)), TOLERANCE)
    assert [row["pairs"] for row in together] == [8, 8, 8]


def test_torchrun_gives_the_losses_of_our_own_launcher(experiment):
    theirs = metrics_of(train_under_torchrun(*experiment("under_torchrun")))
    config, home = experiment("under_launch")
    run("launch", "--nproc", 2, "--", config, env={**os.environ, "OMP_NUM_THREADS": "1"})  # as torchrun sets it
    ours = metrics_of(home)
    assert [row["step"] for row in ours] == [1, 2, 3]
    for name in ("step", "loss", "loss_long", "loss_short", "lr", "grad_norm"):
        assert [row[name] for row in ours] == [row[name] for row in theirs], name


def test_killing_torchrun_leaves_no_rank_and_the_run_is_saved(experiment, tmp_path):
    config, home = experiment("killed_torchrun")
    command = [*UNDER_TORCHRUN, config, "--set", "schedule.steps=100000"]
    torchrun = subprocess.Popen([str(word) for word in command], cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_until(lambda: (home / "metrics.jsonl").exists() and len(metrics_of(home)) >= 3)
    torchrun.kill()
    torchrun.wait()
    wait_until(lambda: not runs_in(tmp_path.resolve()))
    assert (home / "checkpoints" / "latest").read_text() == f"step_{len(metrics_of(home)):08d}\n"
