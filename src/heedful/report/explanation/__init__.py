"""An explanation in pictures: still ones for files and papers, and one offline page."""

from heedful.report.explanation.page import render as render
from heedful.report.explanation.page import write_page as write_page
from heedful.report.explanation.pictures import drawings as drawings
from heedful.report.explanation.pictures import save_figures as save_figures
