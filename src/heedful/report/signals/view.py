"""What the page and its figures draw, read off a classification once: lines, folds, examples and attention maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heedful.report.language import Language, language
from heedful.report.signals.examples import Example, examples
from heedful.report.signals.looks import Look, looks
from heedful.report.signals.strips import FoldView, fold_views
from heedful.report.view import controls, dressed

if TYPE_CHECKING:
    from heedful.signals.result import Classification, SignalTrial


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalLine:
    """One model as it is drawn: its trials, one for each seed and fold."""

    name: str
    kind: str
    colour: str
    dash: str
    trials: tuple[SignalTrial, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class SignalPage:
    """All that the report draws.

    `network` and `baseline` are the best of their kind, None where there is none; `first` the models that are switched
    on when the page opens, `controls` those of a trial of attention that stand back behind the others.
    """

    say: Language
    result: Classification
    lines: tuple[SignalLine, ...]
    network: SignalLine | None
    baseline: SignalLine | None
    controls: tuple[str, ...]
    folds: tuple[FoldView, ...]
    examples: tuple[Example, ...]
    looks: tuple[Look, ...]
    looks_left_out: int

    @property
    def first(self) -> tuple[str, ...]:
        """The models that are drawn before the reader chooses."""
        return tuple(line.name for line in (self.network, self.baseline) if line is not None)

    @property
    def one(self) -> str:
        """What ends the keys of texts on one answer of a model, which is about a window here."""
        return "_of_window"

    @property
    def measure(self) -> tuple[str, str]:
        """The column of the summary that models are ranked by, and its title."""
        name = self.result.ranked_by
        return name, self.say(f"columns.{name}")

    def line(self, model: str) -> SignalLine:
        """Gives the line of a model."""
        return next(line for line in self.lines if line.name == model)


def page_data(result: Classification, say: Language | None = None) -> SignalPage:
    """Reads off a classification what the page draws, in English if no language is given."""
    say = say or language("en")
    lines = _lines(result)
    network = next((line for line in lines if line.kind != "baseline"), None)
    baseline = next((line for line in lines if line.kind == "baseline"), None)
    first = {line.name for line in (network, baseline) if line is not None}
    names = [line.name for line in lines]
    found, left_out = looks(result, controls(result.asked, names, ()))
    return SignalPage(
        say=say,
        result=result,
        lines=lines,
        network=network,
        baseline=baseline,
        controls=controls(result.asked, names, first),
        folds=fold_views(result, say),
        examples=examples(result),
        looks=found,
        looks_left_out=left_out,
    )


def _lines(result: Classification) -> tuple[SignalLine, ...]:
    names = [str(name) for name in result.summary.index]
    return tuple(
        SignalLine(
            name=name,
            kind=result.models[name].kind,
            colour=colour,
            dash=dash,
            trials=tuple(trial for trial in result.trials if trial.model == name),
        )
        for name, (colour, dash) in zip(names, dressed(names, result.models), strict=True)
    )
