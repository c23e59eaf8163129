"""Anomalies: what a network that learned the usual cannot explain, and alarms that keep a promise on false ones."""
