"""Label selectors of the Kubernetes API (metav1.LabelSelector)."""

from __future__ import annotations


def matches(selector: dict, labels: dict) -> bool:
    """An empty selector matches everything; all parts must hold."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if labels.get(key) != value:
            return False
    return all(_expression(term, labels) for term in selector.get("matchExpressions") or [])


def _expression(term: dict, labels: dict) -> bool:
    value = labels.get(term["key"])
    operator = term["operator"]
    if operator == "In":
        return value in term["values"]
    if operator == "NotIn":
        # A missing label satisfies NotIn (metav1.LabelSelectorRequirement).
        return value not in term["values"]
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    raise ValueError(f"unknown selector operator '{operator}'")
