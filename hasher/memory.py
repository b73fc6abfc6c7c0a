"""How much memory there is, asked before much of it is taken: a machine that runs out ends any of its processes."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

from hasher.errors import UserError

#: What a control group allows all its processes and what they have, where this process is in one (of either version).
_GROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)


def require(needed: int, what: str) -> None:
    """Raise `UserError` where `needed` bytes are more than there are; the message opens with `what` needs them."""
    free = min(_free(), default=needed)
    if needed > free:
        raise UserError(
            f"{what}: {in_words(needed)} do not fit into memory, of which {in_words(max(free, 0))} are free"
        )


def in_words(size: int) -> str:
    """``3.1 GB``."""
    for unit, factor in (("TB", 1e12), ("GB", 1e9)):
        if size >= factor:
            return f"{size / factor:,.1f} {unit}"
    return f"{size / 1e6:,.1f} MB"


def _free() -> Iterator[int]:
    """Bytes that are left of the machine, of a container and of what this process may have; what is known of these."""
    lines = _text(Path("/proc/meminfo")).splitlines()
    known = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    sizes = [int(known[name][0]) * 1024 for name in ("MemAvailable", "SwapFree") if known.get(name)]
    if sizes:
        yield sum(sizes)
    for limit, used in _GROUPS:
        most, now = _text(limit).strip(), _text(used).strip()
        if most.isdecimal() and now.isdecimal():
            yield int(most) - int(now)
    most_here, _ = resource.getrlimit(resource.RLIMIT_AS)
    pages = _text(Path("/proc/self/statm")).split()
    if most_here != resource.RLIM_INFINITY and pages:
        yield most_here - int(pages[0]) * resource.getpagesize()


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # another system, or an older one
        return ""
