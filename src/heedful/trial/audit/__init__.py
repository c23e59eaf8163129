"""The leak audit: does anything of the future, or of the test rows, reach what is trained or forecast?

`audit` is the verb. The checks below it take a series and its split (`check_table`), windows, a scaler, groups or a
predictor, and can be called alone; `heedful.trial.audit.bundles` has the one for bundles and `.networks` that for
networks just trained, which need torch.
"""

from heedful.trial.audit.copies import check_copies
from heedful.trial.audit.findings import SEVERITIES, Audit, Finding
from heedful.trial.audit.parts import check_groups, check_scaler, check_spans, check_windows
from heedful.trial.audit.predictors import Predict, Predictor, check_predictor
from heedful.trial.audit.quality import check_quality, check_stamps
from heedful.trial.audit.reading import check_reading
from heedful.trial.audit.table import check_table
from heedful.trial.audit.telling import check_telling
from heedful.trial.audit.verb import audit

__all__ = [
    "SEVERITIES",
    "Audit",
    "Finding",
    "Predict",
    "Predictor",
    "audit",
    "check_copies",
    "check_groups",
    "check_predictor",
    "check_quality",
    "check_reading",
    "check_scaler",
    "check_spans",
    "check_stamps",
    "check_table",
    "check_telling",
    "check_windows",
]
