"""The state machine of a rollout, against an API server in memory."""

import unittest

from deploymentconfig import objects
from deploymentconfig.rollout import CONFIGS, Rollout

from .fake_api import FakeApi

COLLECTION = f"{CONFIGS}/namespaces/ns/deploymentconfigs"
RCS = "/api/v1/namespaces/ns/replicationcontrollers"
PODS = "/api/v1/namespaces/ns/pods"

HOOK = {
    "failurePolicy": "Abort",
    "execNewPod": {
        "containerName": "api",
        "command": ["flyway", "migrate"],
        "env": [{"name": "B", "value": "hook"}, {"name": "C", "value": "new"}],
        "volumes": ["sql"],
    },
}


def config(strategy=None, **spec):
    return {
        "metadata": {"name": "api", "namespace": "ns", "labels": {"app": "api"}},
        "spec": {
            "replicas": 2,
            "selector": {"app": "api"},
            "strategy": strategy or {"type": "Rolling"},
            "template": {
                "metadata": {"labels": {"app": "api"}},
                "spec": {
                    "containers": [
                        {
                            "name": "api",
                            "image": "api:1",
                            "env": [{"name": "A", "value": "a"}, {"name": "B", "value": "b"}],
                            "volumeMounts": [
                                {"name": "sql", "mountPath": "/sql"},
                                {"name": "tmp", "mountPath": "/tmp"},
                            ],
                        }
                    ],
                    "volumes": [{"name": "sql", "configMap": {"name": "sql"}}, {"name": "tmp"}],
                },
            },
            **spec,
        },
    }


def rolling(**hooks):
    return {"type": "Rolling", "rollingParams": {"timeoutSeconds": 600, **hooks}}


class RolloutTest(unittest.TestCase):
    def start(self, item):
        self.api = FakeApi()
        self.item = self.api.put(COLLECTION, item)
        self.rollout = Rollout(self.api)

    def step(self, ready=True):
        """One look of ours, then one of the ReplicationController's own controller."""
        again = self.rollout.reconcile("ns", "api")
        for path, rc in self.api.objects.items():
            if path.startswith(RCS):
                count = rc["spec"]["replicas"]
                up = count if ready else 0
                rc["status"] = {
                    "replicas": count,
                    "readyReplicas": up,
                    "availableReplicas": up,
                }
        return again

    def settle(self, ready=True):
        for _ in range(12):
            if self.step(ready) is None:
                self.rollout.reconcile("ns", "api")
                return
        self.fail("the rollout does not come to rest")

    def rc(self, number):
        return self.api.objects[f"{RCS}/api-{number}"]

    def phase(self, number):
        return objects.phase(self.rc(number))

    def status(self):
        return self.api.objects[f"{COLLECTION}/api"]["status"]

    def condition(self, kind):
        (found,) = [c for c in self.status()["conditions"] if c["type"] == kind]
        return found["status"], found.get("reason"), found["message"]

    def finish_hook(self, kind, phase, number=1):
        self.api.objects[f"{PODS}/api-{number}-hook-{kind}"]["status"] = {"phase": phase}

    def change(self, **fields):
        item = self.api.objects[f"{COLLECTION}/api"]
        item["metadata"]["generation"] += 1
        item["spec"].update(fields)

    def change_image(self, image):
        item = self.api.objects[f"{COLLECTION}/api"]
        item["metadata"]["generation"] += 1
        item["spec"]["template"]["spec"]["containers"][0]["image"] = image


