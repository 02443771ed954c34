"""NetworkPolicies, pods and namespaces in; one nftables table out. Pure: no I/O.

A packet passes when its source's egress policies and its destination's ingress policies both let
it. The two directions are base chains of their own at neighbouring priorities: `accept` ends only
the chain of its own hook and priority, so a packet that egress lets go still meets ingress.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from .selectors import matches

TABLE = "crossover_networkpolicy"


@dataclass(frozen=True)
class Pod:
    """What the rules need of a pod that has an address."""

    namespace: str
    name: str
    address: str
    labels: tuple[tuple[str, str], ...]
    named_ports: tuple[tuple[str, str, int], ...]  # (name, protocol, number)


@dataclass(frozen=True)
class Direction:
    """Field names and address sides of ingress or egress."""

    name: str
    rules: str
    peers: str
    own_side: str
    peer_side: str


INGRESS = Direction("Ingress", "ingress", "from", "daddr", "saddr")
EGRESS = Direction("Egress", "egress", "to", "saddr", "daddr")


def pod_from_object(item: dict) -> Pod | None:
    """None for pods that have no address of their own to filter."""
    status = item.get("status") or {}
    # A finished pod's address may already belong to another one.
    if status.get("phase") in ("Succeeded", "Failed") or item["spec"].get("hostNetwork"):
        return None
    address = status.get("podIP")
    if not address or ipaddress.ip_address(address).version != 4:
        return None
    ports = []
    # Restartable init containers (sidecars) serve ports too.
    for container in item["spec"]["containers"] + (item["spec"].get("initContainers") or []):
        for port in container.get("ports") or []:
            if port.get("name"):
                ports.append((port["name"], port.get("protocol", "TCP"), port["containerPort"]))
    meta = item["metadata"]
    labels = tuple(sorted((meta.get("labels") or {}).items()))
    return Pod(meta["namespace"], meta["name"], address, labels, tuple(ports))


def policy_types(spec: dict) -> list[str]:
    """The default of `policyTypes`: Ingress always, Egress when there are egress rules."""
    if spec.get("policyTypes"):
        return spec["policyTypes"]
    return ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


class _Builder:
    def __init__(self, policies: list[dict], pods: list[Pod], namespaces: dict[str, dict]):
        self._policies = sorted(
            policies, key=lambda p: (p["metadata"]["namespace"], p["metadata"]["name"])
        )
        self._pods = sorted(pods, key=lambda pod: (pod.namespace, pod.name))
        self._namespaces = namespaces
        self._chains: list[str] = []

    def render(self) -> str:
        ingress = self._direction(INGRESS)
        egress = self._direction(EGRESS)
        # From pods to the node itself packets take the input hook, where only egress applies.
        # From the node to pods they take the output hook, which we leave alone: the kubelet's
        # probes must reach a pod whatever its policies say (NetworkPolicy: "Pod isolation").
        bases = [
            _base_chain("egress_forward", "forward", -20, egress),
            _base_chain("egress_input", "input", -20, egress),
            _base_chain("ingress_forward", "forward", -10, ingress),
        ]
        body = "\n".join(self._chains + bases)
        return (
            f"table ip {TABLE} {{}}\ndelete table ip {TABLE}\ntable ip {TABLE} {{\n{body}\n}}\n"
        )

    def _direction(self, direction: Direction) -> str:
        """Adds the chains of one direction; returns the rule that sends pods to theirs."""
        elements = []
        for pod in self._pods:
            isolating = [p for p in self._policies if self._isolates(p, pod, direction)]
            if not isolating:
                continue
            chain = f"{direction.rules}_{pod.address.replace('.', '_')}"
            # Nobody can cut a pod off from itself (also what a hairpin Service connection is).
            lines = [f"ip {direction.peer_side} {pod.address} accept"]
            for policy in isolating:
                lines += self._policy_rules(policy, pod, direction)
            lines.append("counter drop")
            self._chains.append(_chain(chain, lines))
            elements.append(f"{pod.address} : goto {chain}")
        if not elements:
            return ""
        return f"ip {direction.own_side} vmap {{ {', '.join(elements)} }}"

    def _isolates(self, policy: dict, pod: Pod, direction: Direction) -> bool:
        spec = policy["spec"]
        return (
            policy["metadata"]["namespace"] == pod.namespace
            and direction.name in policy_types(spec)
            and matches(spec.get("podSelector") or {}, dict(pod.labels))
        )

    def _policy_rules(self, policy: dict, pod: Pod, direction: Direction) -> list[str]:
        lines = []
        for rule in policy["spec"].get(direction.rules) or []:
            peers = rule.get(direction.peers) or []
            for ports in _port_matches(rule.get("ports") or []):
                if isinstance(ports, _NamedPort):
                    lines += self._named_port_rules(policy, pod, peers, ports, direction)
                else:
                    for peer in self._peer_matches(policy, peers, direction):
                        lines.append(" ".join(filter(None, [peer, ports, "accept"])))
        return lines

    def _peer_matches(self, policy: dict, peers: list[dict], direction: Direction) -> list[str]:
        if not peers:
            return [""]  # no peers given: everybody
        side = f"ip {direction.peer_side}"
        result = []
        for block in (peer["ipBlock"] for peer in peers if "ipBlock" in peer):
            if ipaddress.ip_network(block["cidr"], strict=False).version != 4:
                continue
            text = f"{side} {block['cidr']}"
            if block.get("except"):
                text += f" {side} != {{ {', '.join(block['except'])} }}"
            result.append(text)
        addresses = [pod.address for pod in self._peer_pods(policy, peers)]
        if addresses:
            result.append(f"{side} {{ {', '.join(addresses)} }}")
        return result

    def _peer_pods(self, policy: dict, peers: list[dict]) -> list[Pod]:
        selectors = [peer for peer in peers if "ipBlock" not in peer]
        return [
            pod for pod in self._pods if any(self._selects(policy, s, pod) for s in selectors)
        ]

    def _selects(self, policy: dict, peer: dict, pod: Pod) -> bool:
        namespace_selector = peer.get("namespaceSelector")
        if namespace_selector is None:
            if pod.namespace != policy["metadata"]["namespace"]:
                return False
        elif not matches(namespace_selector, self._namespaces.get(pod.namespace, {})):
            return False
        return matches(peer.get("podSelector") or {}, dict(pod.labels))

    def _named_port_rules(
        self, policy: dict, pod: Pod, peers: list[dict], port: _NamedPort, direction: Direction
    ) -> list[str]:
        """A named port is the destination's: the pod's own on ingress, each peer's on egress."""
        if direction is INGRESS:
            return [
                " ".join(filter(None, [peer, f"{port.protocol} dport {number}", "accept"]))
                for number in port.numbers(pod)
                for peer in self._peer_matches(policy, peers, direction)
            ]
        candidates = self._peer_pods(policy, peers) if peers else self._pods
        return [
            f"ip daddr {peer.address} {port.protocol} dport {number} accept"
            for peer in candidates
            for number in port.numbers(peer)
        ]


