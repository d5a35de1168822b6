// A small shop on the web with a database, as OpenTelemetry's SDK for Node.js measures it.
//
// Where it sends, and how, is said by the SDK's own environment variables. A line on its standard
// input makes it serve some requests and send; it answers each with a line for every request that
// the SDK has sent, in JSON: what was in it, read from the SDK's own objects.
'use strict';

const { context, metrics, trace, SpanKind } = require('@opentelemetry/api');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { getRPCMetadata } = require('@opentelemetry/core');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { RuntimeNodeInstrumentation } = require('@opentelemetry/instrumentation-runtime-node');
const { detectResources, envDetector } = require('@opentelemetry/resources');
const { AggregationType, DataPointType, InstrumentType, MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const json = process.env.OTEL_EXPORTER_OTLP_PROTOCOL === 'http/json';
const { OTLPMetricExporter } = require(`@opentelemetry/exporter-metrics-otlp-${json ? 'http' : 'proto'}`);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${json ? 'http' : 'proto'}`);

const print = value => process.stdout.write(JSON.stringify(value) + '\n');

// The value of a point, of whichever kind.
function valueOf(kind, value) {
  if (kind === DataPointType.HISTOGRAM) {
    const { boundaries, counts } = value.buckets;
    return { count: value.count, sum: value.sum, bounds: boundaries, counts };
  }
  if (kind === DataPointType.EXPONENTIAL_HISTOGRAM) {
    const run = buckets => [buckets.offset, buckets.bucketCounts];
    const { count, sum, scale, zeroCount: zero } = value;
    return { count, sum, scale, zero, positive: run(value.positive), negative: run(value.negative) };
  }
  return { value };
}

// A metric as the tests read it.
function told({ descriptor, dataPointType, dataPoints, isMonotonic, aggregationTemporality }) {
  return {
    name: descriptor.name,
    unit: descriptor.unit,
    kind: { [DataPointType.GAUGE]: 'gauge', [DataPointType.SUM]: 'sum' }[dataPointType] ?? 'histogram',
    monotonic: isMonotonic ?? false,
    delta: aggregationTemporality === 0,
    points: dataPoints.map(({ attributes, value }) => ({ attributes, ...valueOf(dataPointType, value) })),
  };
}

// Sends, and tells what.
class Telling extends OTLPMetricExporter {
  export(resourceMetrics, done) {
    const all = resourceMetrics.scopeMetrics.flatMap(ofScope => ofScope.metrics.map(told));
    super.export(resourceMetrics, result => {
      print({ metrics: all, sent: result.code === 0 });
      done(result);
    });
  }
}

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const resource = detectResources({ detectors: [envDetector] });
const exponential = process.env.OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION === 'base2_exponential_bucket_histogram';
const views = exponential
  ? [{ instrumentName: '*', instrumentType: InstrumentType.HISTOGRAM, aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }]
  : [];
const readers = process.env.OTEL_METRICS_EXPORTER === 'none' ? [] : [new PeriodicExportingMetricReader({ exporter: new Telling() })];
const meters = new MeterProvider({ resource, views, readers });
metrics.setGlobalMeterProvider(meters);
const spanProcessors = process.env.OTEL_TRACES_EXPORTER === 'none' ? [] : [new BatchSpanProcessor(new OTLPTraceExporter())];
const tracers = new BasicTracerProvider({ resource, spanProcessors });
trace.setGlobalTracerProvider(tracers);
registerInstrumentations({ instrumentations: [
  new HttpInstrumentation({ disableOutgoingRequestInstrumentation: true }),
  new RuntimeNodeInstrumentation({ monitoringPrecision: 10 }),
] });

// The program itself.
const http = require('node:http');
const meter = metrics.getMeter('shop');
const queries = meter.createHistogram('db.client.operation.duration', { unit: 's', description: 'Of a statement.' });
const orders = meter.createCounter('shop.orders', { unit: '{order}', description: 'Orders.' });
const open = meter.createUpDownCounter('shop.carts.open', { unit: '{cart}' });
const weight = meter.createHistogram('shop.order.weight', { unit: 'kg' });
meter.createObservableGauge('shop.stock').addCallback(result => result.observe(17.5, { item: 'größe' }));
const database = new Map();

function query(operation, work) {
  const started = performance.now();
  const about = { 'db.system.name': 'postgresql', 'db.operation.name': operation, 'db.collection.name': 'orders' };
  return trace.getTracer('shop').startActiveSpan(`${operation} orders`, { kind: SpanKind.CLIENT, attributes: about }, span => {
    const found = work();
    span.end();
    queries.record((performance.now() - started) / 1000, about);
    return found;
  });
}

const server = http.createServer((request, response) => {
  const id = request.url.split('/')[2];
  const metadata = getRPCMetadata(context.active());
  if (metadata) metadata.route = id ? '/orders/{id}' : request.url;
  if (request.url === '/broken') return response.writeHead(500).end();
  query('INSERT', () => database.set(database.size, id));
  const found = query('SELECT', () => database.size);
  orders.add(1, { plan: 'gold' });
  orders.add(0.5, { plan: 'silver "quoted" \\ ended' });
  open.add(found % 3 ? 1 : -1);
  weight.record(found * 0.7, { plan: 'gold' });
  response.end(String(found));
});

const visit = (port, path) => new Promise((done, fail) => {
  http.get({ port, path, agent: false }, answer => answer.resume().on('end', done)).on('error', fail);
});

server.listen(0, '127.0.0.1', async () => {
  for await (const _ of require('node:readline').createInterface({ input: process.stdin })) {
    for (const path of ['/orders/1', '/orders/2', '/broken', '/orders/3']) await visit(server.address().port, path);
    await meters.forceFlush();
    await tracers.forceFlush();
    print({ done: true });
  }
  await meters.shutdown();
  await tracers.shutdown();
  server.close();
  process.exit(0);
});
