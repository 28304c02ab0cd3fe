"""An evaluation as one HTML page that needs nothing beside it: films, curves, frames, atlases."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lipsync_core.archive import replacing
from lipsync_core.arrays import FloatArray
from lipsync_core.capture.clip import Clip, ReferenceAtlas, Take
from lipsync_core.errors import MissingDependencyError
from lipsync_core.face.mouth import CLOSURES_EXPLAINED, CONTACT_GAP, closed_gap, gap_in_widths, lip_gap
from lipsync_core.model.model_file import SpeechModel
from lipsync_core.texture.layout import CROP_SIZE
from lipsync_core.texture.png import write_png

from .bootstrap import SENTENCE_SECONDS
from .evaluation import Evaluation
from .lips import correlation, seen_takes, tracked_gaps
from .side_by_side import finished_crops, lip_rings, shown_sentences, side_by_side, upper_lip_middle
from .tables import table_rows

_CURVES = 12
_FRAMES = 4  # of the best, and of the worst
_ATLASES = 6
_APART = 12  # frames between two of one take that are shown
_MEAN_LIP_ERROR = 2  # column of `LipFrames.distances`
_WIDTH, _HEIGHT = 900, 150  # px of a curve
_TALLEST = 0.8  # mouth widths at a curve's upper edge
_Painted: TypeAlias = Callable[[int], NDArray[np.uint8]]
"""Gives the painted crops of the take of a number, `(T, 128, 128, 3)`."""

_STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
td, th { padding: .15rem 1.5rem .15rem 0; border-bottom: 1px solid #ddd; text-align: left; }
figure { display: inline-block; margin: 0 1rem 1rem 0; } figcaption { font-size: .8rem; color: #555; }
img, video { max-width: 100%; } polyline, polygon { fill: none; } .real { stroke: #999; stroke-width: 3; }
.predicted { stroke: #c0392b; stroke-width: 1.5; } .met { stroke: #2c3e50; stroke-dasharray: 3 4; }"""


@dataclass(frozen=True)
class Moment:
    """A frame that is shown: number of its take among those with a face, its frame, its mean lip error (percent)."""

    take: int
    frame: int
    error: float


def write_page(path: Path, evaluations: Sequence[Evaluation], model: SpeechModel, clip: Clip) -> None:
    """Write the page, whole or not at all.

    Args:
        path: The page.
        evaluations: The model's, then those that it is held against.
        model: The model.
        clip: What it was compared with.
    """
    ours, takes = evaluations[0], seen_takes(clip)
    painted = cache(lambda number: finished_crops(model, takes[number]))
    parts = [
        f"<h1>{html.escape(clip.speaker)}: {html.escape(ours.name)}</h1>",
        f"<p>{len(takes)} takes, {clip.duration:.0f} s. In brackets: 95 % bootstrap intervals over sentences.</p>",
        _table(evaluations),
        *_films(ours, takes, model, clip),
        "<h2>Opening of the lips, real (grey) and predicted (red)</h2>",
        f"<p>Below the dotted line the lips touch. {CLOSURES_EXPLAINED.replace('*', '')}</p>",
        *_curves(ours, takes, clip),
        *_frames(ours, takes, painted if clip.reference and model.texture else None),
        *(_atlas_rows(takes, painted, clip.reference) if clip.reference and model.texture else []),
    ]
    with replacing(path) as partial:
        partial.write_text(_document(clip.speaker, parts), encoding="utf-8")


def telling_moments(evaluation: Evaluation, sign: int) -> list[Moment]:
    """Return the frames with the smallest (`sign` 1) or the largest (-1) mean lip error, no two of them neighbours."""
    every = [
        Moment(number, int(frame), 100 * float(lips.distances[frame, _MEAN_LIP_ERROR]))
        for number, lips in enumerate(evaluation.lips)
        for frame in np.flatnonzero(lips.known)
    ]
    chosen: list[Moment] = []
    for moment in sorted(every, key=lambda moment: sign * moment.error):
        near = any(moment.take == other.take and abs(moment.frame - other.frame) < _APART for other in chosen)
        if not near and len(chosen) < _FRAMES:
            chosen.append(moment)
    return chosen


def _table(evaluations: Sequence[Evaluation]) -> str:
    heading, *rows = table_rows(evaluations)
    lines = ["".join(f"<th>{html.escape(text)}</th>" for text in heading)]
    lines += ["".join(f"<td>{html.escape(text)}</td>" for text in row) for row in rows]
    return "<table>" + "\n".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _films(evaluation: Evaluation, takes: Sequence[Take], model: SpeechModel, clip: Clip) -> list[str]:
    """Show the middling and the worst sentence as films; a line that says what is missing where they cannot be made."""
    pictured = clip.reference is not None and model.texture is not None
    title = "filmed on the left, painted on the right" if pictured else "lips real (grey) and predicted (red)"
    parts = [f"<h2>The middling and the worst sentence: {title}</h2>"]
    try:
        for sentence in shown_sentences(evaluation, clip.fps):
            film = side_by_side(sentence, evaluation, model, clip)
            caption = f"{takes[sentence.take].name}: mean lip error {sentence.error:.2f} % of the eye distance"
            parts.append(_figure(_video(film), caption))
    except MissingDependencyError as fault:
        parts.append(f"<p>{html.escape(str(fault))}</p>")
    return parts


