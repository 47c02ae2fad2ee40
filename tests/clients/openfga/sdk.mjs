// OpenFGA's own JavaScript SDK, unmodified, against Tessera.
//
// Environment: TESSERA_URL, the server; TESSERA_TOKEN, an access token or API key whose subject may manage stores.
// Ends with `N passed, N failed`, and non-zero when something failed.

import {
  ClientWriteRequestOnDuplicateWrites,
  ConsistencyPreference,
  CredentialsMethod,
  FgaApiAuthenticationError,
  FgaApiNotFoundError,
  FgaApiValidationError,
  OpenFgaClient,
} from "@openfga/sdk";
import assert from "node:assert/strict";

const { TESSERA_URL: apiUrl, TESSERA_TOKEN: token } = process.env;
const client = (storeId, bearer = token) =>
  new OpenFgaClient({
    apiUrl,
    storeId,
    retryParams: { maxRetry: 0 },
    credentials: { method: CredentialsMethod.ApiToken, config: { token: bearer } },
  });

let passed = 0;
let failed = 0;
async function test(name, run) {
  try {
    await run();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.error(`FAILED ${name}:`, error);
  }
}

const model = {
  schema_version: "1.1",
  type_definitions: [
    { type: "user", relations: {} },
    {
      type: "group",
      relations: { member: { this: {} } },
      metadata: {
        relations: { member: { directly_related_user_types: [{ type: "user" }, { type: "group", relation: "member" }] } },
      },
    },
    {
      type: "document",
      relations: {
        owner: { this: {} },
        blocked: { this: {} },
        viewer: {
          difference: {
            base: { union: { child: [{ this: {} }, { computedUserset: { relation: "owner" } }] } },
            subtract: { computedUserset: { relation: "blocked" } },
          },
        },
      },
      metadata: {
        relations: {
          owner: { directly_related_user_types: [{ type: "user" }] },
          blocked: { directly_related_user_types: [{ type: "user" }] },
          viewer: {
            directly_related_user_types: [
              { type: "user" },
              { type: "user", wildcard: {} },
              { type: "group", relation: "member" },
            ],
          },
        },
      },
    },
  ],
};

const owner = { user: "user:anne", relation: "owner", object: "document:plan" };
const viaGroup = { user: "group:eng#member", relation: "viewer", object: "document:plan" };
const member = { user: "user:bob", relation: "member", object: "group:eng" };
const allowed = async (fga, user, relation, options) =>
  (await fga.check({ user, relation, object: "document:plan" }, options)).allowed;

const { id } = await client().createStore({ name: "javascript sdk" });
const fga = client(id);

await test("a store is shown and listed", async () => {
  assert.equal((await fga.getStore()).name, "javascript sdk");
  const { stores } = await client().listStores({ pageSize: 100, name: "javascript sdk" });
  assert.ok(stores.some((store) => store.id === id));
});

let modelId;
await test("a model is written and read back", async () => {
  modelId = (await fga.writeAuthorizationModel(model)).authorization_model_id;
  const { authorization_model: read } = await fga.readAuthorizationModel({ authorizationModelId: modelId });
  assert.equal(read.id, modelId);
  assert.deepEqual(read.type_definitions[2].relations.viewer.difference.subtract.computedUserset.relation, "blocked");
  assert.equal((await fga.readLatestAuthorizationModel()).authorization_model.id, modelId);
  assert.equal((await fga.readAuthorizationModels()).authorization_models.length, 1);
});

await test("tuples are written, checked, read", async () => {
  await fga.write({ writes: [owner, viaGroup, member] });
  assert.equal(await allowed(fga, "user:anne", "viewer"), true);
  assert.equal(await allowed(fga, "user:bob", "viewer"), true);
  assert.equal(await allowed(fga, "user:bob", "owner"), false);
  assert.equal(await allowed(fga, "user:bob", "viewer", { authorizationModelId: modelId }), true);
  const { tuples } = await fga.read({ object: "document:plan" });
  assert.equal(tuples.length, 2);
  const page = await fga.read({}, { pageSize: 1 });
  assert.equal(page.tuples.length, 1);
  assert.notEqual(page.continuation_token, "");
});

await test("writes and deletes are one transaction", async () => {
  const blocked = { user: "user:bob", relation: "blocked", object: "document:plan" };
  await fga.write({ writes: [blocked], deletes: [viaGroup] });
  assert.equal(await allowed(fga, "user:bob", "viewer"), false);
  await fga.write({ writes: [viaGroup], deletes: [blocked] });
  assert.equal(await allowed(fga, "user:bob", "viewer", { consistency: ConsistencyPreference.HigherConsistency }), true);
});

await test("contextual tuples count for one check", async () => {
  const asked = { user: "user:carl", relation: "viewer", object: "document:plan" };
  const contextualTuples = [{ user: "user:carl", relation: "member", object: "group:eng" }];
  assert.equal((await fga.check({ ...asked, contextualTuples })).allowed, true);
  assert.equal((await fga.check(asked)).allowed, false);
});

