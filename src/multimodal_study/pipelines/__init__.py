"""Kedro pipelines: one per dataset, one template per training regime, shared evaluation."""
