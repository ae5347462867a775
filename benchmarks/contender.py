"""One contender of the throughput benchmark: a process of its own that trains a turn on command.

Threads, allocator and global settings of one contender cannot leak into another. A line `WARM_UP STEPS` on standard
input asks for a turn; the answer is its seconds as one line of JSON. What a framework prints goes to standard error.
"""

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

import torch

from task import Task


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module")
    parser.add_argument("variant")
    parser.add_argument("network")
    parser.add_argument("data", type=Path)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    torch.set_num_threads(arguments.threads)
    task = Task(arguments.network, arguments.batch, arguments.data, arguments.seed)
    turn = importlib.import_module(arguments.module).prepare(task, arguments.variant)
    print("ready", file=answers)
    for line in sys.stdin:
        warm_up, steps = map(int, line.split())
        print(json.dumps(turn(warm_up, steps)), file=answers)


if __name__ == "__main__":
    main()
