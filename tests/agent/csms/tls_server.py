"""A TLS server as back-ends have it: OpenSSL with blocking sockets, which tells by an alert why it refuses."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def tls_server(context: ssl.SSLContext) -> Iterator[int]:
    """Hand-shake with whoever comes and read one message; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    stopped = threading.Event()

    def serve() -> None:
        while not stopped.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(2.0)
                with connection, context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(4096)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        thread.join()
        listener.close()
