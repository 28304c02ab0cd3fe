"""The demo's page: pictures out of its movies, the lips over time, and the figures."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lipsync_core.face.mouth import CLOSURES_EXPLAINED, CONTACT_GAP
from training.measures.lip_crops import TextureErrors
from training.virtual_speaker.comparison import SpeechFigures, TrackingFigures

matplotlib.use("Agg")
from matplotlib import pyplot  # after the choice of a back end without a window

MOMENTS = 6  # pictures out of each movie
_FPS = 25.0
_REST_FRAMES = 10  # at either end, where the mouth rests
_APART = 5  # frames between two pictures
_MOVIES = (
    ("unseen.mp4", "The virtual speaker, filmed: what the model never saw"),
    ("talking_head.mp4", "The talking head in Blender, from the sound alone"),
    ("character.mp4", "Another head in Blender, driven by the predicted blendshapes"),
)
_PICTURES = (
    ("views.jpg", "A frame of the film, and the textured head from three sides"),
    ("lips.jpg", "Lips of the unseen sentence: filmed above, painted from the sound below"),
    ("light.jpg", "Two frames lit from either side: as filmed, in the reference's light, and the reference"),
)


@dataclass(frozen=True)
class Figures:
    """What the demo measured.

    Attributes:
        tracking: Tracking against the truth, on the footage.
        speech: Prediction against the truth, on the unseen sentence.
        errors: Prediction against tracking, on the unseen sentence.
        texture: Painted lips against filmed ones, on the unseen sentence.
        footage_seconds: Length of the footage, s.
        contacts: What `tools/contact_views.py` wrote of each p, b and m that the character says.
        sentence: The unseen sentence.
        minutes: How long each step took.
    """

    tracking: TrackingFigures
    speech: SpeechFigures
    errors: Mapping[str, float]
    texture: TextureErrors
    footage_seconds: float
    contacts: Sequence[Mapping[str, Any]]
    sentence: str
    minutes: Mapping[str, float]


def write_report(folder: Path, figures: Figures) -> None:
    """Write `report.html`, its pictures and `figures.json` into the demo's folder."""
    moments = telling_moments(figures.speech.gap)
    strips = [_strip(folder / movie, moments) for movie, _ in _MOVIES]
    for (movie, _), strip in zip(_MOVIES, strips, strict=True):
        Image.fromarray(strip).save(folder / f"{Path(movie).stem}.png")
    Image.fromarray(np.concatenate(strips)).save(folder / "overview.jpg", quality=88)
    _plot_gap(folder / "lip_gap.png", figures.speech)
    rows = _rows(figures)
    (folder / "figures.json").write_text(json.dumps(dict(rows), indent=1) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_page(figures, rows), encoding="utf-8")


def _rows(figures: Figures) -> list[tuple[str, str]]:
    tracking, speech = figures.tracking, figures.speech
    rows = [
        ("footage", f"{figures.footage_seconds:.0f} s"),
        ("tracked against true lip gap, correlation", f"{tracking.gap_correlation:.3f}"),
        (
            f"upper face after normalisation, head turning ±{tracking.largest_turn:.0f}°",
            f"moves {tracking.upper_face_motion:.2f} % of the eye distance (RMS)",
        ),
        ("unseen sentence, predicted against true lip gap, correlation", f"{speech.gap_correlation:.3f}"),
        ("unseen sentence, p b m at which the lips touch", f"{speech.closed} of {speech.closures}"),
        ("unseen sentence, p b m at which they nearly do", f"{speech.nearly} of {speech.closures}"),
        (
            "unseen sentence, p b m at which the character's lips touch (within 1 mm of rest)",
            f"{sum(not contact['fault'] for contact in figures.contacts)} of {len(figures.contacts)}",
        ),
        ("unseen sentence, mean lip error", f"{figures.errors['mean_lip_error']:.2f} % of the eye distance"),
    ]
    texture = figures.texture
    rows += [
        ("unseen sentence, painted lips, structural similarity", f"{texture.similarity:.3f}"),
        ("unseen sentence, painted lips, sharpness against the film", f"{texture.sharpness:.2f}"),
    ]
    rows += [(f"minutes: {step}", f"{minutes:.1f}") for step, minutes in figures.minutes.items()]
    return [*rows, ("minutes in all", f"{sum(figures.minutes.values()):.1f}")]


