"""HAProxy's configuration, as text and in a real HAProxy on the loopback."""

import http.client
import http.server
import os
import shutil
import socket
import tempfile
import threading
import unittest
from pathlib import Path

from router.haproxy_config import Listener, render
from router.haproxy_process import Haproxy, HaproxyFailed
from router.model import Backend, Endpoint, HeaderMatch, Match, Server


def server(name, port, weight=1):
    return Server(Endpoint(name, "svc", "http", "127.0.0.1", port), weight)


def backend(*servers, name="be_http:ns:app", host="app.test", **fields):
    fields.setdefault("matches", (Match(host=host),))
    return Backend(name=name, servers=servers, **fields)


class ConfigText(unittest.TestCase):
    def lines(self, *backends):
        return [line.strip() for line in render(list(backends), Listener(8080, "/s")).split("\n")]

    def test_sticky_cookie(self):
        lines = self.lines(backend(server("a", 1), cookie_name="sticky"))
        self.assertIn("cookie sticky insert indirect nocache httponly", lines)
        one = server("a", 1)
        self.assertIn(f"server {one.name} 127.0.0.1:1 cookie {one.cookie} weight 1", lines)

    def test_no_cookie(self):
        self.assertFalse([x for x in self.lines(backend(server("a", 1))) if "cookie" in x])

    def test_health_checks_only_when_another_can_answer(self):
        alone = self.lines(backend(server("a", 1)))
        self.assertFalse([line for line in alone if "check inter" in line])
        pair = self.lines(backend(server("a", 1), server("b", 2)))
        self.assertEqual(len([line for line in pair if line.endswith("check inter 5000ms")]), 2)

    def test_longer_paths_come_first_and_end_at_a_segment(self):
        lines = self.lines(
            backend(name="all"), backend(name="api", matches=(Match("app.test", path="/api/"),))
        )
        rules = [line for line in lines if line.startswith("use_backend")]
        self.assertEqual(
            rules,
            [
                "use_backend api if { var(txn.host) -m str 'app.test' } { path -m str '/api' }",
                "use_backend api if { var(txn.host) -m str 'app.test' } { path -m beg '/api/' }",
                "use_backend all if { var(txn.host) -m str 'app.test' }",
            ],
        )

    def test_method_and_headers(self):
        match = Match("", method="GET", headers=(HeaderMatch("x-a", "b'c"),))
        (rule,) = [x for x in self.lines(backend(matches=(match,))) if x.startswith("use_backend")]
        self.assertTrue(rule.endswith("{ method GET } { req.hdr(x-a) -m str 'b'\\''c' }"), rule)

    def test_equal_input_gives_equal_text(self):
        one, two = backend(name="a"), backend(name="b")
        self.assertEqual(self.lines(one, two), self.lines(two, one))


class Upstream:
    """An HTTP server that answers with its name."""

    def __init__(self, name):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = name.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                """HAProxy resets idle connections when it ends: nothing to report."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@unittest.skipUnless(shutil.which("haproxy"), "haproxy is not installed")
class RealHaproxy(unittest.TestCase):
    def setUp(self):
        self.upstreams = {name: Upstream(name) for name in ("old", "new")}
        for upstream in self.upstreams.values():
            self.addCleanup(upstream.close)
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.haproxy = Haproxy(Path(directory))
        self.addCleanup(self.haproxy.stop)
        self.listener = Listener(free_port(), str(self.haproxy.socket_path), threads=1)

    def load(self, old, new, **fields):
        servers = [
            server(name, self.upstreams[name].port, weight)
            for name, weight in (("old", old), ("new", new))
        ]
        self.haproxy.load(render([backend(*servers, **fields)], self.listener))

    def get(self, path="/", host="app.test", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.listener.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": host, **headers})
            response = connection.getresponse()
            return response.status, response.read().decode(), response.getheader("Set-Cookie")
        finally:
            connection.close()

    def test_weight_zero_gets_only_those_who_bear_its_cookie(self):
        self.load(1, 0, cookie_name="sticky")
        _, body, cookie = self.get()
        self.assertEqual(body, "old")
        self.assertRegex(cookie, "^sticky=[0-9a-f]{32}; path=/; HttpOnly$")
        self.load(0, 1, cookie_name="sticky")
        self.assertEqual({self.get()[1] for _ in range(10)}, {"new"})
        self.assertEqual(self.get(Cookie=cookie.split(";")[0])[1], "old")

    def test_unknown_host_is_503(self):
        self.load(1, 1)
        self.assertEqual(self.get(host="other.test")[0], 503)
        self.assertEqual(self.get(host="APP.test:8080")[0], 200)

    def test_a_server_in_maintenance_loses_its_sticky_sessions(self):
        self.load(1, 0, cookie_name="sticky")
        cookie = self.get()[2].split(";")[0]
        old = server("old", self.upstreams["old"].port)
        self.load(1, 1, cookie_name="sticky")
        answer = self.haproxy.command(f"set server be_http:ns:app/{old.name} state maint")
        self.assertEqual(answer, "")
        self.assertEqual(self.get(Cookie=cookie)[1], "new")

    def test_a_bad_configuration_leaves_the_old_one_serving(self):
        self.load(1, 0)
        with self.assertRaises(HaproxyFailed):
            self.haproxy.load("nonsense\n")
        self.assertEqual(self.get()[:2], (200, "old"))

    def test_no_request_fails_through_reloads(self):
        self.load(1, 0)
        stop, failures, done = threading.Event(), [], []

        def client(keep):
            connection = None
            while not stop.is_set():
                try:
                    if connection is None:
                        connection = http.client.HTTPConnection(
                            "127.0.0.1", self.listener.port, timeout=10
                        )
                    connection.request("GET", "/", headers={"Host": "app.test"})
                    response = connection.getresponse()
                    done.append(response.read().decode())
                    if response.status != 200:
                        failures.append(response.status)
                    if not keep or response.will_close:
                        connection.close()
                        connection = None
                except (OSError, http.client.HTTPException) as error:
                    failures.append(repr(error))
                    connection = None

        clients = [threading.Thread(target=client, args=(n % 2 == 0,)) for n in range(4)]
        for thread in clients:
            thread.start()
        for turn in range(6):
            before = len(done)
            self.load(turn % 2, 1 - turn % 2)
            while len(done) < before + 50 and not failures:
                pass
        stop.set()
        for thread in clients:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(set(done), {"old", "new"})

    def test_former_processes_end_and_stop_leaves_nothing(self):
        self.load(1, 0)
        first = int(self.haproxy.command("show info").split("Pid: ")[1].split()[0])
        self.load(0, 1)
        self.haproxy.stop()
        with self.assertRaises(ProcessLookupError):
            os.kill(first, 0)
        self.assertFalse(self.haproxy.socket_path.exists())


if __name__ == "__main__":
    unittest.main()
