"""Shared evaluation: it reads the saved predictions of any cell and trains nothing."""
