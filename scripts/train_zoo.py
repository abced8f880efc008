"""Train the bundled zoo: five small families on the UCI digits, exported to ONNX with their evaluation data.

    python scripts/train_zoo.py [--out python/lehr/zoo] [--threads 2]

Needs PyTorch, scikit-learn and onnx (none of them is a dependency of lehr). The result is bit-identical for
one PyTorch version, kind of machine and thread count. The committed set is frozen: accuracies of the middle
ranks move with the seed, and recorded tables refer to the committed files, so run this into another folder
unless the whole set is to be replaced.

The held-out images are used neither for training nor for calibration. What was chosen by looking at them is
how hard the noisy variant is (so that the families spread) and that training sees some noise; nothing else
was tuned.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import time
import warnings
from pathlib import Path

import numpy as np
import onnx
import sklearn
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from lehr.deploy.zoo import FAMILIES, SIZE, noisy_to_input, pixels_to_input, store_noisy

SEED = 20260
TRAIN, CALIBRATION = 1000, 100
EPOCHS, BATCH = {"mlp": 12, "lenet": 10, "resnet": 9, "mobilenet": 14, "vit": 30}, 50
SHIFT, NOISE = (
    2,
    0.25,
)  # of the noisy variant: pixels of the 32x32 image, and standard deviation on a 0..1 scale
TRAIN_NOISE = (
    0.25  # largest standard deviation added while training, without which batch norm fails on any noise
)
OPSET = 17


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if stride != 1 or inputs != outputs
            else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class Inverted(nn.Module):
    """MobileNetV2's block: expand, depthwise, project; a shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int = 4) -> None:
        super().__init__()
        hidden = inputs * expand
        self.body = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU6(),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.same = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + y if self.same else y


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        tokens, width = x.shape[1], self.heads * self.depth
        q, k, v = (
            self.qkv(self.norm1(x))
            .reshape(-1, tokens, 3, self.heads, self.depth)
            .permute(2, 0, 3, 1, 4)
            .unbind(0)
        )
        weights = torch.softmax(q @ k.transpose(-2, -1) * self.depth**-0.5, dim=-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(-1, tokens, width))
        y: Tensor = x + self.mlp(self.norm2(x))
        return y


