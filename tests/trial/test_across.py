"""Several comparisons, or the series of one, become one table that ranks fairly and leaves nothing out in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import heedful
from heedful.data import Series, Step, split, windows
from heedful.data.series import Member
from heedful.errors import DataError
from heedful.trial.across import across, across_series, gather, measure
from heedful.trial.family import Question
from heedful.trial.result import Comparison, ModelNote, Trial

QUESTION = Question(
    attention="eca", backbone="net", arm="net+eca", none=("net",), placebo="net+eca+placebo", wide="net+eca+wide"
)
ARMS = dict.fromkeys(QUESTION.arms, 1.0)


def compared(
    seed: int = 0,
    *,
    scale: dict[str, float] = ARMS,
    level: float = 1.0,
    members: int = 1,
    rows: int = 300,
    seeds: int = 3,
    flat: tuple[int, ...] = (),
) -> Comparison:
    """A comparison whose models miss the truth by noise of a size of their own; members named in `flat` never move."""
    rng = np.random.default_rng(seed)
    walks = [np.full(rows, 5.0) if m in flat else rng.normal(size=rows).cumsum() for m in range(members)]
    values = level * np.concatenate(walks)
    days = pd.date_range("2020-01-01", periods=rows, freq="D")
    series = Series(
        name=f"made{seed}",
        columns=("y",),
        target="y",
        values=values[:, None],
        observed=np.ones((len(values), 1), dtype=bool),
        times=pd.DatetimeIndex(np.tile(days, members)),
        step=Step(kind="fixed", frequency="D"),
        fingerprint=f"made{seed}",
        members=tuple(Member(name=f"m{m}", start=m * rows, stop=(m + 1) * rows) for m in range(members)),
    )
    parts = split(series)
    validation, test = windows(parts.validation, 4, 2), windows(parts.test, 4, 2)
    truths = [one.targets(np.arange(len(one))) for one in (validation, test)]
    trials = [
        Trial(
            model=name,
            seed=number,
            validation=truths[0] + level * size * rng.normal(size=truths[0].shape),
            test=truths[1] + level * size * rng.normal(size=truths[1].shape),
        )
        for name, size in scale.items()
        for number in range(seeds)
    ]
    return Comparison(
        series=series,
        split=parts,
        validation=validation,
        test=test,
        season=None,
        trials=tuple(trials),
        models={name: ModelNote(name=name, kind="preset", summary="") for name in scale},
        asked=(QUESTION,) if set(QUESTION.arms) <= set(scale) else (),
    )


def by_hand(comparison: Comparison, model: str, rows: Callable[[np.ndarray], np.ndarray] | None = None) -> float:
    """Mean over seeds of the mean squared error over windows and steps, over that of the newest value."""
    test, series = comparison.test, comparison.series
    own, naive, steps = [0.0 for t in comparison.trials if t.model == model], 0.0, 0
    trials = [t for t in comparison.trials if t.model == model]
    for number, origin in enumerate(test.origins):
        if rows is not None and not rows(origin):
            continue
        for h in range(test.horizon):
            truth = series.values[origin + 1 + h, 0]
            naive += (series.values[origin, 0] - truth) ** 2
            steps += 1
            for place, trial in enumerate(trials):
                own[place] += (trial.test[number, h] - truth) ** 2
    return float(np.mean(own)) / naive


def test_a_loss_is_the_squared_error_over_that_of_the_last_value() -> None:
    one, two = compared(1), compared(2, level=1000.0)
    found = across({"one": one, "two": two})
    for name, comparison in (("one", one), ("two", two)):
        for model in ARMS:
            assert found.losses.loc[name, model] == pytest.approx(by_hand(comparison, model))


def test_the_unit_of_a_data_set_does_not_weigh() -> None:
    small, large = compared(1), compared(1, level=1e6)
    assert list(measure(small).losses.values()) == pytest.approx(list(measure(large).losses.values()))


def test_ranks_and_table_say_the_same_and_agree_with_scipy() -> None:
    found = across({str(i): compared(i, scale={**ARMS, "net": 0.8}) for i in range(5)})
    expected = stats.rankdata(found.losses.to_numpy(), axis=1).mean(0)
    assert found.ranks is not None
    assert found.ranks.ranks == pytest.approx(expected)
    assert found.table["rank"].to_dict() == pytest.approx(dict(zip(found.losses, expected, strict=True)))
    assert found.table["loss"].to_dict() == pytest.approx(
        dict(zip(found.losses, stats.gmean(found.losses), strict=True))
    )
    assert (found.table.index[0], found.table.loc["net", "best"]) == ("net", 5)


def test_three_data_sets_say_nothing_and_six_do_for_one_attention() -> None:
    gain = {**ARMS, "net+eca": 0.7}
    few = across({str(i): compared(i, scale=gain) for i in range(3)})
    assert few.caution == "too few data sets (3) to say anything; 6 at least"
    assert few.standings[0].p_helps is None
    assert "too few data sets (3)" in repr(few)
    enough = across({str(i): compared(i, scale=gain) for i in range(6)})
    assert enough.caution == ""
    assert enough.standings[0].p_helps == pytest.approx(2 / 2**6)


def test_the_record_is_what_the_trials_said() -> None:
    scales = ({**ARMS, "net+eca": 0.8}, {**ARMS, "net+eca": 1.4}, ARMS)
    found = across({str(i): compared(i, rows=4000, scale=scale) for i, scale in enumerate(scales)})
    outcomes = [answers[0].outcome for answers in found.answers.values()]
    assert outcomes[:2] == ["helps", "hurts"]
    record = found.standings[0].record
    assert (record.wins, record.ties, record.losses) == (1, 1, 1)
    assert record.undecided == outcomes.count("not decidable with this test set")


def test_models_that_not_all_have_are_not_ranked_and_named() -> None:
    found = across({"one": compared(1, scale={**ARMS, "tcn": 1.0}), "two": compared(2)})
    assert "tcn" not in found.losses
    assert "Not ranked, for want of a loss on every data set: tcn." in found.notes


def test_an_unfinished_model_is_not_ranked() -> None:
    whole = compared(1)
    part = replace(whole, trials=tuple(t for t in whole.trials if (t.model, t.seed) != ("net+eca", 2)))
    found = across({"one": part, "two": compared(2)})
    assert "net+eca" not in found.losses
    assert found.standings == ()


def test_a_seed_that_did_not_train_is_left_out_and_said() -> None:
    whole = compared(1)
    lost = tuple(
        replace(t, test=np.full_like(t.test, np.nan)) if (t.model, t.seed) == ("net", 1) else t for t in whole.trials
    )
    found = across({"one": replace(whole, trials=lost), "two": compared(2)})
    kept = replace(whole, trials=tuple(t for t in whole.trials if (t.model, t.seed) != ("net", 1)))
    assert found.losses.loc["one", "net"] == pytest.approx(by_hand(kept, "net"))
    assert "net on one: 1 of 3 seeds did not train." in found.notes


def test_the_same_rows_twice_are_named() -> None:
    found = across({"one": compared(1), "again": compared(1), "two": compared(2)})
    assert "The same rows, of which the first counts alone: one, again." in found.notes


def test_the_same_rows_count_once_in_every_test_and_stay_listed() -> None:
    gain = {**ARMS, "net+eca": 0.7}
    one = {f"copy{i}": compared(1, scale=gain) for i in range(9)} | {"two": compared(2, scale=gain)}
    found = across(one)
    assert list(found.losses.index) == ["copy0", "two"]
    assert list(found.measured) == list(one)
    assert found.caution == "too few data sets (2) to say anything; 6 at least"
    assert found.standings[0].p_helps is None
    record = found.standings[0].record
    assert record.wins + record.ties + record.losses == 2
    with pytest.raises(DataError, match="on different rows or targets, got 1"):
        across({"one": compared(1), "again": compared(1)})


def test_the_same_rows_with_another_target_are_another_data_set() -> None:
    one, two = measure(compared(1)), measure(compared(1, scale={**ARMS, "net": 2.0}))
    assert len(gather({"one": one, "two": replace(two, target="z")}).losses) == 2


def test_a_comparison_that_was_stopped_is_named() -> None:
    found = across({"one": replace(compared(1), finished=False), "two": compared(2)})
    assert "Stopped early, and counted with what is finished: one." in found.notes
    assert not any("Stopped" in note for note in across({"one": compared(1), "two": compared(2)}).notes)


def test_a_data_set_whose_last_value_is_never_wrong_is_left_out_and_named() -> None:
    found = across({"still": compared(0, flat=(0,)), "one": compared(1), "two": compared(2)})
    assert list(found.losses.index) == ["one", "two"]
    assert "Data sets without a loss, or whose last value is never wrong: still." in found.notes


def test_one_data_set_is_no_table_of_many() -> None:
    with pytest.raises(DataError, match=r"two comparisons or more with a test loss, .*got 1\. Compare more tables"):
        across({"one": compared(1)})
    with pytest.raises(DataError, match="a model that all comparisons have, got none"):
        across({"one": compared(1, scale={"a": 1.0}), "two": compared(2, scale={"b": 1.0})})


def test_a_wide_control_may_differ_from_table_to_table() -> None:
    """How wide a network must be for equal size depends on the columns of the table."""
    one = compared(1)
    narrow = replace(compared(2), asked=(replace(QUESTION, wide="net"),))
    assert [standing.arm for standing in across({"one": one, "two": narrow}).standings] == ["net+eca"]


def test_what_is_measured_needs_no_forecasts_and_gives_the_same_table() -> None:
    comparisons = {str(i): compared(i) for i in range(3)}
    measured = {name: measure(one) for name, one in comparisons.items()}
    pd.testing.assert_frame_equal(gather(measured).losses, heedful.across(comparisons).losses)


def test_the_file_has_a_row_for_each_data_set_and_model() -> None:
    found = across({"one": compared(1), "two": compared(2)})
    frame = found.frame
    assert list(frame.columns) == ["data", "model", "relative_mse", "rank", "answer"]
    assert len(frame) == 2 * len(ARMS)
    assert frame.groupby("data")["rank"].sum().tolist() == [10, 10]
    [row] = frame.query("data == 'two' and model == 'net+eca'").itertuples()
    assert row.relative_mse == found.losses.loc["two", "net+eca"]
    assert row.answer == found.answers["two"][0].outcome


def test_the_series_of_a_panel_are_ranked_each_by_its_own_loss() -> None:
    panel = compared(3, members=4, scale={**ARMS, "net": 0.5})
    found = across_series(panel)
    assert found is not None
    assert (found.unit, list(found.losses.index)) == ("series", ["m0", "m1", "m2", "m3"])
    assert found.losses.loc["m2", "net"] == pytest.approx(by_hand(panel, "net", lambda row: 600 <= row < 900))
    assert found.table.loc["net", "best"] == 4
    assert str(found.standings[0].record) == "0/0/4"


def test_series_of_one_panel_are_not_tested_however_many() -> None:
    found = across_series(compared(3, members=12, scale={**ARMS, "net+eca": 0.5}))
    assert found is not None
    assert str(found.standings[0].record) == "12/0/0"
    assert (found.standings[0].p_helps, found.standings[0].p_hurts) == (None, None)
    assert "share their networks" in found.caution


def test_a_series_that_never_moves_is_left_out_and_named() -> None:
    found = across_series(compared(3, members=4, flat=(1,)))
    assert found is not None
    assert list(found.losses.index) == ["m0", "m2", "m3"]
    assert found.notes == ("Series without a loss, or whose last value is never wrong: m1.",)


def test_a_model_that_is_not_finished_is_not_ranked_over_series_and_named() -> None:
    whole = compared(3, members=4)
    part = replace(whole, trials=tuple(t for t in whole.trials if (t.model, t.seed) != ("net+eca", 2)))
    found = across_series(part)
    assert found is not None
    assert "net+eca" not in found.losses
    assert found.notes == ("Not ranked, for want of a loss on every series: net+eca.",)


def test_a_single_series_is_no_panel() -> None:
    assert across_series(compared(1)) is None
    assert across_series(compared(1, members=2, flat=(0,))) is None
