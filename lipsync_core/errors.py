"""The faults that a user can mend. Each message says what, where, and what to do, in one sentence."""


class LipSyncError(Exception):
    """Any fault in what the user gave us, as against a bug of ours."""


class ShapeError(LipSyncError, ValueError):
    """An array has other axes than its name promises."""


class AudioError(LipSyncError):
    """A sound cannot be read, or holds nothing to speak from."""


class VideoError(LipSyncError):
    """A video cannot be read, or its picture and sound do not belong together."""


class TrackingError(LipSyncError):
    """The face was not found well enough."""


class FormatError(LipSyncError):
    """A file is not what its name says, is damaged, or is newer than this version."""


class ConfigError(LipSyncError):
    """A setting is unknown or out of range."""


class CharacterError(LipSyncError):
    """A character has nothing that can be animated."""


class WorkerError(LipSyncError):
    """The worker process ended without an answer."""


class ProcessesError(LipSyncError):
    """One of several processes that train together stopped."""


class MissingDependencyError(LipSyncError, ImportError):
    """An optional package is not installed."""


class Cancelled(Exception):  # noqa: N818  (a wish, not a fault: deliberately outside LipSyncError)
    """The user stopped the work; raised out of a progress hook."""
