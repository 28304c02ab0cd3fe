"""What is known to be said: TextGrids, tracks of other programs, words; and what is made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lipsync_core.animation import read_animation, write_animation
from lipsync_core.errors import ConfigError, FormatError, MissingDependencyError
from lipsync_core.phones import espeak
from lipsync_core.phones.alignment import AlignedWord, Alignment
from lipsync_core.phones.classes import BREATH, PHONE_CLASSES, class_index, classes_of
from lipsync_core.phones.evidence import PhoneEvidence
from lipsync_core.phones.following import follow, gestures_followed
from lipsync_core.phones.gestures import Gesture, gestures_heard, gestures_of_phones
from lipsync_core.phones.phoneme import SILENCE, Phoneme
from lipsync_core.phones.pronunciation import language_of, plain_words, pronounce
from lipsync_core.phones.script import Script, ScriptChoice, read_script, script_of
from lipsync_core.phones.textgrid import read_textgrid
from lipsync_core.phones.tracks import read_track
from lipsync_core.synthesis import synthesize
from tests.conftest import babble, tiny_model
from tests.core.test_alignment_of_text import heard, said

SPOKEN = [("", 0.0, 0.5), ("P", 0.5, 0.6), ("AE1", 0.6, 0.8), ("spn", 0.8, 1.0)]
PHONES = (Phoneme(SILENCE, 0, 0.5), Phoneme("p", 0.5, 0.6), Phoneme("æ", 0.6, 0.8), Phoneme(BREATH, 0.8, 1))


def long_form(tiers: dict[str, list[tuple[str, float, float]]]) -> str:
    """A TextGrid in the form that Praat calls text."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", "xmax = 1", "tiers? <exists>"]
    lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, rows) in enumerate(tiers.items(), start=1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", "        xmax = 1", f"        intervals: size = {len(rows)}"]
        for place, (text, start, end) in enumerate(rows, start=1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}", f"            xmax = {end}"]
            lines += [f'            text = "{text}"']
    return "\n".join(lines)


def short_form(tiers: dict[str, list[tuple[str, float, float]]]) -> str:
    """A TextGrid in the form that Praat calls short text."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "1", "<exists>", str(len(tiers))]
    for name, rows in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", "1", str(len(rows))]
        for text, start, end in rows:
            lines += [str(start), str(end), f'"{text}"']
    return "\n".join(lines)


WORDS = [('say ""pa"" 5 = 6', 0.0, 1.0)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", [long_form, short_form])
@pytest.mark.parametrize(
    "tiers", [{"words": WORDS, "phones": SPOKEN}, {"A - phones": SPOKEN, "A - words": WORDS}, {"x": SPOKEN}]
)
def test_the_phones_of_a_textgrid_are_read(form: object, tiers: dict, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(form(tiers), encoding=encoding)  # type: ignore[operator]
    assert read_textgrid(path) == PHONES
    assert read_script(path).phonemes == PHONES


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (long_form({"phones": [("P", 0.5, 0.4)]}), "interval 1 .* begins before"),
        (long_form({"phones": [("P", 0.0, 0.5), ("AE", 0.3, 0.6)]}), "interval 2 .* begins before"),
        (short_form({"phones": SPOKEN}).rpartition("\n")[0], "ends after 3 of its 4 intervals"),
        (short_form({"phones": SPOKEN}).replace("\n4\n", "\n999999999\n"), "999999999 intervals"),
        (short_form({"phones": SPOKEN}).replace("0.6", "1e999"), "begins before|cannot be"),
        ("just words", "no TextGrid"),
        ("", "no TextGrid"),
    ],
)
def test_what_is_wrong_with_a_textgrid_is_said_in_one_sentence(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.TextGrid"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match=complaint) as fault:
        read_script(path)
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


RHUBARB = [(0.0, 0.5, "X"), (0.5, 0.6, "A"), (0.6, 0.8, "D"), (0.8, 0.9, "G")]
TRACKS = {
    "a.json": json.dumps({"mouthCues": [{"start": a, "end": b, "value": shape} for a, b, shape in RHUBARB]}),
    "a.tsv": "".join(f"{start}\t{shape}\n" for start, _, shape in RHUBARB) + "0.9\tX\n",
    "a.xml": '<?xml version="1.0"?>\n<rhubarbResult><mouthCues>'
    + "".join(f'<mouthCue start="{a}" end="{b}">{shape}</mouthCue>' for a, b, shape in RHUBARB)
    + "</mouthCues></rhubarbResult>",
    "a.dat": "MohoSwitch1\n0 rest\n12 MBP\n14 AI\n19 FV\n22 rest\n",
    "a.pgo": "lipsync version 1\na.wav\n20\n20\n1\n\tvoice\n\tpaff\n\t1\n\t\tpaff\n\t\t10\n\t\t17\n\t\t1\n"
    "\t\t\tpaff 10 17 3\n\t\t\t\t10 MBP\n\t\t\t\t12 AI\n\t\t\t\t16 FV\n",
    "audacity.txt": "0.0\t0.5\t\n0.5\t0.6\tp\n0.6\t0.8\taa\n0.8\t0.9\tf\n",
    "htk.lab": "0 5000000 sil\n5000000 6000000 p\n6000000 8000000 aa\n8000000 9000000 f\n",
    "a.csv": "0.0,0.5,sil\n0.5,0.6,P\n0.6,0.8,AA1\n0.8,0.9,F\n",
    "mfa.json": json.dumps(
        {"tiers": {"words": {"entries": [[0, 1, "w"]]}, "phones": {"entries": [[0.5, 0.6, "p"], [0.8, 0.9, "F"]]}}}
    ),
    "visemes.json": json.dumps(
        [{"start": 0.5, "end": 0.6, "viseme": "PP"}, {"start": 0.8, "end": 0.9, "viseme": "FF"}]
    ),
    "openfacefx.json": json.dumps(
        {
            "format": "openfacefx.track",
            "channels": [
                {"name": "sil", "keys": [[0, 0.2], [1, 0.2]]},
                {"name": "PP", "keys": [[0.45, 0.0], [0.55, 0.4], [0.65, 0.0]]},
                {"name": "FF", "keys": [[0.75, 0.0], [0.85, 0.4], [0.95, 0.0]]},
            ],
        }
    ),
}


@pytest.mark.parametrize("name", TRACKS)
def test_tracks_of_other_programs_close_the_lips_where_they_say(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TRACKS[name], encoding="utf-8")
    script = read_script(tmp_path / name)
    gestures = [gesture for gesture in gestures_of_phones(script.phonemes) if gesture.kind.startswith("lip")]
    assert [gesture.kind for gesture in gestures] == ["lips_closed", "lip_to_teeth"]
    assert gestures[0].middle_seconds == pytest.approx(0.55, abs=0.02)
    assert gestures[1].start_seconds == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("0.5 0.4 p\n", "entry 1 lasts from 0.5 to 0.4 s"),
        ("0 nan p\n", "line 1"),
        ("0 0.5 p\n0.6\n", "line 2"),
        ("-1 0.5 p\n", "entry 1"),
        ('{"mouthCues": [{"start": 0, "end": 1, "value": "Q"}]}', "holds no phones"),
        ('{"mouthCues": [{"start": 0, "end": Infinity, "value": "A"}]}', "entry 1"),
        ("{" * 100_000, "holds no phones"),
        ("<rhubarbResult/>", "it is empty"),
        ("MohoSwitch1\n", "it is empty"),
        ("lipsync version 1\n", "holds no phones"),
        ('{"channels": []}', "holds no phones"),
        ('{"channels": [{"name": "PP", "keys": [[1e300, 0]]}]}', "holds no phones"),
    ],
)
def test_what_is_wrong_with_a_track_is_said_in_one_sentence(content: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(FormatError, match=complaint) as fault:
        read_track(path)
    assert str(path) in str(fault.value)
    assert "\n" not in str(fault.value)


def test_phones_that_overlap_give_way_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.lab").write_text("0.1 0.4 p\n0.3 0.5 a\n", encoding="utf-8")
    assert read_track(tmp_path / "a.lab") == (Phoneme("p", 0.1, 0.3), Phoneme("a", 0.3, 0.5))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x80\x81\x82", b"RIFF\x00\x00\x00WAVE"])
def test_a_file_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(FormatError, match="no text"):
        read_script(tmp_path / "a.txt")


def test_a_file_of_words_is_words_and_what_is_no_file_is_words_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Papa buys\n2 new shoes.", encoding="utf-16")
    assert script_of(str(tmp_path / "a.txt")).words == "Papa buys\n2 new shoes."
    assert script_of("Papa buys shoes").words == "Papa buys shoes"
    for words in ("99 bottles of beer\n12 more", "{laughs} papa", "[door] papa", "5 A day"):
        (tmp_path / "a.txt").write_text(words, encoding="utf-8")
        assert read_script(tmp_path / "a.txt").words == words
    for empty in ("", "  \n"):
        with pytest.raises(ConfigError, match="empty"):
            script_of(empty)
    with pytest.raises(ConfigError, match="no file"):
        script_of(str(tmp_path / "b.txt"))


def test_what_lies_beside_a_sound_is_found_the_best_first(tmp_path: Path) -> None:
    sound, choice = tmp_path / "line_001.wav", ScriptChoice()
    assert choice.script_for(sound) is None
    (tmp_path / "line_001.txt").write_text("papa", encoding="utf-8")
    found = choice.script_for(sound)
    assert found is not None
    assert (found.words, found.is_found) == ("papa", True)
    (tmp_path / "line_001.TextGrid").write_text(short_form({"phones": SPOKEN}), encoding="utf-8")
    assert choice.script_for(sound) == Script("line_001.TextGrid", phonemes=PHONES, is_found=True)
    assert ScriptChoice(look_beside=False).script_for(sound) is None
    given = ScriptChoice("other words").script_for(sound)
    assert given is not None
    assert (given.words, given.is_found) == ("other words", False)


def test_the_phones_of_a_strip_begin_where_the_strip_begins() -> None:
    moved = Script(phonemes=PHONES).shifted(0.55)
    assert [phoneme.symbol for phoneme in moved.phonemes] == ["p", "æ", BREATH]
    assert moved.phonemes[0].start_seconds == 0
    assert moved.phonemes[1].start_seconds == pytest.approx(0.05)


def test_a_script_crosses_to_the_worker_unchanged() -> None:
    for script in (Script(words="papa", language="de", is_found=True), Script("a.TextGrid", phonemes=PHONES)):
        assert Script.from_json(json.loads(json.dumps(script.to_json()))) == script


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The cat sat on the mat", "en-us"),
        ("Papa", "en-us"),
        ("Der Hund und die Katze sind nicht da", "de"),
        ("Je ne sais pas, c'est la vie", "fr"),
        ("Мама мыла раму", "ru"),
        ("海尔智能家电", "cmn"),
        ("こんにちは", "ja"),
        ("안녕하세요", "ko"),
    ],
)
def test_the_language_is_guessed_by_script_and_common_words(text: str, language: str) -> None:
    assert language_of(text) == language


def test_tags_and_the_times_of_subtitles_are_not_said() -> None:
    subtitle = "1\n00:00:01,000 --> 00:00:02,500\n<i>Papa</i> buys\n\n2\n00:00:03,000 --> 00:00:04,000\n[door] shoes"
    assert plain_words(subtitle).split() == ["Papa", "buys", "shoes"]


def test_words_are_pronounced_as_in_their_sentence_and_alone() -> None:
    pytest.importorskip("espeakng_loader")
    words = pronounce("Papa has a map. Vier!", "en-us")
    assert [word.text for word in words] == ["Papa", "has", "a", "map", "Vier"]
    assert [classes_of(phone)[0] for phone in words[3].phones] == ["m", "æ", "p"]
    assert words[2].pronunciations == (("ɐ",), ("eɪ",))
    assert pronounce("vier", "de")[0].phones[0] == "f"
    with pytest.raises(ConfigError, match="does not speak 'xx-none'"):
        pronounce("papa", "xx-none")


def test_without_espeak_a_text_that_was_given_is_a_fault_and_one_that_was_found_a_remark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> None:
        raise MissingDependencyError("espeak-ng is not here: install it.")

    monkeypatch.setattr("lipsync_core.phones.pronunciation.espeak_library", missing)
    evidence = heard(said(None))
    with pytest.raises(MissingDependencyError, match="install it"):
        follow(Script(words="papa"), evidence, 0.5)
    found = follow(Script("a.txt", words="papa", is_found=True), evidence, 0.5)
    assert not found.is_followed
    assert "a.txt is not followed" in found.remark
    assert callable(espeak.espeak_library)


def evidence_of(*spans: tuple[str, float, float], seconds: float = 3.0) -> PhoneEvidence:
    """What is heard if each class is surely said from one time to another, and a neutral vowel elsewhere."""
    times = np.arange(round(seconds / 0.02)) * 0.02
    logits = np.zeros((len(times), len(PHONE_CLASSES)), np.float32)
    logits[:, class_index("ə")] = 4
    for name, start, end in spans:
        logits[(times >= start - 0.01) & (times < end - 0.01), class_index(name)] = 12
    return PhoneEvidence(0.02, logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


MAP = AlignedWord("map", (Phoneme("m", 1.0, 1.1), Phoneme("æ", 1.1, 1.3), Phoneme("p", 1.3, 1.4)), 0.0, True)


def test_words_that_are_heard_make_contacts_and_the_sound_makes_those_outside() -> None:
    doubted = replace(MAP, phonemes=(Phoneme("b", 2.0, 2.1),), is_certain=False)
    # A rest that reaches into the word, a closure misheard in its vowel, and what is said outside.
    evidence = evidence_of((SILENCE, 0, 1.06), ("b", 1.16, 1.24), ("f", 1.8, 1.9), ("m", 2.4, 2.5))
    kept = gestures_followed(Alignment((MAP, doubted), 3.0, 1.0), evidence)
    assert [gesture.kind for gesture in kept] == ["rest", "lips_closed", "lips_closed", "lip_to_teeth", "lips_closed"]
    starts = [gesture.start_seconds for gesture in kept]
    np.testing.assert_allclose(starts, [0, 1.0, 1.3, 1.79, 2.39], atol=0.011)
    assert kept[0].end_seconds == pytest.approx(1.0)


def test_where_the_text_has_a_pause_a_doubtful_silence_is_a_rest() -> None:
    evidence = evidence_of()
    heard_so = evidence.log_probabilities.copy()
    quiet = (evidence.times > 1.5) & (evidence.times < 1.9)
    heard_so[quiet] = np.log(0.5 / (heard_so.shape[1] - 1))
    heard_so[quiet, class_index(SILENCE)] = np.log(0.5)
    doubtful = PhoneEvidence(0.02, heard_so)
    later = replace(
        MAP, phonemes=tuple(Phoneme(p.symbol, p.start_seconds + 1, p.end_seconds + 1) for p in MAP.phonemes)
    )

    def rests(*words: AlignedWord) -> list[Gesture]:
        return [g for g in gestures_followed(Alignment(words, 3.0, 1.0), doubtful) if g.kind == "rest"]

    (rest,) = rests(MAP, later)
    assert (rest.start_seconds, rest.end_seconds) == pytest.approx((1.52, 1.9))
    assert not rests(MAP, AlignedWord("left out"), later)
    assert not [gesture for gesture in gestures_heard(doubtful) if gesture.kind == "rest"]


def test_a_right_text_is_followed_and_a_wrong_one_changes_nothing_but_says_so() -> None:
    pytest.importorskip("espeakng_loader")
    text = "Papa has a new pair of blue shoes and a map."
    words = pronounce(text, "en-us")
    evidence = heard(said(None, *words, None))
    alone = follow(Script(words="Kitchens are green today, aren't they?", language="en-us"), evidence, 9.0)
    followed = follow(Script(words=text), evidence, 9.0)
    assert followed.is_followed
    assert followed.remark == f"The text is followed (en-us): {len(words)} of {len(words)} words."
    assert not alone.is_followed
    assert alone.remark == "The text is not in the sound (en-us): lips follow the sound alone."
    wrong_script = follow(Script(words="Мама мыла раму"), evidence, 9.0)
    assert wrong_script.gestures == alone.gestures


def test_a_textgrid_is_taken_as_it_is_up_to_the_end_of_the_sound() -> None:
    followed = follow(Script("a.TextGrid", phonemes=PHONES), None, 0.55)
    assert [(g.kind, g.end_seconds) for g in followed.gestures] == [("rest", 0.5), ("lips_closed", 0.55)]
    late = follow(Script("a.TextGrid", phonemes=PHONES[1:]), None, 0.4)
    assert not late.is_followed
    assert "belongs to another one" in late.remark


def test_the_animation_says_what_became_of_the_text_and_its_lips_meet_there(tmp_path: Path) -> None:
    model, sound = tiny_model(), babble(2.0)
    phones = Script("a.TextGrid", phonemes=(Phoneme("a", 0, 1), Phoneme("m", 1, 1.2), Phoneme("a", 1.2, 2)))
    animation = synthesize(model, sound, 25.0, script=phones)
    assert [gesture.kind for gesture in animation.gestures] == ["lips_closed"]
    assert animation.remark == "a.TextGrid is followed: 3 phones."
    write_animation(tmp_path / "a.npz", animation)
    assert read_animation(tmp_path / "a.npz").remark == animation.remark
    words = synthesize(model, sound, 25.0, script=Script(words="mama"))
    np.testing.assert_array_equal(words.codes, synthesize(model, sound, 25.0).codes)
    assert "hears no phones" in words.remark


def test_no_evidence_at_all_is_no_fault() -> None:
    pytest.importorskip("espeakng_loader")
    nothing = PhoneEvidence(0.02, np.zeros((0, heard(said(None)).log_probabilities.shape[1]), np.float32))
    assert not follow(Script(words="papa"), nothing, 0.0).is_followed
