"""How much of the films, and of the ratings, each kind of enrichment covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

EXTERNAL_NOTE = "opinions from outside, gathered after many of the ratings"
RENDERED_NOTE = "drawn from the metadata, not a real poster"
COMPOSED_NOTE = "composed from the metadata, not a real plot"


def coverage(films: pl.DataFrame, rated: pl.Series, external: tuple[str, ...]) -> pd.DataFrame:
    """One row per field, and per source of text and poster.

    Columns: ``what``, ``source`` (empty for a field), ``films``, ``films_share``, ``ratings`` (of
    films that have it), ``ratings_share``, ``note``.

    Args:
        films: The enriched table, one row per film.
        rated: Number of ratings of each film, all splits together: no value of a rating enters.
        external: Fields that are opinions from outside.
    """
    import pandas as pd
    import polars as pl

    rows: list[dict[str, Any]] = []

    def add(what: str, source: str, mask: pl.Series, note: str = "") -> None:
        covered, ratings = int(mask.sum()), int(rated.filter(mask).sum())
        rows.append(
            {
                "what": what,
                "source": source,
                "films": covered,
                "films_share": round(covered / max(films.height, 1), 4),
                "ratings": ratings,
                "ratings_share": round(ratings / max(int(rated.sum()), 1), 4),
                "note": note,
            }
        )

    add("all", "", pl.Series([True] * films.height))
    for name in films.columns:
        if name in ("movie_id", "text", "text_source", "poster", "poster_source", "poster_sha256"):
            continue
        column = films[name]
        if column.dtype == pl.Boolean:
            mask = column
        else:
            mask = column.is_not_null()
            if column.dtype == pl.String:
                mask = mask & (column != "").fill_null(False)
        add(name, "", mask, EXTERNAL_NOTE if name in external else "")
    notes = {"composed": COMPOSED_NOTE, "rendered": RENDERED_NOTE}
    for what in ("text", "poster"):
        sources = films[f"{what}_source"]
        add(what, "any", sources.is_not_null())
        for source in sorted(sources.drop_nulls().unique()):
            add(what, source, (sources == source).fill_null(False), notes.get(source, ""))
    return pd.DataFrame(rows)
