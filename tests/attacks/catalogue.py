"""All programs, by threat."""

from __future__ import annotations

from dataclasses import replace

from tests.attacks import (
    forge_channels,
    forge_exits,
    forge_hunts,
    forge_runtime,
    forge_values,
    harm_files,
    harm_kernel,
    harm_network,
    harm_processes,
    honest,
    memory,
    residue,
    resources,
)
from tests.attacks.model import Attack

THREATS = {
    "forging: ending": forge_exits,
    "forging: values": forge_values,
    "forging: interpreter": forge_runtime,
    "forging: wire": forge_channels,
    "forging: hunting": forge_hunts,
    "resources: memory": memory,
    "resources: others": resources,
    "harm: files": harm_files,
    "harm: network": harm_network,
    "harm: processes": harm_processes,
    "harm: kernel": harm_kernel,
    "harm: residue": residue,
}
ATTACKS: tuple[Attack, ...] = tuple(
    replace(attack, threat=threat)
    for threat, module in THREATS.items()
    for attack in module.ATTACKS
)
CONTROLS: tuple[Attack, ...] = tuple(replace(each, threat="control") for each in honest.ATTACKS)
