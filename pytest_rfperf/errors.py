"""Every error that this package raises on purpose.

RfperfError
|-- UsageError           a marker, an option or a configuration key that cannot be meant
|   `-- UnknownAdapterError   a name that no installed adapter has
|-- ModelError           an artefact that cannot be read, recognised or bound to a decoder
|   `-- OutputError      outputs that are no detections: not finite, of another shape or class count
|-- DatasetError         annotations that contradict themselves or the images
|   `-- ImageError       an image that cannot be read, is cut short or too large
|-- TargetError          a system under test that cannot be reached or does not do what was asked
|   |-- AttestationError the model runs elsewhere than asked
|   `-- RequestError     one failed request: counted as infinite latency, never raised to a user
|-- StoreError           a baseline or cache entry that cannot be read or written
`-- UndecidedError       a measurement that is not made, since its time is spent: the gate ends INCONCLUSIVE

Each message names the thing, the value, where it was set and what to do next.
"""


class RfperfError(Exception):
    """The root: catch it to catch everything that this package raises on purpose."""


class UsageError(RfperfError):
    """A marker, an option or a configuration key that cannot be meant."""


class UnknownAdapterError(UsageError):
    """A target kind, decoder or dataset format that no installed package offers."""


class ModelError(RfperfError):
    """A model artefact that cannot be read, recognised or bound to a decoder."""


class OutputError(ModelError):
    """Model outputs that are no detections."""


class DatasetError(RfperfError):
    """A dataset whose annotations contradict themselves or its images."""


class ImageError(DatasetError):
    """An image file that cannot be read, is cut short or larger than the limit."""


class TargetError(RfperfError):
    """A target that cannot be reached or does not do what was asked of it."""


class AttestationError(TargetError):
    """A model that runs elsewhere than its target was asked to run it."""


class RequestError(TargetError):
    """One failed or timed-out request: the measurement counts it as infinite latency."""


class StoreError(RfperfError):
    """A baseline or a cache entry that cannot be read or written."""


class UndecidedError(RfperfError):
    """A measurement that is not made, since the time granted for it is spent; its gate ends INCONCLUSIVE."""
