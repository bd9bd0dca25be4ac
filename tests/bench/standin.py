"""What a function of Tertulia's sees of AWS, on loopback: Lambda's runtime interface, a DynamoDB table, an SQS queue and
API Gateway's management of connections. It answers what AWS would, for the few requests that the functions measured here
make, and refuses all others."""

import asyncio
import base64
import collections
import contextlib
import email.utils
import hashlib
import json
import math
import os
import pathlib
import ssl
import subprocess
import time
import urllib.parse
import uuid
import zlib

DEADLINE = 30
BUNDLES = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem")
JSON = {"content-type": "application/x-amz-json-1.0"}


@contextlib.asynccontextmanager
async def serving(answer, tls=None):
    """Serves HTTP/1.1 on a free port; `answer` makes (status, headers, body) of (method, path, headers, body)."""
    connections = set()

    async def connection(reader, writer):
        connections.add(asyncio.current_task())
        ended = (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError, ssl.SSLError)
        with contextlib.suppress(*ended):
            while True:
                request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
                method, path, _ = request.split(" ")
                given = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
                body = await reader.readexactly(int(given.get("content-length", 0)))
                status, headers, body = await answer(method, path, given, body)
                headers = {"date": email.utils.formatdate(usegmt=True), **headers, "content-length": len(body)}
                head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
                writer.write(f"HTTP/1.1 {status} -\r\n{head}\r\n".encode() + body)
                await writer.drain()
        connections.discard(asyncio.current_task())
        writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections)


