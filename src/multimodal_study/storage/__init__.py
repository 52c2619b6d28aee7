"""Kedro datasets of our own, and the rule that a file is either whole or not there."""
