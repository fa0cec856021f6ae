"""The faces of all vendors, by their names in an account's `gateway`."""

from __future__ import annotations

from orchestrator.simulator.face import Faces
from orchestrator.simulator.faults import Faults
from orchestrator.simulator.gowa import GowaFace
from orchestrator.simulator.network import Network
from orchestrator.simulator.waha import WahaFace
from orchestrator.simulator.wawp import WawpFace

DIALECTS: dict[str, tuple[str, str]] = {
    "wawp": ("wawp", "plain"),
    "waha": ("waha", "noweb"),
    "waha-noweb": ("waha", "noweb"),
    "waha-gows": ("waha", "gows"),
    "waha-webjs": ("waha", "webjs"),
    "gowa": ("gowa", "gows"),
}
"""What a network can be made to speak: (vendor, the shape of its groups)."""


def all_faces(network: Network, faults: Faults) -> Faces:
    """What no other claims is Wawp's."""
    return Faces([WahaFace(network, faults), GowaFace(network, faults), WawpFace(network, faults)])
