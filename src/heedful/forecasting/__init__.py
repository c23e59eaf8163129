"""From a table to a model that is used: fit, predict, backtest. Decides, trains, calibrates, scores, packs."""
