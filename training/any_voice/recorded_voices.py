"""Recorded human voices that say when each phone begins: Festival's and Flite's, as Debian packages them.

Most of them join recorded pieces of one person's speech, which is nearer to a throat than formants are. One, Russian,
also holds the recordings themselves, read sentences with the phones labelled. Whatever is installed is used; nothing is
needed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lipsync_core.audio.decoding import read_speech
from lipsync_core.errors import LipSyncError
from lipsync_core.phones.phoneme import SILENCE, Phoneme

from ..virtual_speaker.speech import Speech
from .recorded_phones import AMERICAN, CATALAN, CZECH, FINNISH, INDIC, ITALIAN, RUSSIAN, ipa
from .texts import pick, text_in

_FESTIVAL_FOLDER = Path("/usr/share/festival/voices")
_BATCH = 4  # sentences that one start of a synthesiser says
_LATIN_2 = frozenset(("cs", "it", "fi"))  # languages whose voices read bytes of ISO 8859-2
_TIME_LIMIT = 120  # s, for a batch
_RUSSIAN_WEIGHT = 3.0  # natural speech is drawn as often as three other voices


@dataclass(frozen=True, eq=False)
class RecordedVoice:
    """A voice and what must be known of it.

    Attributes:
        name: The synthesiser's own.
        engine: `"festival"`, `"flite"`, or `"recordings"`: label files beside the sounds.
        folder: Where Festival keeps it, under its folder of voices; empty for Flite.
        package: Debian's package, or packages.
        language: A key of `texts.SENTENCES`, or `"en"`.
        phones: Its names of phones in IPA.
        licence: As the package states it.
        female: Whether a woman was recorded.
        rules: Folder of its language's rules, where Festival keeps them apart; empty if they come with the voice.
    """

    name: str
    engine: str
    folder: str
    package: str
    language: str
    phones: dict[str, str]
    licence: str
    female: bool = False
    rules: str = ""


def _indic(name: str, language: str) -> RecordedVoice:
    """Return one of the three voices of a man who speaks three languages of India."""
    packages = f"festvox-{language}-nsk festival-{language}"
    return RecordedVoice(
        f"{name}_NSK_diphone", "festival", name, packages, language, INDIC, "GPL-2+", rules=f"{name}_scm"
    )


VOICES: tuple[RecordedVoice, ...] = (
    RecordedVoice(
        "cmu_us_slt_arctic_hts", "festival", "us", "festvox-us-slt-hts", "en", AMERICAN, "BSD-like", female=True
    ),
    RecordedVoice("kal_diphone", "festival", "english", "festvox-kallpc16k", "en", AMERICAN, "BSD-like"),
    RecordedVoice("ked_diphone", "festival", "english", "festvox-kdlpc16k", "en", AMERICAN, "BSD-like"),
    RecordedVoice("czech_ph", "festival", "czech", "festvox-czech-ph", "cs", CZECH, "GPL-2+"),
    RecordedVoice("czech_dita", "festival", "czech", "festvox-czech-dita", "cs", CZECH, "GPL-3+", female=True),
    RecordedVoice("czech_krb", "festival", "czech", "festvox-czech-krb", "cs", CZECH, "GPL-3+", female=True),
    RecordedVoice("czech_machac", "festival", "czech", "festvox-czech-machac", "cs", CZECH, "GPL-3+"),
    RecordedVoice("lp_diphone", "festival", "italian", "festvox-italp16k", "it", ITALIAN, "GPL-2+", female=True),
    RecordedVoice("pc_diphone", "festival", "italian", "festvox-itapc16k", "it", ITALIAN, "GPL-2+"),
    RecordedVoice("suo_fi_lj_diphone", "festival", "finnish", "festvox-suopuhe-lj", "fi", FINNISH, "LGPL-2+"),
    RecordedVoice("hy_fi_mv_diphone", "festival", "finnish", "festvox-suopuhe-mv", "fi", FINNISH, "LGPL-2+"),
    RecordedVoice(
        "upc_ca_ona_hts", "festival", "catalan", "festvox-ca-ona-hts", "ca", CATALAN, "LGPL-2.1+", female=True
    ),
    RecordedVoice(
        "hindi_NSK_diphone", "festival", "hindi", "festvox-hi-nsk festival-hi", "hi", INDIC, "GPL-2+", rules="hindi_scm"
    ),
    RecordedVoice(
        "marathi_NSK_diphone",
        "festival",
        "marathi",
        "festvox-mr-nsk festival-mr",
        "mr",
        INDIC,
        "GPL-2+",
        rules="marathi_scm",
    ),
    RecordedVoice(
        "telugu_NSK_diphone",
        "festival",
        "telugu",
        "festvox-te-nsk festival-te",
        "te",
        INDIC,
        "GPL-2+",
        rules="telugu_scm",
    ),
    RecordedVoice("kal16", "flite", "", "flite", "en", AMERICAN, "BSD-like"),
    RecordedVoice("awb", "flite", "", "flite", "en", AMERICAN, "BSD-like"),
    RecordedVoice("rms", "flite", "", "flite", "en", AMERICAN, "BSD-like"),
    RecordedVoice("slt", "flite", "", "flite", "en", AMERICAN, "BSD-like", female=True),
    RecordedVoice("msu_ru_nsh_clunits", "recordings", "russian", "festvox-ru", "ru", RUSSIAN, "BSD-like"),
)


@cache
def installed_voices() -> tuple[RecordedVoice, ...]:
    """Return the voices of `VOICES` that are on this machine."""
    return tuple(voice for voice in VOICES if _is_installed(voice))


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages that would bring the other voices, each once."""
    there = {voice.package for voice in installed_voices()}
    return tuple(dict.fromkeys(voice.package for voice in VOICES if voice.package not in there))


