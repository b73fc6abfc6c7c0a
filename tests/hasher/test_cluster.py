"""How Ray is started and joined: tokens, and what is said where it does not work."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import pytest

from hasher import cluster
from hasher.errors import UserError


@pytest.fixture
def ray_here(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Ray is started with; it does not start."""
    seen: dict[str, Any] = {}

    def init(**options: Any) -> None:
        seen.update(options, **{key: os.environ.get(key) for key in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN")})
        raise seen.get("raises", ConnectionError("nobody"))

    monkeypatch.setattr("ray.init", init)
    monkeypatch.setattr("ray.shutdown", lambda: seen.update(stopped=True))
    for key in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(key, "")
        monkeypatch.delenv(key)
    return seen


@pytest.mark.parametrize("mode", ["disabled", "Disabled", "none"])
def test_a_ray_of_our_own_asks_for_a_token_whatever_the_environment_says(
    mode: str, ray_here: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "")
    with (
        pytest.warns(UserWarning, match=f"RAY_AUTH_MODE={mode} is for clusters that you start"),
        pytest.raises(UserError),
        cluster.connect(None),
    ):
        pass
    assert ray_here["RAY_AUTH_MODE"] is None, "Ray has tokens of its own where nothing is said"
    assert len(ray_here["RAY_AUTH_TOKEN"]) >= 32


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Exception("The current node timed out during startup. This could happen because …\nmore"),
         "Ray does not start here (The current node timed out during startup."),
        (OSError("validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /tmp/x"),
         "name a shorter folder by TMPDIR"),
        (AssertionError(), "Ray does not start here (AssertionError)"),
    ],
)  # fmt: skip
def test_a_ray_that_does_not_start_is_a_line_and_is_stopped(
    error: Exception, says: str, ray_here: dict[str, Any]
) -> None:
    ray_here["raises"] = error
    with pytest.raises(UserError) as caught, cluster.connect(None):
        pass
    assert says in str(caught.value) and "\n" not in str(caught.value) and ray_here["stopped"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o600])
def test_a_token_that_others_can_read_is_told(
    mode: int, ray_here: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "auth_token"
    token.write_text("0" * 64)
    token.chmod(mode)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
    with warnings.catch_warnings(record=True) as said, pytest.raises(UserError), cluster.connect("auto"):
        pass
    assert [str(one.message) for one in said if "token" in str(one.message)] == (
        [] if mode == 0o600 else [f"{token}: others on this machine can read this token: chmod 600 it"]
    )
