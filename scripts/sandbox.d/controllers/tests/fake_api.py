"""An API server in memory: objects by path, merge patches, and what a kubelet and the
ReplicationController's own controller would do with them."""

import copy
import uuid

from kubeapi import ApiError


def merge(target, patch):
    """JSON merge patch (RFC 7396)."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            merge(target.setdefault(key, {}), value)
        else:
            target[key] = copy.deepcopy(value)


class FakeApi:
    def __init__(self):
        self.objects = {}  # path -> object

    def put(self, collection, item):
        item = copy.deepcopy(item)
        meta = item["metadata"]
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("generation", 1)
        self.objects[f"{collection}/{meta['name']}"] = item
        return item

    def get(self, path, **_query):
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        found = [o for p, o in self.objects.items() if p.rpartition("/")[0] == path]
        if not found and path.rpartition("/")[2] not in ("pods", "replicationcontrollers"):
            raise ApiError(404, "NotFound", path)
        return {"items": copy.deepcopy(found)}

    def create(self, collection, item):
        if f"{collection}/{item['metadata']['name']}" in self.objects:
            raise ApiError(409, "AlreadyExists", item["metadata"]["name"])
        return self.put(collection, item)

    def patch(self, path, body):
        target = self.objects.get(path.removesuffix("/status"))
        if target is None:
            raise ApiError(404, "NotFound", path)
        merge(target, body)
        return copy.deepcopy(target)

    def delete(self, path):
        if self.objects.pop(path, None) is None:
            raise ApiError(404, "NotFound", path)
        return {}