class Vit(nn.Module):
    """Patches of 8x8, one learnt position each, mean pooling."""

    def __init__(self, width: int = 64, blocks: int = 3, heads: int = 4, patch: int = 8) -> None:
        super().__init__()
        self.width, self.tokens = width, (SIZE // patch) ** 2
        self.embed = nn.Conv2d(1, width, patch, patch)
        self.position = nn.Parameter(torch.randn(1, self.tokens, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).reshape(-1, self.width, self.tokens).transpose(1, 2) + self.position
        y: Tensor = self.head(self.norm(self.blocks(x)).mean(1))
        return y


def build(family: str) -> nn.Module:
    """The untrained network of a family; input [N, 1, 32, 32], output logits [N, 10]."""
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    if family == "mlp":
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(SIZE * SIZE, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )
    if family == "lenet":
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(32 * 8 * 8, 128), nn.ReLU(), nn.Linear(128, 10),
        )  # fmt: skip
    if family == "resnet":
        stem = (nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        return nn.Sequential(
            *stem, Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 32, 1),
            Residual(32, 64, 2), Residual(64, 64, 1), *pool, nn.Linear(64, 10),
        )  # fmt: skip
    if family == "mobilenet":
        stem = (nn.Conv2d(1, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6())
        return nn.Sequential(
            *stem,
            Inverted(16, 24, 2),
            Inverted(24, 24, 1),
            Inverted(24, 40, 2),
            Inverted(40, 40, 1),
            *pool,
            nn.Linear(40, 10),
        )
    if family == "vit":
        return Vit()
    raise ValueError(family)


def train(family: str, images: Tensor, labels: Tensor, seed: int) -> nn.Module:
    """Adam with a one-cycle rate on the clean training images; returns the model in evaluation mode."""
    torch.manual_seed(seed)
    model = build(family).train()
    epochs, steps = EPOCHS[family], len(images) // BATCH
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, 3e-3 if family != "mlp" else 1e-3, total_steps=epochs * steps
    )
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for step in range(steps):
            batch = order[step * BATCH : (step + 1) * BATCH]
            shown = images[batch] + torch.rand(BATCH, 1, 1, 1) * TRAIN_NOISE * torch.randn(
                BATCH, 1, SIZE, SIZE
            )
            loss = nn.functional.cross_entropy(model(shown), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return model.eval()


def disturb(images: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Shift each input ``[N, 1, 32, 32]`` by up to SHIFT pixels, add noise, and store the result as bytes."""
    noisy = np.empty(images.shape, np.uint8)
    for i, image in enumerate(images[:, 0]):
        down, right = random.randint(-SHIFT, SHIFT + 1, 2)
        shifted = np.pad(image, SHIFT)[
            SHIFT - down : SHIFT - down + SIZE, SHIFT - right : SHIFT - right + SIZE
        ]
        noisy[i, 0] = store_noisy(shifted + random.normal(0, NOISE, (SIZE, SIZE)))
    return noisy


def export(model: nn.Module, path: Path) -> None:
    """Write one ONNX file with a dynamic batch dimension and no trace of the machine in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the legacy exporter needs no extra package
        torch.onnx.export(
            model, (torch.zeros(2, 1, SIZE, SIZE),), str(path), dynamo=False, opset_version=OPSET,
            input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )  # fmt: skip
    proto = onnx.load(str(path))
    for node in proto.graph.node:
        node.doc_string = ""
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, str(path))


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of the images whose largest logit is the label."""
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).double().mean())


def main() -> None:
    """Train, export and record everything that the package ships."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "python" / "lehr" / "zoo")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)

    digits = load_digits()
    pixels, labels = digits.images.astype(np.uint8), digits.target.astype(np.int64)
    random = np.random.RandomState(SEED)  # its stream is frozen, unlike that of default_rng
    # A duplicate across the split would be a leak.
    assert len({image.tobytes() for image in pixels}) == len(pixels)
    order = random.permutation(len(pixels))
    training, held_out = order[:TRAIN], order[TRAIN:]
    noisy = disturb(pixels_to_input(pixels[held_out]), random)
    calibration = training[:CALIBRATION]

    inputs, targets = torch.from_numpy(pixels_to_input(pixels[training])), torch.from_numpy(labels[training])
    clean, hard = torch.from_numpy(pixels_to_input(pixels[held_out])), torch.from_numpy(noisy_to_input(noisy))
    truth = torch.from_numpy(labels[held_out])
    families = {}
    for number, family in enumerate(FAMILIES):
        start = time.perf_counter()
        model = train(family, inputs, targets, SEED + number)
        path = options.out / f"{family}.onnx"
        export(model, path)
        families[family] = {
            "parameters": sum(p.numel() for p in model.parameters()),
            "accuracy_clean": round(accuracy(model, clean, truth), 6),
            "accuracy_noisy": round(accuracy(model, hard, truth), 6),
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        print(
            f"{family:10} {families[family]} {path.stat().st_size} bytes {time.perf_counter() - start:.1f} s"
        )

    np.savez_compressed(
        options.out / "digits.npz",
        clean=pixels[held_out], noisy=noisy, labels=labels[held_out], classes=np.arange(10),
        calibration=pixels[calibration], train_sha256=np.array(
            sorted(hashlib.sha256(image.tobytes()).digest()[:8].hex() for image in pixels[training])
        ),
    )  # fmt: skip
    card = {
        "data": {
            "name": "Optical Recognition of Handwritten Digits",
            "authors": "E. Alpaydin and C. Kaynak",
            "source": "UCI Machine Learning Repository, as bundled with scikit-learn (load_digits)",
            "doi": "10.24432/C50P49",
            "licence": "CC BY 4.0",
            "changes": f"upscaled to 32x32; the noisy variant is shifted by up to {SHIFT} pixels and carries "
            f"normal noise of {NOISE} of the grey range",
        },
        "models": {"licence": "Apache-2.0", "script": "scripts/train_zoo.py", "seed": SEED, "opset": OPSET},
        "split": {"train": TRAIN, "held_out": len(held_out), "calibration": CALIBRATION},
        "trained_with": {
            "torch": torch.__version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__,
            "machine": platform.machine(), "threads": options.threads,
        },
        "families": families,
    }  # fmt: skip
    (options.out / "zoo.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