@dataclass(frozen=True)
class _NamedPort:
    name: str
    protocol: str

    def numbers(self, pod: Pod) -> list[int]:
        return sorted(
            number
            for name, protocol, number in pod.named_ports
            if name == self.name and protocol.lower() == self.protocol
        )


def _port_matches(ports: list[dict]) -> list[str | _NamedPort]:
    if not ports:
        return [""]  # no ports given: all of them
    result: list[str | _NamedPort] = []
    for port in ports:
        protocol = (port.get("protocol") or "TCP").lower()
        number = port.get("port")
        if number is None:
            result.append(f"meta l4proto {protocol}")
        elif isinstance(number, str) and not number.isdigit():
            result.append(_NamedPort(number, protocol))
        elif port.get("endPort"):
            result.append(f"{protocol} dport {number}-{port['endPort']}")
        else:
            result.append(f"{protocol} dport {number}")
    return result


def _chain(name: str, lines: list[str]) -> str:
    return f"  chain {name} {{\n" + "".join(f"    {line}\n" for line in lines) + "  }"


def _base_chain(name: str, hook: str, priority: int, dispatch: str) -> str:
    lines = [
        f"type filter hook {hook} priority {priority}; policy accept;",
        "ct state established,related accept",
    ]
    return _chain(name, lines + ([dispatch] if dispatch else []))


def render(policies: list[dict], pods: list[Pod], namespaces: dict[str, dict]) -> str:
    """The nftables script that replaces our table in one transaction.

    `namespaces` maps a namespace's name to its labels.
    """
    return _Builder(policies, pods, namespaces).render()
