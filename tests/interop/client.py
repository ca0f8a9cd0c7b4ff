"""A client of agentd with the official gRPC library for Python.

Learns the messages by reflection, submits a no-op and an analysis, watches both to their end, reads the report, asks
health, and prints one JSON object with what it saw.

    python client.py SOCKET WORKSPACE
"""

import hashlib
import json
import os
import sys

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

SOCKET, WORKSPACE = sys.argv[1:3]

# Without it, this library sends the socket's path as the authority, which no HTTP/2 server may accept.
CHANNEL = grpc.insecure_channel(f"unix://{SOCKET}", options=[("grpc.default_authority", "localhost")])
DATABASE = ProtoReflectionDescriptorDatabase(CHANNEL)
POOL = DescriptorPool(DATABASE)


def method(service, name):
    """A callable for a method, from its description."""
    described = POOL.FindServiceByName(f"agentd.v1.{service}").FindMethodByName(name)
    make = CHANNEL.unary_stream if described.server_streaming else CHANNEL.unary_unary
    request = GetMessageClass(described.input_type)
    answer = GetMessageClass(described.output_type)
    stub = make(
        f"/agentd.v1.{service}/{name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=answer.FromString,
    )
    return lambda **fields: stub(request(**fields), timeout=60)


submit, watch, read = (method("TaskService", name) for name in ("Submit", "Watch", "ReadDocument"))


def run(**request):
    """Submits and watches to the end."""
    submitted = submit(**request)
    cursors, progress, ended = [], 0, None
    for item in watch(task_id=submitted.task_id, cursor=submitted.cursor, progress=True):
        kind = item.WhichOneof("item")
        progress += kind == "progress"
        if kind == "event":
            cursors.append(item.event.cursor)
            if item.event.WhichOneof("what") == "ended":
                ended = item.event.ended
    states = POOL.FindEnumTypeByName("agentd.v1.TaskState").values_by_number
    return {
        "task_id": submitted.task_id,
        "first": submitted.cursor,
        "cursors": cursors,
        "progress": progress,
        "state": states[ended.state].name,
        "documents": [{"name": document.name, "bytes": document.bytes} for document in ended.documents],
    }


def refusal(**request):
    """The code and the words of a refused Submit."""
    try:
        submit(**request)
    except grpc.RpcError as error:
        return {"code": error.code().value[0], "details": error.details()}
    return None


def main():
    key = {"request": "from Python", "workflow": "noop", "idempotency_key": "python"}
    handshake = method("DaemonService", "Handshake")(protocol=1, client="interop python")
    noop = run(**key)
    analysed = run(request="what is this?", workspace=WORKSPACE, workflow="analyze", path=os.environ["PATH"])
    content = b"".join(chunk.content for chunk in read(task_id=analysed["task_id"], name="report.json"))
    health = health_pb2_grpc.HealthStub(CHANNEL)
    status = health.Check(health_pb2.HealthCheckRequest(service="agentd.v1.TaskService"), timeout=60).status
    again = submit(**key)
    print(
        json.dumps(
            {
                "handshake": {
                    "protocol": handshake.protocol,
                    "oldest_protocol": handshake.oldest_protocol,
                    "version": handshake.version,
                },
                "health": status,
                "services": {"v1alpha": sorted(DATABASE.get_services())},
                "agents": len(method("AgentService", "List")().agents),
                "noop": noop,
                "again": {"task_id": again.task_id, "existing": again.existing},
                "refused": refusal(**(key | {"request": "something else"})),
                "analysed": analysed,
                "document": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
                "report": json.loads(content),
            }
        )
    )


main()
