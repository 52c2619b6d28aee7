"""Chapters of a thesis from the entries of the study: Markdown, LaTeX and vector figures."""
