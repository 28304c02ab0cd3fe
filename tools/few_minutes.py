"""How much footage a personal model needs: held-out error against minutes, from scratch and from another model.

    python -m tools.few_minutes CLIP --test CLIP --start MODEL.lipsync3d --minutes 0.5 1 2 5 -o figures.json
    python -m tools.few_minutes --plot figures.json other.json -o docs/images/few_minutes.png

Without `--test`, the last tenth of the clip is held out. Motion alone is trained; the figures are those of `evaluate`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from lipsync_core.archive import write_text
from lipsync_core.capture.clip import Clip, read_clip
from lipsync_core.model.model_file import SpeechModel, read_model
from training.benchmark.clips import first_minutes
from training.config import TrainingConfig, read_config
from training.export import export_run
from training.measures.lips import Errors, measure
from training.measures.predictors import model_predictor
from training.starting_point import start_from
from training.trainer import train

HELD_OUT = 0.1


@dataclass(frozen=True)
class Row:
    """One personal model.

    Attributes:
        speaker: Who speaks.
        minutes: Length of the footage.
        started: Whether it started from another model.
        errors: On held-out footage, by name.
    """

    speaker: str
    minutes: float
    started: bool
    errors: dict[str, float]


def main() -> None:
    """Measure, or plot what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", nargs="?", type=Path, help="one speaker's footage")
    parser.add_argument("--test", type=Path, metavar="CLIP", help="other footage of the same speaker")
    parser.add_argument("--name", default="", help="what to call the speaker")
    parser.add_argument("--start", type=Path, metavar="MODEL", help="start from this model, and again from scratch")
    parser.add_argument("--minutes", nargs="+", type=float, default=[0.5, 1, 2, 5])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `train`")
    parser.add_argument("--plot", nargs="+", type=Path, metavar="JSON", help="plot these figures instead")
    parser.add_argument("-o", "--output", required=True, type=Path)
    options = parser.parse_args()
    if options.plot:
        plot([Row(**row) for path in options.plot for row in json.loads(path.read_text("utf-8"))], options.output)
        return
    clip = read_clip(options.clip)
    shown, test = (clip, read_clip(options.test)) if options.test else clip.split_tail(HELD_OUT)
    config = read_config(None, ['model.texture="none"', *options.set])
    starts = [None, read_model(options.start)] if options.start else [None]
    rows = []
    for minutes in options.minutes:
        part = first_minutes(shown, minutes)
        for start in starts:
            errors = personal_errors(part, test, config, start).as_dict()
            name = options.name or clip.speaker
            rows.append(Row(name, round(part.duration / 60, 2), start is not None, errors))
            print(rows[-1], flush=True)
            write_text(options.output, json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def personal_errors(shown: Clip, test: Clip, config: TrainingConfig, start: SpeechModel | None) -> Errors:
    """Train on one clip and measure on another; from scratch if there is nothing to start from."""
    with TemporaryDirectory() as folder:
        train(
            shown,
            config,
            Path(folder),
            device=torch.device("cpu"),
            begin=None if start is None else lambda network, footage: start_from(start, network, footage, config.model),
        )
        return measure(model_predictor(export_run(Path(folder)), test), test)


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw the mean lip error and the gap's correlation against minutes."""
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(9, 3.4))
    for panel, name, label in (
        (panels[0], "mean_lip_error", "mean lip error, % of the eye distance"),
        (panels[1], "gap_correlation", "correlation of the lip gap"),
    ):
        for index, speaker in enumerate(dict.fromkeys(row.speaker for row in rows)):
            for started in (False, True):
                line = sorted((r.minutes, r.errors[name]) for r in rows if (r.speaker, r.started) == (speaker, started))
                style = {"color": f"C{index}", "linestyle": "-" if started else "--", "marker": "o"}
                panel.plot(*zip(*line, strict=True), label=f"{speaker}, {'started' if started else 'scratch'}", **style)
        panel.set(xlabel="minutes of footage", ylabel=label, xscale="log", xticks=[0.5, 1, 2, 5])
        panel.set_xticklabels(["0.5", "1", "2", "5"])
        panel.minorticks_off()
    panels[0].legend(fontsize=8, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
