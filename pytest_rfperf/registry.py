"""Adapters by group and name from entry points; built-ins come through the same door as third parties."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from pytest_rfperf.errors import UnknownAdapterError

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter that can be loaded here, or in another process by `reference` alone."""

    group: str
    name: str
    reference: str

    def load(self) -> Any:  # noqa: ANN401 - what an entry point names is known to its user only
        """Import it.

        Raises
        ------
        UnknownAdapterError
            If the module or the attribute is not there.
        """
        module, _, attribute = self.reference.partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            named = f"'{self.name}'" if self.name == self.reference else f"'{self.name}' ({self.reference})"
            hint = "; is its folder on pytest's `pythonpath`?" if isinstance(error, ModuleNotFoundError) else ""
            msg = f"{self.group}: {named} cannot be imported: {error}{hint}"
            raise UnknownAdapterError(msg) from error


def known(group: str) -> dict[str, Adapter]:
    """All adapters of a group by name, sorted; importing none of them."""
    found = {e.name: Adapter(group, e.name, e.value.replace(" ", "")) for e in entry_points(group=group)}
    return dict(sorted(found.items()))


def find(group: str, name: str) -> Adapter:
    """The adapter of a name, or of a dotted path "package.module:Class".

    Raises
    ------
    UnknownAdapterError
        If no installed package offers it; the message lists what is offered.
    """
    adapters = known(group)
    if name in adapters:
        return adapters[name]
    if _DOTTED.fullmatch(name):
        return Adapter(group, name, name)
    near = get_close_matches(name, adapters, n=1)
    dotted = "; a class of your own is named 'package.module:Class'" if "." in name else ""
    hint = f"; did you mean '{near[0]}'?" if near else dotted
    msg = f"{group}: no '{name}'; known: {', '.join(adapters)}{hint}"
    raise UnknownAdapterError(msg)
