// A table with a stream, written and read to the stream's end; a function, deployed and invoked.
//
// Takes the names it may use from the environment (TABLE, MIRROR, FUNCTION, RUNTIME, ROLE, CODE: a
// zip file) and the server from AWS_ENDPOINT_URL. Prints what it saw as one JSON object.

import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DeleteTableCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  UpdateTableCommand,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  GetShardIteratorCommand,
} from "@aws-sdk/client-dynamodb-streams";
import {
  CreateEventSourceMappingCommand,
  CreateFunctionCommand,
  DeleteEventSourceMappingCommand,
  DeleteFunctionCommand,
  InvokeCommand,
  LambdaClient,
  waitUntilFunctionActiveV2,
} from "@aws-sdk/client-lambda";

const { TABLE, MIRROR, FUNCTION, RUNTIME, ROLE, CODE } = process.env;
const PATIENCE_SECONDS = 30;
const KEY = { pk: { S: "a" } };

const tables = new DynamoDBClient({});
const streams = new DynamoDBStreamsClient({});
const functions = new LambdaClient({});
const waiting = { minDelay: 0.02, maxDelay: 0.2, maxWaitTime: PATIENCE_SECONDS };

async function createTable(name, specification) {
  const { TableDescription } = await tables.send(
    new CreateTableCommand({
      TableName: name,
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      BillingMode: "PAY_PER_REQUEST",
      StreamSpecification: specification,
    }),
  );
  await waitUntilTableExists({ client: tables, ...waiting }, { TableName: name });
  return TableDescription;
}

async function write() {
  const item = { ...KEY, n: { N: "1.50" }, b: { B: new Uint8Array([0, 255]) } };
  await tables.send(new PutItemCommand({ TableName: TABLE, Item: item }));
  const updated = await tables.send(
    new UpdateItemCommand({
      TableName: TABLE,
      Key: KEY,
      UpdateExpression: "ADD n :one",
      ExpressionAttributeValues: { ":one": { N: "1" } },
      ReturnValues: "UPDATED_NEW",
    }),
  );
  const queried = await tables.send(
    new QueryCommand({
      TableName: TABLE,
      KeyConditionExpression: "pk = :a",
      ExpressionAttributeValues: { ":a": { S: "a" } },
    }),
  );
  let refusal;
  try {
    await tables.send(
      new PutItemCommand({
        TableName: TABLE,
        Item: KEY,
        ConditionExpression: "attribute_not_exists(pk)",
      }),
    );
  } catch (error) {
    refusal = error instanceof ConditionalCheckFailedException ? error.message : String(error);
  }
  await tables.send(new DeleteItemCommand({ TableName: TABLE, Key: KEY }));
  return { updated: updated.Attributes, count: queried.Count, refusal };
}

async function readToEnd(streamArn) {
  const { StreamDescription } = await streams.send(
    new DescribeStreamCommand({ StreamArn: streamArn }),
  );
  const events = [];
  for (const shard of StreamDescription.Shards) {
    let { ShardIterator } = await streams.send(
      new GetShardIteratorCommand({
        StreamArn: streamArn,
        ShardId: shard.ShardId,
        ShardIteratorType: "TRIM_HORIZON",
      }),
    );
    while (ShardIterator) {
      const page = await streams.send(new GetRecordsCommand({ ShardIterator }));
      events.push(...page.Records.map((record) => record.eventName));
      ShardIterator = page.NextShardIterator;
    }
  }
  return { status: StreamDescription.StreamStatus, events };
}

async function disableStream() {
  await tables.send(
    new UpdateTableCommand({ TableName: TABLE, StreamSpecification: { StreamEnabled: false } }),
  );
  await waitUntilTableExists({ client: tables, ...waiting }, { TableName: TABLE });
}

async function invoke() {
  await functions.send(
    new CreateFunctionCommand({
      FunctionName: FUNCTION,
      Runtime: RUNTIME,
      Role: ROLE,
      Handler: "app.handler",
      Timeout: 30,
      Code: { ZipFile: readFileSync(CODE) },
      Environment: { Variables: { MIRROR_TABLE: MIRROR } },
    }),
  );
  await waitUntilFunctionActiveV2({ client: functions, ...waiting }, { FunctionName: FUNCTION });
  const answer = await functions.send(
    new InvokeCommand({ FunctionName: FUNCTION, Payload: JSON.stringify({}) }),
  );
  return JSON.parse(Buffer.from(answer.Payload).toString());
}

async function invokeByStream(streamArn) {
  const mapping = await functions.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn: streamArn,
      FunctionName: FUNCTION,
      StartingPosition: "TRIM_HORIZON",
    }),
  );
  const until = Date.now() + PATIENCE_SECONDS * 1000;
  let mirrored;
  while (!mirrored && Date.now() < until) {
    await pause(50);
    mirrored = (await tables.send(new GetItemCommand({ TableName: MIRROR, Key: KEY }))).Item;
  }
  await functions.send(new DeleteEventSourceMappingCommand({ UUID: mapping.UUID }));
  return mirrored?.pk.S ?? null;
}

const table = await createTable(TABLE, {
  StreamEnabled: true,
  StreamViewType: "NEW_AND_OLD_IMAGES",
});
await createTable(MIRROR);
const written = await write();
const invoked = await invoke();
const mirrored = await invokeByStream(table.LatestStreamArn);
await disableStream();
const stream = await readToEnd(table.LatestStreamArn);
await functions.send(new DeleteFunctionCommand({ FunctionName: FUNCTION }));
for (const name of [TABLE, MIRROR]) {
  await tables.send(new DeleteTableCommand({ TableName: name }));
}
console.log(JSON.stringify({ written, invoked, mirrored, stream }));
