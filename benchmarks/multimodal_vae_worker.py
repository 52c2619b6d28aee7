"""One side of ``multimodal_vae.py``: builds, trains and measures one library's models on command.

Reads one JSON command per line from standard input and answers with one JSON line. ``ours`` runs in
the project's environment, ``theirs`` in one that has PyPI's ``multivae``; both see the same arrays.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

LATENT, HIDDEN, BATCH, RATE = 20, 400, 100, 1e-3
WIDTHS = {"image": 784, "label": 10}
ALPHA = 0.9


def mlp(*widths: int) -> list[nn.Module]:
    """Linear layers with ReLU between them."""
    steps: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        steps += [nn.Linear(before, after), nn.ReLU()]
    return steps[:-1]


class Side:
    """What both sides do; subclasses know a library."""

    model: Any
    optimiser: torch.optim.Optimizer

    def __init__(self, data: str) -> None:
        arrays = np.load(data)
        self.data = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        self.n = len(self.data["train_image"])
        self.posterior = ""

    def batch(self, rows: Any, part: str = "train") -> dict[str, Tensor]:
        """Both modalities of some rows."""
        return {name: self.data[f"{part}_{name}"][rows] for name in WIDTHS}

    def build(self, posterior: str, seed: int) -> dict[str, Any]:
        """A fresh model and optimiser."""
        torch.manual_seed(seed)
        self.posterior, self.step_number = posterior, 0
        self.make(posterior)
        return {"parameters": sum(p.numel() for p in self.model.parameters() if p.requires_grad)}

    def steps(self, count: int, epoch: int) -> dict[str, float]:
        """``count`` optimiser steps on batches that are ready: seconds of wall and of CPU."""
        order = torch.from_numpy(np.random.default_rng(epoch).permutation(self.n))
        starts = [i * BATCH % (self.n - self.n % BATCH) for i in range(count)]
        batches = [self.ready(order[start : start + BATCH]) for start in starts]
        wall, cpu = time.perf_counter(), time.process_time()
        for batch in batches:
            self.optimiser.zero_grad()
            loss = self.loss(batch, epoch)
            loss.backward()
            self.optimiser.step()
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}

    def timed_likelihood(self, rows: int, samples: int, refine: int = 0) -> dict[str, float]:
        """Joint NLL of the first test rows, and its seconds."""
        torch.manual_seed(0)
        wall, cpu = time.perf_counter(), time.process_time()
        nll = self.joint_nll(rows, samples, refine)
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        return {"nll": nll, **took}

    def generated(self, rows: int, path: str) -> dict[str, Any]:
        """Save what coherence needs: conditional and joint samples."""
        torch.manual_seed(0)
        with torch.no_grad():
            np.savez(path, **{k: v.numpy() for k, v in self.generate(rows).items()})
        return {}

    def make(self, posterior: str) -> None:
        """Set ``model`` and ``optimiser``."""
        raise NotImplementedError

    def ready(self, rows: Tensor) -> Any:
        """A batch as the library takes it."""
        raise NotImplementedError

    def loss(self, batch: Any, epoch: int) -> Tensor:
        """The library's training loss."""
        raise NotImplementedError

    def joint_nll(self, rows: int, samples: int, refine: int) -> float:
        """Mean over rows, nats."""
        raise NotImplementedError

    def generate(self, rows: int) -> dict[str, Tensor]:
        """``label_from_image``, ``image_from_label``, ``joint_image``, ``joint_label``."""
        raise NotImplementedError

    def fit(self, rows: int, epochs: int) -> dict[str, float]:
        """The library's own training loop from start to end: seconds."""
        raise NotImplementedError


