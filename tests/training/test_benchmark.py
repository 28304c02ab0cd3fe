"""A benchmark: what it runs, what it keeps, what its report says, and which protocols it refuses."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lipsync_core.capture.clip import Clip, write_clip  # noqa: E402
from lipsync_core.errors import ConfigError  # noqa: E402
from lipsync_core.progress import Progress, ignore_progress  # noqa: E402
from tests.conftest import tiny_model  # noqa: E402
from tests.core.test_clip import textured  # noqa: E402
from tests.training.test_training import loud_mouthed_clip  # noqa: E402
from training.benchmark import clips, learning  # noqa: E402
from training.benchmark.clips import ClipShelf  # noqa: E402
from training.benchmark.findings import contest_sentence, goal_rows, verdict  # noqa: E402
from training.benchmark.judged import ReadTwice, words_lost  # noqa: E402
from training.benchmark.judgement import Jury  # noqa: E402
from training.benchmark.protocol import Contest, FootagePlan, Goal, default_protocol, read_protocol  # noqa: E402
from training.benchmark.results import Result, Results  # noqa: E402
from training.cli import main  # noqa: E402
from training.judges.spoken import Spoken  # noqa: E402
from training.judges.word_errors import WordCounts  # noqa: E402
from training.measures.bootstrap import Figure, total  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_core")

PROTOCOL = """
title = "A small benchmark"

[[footage]]
name = "a loud mouth"
training_clip = "loud.clip"
tail = 0.3
systems = ["mean face", "small"]
published_note = "Of another speaker."
[[footage.published]]
name = "a paper"
figures = {landmark_distance = 0.8}

[[system]]
name = "mean face"
kind = "mean face"

[[system]]
name = "small"
texture = false
settings = ["model.width=8", "optimizer.least_steps=6", "optimizer.passes=0"]

[[system]]
name = "smaller"
texture = false
minutes = 0.2
settings = ["model.width=4", "optimizer.least_steps=6", "optimizer.passes=0"]

[[ablation]]
title = "Width"
footage = "a loud mouth"
systems = ["small", "smaller"]
measures = ["landmark_distance"]

[[contest]]
ours = "small"
against = "mean face"
measures = ["closure_recall", "jitter_ratio"]

[[goal]]
footage = "a loud mouth"
system = "small"
measure = "landmark_distance"
most = 20
"""

Train = Callable[..., Any]


@pytest.fixture(scope="module")
def loud() -> Clip:
    return loud_mouthed_clip(takes=20, seconds=1.0)


@pytest.fixture
def place(tmp_path: Path, loud: Clip) -> Path:
    """A folder with footage and a protocol."""
    return furnished(tmp_path, loud)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, loud: Clip) -> Path:
    """Such a folder in which all was run, to look at."""
    folder = furnished(tmp_path_factory.mktemp("finished"), loud)
    assert run(folder) == 0
    return folder


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to run again."""
    return Path(shutil.copytree(finished, tmp_path / "again"))


def furnished(folder: Path, footage: Clip) -> Path:
    write_clip(folder / "loud.clip", footage)
    (folder / "protocol.toml").write_text(PROTOCOL)
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the systems that are trained from now on."""
    names, train = [], learning.train

    def remembered(clip: Clip, config: Any, run: Path, **others: Any) -> Any:
        names.append(run.name)
        return train(clip, config, run, **others)

    monkeypatch.setattr(learning, "train", remembered)
    return names


def run(place: Path, *more: str) -> int:
    """Run the benchmark of a folder, as from a shell."""
    folders = ["-o", place / "work", "--data", place, "--protocol", place / "protocol.toml", "--report", place / "R.md"]
    return main(["benchmark", *map(str, folders), "--device", "cpu", *more])


def rows_below(report: Path, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without the line under its head."""
    lines = report.read_text().partition(heading)[2].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = [line[2:-2].split(" | ") for line in takewhile(lambda line: line.startswith("|"), lines[first:])]
    return [[cell.strip() for cell in row] for row in (rows[0], *rows[2:])]


