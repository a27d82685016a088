"""A client of Herald on grpcio, made of the descriptors alone. It says what it met as lines of JSON: see Guests.test.ts."""
import json
import queue
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

SERVICE = "herald.distribution.v1.DistributionService"
address, token, ca, described = sys.argv[1:5]

pool = descriptor_pool.DescriptorPool()
files = descriptor_pb2.FileDescriptorSet()
with open(described, "rb") as file:
    files.ParseFromString(file.read())
for one in files.file:
    pool.Add(one)
methods = pool.FindServiceByName(SERVICE).methods_by_name


def say(fact, value):
    print(json.dumps({"fact": fact, "value": value}), flush=True)


def request(method, **fields):
    return json_format.ParseDict(fields, message_factory.GetMessageClass(methods[method].input_type)())


def answer(method):
    return message_factory.GetMessageClass(methods[method].output_type).FromString


def unary(method, metadata, **fields):
    call = channel.unary_unary(f"/{SERVICE}/{method}", lambda m: m.SerializeToString(), answer(method))
    return call(request(method, **fields), metadata=metadata)


class Subscription:
    def __init__(self, instance, **options):
        self.sent = queue.SimpleQueue()
        call = channel.stream_stream(f"/{SERVICE}/Subscribe", lambda m: m.SerializeToString(), answer("Subscribe"))
        self.send(serviceName="guests", instanceId=instance, control=True, keys=["guests"])
        self.updates = call(iter(self.sent.get, None), metadata=known, **options)

    def send(self, **fields):
        self.sent.put(request("Subscribe", **fields))

    def values(self):
        for update in self.updates:
            if update.key:
                self.send(acks=[{"key": update.key, "revision": update.revision, "outcome": "ACK_OUTCOME_APPLIED"}])
                yield update.content.decode()

    def end(self):
        self.sent.put(None)
        try:
            for _ in self.updates:
                pass
        except grpc.RpcError:
            pass
        return self.updates.code().value[0]


plain = (("x-long", "long " * 1200), ("x-bytes-bin", b"\x00\xff\x80"))
known = plain + (("authorization", f"Bearer {token}"),)
if ca == "-":
    channel = grpc.insecure_channel(address)
else:
    with open(ca, "rb") as file:
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()))

checked = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE), metadata=known)
say("health", health_pb2.HealthCheckResponse.ServingStatus.Name(checked.status))
asked = reflection_pb2.ServerReflectionRequest(list_services="*")
listed = next(reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]), metadata=known))
say("reflection", any(one.name == SERVICE for one in listed.list_services_response.service))
say("heartbeat", unary("Heartbeat", known, serviceName="guests", instanceId="python").server_time_ms > 0)
try:
    unary("ReportHealth", known)
except grpc.RpcError as error:
    herald = dict(error.trailing_metadata())["herald-code"]
    say("refused", {"code": error.code().value[0], "herald": herald, "message": error.details()})
for fact, method, metadata in (("stranger", "Heartbeat", plain), ("unknown", "Nothing", known)):
    try:
        call = channel.unary_unary(f"/{SERVICE}/{method}", lambda m: m, lambda m: m)
        call(b"", metadata=metadata)
    except grpc.RpcError as error:
        say(fact, error.code().value[0])
late = Subscription("python-late", timeout=0.3)
try:
    for _ in late.updates:
        pass
except grpc.RpcError as error:
    say("late", error.code().value[0])
late.sent.put(None)

open_ = Subscription("python")
for value in open_.values():
    say("value", [len(value), value[:20]])
    if value == "end":
        break
say("ended", open_.end())
channel.close()
