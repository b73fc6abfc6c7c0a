"""All that a report's script is given, as JSON that can stand in an HTML page."""

from __future__ import annotations

import json
from typing import Any

from markupsafe import Markup

from analysis.interactive.asked_cells import asked_cells
from analysis.interactive.asked_queries import asked_queries
from analysis.interactive.expected_best import expected_best
from analysis.interactive.scores import looks, metrics, scores
from analysis.names import dataset_label
from analysis.results import DatasetResults, results_of
from analysis.study_records import StudyRecords


def page_data(study: StudyRecords) -> Markup:
    """Metrics and data sets of a study; ``<`` is written so that no text of it can end the element that holds it."""
    found = [results_of(study, dataset) for dataset in study.datasets]
    data = {"metrics": metrics(found), "datasets": [_dataset(results) for results in found]}
    written = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(written.replace("<", r"\u003c"))


def _dataset(results: DatasetResults) -> dict[str, Any]:
    return {
        "key": results.dataset,
        "label": dataset_label(results.dataset),
        "bits": results.bits,
        "methods": looks(results),
        "scores": scores(results),
        "cells": asked_cells(results),
        "queries": asked_queries(results),
        "tuning": expected_best(results),
    }
