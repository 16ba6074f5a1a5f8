"""From the keys of a model to a `Model` that a target can open: hash, labels, decoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_rfperf.data.model import DecoderSettings
from pytest_rfperf.decoders.labels import BUILT_IN
from pytest_rfperf.errors import ModelError, RfperfError, UsageError
from pytest_rfperf.protocols import Model
from pytest_rfperf.registry import find, known
from pytest_rfperf.store.artifacts import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_rfperf.config import ModelSettings, Settings
    from pytest_rfperf.data.model import ModelSignature
    from pytest_rfperf.protocols import Decoder

GROUP = "rfperf.decoders"


def make_model(
    name: str, settings: Settings, note: Callable[[str], None], *, artifact: Path | None = None, as_name: str = ""
) -> Model:
    """Make the model of a name; `note` is told each guess.

    With `artifact` it is another file that is read by the same keys, and called `as_name`.

    Raises
    ------
    ModelError
        If the artefact cannot be read.
    UsageError
        If the labels cannot be.
    """
    keys = settings.models[name]
    artifact = artifact or settings.path(keys.artifact)
    decoder_settings = DecoderSettings(_labels(name, keys, settings), keys.preprocess, keys.decode)

    def bind(signature: ModelSignature) -> Decoder:
        return _bind(name, keys, decoder_settings, signature, note)

    return Model(as_name or name, keys.size or name, artifact, sha256_of(artifact), decoder_settings, bind)


def _bind(
    name: str,
    keys: ModelSettings,
    decoder_settings: DecoderSettings,
    signature: ModelSignature,
    note: Callable[[str], None],
) -> Decoder:
    try:
        adapter = find(GROUP, keys.decoder or _recognised(name, signature, note))
        kind = adapter.load()
        if not hasattr(kind, "bind"):
            msg = f"decoder {adapter.reference} has no `bind`; derive it from pytest_rfperf.decoders.bound.BoundDecoder"
            raise ModelError(msg)
        decoder: Decoder = kind.bind(signature, decoder_settings)
    except RfperfError as error:
        msg = f"models.{name}: {error}"
        raise type(error)(msg) from error
    for guess in getattr(decoder, "guesses", ()):
        note(f"models.{name}: {guess}")
    return decoder


def _recognised(name: str, signature: ModelSignature, note: Callable[[str], None]) -> str:
    """The one decoder that knows the model by its names, shapes or metadata."""
    adapters = known(GROUP)
    reasons = {key: adapter.load().recognises(signature) for key, adapter in adapters.items()}
    fits = {key: reason for key, reason in reasons.items() if reason}
    if len(fits) == 1:
        decoder, reason = next(iter(fits.items()))
        note(f"models.{name}: decoder = '{decoder}' ({reason})")
        return decoder
    found = f"{' and '.join(fits)} both fit" if fits else "no decoder recognises"
    msg = (
        f"{found} {signature}; set models.{name}.decoder to one of {', '.join(adapters)}, or to "
        f"'package.module:Class' of your own"
    )
    raise ModelError(msg)


def _labels(name: str, keys: ModelSettings, settings: Settings) -> tuple[str, ...] | None:
    if keys.labels is None or isinstance(keys.labels, tuple):
        return keys.labels
    if keys.labels in BUILT_IN:
        return BUILT_IN[keys.labels]
    path = settings.path(keys.labels)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"models.{name}.labels = '{keys.labels}': neither a file nor one of {', '.join(BUILT_IN)}"
        raise UsageError(msg) from error
    return tuple(line.strip() for line in lines if line.strip())
