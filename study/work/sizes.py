"""Whether the models that a study may train fit into memory, asked before any of them is made."""

from __future__ import annotations

import torch
from pydantic import ValidationError

from hasher.errors import UserError
from hasher.memory import require
from hasher.methods.registry import find_method
from study.plan.spec import StudySpec

#: What training keeps of every weight: the weight, its gradient, and the two moments of Adam.
COPIES = 4


def check_sizes(spec: StudySpec, width: int) -> None:
    """Raise `UserError` for a method whose largest model of embeddings of this `width` does not fit into memory.

    The largest is that of the longest codes and the largest whole numbers of the method's ranges; where these do not go
    together, its trials will tell.
    """
    for name in spec.all_methods:
        method, space = find_method(name), spec.space_for(name)
        chosen = {key: dimension.extremes[-1] for key, dimension in space.items() if dimension.type == "int"}
        try:
            config = spec.configure(name, max(spec.bits), chosen)
        except ValidationError:
            continue
        where = f"{name}: a model of width {width} at {max(spec.bits)} bits" + "".join(
            f", {key} {value}" for key, value in {**spec.fixed_for(name), **chosen}.items() if isinstance(value, int)
        )
        try:
            with torch.device("meta"):  # shapes without memory
                weights = sum(tensor.nbytes for tensor in method.model(config, width).state_dict().values())
        except (RuntimeError, OverflowError, TypeError, MemoryError):  # sizes beyond what torch can count
            raise UserError(f"{where}: its sizes are beyond any memory") from None
        require(COPIES * weights if method.is_trained else weights, where)
