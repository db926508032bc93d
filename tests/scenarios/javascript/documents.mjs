// The document client of lib-dynamodb: plain values of JavaScript in, and out again.
//
// Takes the table's name from the environment (TABLE) and the server from AWS_ENDPOINT_URL. Prints
// what it saw as one JSON object.

import {
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  TransactionCanceledException,
  waitUntilTableExists,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  BatchWriteCommand,
  DynamoDBDocumentClient,
  ExecuteStatementCommand,
  GetCommand,
  paginateQuery,
  paginateScan,
  PutCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";

const { TABLE } = process.env;
const client = new DynamoDBClient({});
const documents = DynamoDBDocumentClient.from(client, {
  marshallOptions: { removeUndefinedValues: true },
});

async function createTable() {
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      KeySchema: [
        { AttributeName: "pk", KeyType: "HASH" },
        { AttributeName: "sk", KeyType: "RANGE" },
      ],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "N" },
      ],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  const waiting = { client, minDelay: 0.02, maxDelay: 0.2, maxWaitTime: 30 };
  await waitUntilTableExists(waiting, { TableName: TABLE });
}

async function putAndGet() {
  const item = {
    pk: "a",
    sk: 1,
    text: "x",
    flag: true,
    nothing: null,
    missing: undefined,
    list: [1, "two", { three: 3 }],
    map: { deep: { er: [0.5] } },
    set: new Set(["b", "a"]),
    bytes: new Uint8Array([0, 255]),
  };
  await documents.send(new PutCommand({ TableName: TABLE, Item: item }));
  const { Item } = await documents.send(
    new GetCommand({ TableName: TABLE, Key: { pk: "a", sk: 1 }, ConsistentRead: true }),
  );
  return { ...Item, set: [...Item.set].sort(), bytes: [...Item.bytes] };
}

async function update() {
  const { Attributes } = await documents.send(
    new UpdateCommand({
      TableName: TABLE,
      Key: { pk: "a", sk: 1 },
      UpdateExpression: "SET #l = list_append(#l, :more), #c = if_not_exists(#c, :zero) + :one",
      ExpressionAttributeNames: { "#l": "list", "#c": "count" },
      ExpressionAttributeValues: { ":more": ["four"], ":zero": 0, ":one": 1 },
      ReturnValues: "UPDATED_NEW",
    }),
  );
  return Attributes;
}

async function writeMany() {
  const requests = Array.from({ length: 25 }, (_, sk) => ({ PutRequest: { Item: { pk: "p", sk } } }));
  await documents.send(new BatchWriteCommand({ RequestItems: { [TABLE]: requests } }));
}

async function pageThrough() {
  const keys = [];
  const pages = paginateQuery(
    { client: documents, pageSize: 4 },
    {
      TableName: TABLE,
      KeyConditionExpression: "pk = :p",
      ExpressionAttributeValues: { ":p": "p" },
    },
  );
  for await (const page of pages) keys.push(...page.Items.map((item) => item.sk));
  return keys;
}

async function scanThrough() {
  let count = 0;
  for await (const page of paginateScan({ client: documents, pageSize: 7 }, { TableName: TABLE })) {
    count += page.Count;
  }
  return count;
}

async function getMany() {
  const keys = [
    { pk: "p", sk: 1 },
    { pk: "p", sk: 2 },
    { pk: "p", sk: 99 },
  ];
  const answer = await documents.send(
    new BatchGetCommand({ RequestItems: { [TABLE]: { Keys: keys } } }),
  );
  return { found: answer.Responses[TABLE].length, unprocessed: answer.UnprocessedKeys };
}

async function transact() {
  const there = { pk: "t", sk: 1 };
  await documents.send(
    new TransactWriteCommand({ TransactItems: [{ Put: { TableName: TABLE, Item: there } }] }),
  );
  const { Responses } = await documents.send(
    new TransactGetCommand({
      TransactItems: [
        { Get: { TableName: TABLE, Key: there } },
        { Get: { TableName: TABLE, Key: { pk: "t", sk: 2 } } },
      ],
    }),
  );
  return Responses.map((response) => response.Item ?? null);
}

async function transactInVain() {
  const absent = { ConditionExpression: "attribute_not_exists(pk)" };
  try {
    await documents.send(
      new TransactWriteCommand({
        TransactItems: [
          { Put: { TableName: TABLE, Item: { pk: "t", sk: 3 } } },
          { Put: { TableName: TABLE, Item: { pk: "t", sk: 1 }, ...absent } },
        ],
      }),
    );
  } catch (error) {
    if (error instanceof TransactionCanceledException) {
      return error.CancellationReasons.map((reason) => reason.Code);
    }
    throw error;
  }
  return null;
}

async function execute() {
  const { Items } = await documents.send(
    new ExecuteStatementCommand({
      Statement: `SELECT sk FROM "${TABLE}" WHERE pk = ? AND sk = ?`,
      Parameters: ["p", 3],
    }),
  );
  return Items;
}

await createTable();
const got = await putAndGet();
const updated = await update();
await writeMany();
const paged = await pageThrough();
const scanned = await scanThrough();
const batch = await getMany();
const transaction = await transact();
const canceled = await transactInVain();
const statement = await execute();
await client.send(new DeleteTableCommand({ TableName: TABLE }));
console.log(
  JSON.stringify({ got, updated, paged, scanned, batch, transaction, canceled, statement }),
);
