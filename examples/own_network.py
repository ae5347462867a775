"""One's own network and arrays, by the book: checked, trained, its best weights given back.

python examples/own_network.py
"""

import torch
from sklearn.datasets import load_digits
from torch import nn

import trainwell as tw


def main() -> None:
    x, y = load_digits(return_X_y=True)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
    run = tw.fit((x.astype("float32"), y), ["epochs=20", "optimizer.lr=3e-3"], model=model, out="runs/own-network")
    print(run.verdict["words"])
    for finding in run.findings:
        print(f"{finding['severity']}: {finding['message']}")
    inputs = run.preprocessing().apply(torch.tensor(x[:5], dtype=torch.float32))
    print("the first five:", model.eval()(inputs).argmax(1).tolist(), "in truth:", y[:5].tolist())


if __name__ == "__main__":
    main()
