"""The model card: what the model for any voice was made of, how well it speaks, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator

from lipsync_core.face.mouth import CLOSURES_EXPLAINED
from lipsync_core.model.model_file import SpeechModel

from .sets import Measurements

_HEADING = """# The model for any voice

`addon/models/any_voice.lipsync3d` ships with the extension. It moves the mouth of any character, and of the
generic talking head, with any voice, offline, on a processor. `lipsync3d train-default` makes it and writes this
page.
"""
_MAKING = """## How it is made

    lipsync3d train-default -o RUN --model addon/models/any_voice.lipsync3d \\
        --motion CLIP... --measure SETS.toml --card docs/DEFAULT_MODEL.md

The voices are nobody's: espeak-ng reads sentences, chains of words, letters, numbers and invented words in many
languages, with many voices, rates and pitches, and says when each phoneme begins. Rules of articulation move the
ARKIT blendshapes of the generic face: each sound pulls at jaw and lips, neighbours share them, lips meet at every
p, b and m, the lower lip meets the teeth at f and v, and rests in silence, through breaths and through noise
without speech. The sound is then changed as the world changes it: another vocal tract and pitch, a room, a
microphone, a telephone's band, noise, music and other people's voices from 0 dB up, codecs, clipping, gain, and
pauses. The same seed makes the same corpus, but for the noise in espeak-ng's breathy voices. Nothing of it is
kept.

`--motion CLIP` adds real motion: the blendshapes fitted to the footage, on the generic face, with the sound played
faster and slower so that one throat becomes many. No face, texture or voice of the speaker can be had from the
model.

Beside espeak-ng, recorded human voices speak where Festival, Flite and their voices are installed as Debian packages
them; the command prints what is missing. They say when each phone begins, and move the mouth by the same rules.
`--rig-motion FOLDER` adds the motion of a production rig beside its voice. Where footage is named after GRID's
sentences, its phones are known: from `--words FOLDER`, files with the times of the words, or from `--hearing MODEL`, a
model that hears phones already; p, b and m are then put where the film shows the lips meet. Each speaker is told for
`--speaker-seconds`, however much there is of them. `--without NAME` keeps a speaker, a recorded voice or a whole
language from the training, so that it can be measured on them.

`--measure` names prepared footage, aligned speech, recorded voices and noisy recordings in a TOML file:

```toml
[[speakers]]
name = "a reader"
clips = ["reader.clip"]          # from `lipsync3d prepare --no-texture`, relative to this file
find_offset = false              # true: the sound may be off; find by how much first

[aligned]
sound = "sentence.wav"
alignment = "sentence.TextGrid"  # as the Montreal Forced Aligner writes it

[voices]
names = ["rms", "it"]            # recorded voices, or all of a language: best those of `train-default --without`
seconds = 60                     # how long each speaks

[noise]
clean = "clean.wav"
noisy = ["cafe_0_dB.wav", "office_10_dB.wav"]
```

`lipsync3d measure MODEL SETS.toml` prints the same figures of any model.
"""
_FAILURES = """## Known failures

- It speaks as the average speaker would. A personal model follows its speaker's own habits and is better wherever
  there is half a minute of footage. See ANY_VOICE.md.
- Lips do not meet at every p, b and m, least of all at short ones, and nearly meet in some sounds beside them.
- Sound alone does not tell how far a mouth opens: lips that rest parted, smiles and emphasis are not in it.
- Another person who speaks louder than the noise is spoken by the character too; so is singing in the music.
- The tongue does not move, and left and right move alike but for what real motion brings.
"""


def model_card(model: SpeechModel, measured: Measurements | None) -> str:
    """Return the card as Markdown.

    Args:
        model: The model.
        measured: What was measured of it; None if nothing was.
    """
    parts = [_HEADING, "\n".join(_facts(model)), _MAKING]
    if measured:
        parts.append("## Measured\n\n" + figures(measured))
    return "\n".join([*parts, _FAILURES]).rstrip() + "\n"


def _facts(model: SpeechModel) -> Iterator[str]:
    about, encoder = model.description, model.encoder
    weights = sum(array.size for array in model.encoder_weights.values())
    yield "| | |"
    yield "|---|---|"
    yield f"| made | {about.created} |"
    yield f"| of | {about.notes} {about.training_seconds / 3600:.1f} h were shown in all. |"
    yield f"| licence | {about.licence} |"
    yield f"| hears | {model.features.mel_bands} log-mel bands at {model.features.column_rate:.0f} Hz |"
    yield f"| network | `{encoder.kind}` encoder to {encoder.code_size} numbers, {weights / 1e6:.2f} million weights |"
    yield f"| moves | {len(model.blendshape_names)} blendshapes of jaw, mouth and cheeks; the generic face's mesh |"
    yield ""


def figures(measured: Measurements) -> str:
    """Return the measured figures as Markdown tables."""
    return "\n".join(_figures(measured))


def _figures(measured: Measurements) -> Iterator[str]:
    yield "On real people it never heard, unless the set says otherwise. r is Pearson's correlation of the predicted"
    yield "and the tracked inner-lip gap, mean over recordings; beside it that of the sound's loudness (the mean of"
    yield "the log-mel bands), which follows any voice without having learned."
    yield ""
    yield "| footage | recordings | r of the model | r of loudness |"
    yield "|---|---|---|---|"
    for name, found in measured.agreements.items():
        yield f"| {name} | {found.takes} | **{found.model:.2f}** | {found.loudness:.2f} |"
    yield ""
    if measured.closures:
        yield from _closures(measured)
    if measured.voices:
        yield from _voices(measured)
    if measured.robustness:
        yield "| noisy recording | r with the gap predicted from the clean one |"
        yield "|---|---|"
        for name, value in measured.robustness.items():
            yield f"| {name} | {value:.2f} |"
        yield ""


def _voices(measured: Measurements) -> Iterator[str]:
    yield "| recorded voice | p, b, m at which the lips meet | closures that are real | gap in vowels |"
    yield "|---|---|---|---|"
    for name, found in measured.voices.items():
        yield f"| {name} | {found.recall:.2f} | {found.precision:.2f} | {found.vowel_opening:.2f} |"
    yield ""


def _closures(measured: Measurements) -> Iterator[str]:
    found = measured.closures
    if found is None:
        return
    yield CLOSURES_EXPLAINED
    yield ""
    yield "| aligned speech, to one frame of 25 a second | closed | nearly |"
    yield "|---|---|---|"
    yield f"| p, b, m at which the lips close | **{found.recall:.2f}** | {found.nearly_recall:.2f} |"
    yield f"| closures that belong to p, b, m or a pause | **{found.precision:.2f}** | {found.nearly_precision:.2f} |"
    yield ""
    yield "| aligned speech | |"
    yield "|---|---|"
    yield f"| lip gap in vowels, median, mouth widths | {found.vowel_opening:.2f} |"
    yield f"| lip gap in pauses, median, mouth widths | {found.rest:.2f} |"
    yield ""
