"""What must be the same after a step has run a second time, and where two views of it differ. Pure.

A view is a dict: what it shows, such as 'service/registry-api in registry' -> a tree of JSON.
"""

# Written by controllers all the time, whether we do something or not.
TRANSIENT_KINDS = frozenset(('Event', 'Endpoints', 'EndpointSlice', 'Lease'))

# Field managers whose labels and annotations are no business of ours. A manager that nobody knows is: a program of
# ours that writes under a wrong name would hide behind a list of the known good ones.
CONTROLLERS = frozenset(('Patroni', 'kube-controller-manager', 'kube-scheduler', 'kubelet',
                         'crossover-sandbox-controllers'))

OURS = 'crossover'

# Where refusals and failures are noted; everything else is left alone even then.
EVIDENCE = ('configmap/crossover-registry in registry', 'old evidence', 'new evidence')


def title(item: dict) -> str:
    meta = item['metadata']
    return f'{item["kind"].lower()}/{meta["name"]} in {meta.get("namespace", "the cluster")}'


def normal(item: dict) -> dict:
    """An object without what controllers write; empty when nothing of it is to be compared.

    Of what has an owner only the identity: its content is the controller's, and whether it was made anew is seen.
    """
    meta = item['metadata']
    if item['kind'] in TRANSIENT_KINDS:
        return {}
    if meta.get('ownerReferences'):
        return {'uid': meta['uid'], 'owned': True}
    managers = meta.get('managedFields') or []
    if managers and all(entry.get('manager') in CONTROLLERS for entry in managers):
        return {}  # nobody else has ever written it, as Patroni's leader lock
    kept = {key: value for key, value in item.items() if key not in ('metadata', 'status', 'apiVersion', 'kind')}
    kept['metadata'] = {
        'uid': meta['uid'],
        'generation': meta.get('generation'),
        'finalizers': meta.get('finalizers'),
        'deletionTimestamp': meta.get('deletionTimestamp'),
        'labels': without_foreign(meta.get('labels'), 'f:labels', managers),
        'annotations': without_foreign(meta.get('annotations'), 'f:annotations', managers),
        'managedFields': [{key: value for key, value in entry.items() if key != 'time'}
                          for entry in managers if entry.get('manager') == OURS],
    }
    if item['kind'] == 'Secret':
        kept['data'] = {key: Hidden(value) for key, value in (item.get('data') or {}).items()}
    return kept


def without_foreign(given, field: str, managers: list) -> dict:
    """Labels or annotations but for those that controllers own and we do not."""
    def owned(who) -> set:
        return {name.removeprefix('f:') for entry in managers if who(entry.get('manager', ''))
                for name in entry.get('fieldsV1', {}).get('f:metadata', {}).get(field, {})}
    foreign = owned(lambda name: name in CONTROLLERS) - owned(lambda name: name == OURS)
    return {key: value for key, value in (given or {}).items() if key not in foreign}


class Hidden:
    """A value that can be compared and not be shown."""

    def __init__(self, value: str):
        self.value = value

    def __eq__(self, other):
        return isinstance(other, Hidden) and self.value == other.value

    def __hash__(self):
        return hash(self.value)

    def __repr__(self):
        return '(a secret)'


def view_of(items: list) -> dict:
    return {title(item): kept for item in items if (kept := normal(item))}


def differences(before: dict, after: dict, leave_out=()) -> list:
    """One line for each: the object, the field, what it was and what it is."""
    lines = []
    for name in sorted(before.keys() | after.keys()):
        if name in leave_out:
            continue
        if name not in after:
            # A controller takes away what is left of its own at its leisure.
            if not before[name].get('owned'):
                lines.append(f'{name}: gone')
        elif name not in before:
            lines.append(f'{name}: appeared')
        else:
            lines += compare(name, '', before[name], after[name])
    return lines


def compare(name: str, path: str, before, after) -> list:
    if isinstance(before, dict) and isinstance(after, dict):
        return [line for key in sorted(before.keys() | after.keys())
                for line in compare(name, f'{path}.{key}' if path else key, before.get(key), after.get(key))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [line for index, pair in enumerate(zip(before, after))
                for line in compare(name, f'{path}[{index}]', *pair)]
    return [] if before == after else [f'{name}: {path}: was {short(before)}, is {short(after)}']


def short(value) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + '...'
