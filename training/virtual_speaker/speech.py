"""Text to sound and the phonemes in it, spoken by espeak-ng."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lipsync_core.arrays import FloatArray
from lipsync_core.audio.waveform import Waveform
from lipsync_core.errors import AudioError
from lipsync_core.phones.espeak import espeak_library
from lipsync_core.phones.phoneme import SILENCE, Phoneme

REST_SECONDS = 0.3  # of closed mouth before and after each sentence

STOPS = frozenset("ptkbdɡgqcɟʈɖɢʔ")
_HELD = 1e-3  # share of the peak under which a mouth is taken to be shut
_LEAST_HOLD_SECONDS = 0.01

# espeak-ng's speak_lib.h
_CHARS_UTF8 = 1
_EVENT_LIST_TERMINATED, _EVENT_PHONEME = 0, 7
_PARAMETER_RATE, _PARAMETER_PITCH, _PARAMETER_RANGE = 1, 3, 4


@dataclass(frozen=True)
class Voice:
    """Who speaks.

    Attributes:
        name: An espeak-ng voice, with a variant behind the plus sign.
        rate: Words per minute.
        pitch: 0 to 100; 50 is the voice's own.
        pitch_range: 0 (monotone) to 100.
    """

    name: str = "en-us+f2"
    rate: int = 150
    pitch: int = 45
    pitch_range: int = 60


@dataclass(frozen=True)
class Speech:
    """A sound and what is said in it; the phonemes follow one another without gaps, pauses included."""

    waveform: Waveform
    phonemes: tuple[Phoneme, ...]


class _EventName(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventName),
    ]


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


def speak(text: str, voice: Voice | None = None) -> Speech:
    """Say a sentence, with a rest before and after it.

    espeak-ng carries the phase of its voice from one utterance to the next, so the same sentence said again in the
    same process differs by a fraction of a millisecond.

    Raises:
        MissingDependencyError: If espeak-ng is not installed.
        AudioError: If the voice does not exist, or the text has nothing to say.
    """
    voice = voice or Voice()
    samples, onsets, sample_rate = _synthesise(text, voice)
    rest = np.zeros(round(REST_SECONDS * sample_rate), np.float32)
    starts = [(SILENCE, 0.0)]
    starts += [(_plain(name), len(rest) / sample_rate + sample / sample_rate) for name, sample in onsets]
    starts.append((SILENCE, (len(rest) + len(samples)) / sample_rate))
    waveform = Waveform(np.concatenate([rest, samples, rest]), sample_rate)
    return Speech(waveform, tuple(with_holds(list(_phonemes(starts, waveform.duration)), waveform)))


def join(speeches: list[Speech]) -> Speech:
    """Say one after the other."""
    samples, phonemes, start = [], [], 0.0
    for speech in speeches:
        samples.append(speech.waveform.samples)
        phonemes += [Phoneme(p.symbol, start + p.start_seconds, start + p.end_seconds) for p in speech.phonemes]
        start += speech.waveform.duration
    return Speech(Waveform(np.concatenate(samples), speeches[0].waveform.sample_rate), tuple(phonemes))


def with_holds(phonemes: Sequence[Phoneme], waveform: Waveform) -> Iterator[Phoneme]:
    """Give each stop the silence before its burst, during which the mouth is closed.

    espeak-ng counts that hold to the sound before; phoneticians, and alignments of recorded speech, to the stop.
    """
    heard = np.abs(waveform.samples) > _HELD * max(float(np.abs(waveform.samples).max()), 1e-6)
    carried = 0.0
    for phoneme, following in zip(phonemes, [*phonemes[1:], None], strict=True):
        start, carried = phoneme.start_seconds - carried, 0.0
        if following and phoneme.symbol != SILENCE and following.symbol[:1] in STOPS:
            first, last = (round(t * waveform.sample_rate) for t in (phoneme.start_seconds, phoneme.end_seconds))
            quiet = int(np.argmax(heard[first:last][::-1])) / waveform.sample_rate if heard[first:last].any() else 0.0
            carried = quiet if quiet >= _LEAST_HOLD_SECONDS else 0.0
        yield Phoneme(phoneme.symbol, start, phoneme.end_seconds - carried)


def _phonemes(starts: list[tuple[str, float]], end: float) -> Iterator[Phoneme]:
    """Let each sound last until the next one, and neighbouring pauses be one."""
    kept = [s for i, s in enumerate(starts) if i == 0 or s[0] != SILENCE or starts[i - 1][0] != SILENCE]
    for (symbol, start), following in zip(kept, [start for _, start in kept[1:]] + [end], strict=True):
        if following > start:
            yield Phoneme(symbol, start, following)


def _plain(name: str) -> str:
    return "".join(character for character in name if character not in "ˈˌːˑ|'ʰ_:")


def _synthesise(text: str, voice: Voice) -> tuple[NDArray[np.float32], list[tuple[str, int]], int]:
    """Return the samples, the name and first sample of each phoneme, and the sample rate."""
    espeak, sample_rate = espeak_library()
    if espeak.espeak_SetVoiceByName(voice.name.encode()) != 0:
        raise AudioError(f"espeak-ng has no voice {voice.name}; choose one such as en-us or en-gb+f2.")
    settings = {
        _PARAMETER_RATE: voice.rate,
        _PARAMETER_PITCH: voice.pitch,
        _PARAMETER_RANGE: voice.pitch_range,
    }
    for parameter, value in settings.items():
        espeak.espeak_SetParameter(parameter, value, 0)
    pieces: list[FloatArray] = []
    onsets: list[tuple[str, int]] = []

    def receive(samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).astype(np.float32) / 2**15)
        index = 0
        while events[index].kind != _EVENT_LIST_TERMINATED:
            if events[index].kind == _EVENT_PHONEME:
                onsets.append((events[index].id.string.decode(), events[index].sample))
            index += 1
        return 0

    callback = _Callback(receive)
    espeak.espeak_SetSynthCallback(callback)
    spoken = text.encode()
    espeak.espeak_Synth(spoken, len(spoken) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
    espeak.espeak_Synchronize()
    if not pieces or not any(_plain(name) for name, _ in onsets):
        raise AudioError(f"There is nothing to say in {text!r}; write a sentence.")
    return np.concatenate(pieces).astype(np.float32), onsets, sample_rate