class Ours(Side):
    """This project."""

    def make(self, posterior: str) -> None:
        """The same networks as theirs; mean and log-variance come from one product, not two."""
        from multimodal_study.models.mvae.likelihoods import make_likelihood
        from multimodal_study.models.mvae.model import MultimodalVAE, Objective

        encoders = {
            n: nn.Sequential(*mlp(d, HIDDEN, HIDDEN, 2 * LATENT)) for n, d in WIDTHS.items()
        }
        decoders = {n: nn.Sequential(*mlp(LATENT, HIDDEN, HIDDEN, d)) for n, d in WIDTHS.items()}
        likelihoods = {
            "image": make_likelihood("bernoulli", 784),
            "label": make_likelihood("categorical", 10),
        }
        aggregation: Any = posterior.partition("-")[0]
        self.model = MultimodalVAE(
            encoders, decoders, likelihoods, latent_dim=LATENT, aggregation=aggregation
        )
        samples = int(posterior.split("-")[1]) if "-" in posterior else 1
        self.objective = Objective(
            estimator="dreg" if aggregation == "moe" else "elbo",
            samples=samples,
            one_component=aggregation == "mopoe",
            alpha=ALPHA,
        )
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=RATE, fused=True)

    def ready(self, rows: Tensor) -> Any:
        """Tensors."""
        return self.batch(rows)

    def loss(self, batch: Any, epoch: int) -> Tensor:
        """Minus the mean objective."""
        found: Tensor = -self.model.objective(batch, None, self.objective).objective.mean()
        return found

    def joint_nll(self, rows: int, samples: int, refine: int) -> float:
        """All rows at once."""
        given = self.batch(slice(rows), "test")
        found = self.model.log_likelihood(given, samples=samples, refine=refine)
        return -float(found.mean())

    def generate(self, rows: int) -> dict[str, Tensor]:
        """One draw per row."""
        given = self.batch(slice(rows), "test")
        label = self.model.generate(["label"], {"image": given["image"]})["label"][0]
        image = self.model.generate(["image"], {"label": given["label"]})["image"][0]
        joint = self.model.sample(rows)
        return {
            "label_from_image": label.argmax(1),
            "image_from_label": image,
            "joint_image": joint["image"],
            "joint_label": joint["label"].argmax(1),
        }

    def fit(self, rows: int, epochs: int) -> dict[str, float]:
        """``training.fit`` of the paradigm with networks of the same widths."""
        from multimodal_study.data.batches import FeatureBatches
        from multimodal_study.models.mvae import MVAE, Config
        from multimodal_study.training import TrainerConfig, fit

        features = _features(self.data, rows)
        aggregation = self.posterior.partition("-")[0]
        config = Config(**_config(aggregation, self.objective))
        trainer = TrainerConfig(1, epochs, epochs, BATCH, 0.0, "32", "cpu", "unused")
        train = FeatureBatches(features, features.rows("train"), BATCH, shuffle_seed=0)
        validation = FeatureBatches(features, features.rows("validation"), 256)
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = time.perf_counter(), time.process_time()
            fit(
                lambda: MVAE(config, features.modalities, features.task),
                train,
                validation,
                trainer=trainer,
                seed=0,
                folder=Path(folder),
            )
            return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


