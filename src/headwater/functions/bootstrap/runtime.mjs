// A runtime interface client for Node, on its standard library alone.
//
// Loads the handler that _HANDLER names, then asks for events, calls it, posts what it returned or
// how it failed. Handlers are ES modules or CommonJS; they return, resolve a promise, or call back.
// Source: AWS Lambda Developer Guide, "Building Lambda functions with Node.js" and "AWS Lambda
// context object in Node.js"; shapes of errors and log lines as observed.

import { existsSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { basename, dirname, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

const ROOT = '/2018-06-01/runtime';
const TASK_ROOT = process.env.LAMBDA_TASK_ROOT;
const [HOST, PORT] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const LEVELS = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };
const RANKS = { TRACE: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4, FATAL: 5 };
const IS_JSON = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const LEAST = IS_JSON ? (RANKS[process.env.AWS_LAMBDA_LOG_LEVEL] ?? RANKS.INFO) : RANKS.TRACE;
const EXIT_OF_EXCEPTION = 129;
const EXIT_OF_REJECTION = 128;

let current; // the context of the invocation under way
let requestId; // what log lines name; stays until the next invocation, as on Lambda

// One connection, one request at a time. It keeps the event loop alive only while an answer is
// awaited: between an event and its result a function's own timers alone do, which is what
// callbackWaitsForEmptyEventLoop is about.
class Connection {
  constructor() {
    this.received = Buffer.alloc(0);
    this.settle = undefined;
    this.socket = connect(Number(PORT), HOST);
    this.socket.setNoDelay(true);
    this.socket.on('data', (chunk) => this.take(chunk));
    // The server is gone, and with it all that this process is for.
    this.socket.on('close', () => process.exit(1));
    this.socket.on('error', () => process.exit(1));
  }

  call(method, path, body = Buffer.alloc(0), headers = {}) {
    const lines = Object.entries({ Host: HOST, 'Content-Length': body.length, ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.socket.ref();
    this.socket.write(Buffer.concat([Buffer.from(`${method} ${ROOT}${path} HTTP/1.1\r\n${head}\r\n`), body]));
    return new Promise((settle) => { this.settle = settle; });
  }

  take(chunk) {
    this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const [status, ...lines] = this.received.toString('latin1', 0, end).split('\r\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const stop = end + 4 + Number(headers['content-length'] ?? 0);
    if (this.received.length < stop) return;
    const body = this.received.subarray(end + 4, stop);
    this.received = this.received.subarray(stop);
    this.socket.unref();
    this.settle({ status: Number(status.split(' ')[1]), headers, body });
  }
}

const server = new Connection();

async function post(path, text, kind) {
  const body = Buffer.from(text);
  const headers = { 'Content-Type': 'application/json' };
  if (kind !== undefined) headers['Lambda-Runtime-Function-Error-Type'] = encodeURIComponent(kind);
  const { status } = await server.call('POST', path, body, headers);
  // 413: the server has told the caller that the result is too large.
  if (status !== 202 && status !== 413) throw new Error(`posting a result failed: ${status}`);
}

class Fault extends Error {
  constructor(kind, message, stack) {
    super(message);
    this.name = kind;
    this.stack = `${kind}: ${message}` + (stack ?? '');
  }
}

function account(error) {
  if (error instanceof Error || (error && error.name && error.message && error.stack)) {
    return {
      errorType: String(error.name),
      errorMessage: String(error.message),
      trace: String(error.stack).split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

// What the log shows of a failure: all that the error carries, the stack line by line.
function printed(error) {
  const { errorType, errorMessage, trace } = account(error);
  const members = error instanceof Error ? { ...error } : {};
  const cause = error?.cause === undefined ? {} : { cause: String(error.cause) };
  try {
    return JSON.stringify({ errorType, errorMessage, ...members, ...cause, stack: trace });
  } catch {
    return JSON.stringify({ errorType, errorMessage, stack: trace });
  }
}

// The log: one write for each line, so that nothing waits when the process dies.
function print(line) {
  let rest = Buffer.from(line + '\n');
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

// CR within a line keeps it one entry of the log.
function printText(level, text) {
  const stamp = new Date().toISOString();
  print(`${stamp}\t${requestId ?? 'undefined'}\t${level}\t${text}`.replace(/\n/g, '\r'));
}

// The words of one call as an object: a single word as it is, several as one text, with the account
// of the first error among them.
function printJson(level, words) {
  const entry = { timestamp: new Date().toISOString(), level, requestId };
  if (words.length !== 1 || words[0] === undefined) {
    entry.message = format(...words);
    const error = words.find((word) => word instanceof Error);
    if (error !== undefined) Object.assign(entry, described(error));
  } else {
    entry.message = words[0];
  }
  const shown = (_, value) => (value instanceof Error ? { ...value, ...described(value) } : value);
  try {
    print(JSON.stringify(entry, shown));
  } catch { // it refers to itself, or holds what JSON has no word for
    print(JSON.stringify({ ...entry, message: format(...words) }));
  }
}

function described(error) {
  const { errorMessage, trace } = account(error);
  return { errorType: error.constructor?.name ?? 'UnknownError', errorMessage, stackTrace: trace };
}

function printFailure(label, error) {
  if (IS_JSON) printJson('ERROR', [label, error]);
  else printText('ERROR', `${label} \t${printed(error)}`);
}

function patchConsole() {
  for (const [name, level] of Object.entries(LEVELS)) {
    if (RANKS[level] < LEAST) console[name] = () => {};
    else if (IS_JSON) console[name] = (...words) => printJson(level, words);
    else console[name] = (...words) => printText(level, format(...words));
  }
}

// Loading the handler

function refuseStreaming() {
  throw new Fault('Runtime.StreamingNotSupported', 'Response streaming is not supported by Headwater.');
}

async function imported(path, name) {
  try {
    if (extname(path) === '.mjs' || (extname(path) === '.js' && isModule(dirname(path)))) {
      return await import(pathToFileURL(path).href);
    }
    return createRequire(import.meta.url)(path);
  } catch (error) {
    if (error?.code === 'ERR_REQUIRE_ESM') return import(pathToFileURL(path).href);
    if (error instanceof SyntaxError) {
      throw new Fault('Runtime.UserCodeSyntaxError', String(error), tail(error));
    }
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Fault('Runtime.ImportModuleError', String(error), tail(error));
    }
    throw error;
  }
}

function tail(error) {
  return '\n' + String(error.stack).split('\n').slice(1).join('\n');
}

// Whether the nearest package.json at or above a folder says that its .js files are ES modules.
function isModule(folder) {
  for (let at = folder; ; at = dirname(at)) {
    const file = resolve(at, 'package.json');
    if (existsSync(file)) return createRequire(import.meta.url)(file).type === 'module';
    if (at === dirname(at) || at === TASK_ROOT) return false;
  }
}

function located(path, name) {
  for (const ending of ['', '.js', '.mjs', '.cjs']) {
    if ((ending !== '' || extname(path) !== '') && existsSync(path + ending)) return path + ending;
  }
  try {
    return createRequire(resolve(TASK_ROOT, 'x')).resolve(name);
  } catch {
    const text = `Error: Cannot find module '${name}'\nRequire stack:\n- ${import.meta.filename ?? 'runtime.mjs'}`;
    throw new Fault('Runtime.ImportModuleError', text);
  }
}

async function load(full) {
  const file = basename(full);
  const match = file.match(/^([^.]*)\.(.+)$/);
  if (!match || full.includes('..')) throw new Fault('Runtime.MalformedHandlerName', `Bad handler: '${full}'`);
  const name = full.slice(0, full.length - file.length) + match[1];
  const module = await imported(located(resolve(TASK_ROOT, name), name), name);
  let found = module;
  for (const part of match[2].split('.')) found = found?.[part] ?? (found === module ? module.default?.[part] : undefined);
  if (found === undefined) {
    throw new Fault('Runtime.HandlerNotFound', `${full} is undefined or not exported`);
  }
  if (typeof found !== 'function') {
    throw new Fault('Runtime.HandlerNotFound', `${full} is not a function`);
  }
  return found;
}

// One invocation

class Invocation {
  constructor(headers) {
    this.id = headers['lambda-runtime-aws-request-id'];
    this.deadline = Number(headers['lambda-runtime-deadline-ms']);
    this.arn = headers['lambda-runtime-invoked-function-arn'];
    this.waits = true;
    this.isOver = false;
    this.ended = new Promise((settle) => { this.settle = settle; });
    this.headers = headers;
  }

  context() {
    const invocation = this;
    const parsed = (name) => (this.headers[name] ? JSON.parse(this.headers[name]) : undefined);
    return {
      get callbackWaitsForEmptyEventLoop() { return invocation.waits; },
      set callbackWaitsForEmptyEventLoop(value) { invocation.waits = value; },
      functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
      functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
      memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
      clientContext: parsed('lambda-runtime-client-context'),
      identity: parsed('lambda-runtime-cognito-identity'),
      invokedFunctionArn: this.arn,
      awsRequestId: this.id,
      getRemainingTimeInMillis: () => this.deadline - Date.now(),
      done: (error, result) => this.finish(error, result),
      succeed: (result) => this.finish(null, result),
      fail: (error) => this.finish(error ?? new Error('null')),
    };
  }

  // What the callback was given; waits for an empty event loop unless the function said not to.
  callback(error, result) {
    if (this.isOver || this.pending !== undefined) return;
    if (this.waits && (error === undefined || error === null)) {
      this.pending = [error, result];
    } else {
      this.finish(error, result);
    }
  }

  finish(error, result) {
    if (this.isOver) return;
    this.isOver = true;
    this.settle({ error, result });
  }

  // The event loop is empty: nothing that the function began can end it any more.
  exhausted() {
    this.finish(...(this.pending ?? [null, null]));
  }
}

function stringified(result) {
  try {
    return JSON.stringify(result === undefined ? null : result) ?? 'null';
  } catch (error) {
    throw new Fault('Runtime.MarshalError', 'Unable to stringify response body', tail(error));
  }
}

function parsed(body) {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new Fault('Runtime.UnmarshalError', `Unable to parse the event: ${error.message}`);
  }
}

async function run(handler, invocation, body) {
  try {
    const context = invocation.context();
    const returned = handler(parsed(body), context, (error, result) => invocation.callback(error, result));
    if (typeof returned?.then === 'function') {
      returned.then(
        (result) => invocation.finish(null, result),
        (error) => invocation.finish(error ?? new Error('null')),
      );
    }
  } catch (error) {
    invocation.finish(error ?? new Error('null'));
  }
  const { error, result } = await invocation.ended;
  if (error !== undefined && error !== null) return error;
  try {
    await post(`/invocation/${invocation.id}/response`, stringified(result));
  } catch (fault) {
    if (fault instanceof Fault) return fault;
    throw fault;
  }
  return undefined;
}

async function fail(error) {
  const told = account(error);
  const path = current === undefined ? '/init/error' : `/invocation/${current.id}/error`;
  await post(path, JSON.stringify(told), told.errorType);
}

function dieOf(label, exitCode) {
  return (reason) => {
    const error = label === 'Uncaught Exception' ? reason : rejection(reason);
    printFailure(label, error);
    // Between invocations there is nobody to tell, and the connection waits for an event.
    if (current?.isOver) process.exit(exitCode);
    if (current !== undefined) current.isOver = true;
    fail(error).finally(() => process.exit(exitCode));
  };
}

function rejection(reason) {
  const error = new Fault('Runtime.UnhandledPromiseRejection', String(reason));
  if (reason instanceof Error) error.reason = account(reason);
  return error;
}

async function main() {
  patchConsole();
  globalThis.awslambda = { streamifyResponse: refuseStreaming, HttpResponseStream: { from: refuseStreaming } };
  process.on('uncaughtException', dieOf('Uncaught Exception', EXIT_OF_EXCEPTION));
  process.on('unhandledRejection', dieOf('Unhandled Promise Rejection', EXIT_OF_REJECTION));
  process.on('beforeExit', () => current?.exhausted());
  let handler;
  try {
    handler = await load(process.env._HANDLER);
  } catch (error) {
    printFailure('Uncaught Exception', error);
    await fail(error);
    process.exit(1);
  }
  for (;;) {
    const { status, headers, body } = await server.call('GET', '/invocation/next');
    if (status !== 200) throw new Error(`asking for an event failed: ${status}`);
    process.env._X_AMZN_TRACE_ID = headers['lambda-runtime-trace-id'];
    current = new Invocation(headers);
    requestId = current.id;
    const error = await run(handler, current, body);
    if (error !== undefined) {
      printFailure('Invoke Error', error);
      await fail(error);
    }
    current.isOver = true;
  }
}

// Not awaited here: an event loop that runs empty meanwhile would end the process.
main();
