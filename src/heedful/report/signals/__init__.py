"""The report page of a classification of recordings, or of a regression on them."""

from heedful.report.signals.page import render as render
from heedful.report.signals.page import write_report as write_report
