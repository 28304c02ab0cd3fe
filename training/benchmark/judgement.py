"""The judges of a benchmark: trained once on a speaker's film, then asked about its test clips and about models."""

from __future__ import annotations

from ..measures.described import Described

JUDGED: dict[str, Described] = {}