def test_the_report_compares_all_systems_and_papers(finished: Path) -> None:
    report = finished / "R.md"

    heading, *rows = rows_below(report, "## a loud mouth")
    distance = next(row for row in rows if row[0] == "mouth landmark distance (LMD), px")
    assert heading == ["", "mean face", "small", "a paper"]
    assert "[" in distance[2]
    assert distance[3] == "0.8"
    assert [row[0] for row in rows_below(report, "### Width")] == ["", "small", "smaller"]
    assert [row[0] for row in rows_below(report, "## The systems")] == ["", "mean face", "small", "smaller"]
    assert [row[1] for row in rows_below(report, "## What it cost")] == ["system", "small", "smaller"]


def test_the_report_says_what_the_figures_mean(finished: Path) -> None:
    text = (finished / "R.md").read_text()

    assert text.startswith("# A small benchmark")
    assert "Of another speaker." in text
    assert "Against *mean face*, *small* " in text
    assert "What was to be reached:" in text
    assert str(finished) not in text  # nobody else has this folder


def test_every_figure_is_kept_with_its_interval(finished: Path) -> None:
    kept = json.loads((finished / "work" / "figures" / "a_loud_mouth" / "small.json").read_text())

    distance = kept["figures"]["landmark_distance"]
    assert distance["low"] < distance["value"] < distance["high"]
    assert kept["trained_seconds"] == 14
    assert kept["tested_seconds"] == 6


def test_a_second_run_trains_nothing_anew(again: Path, trained: list[str]) -> None:
    first = (again / "R.md").read_text()
    (again / "R.md").unlink()

    run(again)

    assert trained == []
    assert (again / "R.md").read_text() == first


def test_a_changed_setting_trains_that_system_alone(again: Path, trained: list[str]) -> None:
    (again / "protocol.toml").write_text(PROTOCOL.replace("model.width=4", "model.width=6"))

    run(again)

    assert trained == ["smaller"]


def test_other_footage_trains_all_systems_again(again: Path, loud: Clip, trained: list[str]) -> None:
    write_clip(again / "loud.clip", replace(loud, takes=loud.takes[:18]))

    run(again)

    assert trained == ["small", "smaller"]


def test_a_stopped_benchmark_goes_on_where_it_stopped(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, resumed = learning.train, []

    def stopped(*given: Any, progress: Progress, **others: Any) -> Any:
        def stop_half_way(share: float) -> None:
            if share >= 0.5:
                raise KeyboardInterrupt

        return train(*given, progress=stop_half_way, **others)

    def remembered(*given: Any, resume: bool, **others: Any) -> Any:
        resumed.append(resume)
        return train(*given, resume=resume, **others)

    monkeypatch.setattr(learning, "train", stopped)
    assert run(place) == 130
    half_written = list(place.rglob("*.partial*"))
    report_was_there = (place / "R.md").exists()
    monkeypatch.setattr(learning, "train", remembered)

    assert run(place) == 0

    assert half_written == []
    assert not report_was_there
    assert resumed == [True, False]  # the first had begun, the second had not


def test_only_what_is_asked_for_is_run_and_the_rest_is_remembered(place: Path, trained: list[str]) -> None:
    run(place, "--only", "small")
    run(place, "--only", "mean face")

    assert trained == ["small"]
    assert "| mean face | small |" in (place / "R.md").read_text()


def test_the_film_a_frame_late_is_a_frame_late(place: Path) -> None:
    (place / "protocol.toml").write_text(PROTOCOL.replace('kind = "mean face"', 'kind = "late film"'))

    run(place, "--only", "mean face")

    delay = next(row for row in rows_below(place / "R.md", "## a loud mouth") if row[0] == "delay against the real, ms")
    assert float(delay[1].split()[0]) == pytest.approx(40, abs=3)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("tail = 0.3", "tial = 0.3", r"There is no key footage\[1\]\.tial; did you mean footage\[1\]\.tail\?"),
        ("tail = 0.3", 'tail = "long"', r"footage\[1\]\.tail must be a number, not 'long'\."),
        ("tail = 0.3", "", "The footage a loud mouth needs one of test, test_clip and tail."),
        ('kind = "mean face"', 'kind = "mean"', r"system\[1\]\.kind must be 'network' or "),
        (
            'systems = ["mean face", "small"]',
            'systems = ["smal"]',
            "There is no system called smal; did you mean small",
        ),
        ("{landmark_distance", "{lmd", "There is no measure called lmd; there are gap_correlation"),
        ("model.width=4", "model.wide=4", "There is no setting model.wide"),
        ('name = "smaller"', 'name = "small"', "There is more than one system called small"),
        ('title = "A small benchmark"', "", "title is missing; write it."),
        ('title = "A small benchmark"', "title =", "cannot be read"),
    ],
)
def test_a_mistake_in_the_protocol_is_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    assert old in PROTOCOL
    (tmp_path / "protocol.toml").write_text(PROTOCOL.replace(old, new))

    with pytest.raises(ConfigError, match=sentence):
        read_protocol(tmp_path / "protocol.toml")