def _curves(evaluation: Evaluation, takes: Sequence[Take], clip: Clip) -> list[str]:
    """Draw the takes from the best correlation to the worst; of many, a dozen."""
    bar, drawn = closed_gap(clip.neutral, tracked_gaps(clip)) + CONTACT_GAP, []
    for face, take in zip(evaluation.faces, takes, strict=True):
        predicted, real = (gap_in_widths(vertices, clip.neutral) for vertices in (face, take.vertices))
        likeness = correlation(predicted, real)
        caption = f"{take.name}: correlation {likeness:.3f}"
        drawn.append((-likeness, _figure(_curve(predicted, real, bar, clip.fps), caption)))
    ranked = [figure for _, figure in sorted(drawn)]
    return [ranked[place] for place in np.unique(np.linspace(0, len(ranked) - 1, _CURVES).round().astype(int))]


def _curve(predicted: NDArray[np.float32], real: NDArray[np.float32], bar: float, fps: float) -> str:
    """Draw two gaps `(T,)` of a take, and under which lips touch, all in mouth widths; long ones are wider."""
    wide = round(_WIDTH * max(1.0, len(real) / fps / SENTENCE_SECONDS / 2))
    met = _HEIGHT * (1 - bar / _TALLEST)
    lines = [f'<line class="met" x1="0" x2="{wide}" y1="{met:.1f}" y2="{met:.1f}"/>']
    for name, gap in (("real", real), ("predicted", predicted)):
        x = np.linspace(0, wide, len(gap))
        y = _HEIGHT * (1 - np.clip(gap, 0, _TALLEST) / _TALLEST)
        lines.append(f'<polyline class="{name}" points="{_points(np.stack([x, y], axis=-1))}"/>')
    return _svg(wide, _HEIGHT, lines)


def _frames(evaluation: Evaluation, takes: Sequence[Take], painted: _Painted | None) -> list[str]:
    parts = []
    for title, sign in (("The best frames", 1), ("The worst frames", -1)):
        parts.append(f"<h2>{title}: lips real (grey) and predicted (red); filmed and painted</h2>")
        for moment in telling_moments(evaluation, sign):
            take = takes[moment.take]
            drawn = _outlines(evaluation.faces[moment.take][moment.frame], take.vertices[moment.frame])
            pictures = _pair(take, painted(moment.take), moment.frame) if painted else ""
            caption = f"{take.name}, frame {moment.frame}: {moment.error:.2f} % of the eye distance"
            parts.append(_figure(drawn + pictures, caption))
    return parts


def _outlines(predicted: NDArray[np.float32], real: NDArray[np.float32]) -> str:
    """Draw the outer and inner edge of the lips of two `(468, 3)` faces."""
    middle = upper_lip_middle(real)
    lines = [
        f'<polygon class="{name}" points="{_points(ring)}"/>'
        for name, face in (("real", real), ("predicted", predicted))
        for ring in lip_rings(face, middle, CROP_SIZE)
    ]
    return _svg(CROP_SIZE, CROP_SIZE, lines)


def _pair(take: Take, painted: NDArray[np.uint8], frame: int) -> str:
    """Show a frame's filmed and painted crop; nothing where it was not filmed."""
    return "" if take.crops is None else _picture(np.concatenate([take.crops[frame], painted[frame]], axis=1))


def _atlas_rows(takes: Sequence[Take], painted: _Painted, reference: ReferenceAtlas) -> list[str]:
    """Show some atlases of the take whose lips move most, filmed above and painted below."""
    number = max(range(len(takes)), key=lambda number: float(lip_gap(takes[number].vertices).std()))
    take = takes[number]
    if take.crops is None:
        return []
    moments = np.linspace(0, len(take.seconds) - 1, _ATLASES + 2).round().astype(int)[1:-1]
    rows = [_row(reference, crops[moments]) for crops in (take.crops, painted(number))]
    caption = f"{take.name}, " + ", ".join(f"{take.seconds[moment]:.2f} s" for moment in moments)
    title = "<h2>Atlases, filmed above and painted below</h2>"
    return [title, _figure(_picture(np.concatenate(rows)), caption)]


def _row(reference: ReferenceAtlas, crops: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay atlases with these crops side by side."""
    atlases = np.repeat(reference.picture[None], len(crops), axis=0)
    atlases[(slice(None), *reference.layout.crop)] = crops
    return np.concatenate(list(atlases), axis=1)


def _picture(picture: NDArray[np.uint8]) -> str:
    """Embed an RGB picture."""
    file = io.BytesIO()
    write_png(file, picture)
    return f'<img alt="" src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode("ascii")}">'


def _video(film: bytes) -> str:
    """Embed an MP4 file."""
    return f'<video controls loop src="data:video/mp4;base64,{base64.b64encode(film).decode("ascii")}"></video>'


def _points(points: FloatArray) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _svg(width: int, height: int, lines: Iterable[str]) -> str:
    return f'<svg width="{width}" height="{height}" viewBox="0 0 {width} {height}">{"".join(lines)}</svg>'


def _figure(content: str, caption: str) -> str:
    return f"<figure>{content}<figcaption>{html.escape(caption)}</figcaption></figure>"


def _document(title: str, parts: Iterable[str]) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</html>\n"
    )