await test("a batch of checks", async () => {
  const { result } = await fga.batchCheck({
    checks: [
      { ...owner, correlationId: "one" },
      { ...owner, user: "user:bob", correlationId: "two" },
      { ...owner, relation: "nothing", correlationId: "three" },
    ],
  });
  const by = Object.fromEntries(result.map((one) => [one.correlationId, one]));
  assert.equal(by.one.allowed, true);
  assert.equal(by.two.allowed, false);
  assert.ok(by.three.error);
});

await test("objects are listed and streamed", async () => {
  const asked = { user: "user:bob", relation: "viewer", type: "document" };
  assert.deepEqual((await fga.listObjects(asked)).objects, ["document:plan"]);
  const contextualTuples = [{ user: "user:bob", relation: "owner", object: "document:draft" }];
  const more = await fga.listObjects({ ...asked, contextualTuples });
  assert.deepEqual(more.objects, ["document:draft", "document:plan"]);
  const streamed = [];
  for await (const { object } of fga.streamedListObjects(asked)) streamed.push(object);
  assert.deepEqual(streamed, ["document:plan"]);
  await assert.rejects(fga.listObjects({ ...asked, type: "file" }), (error) => {
    assert.ok(error instanceof FgaApiValidationError);
    assert.equal(error.apiErrorCode, "type_not_found");
    return true;
  });
});

await test("users are listed in their forms", async () => {
  const object = { type: "document", id: "plan" };
  const list = async (filter, more) =>
    (await fga.listUsers({ object, relation: "viewer", user_filters: [filter], ...more })).users;
  const named = (id) => ({ object: { type: "user", id } });
  assert.deepEqual(await list({ type: "user" }), [named("anne"), named("bob")]);
  assert.deepEqual(await list({ type: "group", relation: "member" }), [
    { userset: { type: "group", id: "eng", relation: "member" } },
  ]);
  const contextualTuples = [{ user: "user:*", relation: "viewer", object: "document:plan" }];
  assert.deepEqual(await list({ type: "user" }, { contextualTuples }), [
    { wildcard: { type: "user" } },
    named("anne"),
    named("bob"),
  ]);
});

await test("a relation is expanded to a tree", async () => {
  const { tree } = await fga.expand({ relation: "viewer", object: "document:plan" });
  assert.equal(tree.root.name, "document:plan#viewer");
  const { base, subtract } = tree.root.difference;
  assert.deepEqual(base.union.nodes[0].leaf.users.users, ["group:eng#member"]);
  assert.equal(base.union.nodes[1].leaf.computed.userset, "document:plan#owner");
  assert.equal(subtract.leaf.computed.userset, "document:plan#blocked");
});

await test("assertions of a model are kept", async () => {
  const assertions = [{ ...owner, expectation: true }];
  await fga.writeAssertions(assertions, { authorizationModelId: modelId });
  const read = await fga.readAssertions({ authorizationModelId: modelId });
  assert.equal(read.authorization_model_id, modelId);
  assert.equal(read.assertions.length, 1);
  assert.equal(read.assertions[0].tuple_key.user, owner.user);
  assert.equal(read.assertions[0].expectation, true);
});

await test("changes are listed", async () => {
  const { changes } = await fga.readChanges({ type: "document" });
  assert.ok(changes.length >= 4);
  assert.equal(changes[0].operation, "TUPLE_OPERATION_WRITE");
});

await test("a tuple that is there already is a validation error, unless ignored", async () => {
  await assert.rejects(fga.write({ writes: [owner] }), (error) => {
    assert.ok(error instanceof FgaApiValidationError);
    assert.equal(error.apiErrorCode, "write_failed_due_to_invalid_input");
    return true;
  });
  const onDuplicateWrites = ClientWriteRequestOnDuplicateWrites.Ignore;
  await fga.write({ writes: [owner] }, { conflict: { onDuplicateWrites } });
});

await test("bad input is a validation error", async () => {
  for (const writes of [[{ ...owner, user: "anne" }], [{ ...owner, relation: "boss" }], [{ ...owner, object: "file:1" }], [owner, owner]]) {
    await assert.rejects(fga.write({ writes }), FgaApiValidationError);
  }
  await assert.rejects(fga.check({ ...owner, relation: "boss" }), FgaApiValidationError);
  await assert.rejects(fga.writeAuthorizationModel({ ...model, type_definitions: [] }), FgaApiValidationError);
  await assert.rejects(client().createStore({ name: "x" }), FgaApiValidationError);
});

await test("strangers are refused, missing stores are not found", async () => {
  await assert.rejects(client(id, "nonsense").check(owner), FgaApiAuthenticationError);
  await assert.rejects(client("01ARZ3NDEKTSV4RRFFQ69G5FAV").check(owner), FgaApiNotFoundError);
});

await test("deleting ends it", async () => {
  await fga.write({ deletes: [owner, viaGroup, member] });
  assert.equal((await fga.read({})).tuples.length, 0);
  await fga.deleteStore();
  await assert.rejects(fga.getStore(), FgaApiNotFoundError);
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