def _page(figures: Figures, rows: list[tuple[str, str]]) -> str:
    cells = "\n".join(f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in rows)
    movies = "\n".join(
        f'<h2>{html.escape(title)}</h2>\n<a href="{movie}"><img src="{Path(movie).stem}.png" alt="six moments"></a>'
        for movie, title in _MOVIES
    )
    pictures = "\n".join(
        f'<h2>{html.escape(title)}</h2>\n<img src="{name}" alt="{html.escape(title)}">' for name, title in _PICTURES
    )
    contacts = "\n".join(_contact(contact) for contact in figures.contacts)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>LipSync3D demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; }} figure {{ display: inline-block; margin: 0 .3rem .6rem 0; width: 8.4rem; }}
figcaption {{ font-size: .8rem; }} .fault {{ color: #c0392b; font-weight: bold; }}
td {{ padding: .15rem 1.5rem .15rem 0; border-bottom: 1px solid #ddd; }}
</style>
<h1>LipSync3D demo</h1>
<p>A synthetic person was filmed saying {figures.footage_seconds:.0f} s of sentences. A model learned from that film and
then said, from sound alone: “{html.escape(figures.sentence)}” Click a strip to see its movie.</p>
{movies}
<h2>The lips of the other head at every p, b and m</h2>
<p>Moved by the built-in model, from the sound alone. Millimetres are between the inner lips, beyond where they rest, on
a head whose eyes are 63 mm apart; lips touch within 1 mm.</p>
{contacts}
{pictures}
<h2>The lips, predicted and true</h2>
<img src="lip_gap.png" alt="lip gap over time">
<p>{CLOSURES_EXPLAINED.replace("*", "")}</p>
<h2>Figures</h2>
<table>{cells}</table>
<p>In Blender: <a href="talking_head.blend">talking_head.blend</a>. For other tools:
<a href="unseen.csv">unseen.csv</a> (Live Link Face), <a href="unseen.npz">unseen.npz</a>.
The model: <a href="virtual_speaker.lipsync3d">virtual_speaker.lipsync3d</a>.</p>
</html>
"""


def _contact(contact: Mapping[str, Any]) -> str:
    """Show the lips at one sound, and in red if they are seen apart."""
    caption = f"{contact['symbol']} at {contact['seconds']:.2f} s: {contact['millimetres']:.1f} mm"
    fault = f', <span class="fault">{html.escape(contact["fault"])}</span>' if contact["fault"] else ""
    shown = f'<img src="{contact["picture"]}" alt="lips">'
    return f"<figure>{shown}<figcaption>{html.escape(caption)}{fault}</figcaption></figure>"


def telling_moments(gap: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the frames where a lip gap `(T,)` is widest and smallest, `MOMENTS` in all, in the order of time."""
    chosen: list[int] = []
    for sign in (1, -1):
        order = np.argsort(-sign * gap[_REST_FRAMES:-_REST_FRAMES], kind="stable") + _REST_FRAMES
        taken: list[int] = []
        for frame in order.tolist():
            if len(taken) < MOMENTS // 2 and all(abs(frame - other) > _APART for other in chosen + taken):
                taken.append(frame)
        chosen += taken
    return np.sort(chosen)


def _strip(movie: Path, moments: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Lay some frames of a movie side by side."""
    with av.open(str(movie)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return np.concatenate([_square(frames[min(moment, len(frames) - 1)]) for moment in moments], axis=1)


def _square(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    cut = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(cut.resize((320, 320), Image.Resampling.LANCZOS))


def _plot_gap(picture: Path, speech: SpeechFigures) -> None:
    seconds = (np.arange(len(speech.gap)) + 0.5) / _FPS
    figure, axes = pyplot.subplots(figsize=(11, 3.2), layout="constrained")
    axes.plot(seconds, 100 * speech.true_gap[: len(seconds)], color="#999", linewidth=3, label="true")
    axes.plot(seconds, 100 * speech.gap, color="#c0392b", label="predicted from sound")
    axes.axhline(100 * CONTACT_GAP, color="#2c3e50", linestyle=":", label="lips touch below")
    axes.set(xlabel="s", ylabel="lip gap, % of mouth width", xlim=(0, seconds[-1]))
    axes.legend(frameon=False, ncols=3, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
