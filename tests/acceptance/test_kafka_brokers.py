"""`make consume` with other brokers than one that anybody may talk to: a cluster of three, and one
that wants TLS and a log-in.
"""

import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from bench import broker as tansu
from tests.acceptance.test_kafka import SECONDS, Case, message
from tests.conftest import free_port
from tests.gatekeeper import Gatekeeper, keeping
from tests.kafka_broker import Broker, mock_cluster, needs_broker, needs_mock_cluster
from tests.killable import until

pytestmark = pytest.mark.one_engine


@needs_mock_cluster
def test_a_cluster_whose_partitions_are_at_different_brokers(database: str, tmp_path: Path) -> None:
    """librdkafka's; the consumer is killed, and the next goes on once the group knows."""
    with mock_cluster(brokers=3) as cluster:
        case = Case(cluster, database, tmp_path)
        for partition in range(3):
            case.send(*range(5000), partition=partition, size=20)
        cluster.send(case.topic, [(b"k", b"no JSON")])
        with case.consumer() as member:
            until(lambda: case.stored().total() > 0, SECONDS)
            member.process.kill()
            member.process.wait(60)
        assert case.stored().total() < case.sent.total()
        with case.consumer() as member:
            until(case.all_is_stored, SECONDS)
            until(member.ready, SECONDS)
            (letter,) = cluster.read(case.dead, 1)
    assert case.stored() == case.sent
    assert (letter.key, letter.value) == (b"k", b"no JSON")


@contextmanager
def guarded(
    folder: Path, tls: ssl.SSLContext | None, login: tuple[str, str] | None
) -> Iterator[int]:
    """The port of a broker behind a gatekeeper, which has the topics `sales` and `dead`; a message
    waits in `sales`.
    """
    port = free_port()
    with tansu.running_broker(folder, port) as running:
        # Whoever makes topics does not need to pass the gate.
        with keeping(Gatekeeper(port, running.port)):
            inside = Broker(f"127.0.0.1:{port}")
            inside.create("sales", "dead")
            inside.send("sales", [(None, message(5))])
        with keeping(Gatekeeper(port, running.port, tls, login)):
            yield port


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certificate(issuer: trustme.CA, folder: Path) -> dict[str, str]:
    """A consumer's settings with a certificate of that issuer."""
    issued = issuer.issue_cert("consumer.example.com")
    own, key = (folder / f"{secrets.token_hex(4)}.{kind}" for kind in ("pem", "key"))
    issued.cert_chain_pems[0].write_to_path(own)
    issued.private_key_pem.write_to_path(key)
    return {"FATURE_KAFKA_TLS_CERTIFICATE": str(own), "FATURE_KAFKA_TLS_KEY": str(key)}


@needs_broker
def test_a_broker_that_wants_certificates_and_a_login(
    authority: trustme.CA, database: str, tmp_path: Path
) -> None:
    """Whoever has something wrong is told what speaks against it; nothing is lost meanwhile."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    trusted, others = tmp_path / "ca.pem", tmp_path / "others.pem"
    authority.cert_pem.write_to_path(trusted)
    stranger = trustme.CA()
    stranger.cert_pem.write_to_path(others)
    own, strange = (certificate(one, tmp_path) for one in (authority, stranger))
    password = secrets.token_hex(8)
    right = {
        "FATURE_KAFKA_TLS": "true",
        "FATURE_KAFKA_TLS_CA": str(trusted),
        **own,
        "FATURE_KAFKA_SASL": "PLAIN",
        "FATURE_KAFKA_USER": "fature",
        "FATURE_KAFKA_PASSWORD": password,
    }
    with guarded(tmp_path, server, ("fature", password)) as port:
        case = Case(Broker(f"127.0.0.1:{port}"), database, tmp_path, "sales")
        case.sent[5.0] += 1
        given = right | {"FATURE_KAFKA_DEAD_LETTER_TOPIC": "dead"}
        for wrong, told in (
            ({"FATURE_KAFKA_TLS_CA": str(others)}, "certificate verify failed"),
            # The broker's alert comes after the handshake of TLS 1.3: it is not told.
            (strange, f"Connection at 127.0.0.1:{port} closed"),
            ({"FATURE_KAFKA_PASSWORD": "x"}, "wrong name or password"),
            ({"FATURE_KAFKA_SASL": "SCRAM-SHA-256"}, "Enabled mechanisms are: ['PLAIN']"),
        ):
            with case.consumer(**given | wrong) as member:
                until(
                    lambda member=member, told=told: told in str(member.problems()),  # type: ignore[misc]
                    SECONDS,
                )
                log = member.log.read_text()
                assert told in log
                assert password not in log
            assert not case.stored()
        with case.consumer(**given) as member:
            until(case.all_is_stored, SECONDS)
            until(member.ready, SECONDS)
    assert case.stored() == case.sent
