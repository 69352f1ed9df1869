"""A network of hosts on this machine: name spaces that a bridge connects, and whose cables can be pulled."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NET = "10.77.0"
HERE = f"{NET}.1"
_BRIDGE = "la-bridge"


class Host:
    """A network name space with an address of its own."""

    def __init__(self, number: int) -> None:
        self.name, self.address = f"la-host{number}", f"{NET}.{number + 10}"
        self._cable = f"la-cable{number}"

    def make(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        _ip("link", "set", self._cable, "master", _BRIDGE, "up")
        inside = ("netns", "exec", self.name, "ip")
        _ip(*inside, "link", "set", "lo", "up")
        _ip(*inside, "addr", "add", f"{self.address}/24", "dev", "eth0")
        _ip(*inside, "link", "set", "eth0", "up")

    def lose(self) -> None:
        """What happens when the power fails: nobody hears a word any more, not even that it is gone."""
        _ip("link", "set", self._cable, "down")
        while pids := _ip("netns", "pids", self.name).split():
            subprocess.run(["kill", "-9", *pids], check=False, capture_output=True)

    def bring_back(self) -> None:
        _ip("link", "set", self._cable, "up")

    def remove(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self.lose()
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", self.name)


@contextmanager
def lan(hosts: int) -> Iterator[list[Host]]:
    """Hosts that reach each other and this machine, which is ``HERE``; needs root and iproute2."""
    made = [Host(number) for number in range(1, hosts + 1)]
    _ip("link", "add", _BRIDGE, "type", "bridge")
    try:
        _ip("addr", "add", f"{HERE}/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        for host in made:
            host.make()
        yield made
    finally:
        for host in made:
            host.remove()
        _ip("link", "del", _BRIDGE)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout
