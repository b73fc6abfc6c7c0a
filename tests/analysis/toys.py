"""Methods of another package, never started here: their records are fabricated."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hasher.contract import Method, MethodConfig, TrainedConfig
from hasher.methods.linear import LinearMethod, Projection
from hasher.training.items import TrainingItems


class WhiteConfig(MethodConfig):
    floor: float = Field(0.1, gt=0, description="share of the largest variance that is added to each")


class White(LinearMethod):
    """Searched, though without epochs, and in a family of its own."""

    name, label, family = "white", "Whitened", "Toys"
    Config = WhiteConfig

    def fit(self, items: TrainingItems, config: Any, seed: int) -> Projection:
        raise NotImplementedError


class AnchorConfig(MethodConfig):
    anchors: int = Field(300, ge=2, description="centres of k-means")


class NeuralConfig(TrainedConfig):
    temperature: float = Field(0.3, gt=0, description="of the softmax")


class Toy(Method):
    """A method with any name, label, family and configuration."""

    def __init__(self, name: str, label: str, family: str, config: type[MethodConfig]) -> None:
        self.name, self.label, self.family = name, label, family
        self.Config = config  # type: ignore[misc]

    def start(self, *given: Any) -> Any:
        raise NotImplementedError

    def model(self, *given: Any) -> Any:
        raise NotImplementedError


#: As many rivals as a large study has, family by family.
RIVALS = (
    Toy("toy_knnh", "Toy KNNH", "Linear hashes", AnchorConfig),
    *(Toy(f"toy_{name.lower()}", f"Toy {name}", "Anchor hashes", AnchorConfig) for name in ("AGH", "IMH", "SGH")),
    *(
        Toy(f"toy_{name.lower()}", f"Toy {name}", "Neural hashes", NeuralConfig)
        for name in ("GreedyHash", "BiHalf", "SDC", "CIBHash", "CroVCA", "TBH")
    ),
    *(
        Toy(f"released_toy_{name.lower()}", f"{name} (released)", "HAGCN as released", NeuralConfig)
        for name in ("GCN", "Chebyshev", "Lanczos", "Spline", "Fourier")
    ),
)
