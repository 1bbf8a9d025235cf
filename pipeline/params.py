"""params.yaml, read strictly and in one place.

An unknown, missing or mistyped key stops the run and names the fix.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import layout
from pipeline.parameters.references import check_names, check_references
from pipeline.parameters.sections import NAME as NAME
from pipeline.parameters.sections import REFERENCE as REFERENCE
from pipeline.parameters.sections import Bounds as Bounds
from pipeline.parameters.sections import Params as Params
from pipeline.parameters.sections import ParamsError as ParamsError
from pipeline.parameters.sections import ReportParams as ReportParams
from pipeline.parameters.sections import RunParams as RunParams
from pipeline.parameters.sections import run_settings as run_settings
from pipeline.parameters.strictness import explain, unknown_keys


def load(path: Path = layout.PARAMS) -> Params:
    """Read and check a params file.

    Raises:
        ParamsError: it is missing, is no YAML, or a key is unknown, missing or mistyped.
    """
    if not path.exists():
        raise ParamsError(f"{path}: not here; run in the project root, or `vcemo profile use demo`")
    try:
        plain = YAML(typ="safe").load(path)  # YAML 1.2: 3e-4 is a number, no is Norwegian
    except YAMLError as error:
        raise ParamsError(f"{path}: not YAML: {error}") from error
    return read(plain, str(path))


def read(plain: Any, where: str) -> Params:
    """Check params given as plain mappings and lists; `where` names them in errors.

    Raises:
        ParamsError: see `load`.
    """
    faults = [f"{where}: {fault}" for fault in unknown_keys(Params, plain, "")]
    try:
        text = json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        hint = "dates need quotes, and .nan and .inf are no parameters"
        raise ParamsError(f"{where}: {error}; {hint}") from None
    try:
        params = _ADAPTER.validate_json(text, strict=True)
    except ValidationError as error:
        faults += [explain(e, where) for e in error.errors()]
    if faults:
        raise ParamsError("\n".join(faults))
    check_names(params, where)
    check_references(params, where)
    return params


_ADAPTER = TypeAdapter(Params)
