"""Bytes a second of one call to a gRPC server: address, method, request in hex, least number of bytes, certificates."""
import sys
import time

import grpc

address, method, request, at_least, ca, cert, key = sys.argv[1:]
read = lambda path: open(path, "rb").read()
credentials = grpc.ssl_channel_credentials(read(ca), read(key), read(cert))
with grpc.secure_channel(address, credentials) as channel:
    grpc.channel_ready_future(channel).result(timeout=20)
    call = channel.unary_stream(method, request_serializer=None, response_deserializer=None)
    begin = time.perf_counter()
    received = sum(len(message) for message in call(bytes.fromhex(request)))
    seconds = time.perf_counter() - begin
if received < int(at_least):
    sys.exit(f"{received} of {at_least} bytes came")
print(received / seconds)
