"""Where a server listens: the address, the certificate, the socket."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.errors import BadConfiguration

__all__ = ["BACKLOG", "Listening", "bound", "check_certificate", "check_listening"]

#: Connections that may wait to be accepted.
BACKLOG = 4_096


@dataclass(frozen=True, slots=True)
class Listening:
    """Where and how a server listens.

    Attributes:
        base_url: where clients find it.
        is_behind_proxy: a proxy says where requests come from.
        tls: the files of the certificate and of its private key, as uvicorn names them; none without TLS.
        processes: how many share the work.
    """

    host: str
    port: int
    base_url: str
    tls: dict[str, Path] = field(default_factory=dict)
    processes: int = 1
    is_behind_proxy: bool = False


def check_listening(host: str, *, has_tls: bool, is_behind_proxy: bool) -> None:
    """Refuse to send secrets in the clear over a network.

    Raises:
        BadConfiguration: others could listen.
    """
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not (is_loopback or has_tls or is_behind_proxy):
        raise BadConfiguration(
            f"{host} can be reached from elsewhere, and keys would travel in the clear: give --tls-certificate and"
            " --tls-key, or --behind-proxy where a proxy before it speaks TLS"
        )


def check_certificate(tls: Mapping[str, Path]) -> None:
    """Whether a certificate and its private key can be read and belong together.

    Raises:
        BadConfiguration: they do not, or only one of them is named.
    """
    certificate, key = tls.get("ssl_certfile"), tls.get("ssl_keyfile")
    if certificate is None and key is None:
        return
    if certificate is None or key is None:
        raise BadConfiguration("TLS takes both --tls-certificate and --tls-key")
    for file, option in ((certificate, "--tls-certificate"), (key, "--tls-key")):
        try:
            file.open("rb").close()
        except OSError as error:
            raise BadConfiguration(f"{option}: {file} cannot be read ({error.strerror})") from None
    try:
        # Without this callback an encrypted key would prompt for its password.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError):
        raise BadConfiguration(
            f"{certificate} and {key} are no certificate and its private key, both PEM, the key without a password"
        ) from None


def bound(listening: Listening, *, shared: bool) -> socket.socket:
    """A listening socket. If ``shared``, several processes bind the same port and the system spreads connections among them.

    Raises:
        BadConfiguration: somebody listens there, this user may not, or there is no such address.
    """
    where = f"{listening.host}:{listening.port}"
    try:
        family, *_, address = socket.getaddrinfo(
            listening.host, listening.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family)
    except OSError as error:
        raise BadConfiguration(
            f"there is no address {listening.host} here ({error.strerror}); give another --host"
        ) from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind(address)
        # Another server of several processes has SO_REUSEPORT set, so that only listen() fails.
        found.listen(BACKLOG)
    except PermissionError:
        found.close()
        raise BadConfiguration(
            f"this user may not listen at {where}; give a --port from 1024, or the right to (CAP_NET_BIND_SERVICE)"
        ) from None
    except OSError as error:
        found.close()
        raise BadConfiguration(f"nothing can listen at {where} ({error.strerror}); give another --port") from None
    return found
