"""A small shop on the web with a database, as OpenTelemetry's SDK for Python measures it.

Where it sends, and how, is said by the SDK's own environment variables. A line on its standard
input makes it serve some requests and send; it answers each with a line for every request that
the SDK has sent, in JSON: what was in it, read from the SDK's own objects.
"""

import json
import os
import sqlite3
import sys
import threading
import time
import urllib.request
from urllib.error import HTTPError
from wsgiref.simple_server import WSGIRequestHandler, make_server

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.system_metrics import SystemMetricsInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor
from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    Gauge,
    Histogram,
    Sum,
)

# The process's own, and nothing of the machine.
RUNTIME = {
    "process.cpu.time": ["user", "system"],
    "process.memory.usage": None,
    "process.memory.virtual": None,
    "process.thread.count": None,
    "process.open_file_descriptor.count": None,
    "process.context_switches": ["involuntary", "voluntary"],
    "cpython.gc.collections": None,
    "cpython.gc.collected_objects": None,
    "cpython.gc.uncollectable_objects": None,
}


def value_of(kind, point):
    """The value of a point, of whichever kind."""
    if isinstance(kind, Histogram):
        buckets = {"bounds": list(point.explicit_bounds), "counts": list(point.bucket_counts)}
        return {"count": point.count, "sum": point.sum, **buckets}
    if isinstance(kind, ExponentialHistogram):
        run = lambda buckets: [buckets.offset, list(buckets.bucket_counts)]
        buckets = {"positive": run(point.positive), "negative": run(point.negative)}
        return {"count": point.count, "sum": point.sum, "scale": point.scale, "zero": point.zero_count, **buckets}
    return {"value": point.value}


def told(metric):
    """A metric as the tests read it."""
    data = metric.data
    return {
        "name": metric.name,
        "unit": metric.unit or "",
        "kind": {Sum: "sum", Gauge: "gauge"}.get(type(data), "histogram"),
        "monotonic": getattr(data, "is_monotonic", False),
        "delta": getattr(data, "aggregation_temporality", 2) == 1,
        "points": [{"attributes": dict(point.attributes), **value_of(data, point)} for point in data.data_points],
    }


class Telling(OTLPMetricExporter):
    """Sends, and tells what."""

    def export(self, metrics_data, *args, **kwargs):
        metrics_told = [
            told(metric)
            for of_resource in metrics_data.resource_metrics
            for of_scope in of_resource.scope_metrics
            for metric in of_scope.metrics
        ]
        result = super().export(metrics_data, *args, **kwargs)
        print(json.dumps({"metrics": metrics_told, "sent": result.name == "SUCCESS"}), flush=True)
        return result


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


class Shop:
    """The program itself."""

    def __init__(self, meter):
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.database.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT)")
        self.queries = meter.create_histogram("db.client.operation.duration", unit="s", description="Of a statement.")
        self.orders = meter.create_counter("shop.orders", unit="{order}", description="Orders.")
        self.open = meter.create_up_down_counter("shop.carts.open", unit="{cart}")
        self.weight = meter.create_histogram("shop.order.weight", unit="kg")
        meter.create_observable_gauge("shop.stock", [lambda _: [metrics.Observation(17.5, {"item": "größe"})]])

    def query(self, operation, statement, *parameters):
        started = time.perf_counter()
        rows = self.database.cursor().execute(statement, parameters).fetchall()
        about = {"db.system.name": "sqlite", "db.operation.name": operation, "db.collection.name": "orders"}
        self.queries.record(time.perf_counter() - started, about)
        return rows

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/broken":
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return [b""]
        self.query("INSERT", "INSERT INTO orders (item) VALUES (?)", path)
        found = self.query("SELECT", "SELECT count(*) FROM orders")
        self.orders.add(1, {"plan": "gold"})
        self.orders.add(0.5, {"plan": "silver \"quoted\" \\ ended"})
        self.open.add(1 if found[0][0] % 3 else -1)
        self.weight.record(found[0][0] * 0.7, {"plan": "gold"})
        body = str(found[0][0]).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


def main():
    readers = []
    if os.environ.get("OTEL_METRICS_EXPORTER") != "none":
        readers.append(PeriodicExportingMetricReader(Telling()))
    metrics.set_meter_provider(MeterProvider(metric_readers=readers))
    trace.set_tracer_provider(TracerProvider())
    if os.environ.get("OTEL_TRACES_EXPORTER") != "none":
        trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    SQLite3Instrumentor().instrument()
    SystemMetricsInstrumentor(config=RUNTIME).instrument()
    shop = OpenTelemetryMiddleware(Shop(metrics.get_meter("shop")))
    server = make_server("127.0.0.1", 0, shop, handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    for _ in sys.stdin:
        for path in ["/orders", "/orders", "/broken", "/orders"]:
            try:
                urllib.request.urlopen(address + path).read()
            except HTTPError:
                pass
        metrics.get_meter_provider().force_flush()
        trace.get_tracer_provider().force_flush()
        print(json.dumps({"done": True}), flush=True)
    metrics.get_meter_provider().shutdown()
    trace.get_tracer_provider().shutdown()


main()
