"""Whether one model's errors are lower than another's: numbers in, an answer with its uncertainty out.

`contrast` and `verdict` give the answer of a trial; everything else is a second opinion and says for what it holds.
"""

from heedful.trial.statistics.best import ConfidenceSet, Superiority, model_confidence_set, spa
from heedful.trial.statistics.contrast import Contrast, contrast, correlation_time
from heedful.trial.statistics.datasets import (
    Ranks,
    WinTieLoss,
    friedman_nemenyi,
    wilcoxon_holm,
    win_tie_loss,
)
from heedful.trial.statistics.grounds import OUTCOMES, hardest, p_text, p_told
from heedful.trial.statistics.opinions import (
    Test,
    corrected_resampled_t,
    diebold_mariano,
    mcnemar,
    sign_flips,
)
from heedful.trial.statistics.verdict import Verdict, holm, verdict, verdicts

__all__ = [
    "OUTCOMES",
    "ConfidenceSet",
    "Contrast",
    "Ranks",
    "Superiority",
    "Test",
    "Verdict",
    "WinTieLoss",
    "contrast",
    "corrected_resampled_t",
    "correlation_time",
    "diebold_mariano",
    "friedman_nemenyi",
    "hardest",
    "holm",
    "mcnemar",
    "model_confidence_set",
    "p_text",
    "p_told",
    "sign_flips",
    "spa",
    "verdict",
    "verdicts",
    "wilcoxon_holm",
    "win_tie_loss",
]
