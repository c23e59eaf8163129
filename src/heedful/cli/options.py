"""Options that several commands share, each with its help."""

from __future__ import annotations

from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Argument(help="CSV, Parquet or Excel table, or the name of a sample; the embedded CO2 series if left out."),
]
Target = Annotated[str | None, typer.Option(help="Column to forecast.")]
Targets = Annotated[str | None, typer.Option(help="Columns to forecast, separated by commas.")]
Time = Annotated[str | None, typer.Option(help="Time column; found by itself if not named.")]
_ONLY = "Naming inputs takes only those named."
Features = Annotated[
    str | None, typer.Option(help=f"Input columns, separated by commas; every usable column if left out. {_ONLY}")
]
Past = Annotated[str | None, typer.Option(help=f"Input columns of which only the past is known. {_ONLY}")]
Known = Annotated[
    str | None, typer.Option(help=f"Input columns that are known in advance, such as plans or tariffs. {_ONLY}")
]
Static = Annotated[str | None, typer.Option(help=f"Columns that never change within a series. {_ONLY}")]
SeriesColumn = Annotated[str | None, typer.Option("--series", help="Column that names the series of each row.")]
Calendar = Annotated[bool, typer.Option("--calendar", help="Add hour, weekday and day of the year as known inputs.")]
Window = Annotated[int | None, typer.Option(help="Rows of the look-back.")]
Horizon = Annotated[int, typer.Option(help="Steps ahead.")]
Split = Annotated[str, typer.Option(help="Shares or rows of train, validation and test.")]
Gap = Annotated[int, typer.Option(help="Rows left out between two parts.")]
Season = Annotated[int | None, typer.Option(help="Rows of a season; found by itself if not given.")]
Mask = Annotated[bool, typer.Option("--mask", help="Add inputs that say which values are missing, and for how long.")]
Missing = Annotated[
    str | None, typer.Option(help="Numbers that stand for missing values, such as -999; '' looks for none.")
]
Epochs = Annotated[int | None, typer.Option(help="At most so many passes over the train windows.")]
DateFormat = Annotated[str | None, typer.Option(help="Format of the stamps, such as %d/%m/%Y.")]
Model = Annotated[str, typer.Option(help="Name of a model; see 'heedful list models'.")]
PlanFile = Annotated[
    str | None,
    typer.Option("--plan", help="TOML file with the plan of a model of your own, and its recipe table if it has one."),
]
Levels = Annotated[str, typer.Option(help="Levels of the intervals, separated by commas.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Start afresh in a folder that holds a run.")]
