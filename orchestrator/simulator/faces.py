"""The faces of all vendors, by their names in an account's `gateway`."""

from __future__ import annotations

from orchestrator.simulator.face import Faces
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.network import Network
from orchestrator.simulator.waha import WahaFace
from orchestrator.simulator.wawp import WawpFace


def all_faces(network: Network, faults: Faults) -> Faces:
    return Faces([WahaFace(network, faults), WawpFace(network, faults)])
