"""The faces of all vendors, by their names in an account's `gateway`."""

from __future__ import annotations

from orchestrator.simulator.evolution import EvolutionFace
from orchestrator.simulator.face import Face, Faces
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
    "evolution": ("evolution", "noweb"),
    "gowa": ("gowa", "gows"),
}
"""What a network can be made to speak: (vendor, the shape of its groups)."""


def all_faces(network: Network, faults: Faults) -> Faces:
    """What no other claims is Wawp's."""
    vendors: tuple[type[Face], ...] = (WahaFace, EvolutionFace, GowaFace, WawpFace)
    return Faces([face(network, faults) for face in vendors])  # type: ignore[call-arg]