def certificate(folder):
    """A certificate for localhost, and a file that has it beside all that a machine trusts, as functions read one."""
    folder = pathlib.Path(folder)
    config, key, own, trusted = (folder / name for name in ("config", "key.pem", "own.pem", "trusted.pem"))
    config.write_text("[req]\ndistinguished_name = name\n[name]\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-config", config, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", own],
        check=True, capture_output=True)
    system = [pathlib.Path(bundle).read_text() for bundle in BUNDLES if os.path.exists(bundle)][:1]
    trusted.write_text("\n".join([*system, own.read_text()]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(own, key)
    return tls, trusted


class Aws:
    """The services. Everything that is asked of them is counted."""

    def __init__(self):
        self.table = collections.defaultdict(dict)
        self.wrong = []
        self.forget()

    def forget(self):
        """Begins to count anew."""
        self.calls = collections.Counter()
        self.read_units = self.write_units = 0
        self.posts, self.queued = [], []

    def put(self, item):
        """Puts an item into the table."""
        self.table[item["pk"]["S"]][item["sk"]["S"]] = item

    async def answer(self, method, path, headers, body):
        """Answers a request to any of the services."""
        headers_for = {"x-amzn-requestid": uuid.uuid4()}
        if "credential" not in headers.get("authorization", "").lower():
            return self.refuse(403, f"{method} {path} is not signed")
        if method == "POST" and (at := path.find("/@connections/")) >= 0:
            self.calls["PostToConnection"] += 1
            connection = urllib.parse.unquote(path[at:].removeprefix("/@connections/").partition("?")[0])
            self.posts.append((connection, body.decode()))
            return 200, headers_for, b""
        service, _, operation = headers.get("x-amz-target", "").partition(".")
        handle = {"Query": self.query, "GetItem": self.get_item, "PutItem": self.put_item,
                  "SendMessageBatch": self.send_message_batch}.get(operation)
        if handle is None:
            return self.refuse(400, f"{method} {path} {service}.{operation} was not expected")
        self.calls[operation] += 1
        status, value = handle(json.loads(body))
        body = json.dumps(value).encode()
        return status, {**JSON, **headers_for, "x-amz-crc32": zlib.crc32(body)}, body

    def refuse(self, status, why):
        """Refuses what AWS would refuse, or what is not known here; the measurement then counts for nothing."""
        self.wrong.append(why)
        return status, JSON, json.dumps({"__type": "ValidationException", "message": why}).encode()

    def query(self, request):
        """A consistent query by partition, with or without a prefix of the sort key."""
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        expected = "pk = :pk" + (" AND begins_with(sk, :prefix)" if ":prefix" in values else "")
        if request["KeyConditionExpression"] != expected or not request["ConsistentRead"]:
            self.wrong.append(f"a query that is not known here: {request['KeyConditionExpression']}")
        partition = self.table[values[":pk"]]
        keys = sorted(key for key in partition if key.startswith(values.get(":prefix", "")))
        keys = keys if request.get("ScanIndexForward", True) else keys[::-1]
        limit = request.get("Limit", len(keys) + 1)
        items = [partition[key] for key in keys[:limit]]
        bytes_read = sum(map(size, items))
        if bytes_read > 1 << 20:
            self.wrong.append("a query of more than a page")
        self.read_units += max(1, math.ceil(bytes_read / 4096))
        more = {"LastEvaluatedKey": {name: items[-1][name] for name in ("pk", "sk")}} if len(items) == limit else {}
        return 200, {"Items": items, "Count": len(items), "ScannedCount": len(items), **more}

    def get_item(self, request):
        """A consistent read of an item."""
        if not request["ConsistentRead"]:
            self.wrong.append("a read that is not consistent")
        item = self.table[request["Key"]["pk"]["S"]].get(request["Key"]["sk"]["S"])
        self.read_units += max(1, math.ceil(size(item) / 4096)) if item else 1
        return 200, {"Item": item} if item else {}

    def put_item(self, request):
        """A put of an item that must not exist."""
        item = request["Item"]
        if request.get("ConditionExpression") != "attribute_not_exists(pk)" or "ipk" in item:
            self.wrong.append(f"a put that is not known here: {request.get('ConditionExpression')}")
        self.write_units += math.ceil(size(item) / 1024)
        if (there := self.table[item["pk"]["S"]].get(item["sk"]["S"])) is not None:
            name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"
            return 400, {"__type": name, "message": "The conditional request failed", "Item": there}
        self.put(item)
        return 200, {}

    def send_message_batch(self, request):
        """Takes messages into the queue; they stay there until the measurement has them delivered."""
        if not request["QueueUrl"].endswith("/deliver.fifo"):
            self.wrong.append(f"work for {request['QueueUrl']}")
        self.queued += request["Entries"]
        taken = [{"Id": entry["Id"], "MessageId": str(uuid.uuid4()), "SequenceNumber": str(10**19 + len(self.queued)),
                  "MD5OfMessageBody": hashlib.md5(entry["MessageBody"].encode()).hexdigest()}
                 for entry in request["Entries"]]
        return 200, {"Successful": taken, "Failed": []}


def size(item):
    """An item's size in bytes, as DynamoDB counts it."""
    def of(value):
        (kind, value), = value.items()
        return math.ceil(len(value) / 2) + 1 if kind == "N" else len(value.encode())
    return sum(len(name) + of(value) for name, value in item.items())


def name_of(number):
    """A connection's id, in the form that API Gateway gives them."""
    return base64.b64encode(hashlib.sha256(str(number).encode()).digest()[:11]).decode()


def frame(number, body):
    """API Gateway's call of a function, for a frame of a connection."""
    now = int(time.time() * 1000)
    context = {
        "routeKey": body["action"], "messageId": "YPVmTeP3IAMCJlQ=", "eventType": "MESSAGE", "extendedRequestId": "YPVmTF",
        "requestTime": "22/Nov/2026:10:00:00 +0000", "messageDirection": "IN", "stage": "live", "connectedAt": now - 60000,
        "requestTimeEpoch": now, "identity": {"userAgent": "Mozilla/5.0 (X11; Linux x86_64)", "sourceIp": "192.0.2.1"},
        "requestId": "YPVmTF9fIAMFmnA=", "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "connectionId": name_of(number), "apiId": "abcdefghij"}
    return {"requestContext": context, "body": json.dumps(body), "isBase64Encoded": False}


def change(entry):
    """The table's stream's call of `broadcast`, for one new entry."""
    keys = {name: entry[name] for name in ("pk", "sk")}
    stream = "arn:aws:dynamodb:us-east-1:123456789012:table/tertulia/stream/2026-11-22T00:00:00.000"
    return {"Records": [{
        "eventID": "c4ca4238a0b923820dcc509a6f75849b", "eventName": "INSERT", "eventVersion": "1.1",
        "eventSource": "aws:dynamodb", "awsRegion": "us-east-1", "eventSourceARN": stream,
        "dynamodb": {"ApproximateCreationDateTime": time.time(), "Keys": keys, "NewImage": entry, "SizeBytes": 500,
                     "SequenceNumber": "100000000001234567890", "StreamViewType": "NEW_IMAGE"}}]}


def page(message):
    """The queue's call of `deliver`, for one message."""
    return {"Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "x" * 400, "body": message["MessageBody"],
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(time.time_ns() // 10**6),
                       "MessageGroupId": message["MessageGroupId"]},
        "messageAttributes": {}, "eventSource": "aws:sqs", "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:deliver.fifo"}]}


class Function:
    """One process of the binary, as Lambda would run it. Every invocation tells its CPU time."""

    def __init__(self, handler, log):
        self.handler, self.log = handler, log
        self.events, self.answers, self.asked = asyncio.Queue(), asyncio.Queue(), asyncio.Queue()

    async def runtime(self, method, path, _, body):
        """Lambda's runtime interface."""
        if method == "GET" and path == "/2018-06-01/runtime/invocation/next":
            self.asked.put_nowait((time.clock_gettime_ns(self.clock), time.monotonic_ns()))
            request, event = await self.events.get()
            headers = {
                "content-type": "application/json", "lambda-runtime-aws-request-id": request,
                "lambda-runtime-deadline-ms": time.time_ns() // 10**6 + 15000,
                "lambda-runtime-invoked-function-arn": f"arn:aws:lambda:us-east-1:123456789012:function:{self.handler}",
                "lambda-runtime-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0"}
            return 200, headers, json.dumps(event).encode()
        self.answers.put_nowait((path, body))
        return 202, {"content-type": "application/json"}, b'{"status":"OK"}'

    async def idle(self):
        """Waits until it asks for work: its CPU time until then, and when that was."""
        try:
            return await asyncio.wait_for(self.asked.get(), DEADLINE)
        except asyncio.TimeoutError:
            self.log.seek(0)
            raise SystemExit(f"{self.handler} does not ask for work:\n{self.log.read()[-2000:]}") from None

    async def invoke(self, event):
        """Has it handle an event: the answer, and the nanoseconds of CPU from one question for work to the next."""
        before, request = time.clock_gettime_ns(self.clock), str(uuid.uuid4())
        self.events.put_nowait((request, event))
        after, _ = await self.idle()
        path, body = self.answers.get_nowait()
        if path != f"/2018-06-01/runtime/invocation/{request}/response":
            raise SystemExit(f"{self.handler} failed: {path} {body.decode()}")
        return json.loads(body), after - before


@contextlib.asynccontextmanager
async def running(binary, handler, variables, log):
    """Runs a function, until it waits for work."""
    function = Function(handler, log)
    async with serving(function.runtime) as port:
        variables = {
            "_HANDLER": handler, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{port}", "AWS_LAMBDA_FUNCTION_NAME": handler,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_LOG_GROUP_NAME": "group",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream", "AWS_SDK_UA_APP_ID": handler, **variables}
        started = time.monotonic_ns()
        process = subprocess.Popen(
            [binary], env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            # Linux's name for the CPU clock of a whole process, its ended threads included.
            function.clock = ~process.pid << 3 | 2
            function.init_cpu_ns, at = await function.idle()
            function.init_wall_ns = at - started
            yield function
        finally:
            process.kill()
            process.wait()
