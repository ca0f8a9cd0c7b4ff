// A client of agentd with the official gRPC library for Node. Submits a no-op and an analysis, watches both to their end,
// reads the report, asks health and reflection, and prints one JSON object with what it saw.
//   node client.mjs SOCKET WORKSPACE PROTO_FOLDER      (NODE_PATH does not serve modules: AGENTD_INTEROP_NODE_MODULES does)

import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(join(process.env.AGENTD_INTEROP_NODE_MODULES, 'x.js'));
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [socket, workspace, protos] = process.argv.slice(2);
const address = `unix://${socket}`;
const credentials = grpc.credentials.createInsecure();
const options = { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true };

const files = ['tasks', 'agents', 'daemon'].map((name) => `agentd/v1/${name}.proto`);
const { v1 } = grpc.loadPackageDefinition(loader.loadSync(files, { ...options, includeDirs: [protos] })).agentd;
const tasks = new v1.TaskService(address, credentials);
const daemon = new v1.DaemonService(address, credentials);
const agents = new v1.AgentService(address, credentials);

const call = (client, method, request) =>
  new Promise((resolve, reject) =>
    client[method](request, { deadline: Date.now() + 60_000 }, (error, answer) => (error ? reject(error) : resolve(answer))),
  );

const collect = (stream, take) =>
  new Promise((resolve, reject) => {
    stream.on('data', take);
    stream.on('error', reject);
    stream.on('end', resolve);
  });

async function run(request) {
  const submitted = await call(tasks, 'Submit', request);
  const cursors = [];
  let progress = 0;
  let ended;
  await collect(tasks.Watch({ task_id: submitted.task_id, cursor: submitted.cursor, progress: true }), (item) => {
    if (item.progress) progress += 1;
    if (!item.event) return;
    cursors.push(item.event.cursor);
    if (item.event.ended) ended = item.event.ended;
  });
  return { task_id: submitted.task_id, first: submitted.cursor, cursors, progress, state: ended.state, documents: ended.documents };
}

async function read(task_id, name) {
  const pieces = [];
  await collect(tasks.ReadDocument({ task_id, name }), (chunk) => pieces.push(chunk.content));
  const content = Buffer.concat(pieces);
  return { bytes: content.length, sha256: createHash('sha256').update(content).digest('hex'), content };
}

// Health and reflection come without files of ours: the few messages are described here.
const health = {
  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
  HealthCheckResponse: { fields: { status: { type: 'int32', id: 1 } } },
  Health: { methods: { Check: { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse' } } },
};
const reflection = {
  ServerReflectionRequest: { fields: { host: { type: 'string', id: 1 }, list_services: { type: 'string', id: 7 } } },
  ServiceResponse: { fields: { name: { type: 'string', id: 1 } } },
  ListServiceResponse: { fields: { service: { rule: 'repeated', type: 'ServiceResponse', id: 1 } } },
  ServerReflectionResponse: { fields: { list_services_response: { type: 'ListServiceResponse', id: 6 } } },
  ServerReflection: {
    methods: {
      ServerReflectionInfo: {
        requestType: 'ServerReflectionRequest',
        requestStream: true,
        responseType: 'ServerReflectionResponse',
        responseStream: true,
      },
    },
  },
};
const described = (path, content) => {
  const nested = path.reduceRight((inner, name) => ({ [name]: { nested: inner } }), content);
  const loaded = grpc.loadPackageDefinition(loader.fromJSON({ nested }, options));
  return path.reduce((scope, name) => scope[name], loaded);
};

async function services(version) {
  const { ServerReflection } = described(['grpc', 'reflection', version], reflection);
  const stream = new ServerReflection(address, credentials).ServerReflectionInfo();
  const names = [];
  const whole = collect(stream, (answer) => {
    names.push(...answer.list_services_response.service.map((service) => service.name));
    stream.end();
  });
  stream.write({ list_services: '*' });
  await whole;
  return names.sort();
}

async function refusal(request) {
  try {
    await call(tasks, 'Submit', request);
    return null;
  } catch (error) {
    return { code: error.code, details: error.details };
  }
}

const { Health } = described(['grpc', 'health', 'v1'], health);
const analysis = { request: 'what is this?', workspace, workflow: 'analyze', path: process.env.PATH };
const key = { request: 'from Node', workflow: 'noop', idempotency_key: 'node' };
const handshake = await call(daemon, 'Handshake', { protocol: 1, client: 'interop node' });
const noop = await run(key);
const analysed = await run(analysis);
const { content, ...document } = await read(analysed.task_id, 'report.json');
console.log(
  JSON.stringify({
    handshake,
    health: (await call(new Health(address, credentials), 'Check', { service: 'agentd.v1.TaskService' })).status,
    services: { v1: await services('v1'), v1alpha: await services('v1alpha') },
    agents: (await call(agents, 'List', {})).agents.length,
    noop,
    again: await call(tasks, 'Submit', key),
    refused: await refusal({ ...key, request: 'something else' }),
    analysed,
    document,
    report: JSON.parse(content.toString('utf8')),
  }),
);
process.exit(0);
