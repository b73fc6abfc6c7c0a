"""A Ray cluster of several nodes on this machine, nodes and workers of which can be killed."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from ray._private.authentication.authentication_token_setup import enable_token_auth_by_default
from ray.cluster_utils import Cluster

#: Enough for the small data of a test, four times over.
_OBJECT_STORE = 100_000_000


class LocalCluster:
    """A head node that runs no trials, and the nodes added to it."""

    def __init__(self, **head: Any) -> None:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        enable_token_auth_by_default()  # as ray.init does for a cluster of its own; the variable is read on import
        self._head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": _OBJECT_STORE, **head}
        self._start()

    def _start(self) -> None:
        self._cluster = Cluster(initialize_head=True, head_node_args=self._head)
        self.nodes: list[Any] = []

    @property
    def address(self) -> str:
        return self._cluster.address

    def add(self, **resources: Any) -> Any:
        """Start one more node: `num_cpus`, `num_gpus` (which need not exist) and so on. Returns it."""
        node = self._cluster.add_node(object_store_memory=_OBJECT_STORE, **resources)
        self.nodes.append(node)
        return node

    def kill(self, node: Any) -> None:
        """Kill all processes of a node, as a power cut would."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def replace(self) -> None:
        """Kill the head node, the one that knows the cluster, which ends it; start another one, without nodes."""
        head = self._cluster.head_node
        assert head is not None
        head.kill_all_processes(check_alive=False, allow_graceful=False)
        self.close()
        self._start()

    def workers(self) -> list[psutil.Process]:
        """The processes that run trials now, on all nodes."""
        found = []
        for node in self.nodes:
            for raylet in node.all_processes.get("raylet", []):
                try:
                    children = psutil.Process(raylet.process.pid).children(recursive=True)
                    found += [child for child in children if "Trainable" in "".join(child.cmdline())]
                except psutil.NoSuchProcess:
                    continue
        return found

    def close(self) -> None:
        self._cluster.shutdown()


@contextmanager
def local_cluster(nodes: int = 0, **resources: Any) -> Iterator[LocalCluster]:
    """A cluster with so many nodes of one kind, for the length of a block."""
    cluster = LocalCluster()
    try:
        for _ in range(nodes):
            cluster.add(**resources)
        yield cluster
    finally:
        cluster.close()