def recorded_speeches(voices: Sequence[RecordedVoice], rng: np.random.Generator) -> Iterator[Speech]:
    """Say one thing after another without end, in voices drawn evenly; a voice says a few things in a row.

    A batch that a synthesiser fails to say is passed over.
    """
    weights = np.array([_RUSSIAN_WEIGHT if voice.engine == "recordings" else 1.0 for voice in voices])
    while True:
        voice = voices[int(rng.choice(len(voices), p=weights / weights.sum()))]
        yield from speeches_of(voice, rng)


def speeches_of(voice: RecordedVoice, rng: np.random.Generator) -> list[Speech]:
    """Return a few things said by one voice, or nothing if its synthesiser fails."""
    if voice.engine == "recordings":
        return [_recording(voice, pick(rng, _labels(voice))) for _ in range(_BATCH // 2)]
    texts = [text_in(voice.language, rng) for _ in range(_BATCH)]
    stretch = float(np.exp(rng.uniform(np.log(0.8), np.log(1.35))))
    with tempfile.TemporaryDirectory() as folder:
        try:
            return list(_ENGINES[voice.engine](voice, texts, stretch, Path(folder)))
        except (OSError, ValueError, LipSyncError, subprocess.SubprocessError):
            return []


def _is_installed(voice: RecordedVoice) -> bool:
    if voice.engine == "flite":
        return voice.name in _flite_voices()
    there = (_FESTIVAL_FOLDER / voice.folder / voice.name).is_dir() and (_FESTIVAL_FOLDER.parent / voice.rules).is_dir()
    return there and (voice.engine == "recordings" or shutil.which("festival") is not None)


@cache
def _flite_voices() -> tuple[str, ...]:
    if shutil.which("flite") is None:
        return ()
    listed = subprocess.run(["flite", "-lv"], capture_output=True, text=True, timeout=_TIME_LIMIT, check=False)
    return tuple(listed.stdout.partition(":")[2].split())


def _say_with_festival(voice: RecordedVoice, texts: list[str], stretch: float, folder: Path) -> Iterator[Speech]:
    lines = [f"(voice_{voice.name})", f"(Parameter.set 'Duration_Stretch {stretch:.3f})"]
    for number, text in enumerate(texts):
        plain = text.replace('"', " ").replace("\\", " ")
        lines.append(f'(set! u (utt.synth (Utterance Text "{plain}")))')
        lines.append(f'(utt.save.segs u "{folder}/{number}.seg") (utt.save.wave u "{folder}/{number}.wav" \'riff)')
    script = folder / "say.scm"
    script.write_text("\n".join(lines), encoding="iso-8859-2" if voice.language in _LATIN_2 else "utf-8")
    subprocess.run(["festival", "-b", str(script)], capture_output=True, timeout=_TIME_LIMIT, check=False)
    for number in range(len(texts)):
        if (folder / f"{number}.wav").is_file():
            yield _labelled(voice, folder / f"{number}.wav", folder / f"{number}.seg")


def _say_with_flite(voice: RecordedVoice, texts: list[str], stretch: float, folder: Path) -> Iterator[Speech]:
    for text in texts:
        sound = folder / "said.wav"
        command = ["flite", "-voice", voice.name, "--setf", f"duration_stretch={stretch:.3f}", "-psdur", "-t", text]
        said = subprocess.run([*command, "-o", str(sound)], capture_output=True, text=True, timeout=_TIME_LIMIT)
        ends = [(name, float(end)) for name, end in re.findall(r"(\S+):([\d.]+)", said.stdout)]
        yield _speech(voice, sound, ends)


_ENGINES = {"festival": _say_with_festival, "flite": _say_with_flite}


def _recording(voice: RecordedVoice, label: Path) -> Speech:
    return _labelled(voice, label.parent.parent / "wav" / f"{label.stem}.wav", label)


@cache
def _labels(voice: RecordedVoice) -> tuple[Path, ...]:
    return tuple(sorted((_FESTIVAL_FOLDER / voice.folder / voice.name / "lab").glob("*.lab")))


def _labelled(voice: RecordedVoice, sound: Path, label: Path) -> Speech:
    """Read a sound with its label file: after a line of `#`, each line has a phone's end, a number, and its name."""
    rows = [line.split() for line in label.read_text(encoding="latin-1").splitlines()]
    return _speech(voice, sound, [(row[2], float(row[0])) for row in rows if len(row) >= 3])


def _speech(voice: RecordedVoice, sound: Path, ends: Sequence[tuple[str, float]]) -> Speech:
    waveform = read_speech(sound)
    phonemes, start = list[Phoneme](), 0.0
    for name, end in ends:
        if end > start:
            phonemes.append(Phoneme(ipa(name, voice.phones), start, min(end, waveform.duration)))
            start = end
    if waveform.duration > start:
        phonemes.append(Phoneme(SILENCE, start, waveform.duration))
    return Speech(waveform, tuple(phonemes))
