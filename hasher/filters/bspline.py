"""Cubic B-splines on the range [0, 2] of Laplacian eigenvalues."""

import torch
from torch import Tensor

DEGREE = 3
UPPER = 2.0


def bspline_knots(count: int) -> Tensor:
    """Clamped, evenly spaced knots (count + 4,) on [0, 2] of `count` >= 4 cubic B-splines, float64."""
    inner = torch.linspace(0, UPPER, count - DEGREE + 1, dtype=torch.float64)
    return torch.cat([inner.new_zeros(DEGREE), inner, inner.new_full((DEGREE,), UPPER)])


def bspline_basis(points: Tensor, count: int) -> Tensor:
    """Values (m, count) at points (m,) of `count` >= 4 cubic B-splines on [0, 2]; they sum to 1.

    Points outside by rounding count as the nearer end.
    """
    return bspline_values(points.clamp(0, UPPER), bspline_knots(count).to(points))


def bspline_values(points: Tensor, knots: Tensor) -> Tensor:
    """Values (m, K) at points (m,) of the K cubic B-splines on ascending, clamped knots (K + 4,) (de Boor 1978).

    Differentiable in both; points are between the first and the last knot.
    """
    x = points[:, None]
    # The last non-empty interval is closed, or all splines would vanish at the upper end.
    last = len(knots) - DEGREE - 1
    interval = torch.searchsorted(knots.detach(), x.detach(), right=True).clamp(max=last) - 1
    values = (interval == torch.arange(len(knots) - 1, device=x.device)).to(x)
    for degree in range(1, DEGREE + 1):
        span = knots[degree:] - knots[:-degree]
        share = (x - knots[:-degree]) / torch.where(span > 0, span, torch.inf)
        values = values[:, :-1] * share[:, :-1] + values[:, 1:] * (1 - share[:, 1:])
    return values


def bspline_sites(count: int) -> Tensor:
    """Greville abscissae (count,) of the splines, float64: coefficients g(sites) make a spline that follows g.

    Such a spline is monotone where g is (Schoenberg's variation-diminishing approximation).
    """
    return bspline_knots(count)[1:-1].unfold(0, DEGREE, 1).mean(dim=1)


def bspline(points: Tensor, coefficients: Tensor) -> Tensor:
    """The spline with `coefficients` (K,) at points of any shape; differentiable in the coefficients."""
    basis = bspline_basis(points.flatten(), len(coefficients))
    return (basis @ coefficients.to(basis)).view_as(points)
