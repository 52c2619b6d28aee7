"""Frozen encoders and fitted featurisers: raw signals to arrays, with a cache on disk."""