class FirstVersion(RolloutTest):
    def test_reaches_complete(self):
        self.start(config())
        self.settle()
        self.assertEqual(self.phase(1), "Complete")
        self.assertEqual(self.rc(1)["spec"]["replicas"], 2)
        status = self.status()
        self.assertEqual((status["latestVersion"], status["observedGeneration"]), (1, 1))
        self.assertEqual((status["availableReplicas"], status["updatedReplicas"]), (2, 2))
        self.assertEqual(
            self.condition("Progressing"),
            (
                "True",
                "NewReplicationControllerAvailable",
                'replication controller "api-1" successfully rolled out',
            ),
        )
        self.assertEqual(self.condition("Available")[0], "True")

    def test_labels_and_owner(self):
        self.start(config())
        self.step()
        rc = self.rc(1)
        expected = {"app": "api", "deployment": "api-1", "deploymentconfig": "api"}
        self.assertEqual(rc["spec"]["selector"], expected)
        self.assertEqual(rc["spec"]["template"]["metadata"]["labels"], expected)
        self.assertEqual(rc["metadata"]["ownerReferences"][0]["uid"], self.item["metadata"]["uid"])

    def test_a_second_look_changes_nothing(self):
        self.start(config())
        self.settle()
        before = repr(self.api.objects)
        self.assertIsNone(self.rollout.reconcile("ns", "api"))
        self.assertEqual(repr(self.api.objects), before)

    def test_waits_for_pods_and_gives_up_in_time(self):
        self.start(config(rolling(timeoutSeconds=60)))
        for _ in range(3):
            self.assertIsNotNone(self.step(ready=False))
        self.assertEqual(self.phase(1), "Running")
        self.assertEqual(self.condition("Progressing")[1], "ReplicationControllerUpdated")
        self.assertEqual(self.condition("Available")[0], "False")
        self.rc(1)["metadata"]["annotations"][objects.STARTED] = "2020-01-01T00:00:00Z"
        self.settle(ready=False)
        self.assertEqual((self.phase(1), self.rc(1)["spec"]["replicas"]), ("Failed", 0))
        self.assertEqual(
            self.condition("Progressing"),
            (
                "False",
                "ProgressDeadlineExceeded",
                'replication controller "api-1" has failed progressing: '
                "pods were not available within 60 s",
            ),
        )


class Triggers(RolloutTest):
    def versions(self):
        return sorted(p.rpartition("/")[2] for p in self.api.objects if p.startswith(RCS))

    def test_an_unresolved_image_trigger_waits(self):
        trigger = {"type": "ImageChange", "imageChangeParams": {"automatic": True}}
        self.start(config(triggers=[{"type": "ConfigChange"}, trigger]))
        self.settle()
        self.assertEqual((self.versions(), self.status()["latestVersion"]), ([], 0))

    def test_no_triggers_wait_for_a_person(self):
        self.start(config(triggers=[]))
        self.settle()
        self.assertEqual(self.versions(), [])
        self.api.objects[f"{COLLECTION}/api"]["status"]["latestVersion"] = 1
        self.settle()
        self.assertEqual((self.versions(), self.phase(1)), (["api-1"], "Complete"))

    def test_paused(self):
        self.start(config(paused=True))
        self.settle()
        self.assertEqual(self.versions(), [])
        self.assertEqual(self.condition("Progressing")[1], "DeploymentConfigPaused")

    def test_replicas_scale_without_a_new_version(self):
        self.start(config())
        self.settle()
        self.change(replicas=5)
        self.settle()
        self.assertEqual((self.versions(), self.rc(1)["spec"]["replicas"]), (["api-1"], 5))
        self.assertEqual(self.status()["observedGeneration"], 2)

    def test_a_new_template_replaces_the_old_pods(self):
        self.start(config())
        self.settle()
        self.change_image("api:2")
        self.settle()
        self.assertEqual(self.versions(), ["api-1", "api-2"])
        self.assertEqual((self.rc(1)["spec"]["replicas"], self.rc(2)["spec"]["replicas"]), (0, 2))

    def test_old_pods_stay_until_the_new_are_available(self):
        self.start(config())
        self.settle()
        self.change_image("api:2")
        for _ in range(4):
            self.step(ready=False)
        self.assertEqual((self.rc(1)["spec"]["replicas"], self.rc(2)["spec"]["replicas"]), (2, 2))

    def test_recreate_stops_the_old_first(self):
        self.start(config({"type": "Recreate"}))
        self.settle()
        self.change_image("api:2")
        self.step()
        self.assertEqual((self.rc(1)["spec"]["replicas"], self.rc(2)["spec"]["replicas"]), (0, 0))
        self.settle()
        self.assertEqual((self.rc(1)["spec"]["replicas"], self.rc(2)["spec"]["replicas"]), (0, 2))

    def test_a_newer_template_cancels_a_running_rollout(self):
        self.start(config())
        self.step(ready=False)
        self.change_image("api:2")
        self.settle()
        self.assertEqual((self.phase(1), self.phase(2)), ("Failed", "Complete"))