@pytest.mark.parametrize(
    ("old", "new", "more", "sentence"),
    [
        ("loud.clip", "quiet.clip", [], "which the protocol names"),
        ("minutes = 0.2", "minutes = 3", [], "a loud mouth has only 0.2 minutes to train on, not 3;"),
        ("minutes = 0.2", 'light = "as filmed"', [], "a loud mouth is prepared already, so its light cannot be kept"),
        ("", "", ["--only", "large"], "The protocol runs nothing called large"),
        ("", "", ["--data", "nowhere"], "There is no folder of footage at nowhere"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    place: Path, old: str, new: str, more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "protocol.toml").write_text(PROTOCOL.replace(old, new))

    assert run(place, *more) == 2

    assert sentence in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (place / "R.md").exists()


@pytest.mark.parametrize(
    ("ours", "other", "better", "expected"),
    [
        ((0.7, 0.8), (0.9, 1.0), "lower", "better"),
        ((0.7, 0.8), (0.9, 1.0), "higher", "worse"),
        ((0.7, 0.95), (0.9, 1.0), "lower", "overlapping"),
        ((0.95, 1.05), (1.2, 1.4), "nearer to 1", "better"),
        ((0.3, 0.5), (1.1, 1.2), "nearer to 1", "worse"),
        ((0.8, 0.9), (1.1, 1.2), "nearer to 1", "overlapping"),  # on either side, and equally far
        ((-50, -30), (5, 10), "nearer to 0", "worse"),
        ((float("nan"), float("nan")), (5, 10), "lower", "unknown"),
        ((0.7, 0.8), (0.9, 1.0), "", "unknown"),
    ],
)
def test_only_intervals_apart_make_a_system_better(
    ours: tuple[float, float], other: tuple[float, float], better: Any, expected: str
) -> None:
    first, second = (Figure((low + high) / 2, low, high) for low, high in (ours, other))

    assert verdict(first, second, better) == expected


def made_up(**figures: tuple[Figure, Figure]) -> Results:
    """Two systems, ours and theirs, with these figures."""
    pairs = {
        name: {measure: pair[index] for measure, pair in figures.items()}
        for index, name in enumerate(("ours", "theirs"))
    }
    return Results({("film", name): Result(values, 300, 120) for name, values in pairs.items()})


def test_the_contest_is_told_in_a_sentence() -> None:
    results = made_up(
        landmark_distance=(Figure(0.8, 0.75, 0.85), Figure(1.0, 0.95, 1.05)),
        closure_recall=(Figure(0.95, 0.9, 1.0), Figure(0.7, 0.6, 0.8)),
        jitter_ratio=(Figure(0.9, 0.85, 0.95), Figure(0.88, 0.8, 0.96)),
    )
    contest = Contest("ours", "theirs", ("landmark_distance", "closure_recall", "jitter_ratio", "delay"))

    assert contest_sentence(contest, "film", results) == (
        "Against *theirs*, *ours* is better, with intervals that do not overlap, at mouth landmark distance (LMD) and "
        "closures hit (recall at 2 %); it cannot be told from it, for the intervals overlap, at jitter against the "
        "real; it cannot be compared, for want of intervals, at delay against the real."
    )


def test_goals_are_reached_or_missed_by_so_much() -> None:
    results = made_up(
        landmark_distance=(Figure(0.75, 0.7, 0.79), Figure(0.9, 0.85, 0.95)),
        closure_recall=(Figure(0.92, 0.88, 0.96), Figure(0.8, 0.7, 0.9)),
    )
    goals = [
        Goal("film", "ours", "landmark_distance", most=0.8),
        Goal("film", "ours", "closure_recall", least=0.9),
        Goal("film", "theirs", "closure_recall", least=0.9),
        Goal("film", "theirs", "delay", least=-20, most=20),
    ]

    assert [row[2:] for row in goal_rows(goals, results)] == [
        ["≤ 0.80", "0.75", "reached"],
        ["≥ 0.900", "0.920", "reached, but not by the whole interval"],
        ["≥ 0.900", "0.800", "missed by 0.100"],
        ["≥ -20.0 and ≤ 20.0", "–", "not measured"],
    ]


@contextmanager
def no_bar(_: str) -> Iterator[Progress]:
    yield ignore_progress


@pytest.fixture
def prepared(tmp_path: Path, loud: Clip, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Twelve sentences on film, and the names of those that are prepared from now on, clip by clip."""
    names: list[list[str]] = []

    def prepare(videos: Sequence[Path], *_: Any) -> Clip:
        names.append([video.stem for video in videos])
        return loud

    for number in range(12):
        (tmp_path / f"{number:02}.mp4").write_bytes(bytes(number))
    monkeypatch.setattr(clips, "prepare_clip", prepare)
    monkeypatch.setattr(clips, "FaceMeshTracker", lambda: None)
    return names


def shelf_of(folder: Path, **changes: Any) -> ClipShelf:
    plan = FootagePlan("film", (), training=("0*.mp4",), test=("1*.mp4",), **changes)
    return ClipShelf(plan, folder, folder / "clips", no_bar)


def test_videos_are_prepared_once(tmp_path: Path, prepared: list[list[str]]) -> None:
    shelf_of(tmp_path).test("normalised")
    shelf_of(tmp_path).training("normalised", 0)

    assert prepared == [["00", "01", "02", "03", "04", "05", "06", "07", "08", "09"], ["10", "11"]]


def test_videos_are_chosen_by_name(tmp_path: Path, prepared: list[list[str]]) -> None:
    shelf_of(tmp_path, every=2, first=3).training("normalised", 0)

    assert prepared == [["00", "02", "04"]]


@pytest.fixture
def cut(loud: Clip, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Which films were cut from now on, and to what share; each video is a take of its name."""
    films: list[tuple[str, float]] = []

    def prepare(videos: Sequence[Path], *_: Any) -> Clip:
        takes = zip(loud.takes, videos, strict=False)
        return replace(loud, takes=tuple(replace(take, name=video.stem) for take, video in takes))

    def write_tail(film: Path, share: float, path: Path) -> None:
        films.append((film.stem, share))
        path.write_bytes(b"")

    monkeypatch.setattr(clips, "prepare_clip", prepare)
    monkeypatch.setattr(clips, "FaceMeshTracker", lambda: None)
    monkeypatch.setattr(clips, "write_tail", write_tail)
    return films


def tail_shelf(folder: Path, films: int, tail: float) -> ClipShelf:
    for number in range(films):
        (folder / f"{number:02}.mp4").write_bytes(bytes(number))
    return ClipShelf(FootagePlan("film", (), training=("*.mp4",), tail=tail), folder, folder / "clips", no_bar)


def test_of_many_films_the_last_ones_are_the_test_and_none_is_cut(tmp_path: Path, cut: list[tuple[str, float]]) -> None:
    shelf = tail_shelf(tmp_path, films=12, tail=0.25)

    assert [film.stem for film in shelf.films()] == ["09", "10", "11"]
    assert cut == []


def test_of_few_films_the_end_of_each_is_the_test(tmp_path: Path, cut: list[tuple[str, float]]) -> None:
    films = tail_shelf(tmp_path, films=2, tail=0.25).films()

    assert cut == [("00", 0.25), ("01", 0.25)]
    assert tail_shelf(tmp_path, films=2, tail=0.25).films() == films
    assert len(cut) == 2  # each once


def test_another_share_is_another_tail(tmp_path: Path, cut: list[tuple[str, float]]) -> None:
    films = tail_shelf(tmp_path, films=1, tail=0.25).films()

    assert tail_shelf(tmp_path, films=1, tail=0.5).films() != films
    assert cut == [("00", 0.25), ("00", 0.5)]


def test_more_minutes_than_the_protocol_trains_on_come_from_the_other_videos(
    tmp_path: Path, prepared: list[list[str]], loud: Clip
) -> None:
    longer = shelf_of(tmp_path, first=7).training("normalised", 0.5)

    assert prepared[1] == ["07", "08", "09"]
    assert longer.duration == 30
    assert loud.duration == 20


def test_another_video_is_prepared_again(tmp_path: Path, prepared: list[list[str]]) -> None:
    shelf_of(tmp_path).test("normalised")
    (tmp_path / "11.mp4").write_bytes(b"another take")

    shelf_of(tmp_path).test("normalised")

    assert prepared[2:] == [["10", "11"]]


def test_footage_as_filmed_is_a_clip_of_its_own(tmp_path: Path, prepared: list[list[str]]) -> None:
    shelf_of(tmp_path).training("normalised", 0)
    shelf_of(tmp_path).training("as filmed", 0)

    assert len(prepared) == 2
    assert len(list((tmp_path / "clips").glob("*.clip"))) == 2


@dataclass
class Counting:
    """A judge who only counts the frames that are shown to him."""

    trained: list[int] = field(default_factory=list)
    name: str = "counting judge"

    def suits(self, footage: FootagePlan) -> bool:
        return footage.grammar == "grid"

    def train(self, film: Sequence[Spoken], device: torch.device, progress: Progress) -> Counting:
        self.trained.append(frames_of(film))
        return self

    def load(self, path: Path) -> Counting:
        return self

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    def figures(self, shown: Sequence[Spoken], film: Sequence[Spoken]) -> dict[str, Figure]:
        return {"shown": Figure(frames_of(shown)), "filmed": Figure(frames_of(film))}


def frames_of(takes: Sequence[Spoken]) -> int:
    return sum(len(take.pictures) for take in takes)


@pytest.fixture
def seen(loud: Clip) -> Clip:
    return textured(replace(loud, takes=loud.takes[:3]))


def jury_of(kind: Counting, folder: Path, film: Clip, grammar: str = "grid") -> Jury:
    write_clip(folder / "film.clip", film)
    plan = FootagePlan("film", (), training_clip="film.clip", tail=0.2, grammar=grammar)  # type: ignore[arg-type]
    os.utime(folder / "film.clip", (0, 0))
    return Jury([kind], ClipShelf(plan, folder, folder / "clips", no_bar), folder / "judges", torch.device("cpu"))


def test_a_judge_learns_once_from_the_film_and_judges_what_is_shown(tmp_path: Path, seen: Clip) -> None:
    judge = Counting()

    first = jury_of(judge, tmp_path, seen).of_film(seen)
    again = jury_of(judge, tmp_path, seen).of_film(seen)

    assert judge.trained == [60]  # not from the test
    assert first == again == {"shown": Figure(75), "filmed": Figure(75)}


def test_who_cannot_judge_some_footage_is_not_asked(tmp_path: Path, seen: Clip) -> None:
    judge = Counting()
    jury = jury_of(judge, tmp_path, seen, grammar="")

    assert jury.of_film(seen) == {}
    assert jury.fingerprint() == ""
    assert judge.trained == []


def test_there_is_nothing_to_judge_of_a_model_without_pictures(tmp_path: Path, seen: Clip) -> None:
    judge = Counting()

    assert jury_of(judge, tmp_path, seen).of_model(tiny_model(), seen) == {}
    assert judge.trained == []


def test_what_a_model_lost_is_what_the_film_does_not_lose() -> None:
    read = np.array([[0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]], float)
    painted = np.array([[0, 1, 0, 1, 0, 0], [0, 0, 0, 1, 0, 0]], float)
    words = np.ones((2, 6))

    counted = ReadTwice.of(WordCounts(painted, words), WordCounts(read, words))

    assert words_lost(total(counted)).words_lost == pytest.approx(2 / 12)


def test_the_shipped_protocol_can_be_run() -> None:
    protocol = read_protocol(default_protocol())

    assert [footage.name for footage in protocol.footage] == ["GRID speaker 1", "a news reader"]
    run = {system.name for footage in protocol.footage for system in protocol.systems_on(footage)}
    assert run == {system.name for system in protocol.system}
