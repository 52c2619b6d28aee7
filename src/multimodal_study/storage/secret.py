"""A key to an outside service, from ``credentials.yml``: never printed, never hashed, never saved.

An entry of the catalogue names the block of credentials; Kedro fills it in. The block is optional
as long as nobody asks for the key.
"""

from __future__ import annotations

from typing import Any

from kedro.io import AbstractDataset


class Secret:
    """A string that shows itself only when asked by name."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The string itself; empty where there is none."""
        return self._value

    def __repr__(self) -> str:
        """Stars, whatever the value."""
        return "Secret(***)"

    def __reduce__(self) -> Any:
        """Refuse to be pickled."""
        raise TypeError("a Secret is not written anywhere")


class SecretDataset(AbstractDataset["Secret", "Secret"]):
    """Loads one key of a block of credentials; saving is refused."""

    def __init__(
        self,
        *,
        key: str,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Keep the value of ``key`` in ``credentials``; no block, or none in it, is no value."""
        value = (credentials or {}).get(key)
        self._secret = Secret(str(value or "").strip())
        self._key = key
        self.metadata = metadata

    def load(self) -> Secret:
        """The key, perhaps empty."""
        return self._secret

    def save(self, data: Secret) -> None:
        """Refused.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a secret is read from credentials.yml, never written")

    def _exists(self) -> bool:
        return True

    def _describe(self) -> dict[str, Any]:
        return {"key": self._key}