class Hooks(RolloutTest):
    def test_pre_hook_runs_before_any_pod(self):
        self.start(config(rolling(pre=HOOK)))
        for _ in range(3):
            self.step()
        self.assertEqual(self.rc(1)["spec"]["replicas"], 0)
        self.finish_hook("pre", "Succeeded")
        self.settle()
        self.assertEqual((self.phase(1), self.rc(1)["spec"]["replicas"]), ("Complete", 2))

    def test_hook_pod(self):
        strategy = rolling(pre=HOOK) | {"labels": {"role": "flyway"}}
        self.start(config(strategy))
        self.step()
        pod = self.api.objects[f"{PODS}/api-1-hook-pre"]
        self.assertEqual(
            pod["metadata"]["labels"],
            {"role": "flyway", objects.HOOK_FOR: "api-1", objects.HOOK_TYPE: "hook-pre"},
        )
        (owner,) = pod["metadata"]["ownerReferences"]
        self.assertEqual(owner["uid"], self.rc(1)["metadata"]["uid"])
        self.assertNotIn("controller", owner)
        (container,) = pod["spec"]["containers"]
        self.assertEqual(container["command"], ["flyway", "migrate"])
        environment = {e["name"]: e["value"] for e in container["env"]}
        self.assertEqual(environment["A"] + environment["B"] + environment["C"], "ahooknew")
        self.assertEqual(environment["OPENSHIFT_DEPLOYMENT_NAME"], "api-1")
        self.assertEqual([m["name"] for m in container["volumeMounts"]], ["sql"])
        self.assertEqual([v["name"] for v in pod["spec"]["volumes"]], ["sql"])
        self.assertEqual(pod["spec"]["restartPolicy"], "Never")

    def test_a_failing_hook_aborts_and_the_old_version_serves_on(self):
        self.start(config())
        self.settle()
        self.change(strategy=rolling(pre=HOOK))
        self.change_image("api:2")
        self.step()
        self.finish_hook("pre", "Failed", 2)
        self.settle()
        self.assertEqual((self.phase(1), self.phase(2)), ("Complete", "Failed"))
        self.assertEqual((self.rc(1)["spec"]["replicas"], self.rc(2)["spec"]["replicas"]), (2, 0))
        self.assertEqual(
            self.condition("Progressing")[2],
            'replication controller "api-2" has failed progressing: '
            "the pre hook failed: pod api-2-hook-pre failed",
        )
        # The pod stays, so that its log can be read; a later template gets a hook of its own.
        self.assertIn(f"{PODS}/api-2-hook-pre", self.api.objects)
        self.change_image("api:3")
        self.step()
        self.assertIn(f"{PODS}/api-3-hook-pre", self.api.objects)

    def test_ignore_goes_on(self):
        self.start(config(rolling(pre=HOOK | {"failurePolicy": "Ignore"})))
        self.step()
        self.finish_hook("pre", "Failed")
        self.settle()
        self.assertEqual(self.phase(1), "Complete")

    def test_retry_tries_again(self):
        self.start(config(rolling(pre=HOOK | {"failurePolicy": "Retry"})))
        self.step()
        first = self.api.objects[f"{PODS}/api-1-hook-pre"]
        self.assertEqual(first["spec"]["restartPolicy"], "OnFailure")
        self.finish_hook("pre", "Failed")
        self.step()
        self.step()
        second = self.api.objects[f"{PODS}/api-1-hook-pre"]
        self.assertNotEqual(first["metadata"]["uid"], second["metadata"]["uid"])

    def test_an_unknown_container_fails_at_once(self):
        hook = {"execNewPod": {"containerName": "nope", "command": ["x"]}}
        self.start(config(rolling(pre=hook)))
        self.settle()
        self.assertEqual(
            self.condition("Progressing")[2],
            'replication controller "api-1" has failed progressing: the pre hook is not valid: '
            "no container named 'nope' found in the template",
        )

    def test_post_hook_runs_after_the_pods(self):
        self.start(config(rolling(post=HOOK)))
        for _ in range(4):
            self.step()
        self.assertEqual((self.phase(1), self.rc(1)["spec"]["replicas"]), ("Running", 2))
        self.finish_hook("post", "Succeeded")
        self.settle()
        self.assertEqual(self.phase(1), "Complete")


if __name__ == "__main__":
    unittest.main()