class Theirs(Side):
    """PyPI's multivae."""

    def __init__(self, data: str) -> None:
        super().__init__(data)
        # Its torchvision does not load beside the CPU build of torch; only these names are asked.
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        self.library = library
        # Grey values are no Bernoulli outcomes, and torch would say so.
        torch.distributions.Distribution.set_default_validate_args(False)

    def make(self, posterior: str) -> None:
        """Its models with custom networks, its defaults elsewhere."""
        from multivae import models
        from multivae.data.datasets.base import MultimodalBaseDataset
        from multivae.models.base import BaseDecoder, BaseEncoder, ModelOutput

        self.dataset_class = MultimodalBaseDataset

        class Encoder(BaseEncoder):
            def __init__(self, d: int) -> None:
                super().__init__()
                self.latent_dim = LATENT
                self.body = nn.Sequential(*mlp(d, HIDDEN, HIDDEN), nn.ReLU())
                self.mean, self.spread = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)

            def forward(self, x: Tensor) -> Any:
                h = self.body(x)
                return ModelOutput(embedding=self.mean(h), log_covariance=self.spread(h))

        class Decoder(BaseDecoder):
            def __init__(self, d: int) -> None:
                super().__init__()
                self.latent_dim = LATENT
                self.body = nn.Sequential(*mlp(LATENT, HIDDEN, HIDDEN, d))

            def forward(self, z: Tensor) -> Any:
                return ModelOutput(reconstruction=self.body(z))

        kind = posterior.partition("-")[0]
        shared: dict[str, Any] = {
            "n_modalities": 2,
            "latent_dim": LATENT,
            "input_dims": {"image": (784,), "label": (10,)},
            "decoders_dist": {"image": "bernoulli", "label": "categorical"},
        }
        choices: dict[str, tuple[Any, Any, dict[str, Any]]] = {
            "poe": (models.MVAE, models.MVAEConfig, {"warmup": 0, "k": 0}),
            "moe": (
                models.MMVAE,
                models.MMVAEConfig,
                {
                    "K": int(posterior.split("-")[1]) if "-" in posterior else 1,
                    "prior_and_posterior_dist": "normal",
                    "learn_prior": False,
                },
            ),
            "mopoe": (models.MoPoE, models.MoPoEConfig, {}),
            "mvtcae": (models.MVTCAE, models.MVTCAEConfig, {"alpha": ALPHA, "beta": 1.0}),
        }
        model, config, own = choices[kind]
        self.model = model(
            config(**shared, **own),
            {n: Encoder(d) for n, d in WIDTHS.items()},
            {n: Decoder(d) for n, d in WIDTHS.items()},
        )
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=RATE)

    def ready(self, rows: Tensor) -> Any:
        """Its dataset class."""
        return self.dataset_class(self.batch(rows))

    def loss(self, batch: Any, epoch: int) -> Tensor:
        """What its trainer takes the gradient of; a sum over the batch for MMVAE."""
        self.model.train()
        found: Tensor = self.model(batch, epoch=epoch + 1).loss
        return found

    def joint_nll(self, rows: int, samples: int, refine: int) -> float:
        """Its own estimator, row by row, draws by the hundred (its default)."""
        self.model.eval()
        batch = self.dataset_class(self.batch(slice(rows), "test"))
        return float(self.model.compute_joint_nll(batch, samples, 100)) / rows

    def generate(self, rows: int) -> dict[str, Tensor]:
        """One draw per row."""
        self.model.eval()
        batch = self.dataset_class(self.batch(slice(rows), "test"))
        label = self.model.predict(batch, "image", "label")["label"]
        image = self.model.predict(batch, "label", "image")["image"]
        z = torch.randn(rows, LATENT)
        joint = {n: self.model.decoders[n](z).reconstruction for n in WIDTHS}
        return {
            "label_from_image": label.argmax(1),
            "image_from_label": image.sigmoid(),
            "joint_image": joint["image"].sigmoid(),
            "joint_label": joint["label"].argmax(1),
        }

    def fit(self, rows: int, epochs: int) -> dict[str, float]:
        """Its trainer."""
        from multivae.trainers import BaseTrainer, BaseTrainerConfig

        data = self.dataset_class(
            self.batch(slice(rows)), labels=self.data["train_label"][:rows].argmax(1)
        )
        with tempfile.TemporaryDirectory() as folder:
            config = BaseTrainerConfig(
                output_dir=folder,
                per_device_train_batch_size=BATCH,
                num_epochs=epochs,
                optimizer_cls="Adam",
                learning_rate=RATE,
                steps_predict=None,
            )
            wall, cpu = time.perf_counter(), time.process_time()
            BaseTrainer(self.model, train_dataset=data, training_config=config).train()
            return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def _features(data: dict[str, Tensor], rows: int) -> Any:
    import pandas as pd

    from multimodal_study.contract import Features, Modality, Task

    extra = 200
    label = data["train_label"][: rows + extra].numpy()
    examples = pd.DataFrame(
        {
            "example_id": [str(i) for i in range(rows + extra)],
            "garment": np.arange(rows + extra),
            "split": ["train"] * rows + ["validation"] * extra,
            "target": label.argmax(1),
            "cluster": np.arange(rows + extra).astype(str),
        }
    )
    modalities = {
        "image": Modality("image", "garment", "image", 784, "image", "bernoulli", "grey"),
        "label": Modality("label", "garment", "categorical", 10, "label", "categorical", "1"),
    }
    arrays = {"image": data["train_image"][: rows + extra].numpy(), "label": label}
    there = {name: np.ones(rows + extra, dtype=bool) for name in arrays}
    task = Task("class", "multiclass", tuple("0123456789"), "accuracy")
    return Features(arrays, there, examples, modalities, task)


def _config(aggregation: str, objective: Any) -> dict[str, Any]:
    import yaml

    path = Path(__file__).parents[1] / "conf" / "base" / "parameters_mvae.yml"
    values: dict[str, Any] = yaml.safe_load(path.read_text())["mvae"]
    values.pop("trainer", None)  # the budget of the study's own rows
    return {
        **values,
        "posterior": aggregation,
        "latent_dim": LATENT,
        "hidden": HIDDEN,
        "layers": 2,
        "dropout": 0.0,
        "subsets": 0,
        "annealing_epochs": 0,
        "estimator": objective.estimator,
        "samples": objective.samples,
        "one_component": objective.one_component,
        "alpha": ALPHA,
        "elbo_unit": "example",
        "weight_decay": 0.0,
        "learning_rate": RATE,
    }


def main() -> None:
    """Answer commands until the input ends."""
    torch.set_num_threads(1)
    side = {"ours": Ours, "theirs": Theirs}[sys.argv[1]](sys.argv[2])
    answer = sys.stdout
    for line in sys.stdin:
        command = json.loads(line)
        name = command.pop("do")
        # Libraries print and draw progress bars; only answers may reach the driver.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            found = getattr(side, name)(**command)
        answer.write(json.dumps(found) + "\n")
        answer.flush()


if __name__ == "__main__":
    main()
