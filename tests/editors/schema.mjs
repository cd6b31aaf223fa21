// yaml-language-server with the schema that `belay schema` prints: what an analyst sees while typing YAML.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const rpc = require("vscode-jsonrpc/node");
const root = process.env.BELAY_ROOT;
const here = join(root, "build/editors");
const deadline = 30000;

let server, connection, opened = 0;
const diagnostics = new Map(); // uri → waiting function

before(async () => {
  const program = join(here, "node_modules/yaml-language-server/bin/yaml-language-server");
  server = spawn(process.execPath, [program, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  connection = rpc.createMessageConnection(
    new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin));
  const settings = {
    yaml: {
      schemas: { [pathToFileURL(join(here, "belay.schema.json")).href]: ["*.yaml"] },
      validate: true, completion: true, hover: true, schemaStore: { enable: false },
    },
    "http": {}, "[yaml]": {}, editor: {}, files: {},
  };
  connection.onRequest("workspace/configuration", ({ items }) => items.map((item) => settings[item.section] ?? {}));
  connection.onRequest("client/registerCapability", () => null);
  connection.onNotification("textDocument/publishDiagnostics", (said) => diagnostics.get(said.uri)?.(said.diagnostics));
  connection.listen();
  await connection.sendRequest("initialize", {
    processId: process.pid, rootUri: pathToFileURL(here).href,
    capabilities: {
      textDocument: {
        completion: { completionItem: { documentationFormat: ["markdown"], snippetSupport: false } },
        hover: { contentFormat: ["markdown"] }, publishDiagnostics: {},
      },
      workspace: { configuration: true, didChangeConfiguration: { dynamicRegistration: true } },
    },
  });
  connection.sendNotification("initialized", {});
  connection.sendNotification("workspace/didChangeConfiguration", { settings });
});

after(() => {
  connection.dispose();
  server.kill();
});

// Opens a document; `|` marks the place asked about. Resolves with its first diagnostics.
async function open(text) {
  const at = text.indexOf("‸");
  const clean = text.replace("‸", "");
  const lines = text.slice(0, at).split("\n");
  const uri = pathToFileURL(join(here, `document${++opened}.yaml`)).href;
  const said = new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no diagnostics came")), deadline);
    diagnostics.set(uri, (list) => { clearTimeout(timer); resolve(list); });
  });
  connection.sendNotification("textDocument/didOpen",
    { textDocument: { uri, languageId: "yaml", version: 1, text: clean } });
  return {
    textDocument: { uri },
    position: { line: lines.length - 1, character: lines.at(-1).length },
    diagnostics: await said,
  };
}
async function completions(text) {
  const { textDocument, position } = await open(text);
  const answer = await connection.sendRequest("textDocument/completion", { textDocument, position });
  return (answer.items ?? answer).map((item) => item.label);
}
async function hover(text) {
  const { textDocument, position } = await open(text);
  const answer = await connection.sendRequest("textDocument/hover", { textDocument, position });
  return answer?.contents?.value ?? "";
}
async function problems(text) {
  const { diagnostics } = await open(text);
  return diagnostics.map(({ range, message }) => `${range.start.line + 1}: ${message}`);
}

const head = "belay: 1\nworkflow: confirm_booking\nversion: 1\n";
const step = head + "steps:\n  - step: capture\n    title: Take the money\n    do: stripe.capture\n";

test("an empty file is offered the declarations", async () => {
  const labels = await completions("belay: 1\n‸");
  for (const key of ["workflow", "action", "event", "connector", "webhook", "type", "retry_plan", "scenario"]) {
    assert.ok(labels.includes(key), `${key} in ${labels}`);
  }
  assert.ok(!labels.includes("undo"), `${labels}`);
});

test("a workflow is offered its own keys", async () => {
  const labels = await completions(head + "‸");
  for (const key of ["takes", "gives", "once_per", "finish_within", "steps"]) assert.ok(labels.includes(key), `${key} in ${labels}`);
  assert.ok(!labels.includes("effects"), `${labels}`);
});

test("a new item of steps is offered the statements", async () => {
  const labels = await completions(head + "steps:\n  - ‸");
  for (const key of ["step", "when", "wait", "together", "publish"]) assert.ok(labels.includes(key), `${key} in ${labels}`);
  assert.ok(!labels.includes("retry"), `${labels}`);
});

test("inside a step its keys are offered, not those of other statements", async () => {
  const labels = await completions(step + "    ‸");
  for (const key of ["with", "retry", "undo", "if_unsure", "errors", "keep_trying"]) assert.ok(labels.includes(key), `${key} in ${labels}`);
  for (const key of ["then", "branches", "do"]) assert.ok(!labels.includes(key), `${key} in ${labels}`);
});

test("inside an undo its keys are offered", async () => {
  const labels = await completions(step + "    undo:\n      do: stripe.refund\n      ‸");
  for (const key of ["with", "retry", "errors"]) assert.ok(labels.includes(key), `${key} in ${labels}`);
});

test("choices are offered", async () => {
  const labels = await completions("belay: 1\naction: a\neffects:\n  - ‸");
  for (const word of ["reads", "moves money", "notifies"]) assert.ok(labels.includes(word), `${word} in ${labels}`);
});

test("hover tells what a key means", async () => {
  assert.match(await hover(head + "once‸_per: booking\n"), /returns the first saga/);
  assert.match(await hover(step + "    un‸do: { do: stripe.refund }\n"), /taken back/);
  assert.match(await hover(head + "steps:\n  - wa‸it: paid\n    for: { event: a.b, key: booking }\n"), /Waits for an event/);
  assert.match(await hover("belay: 1\naction: a\nunder: x\nrep‸eating: safe\n"), /same request again/);
});

test("a misspelt key flags itself and nothing else", async () => {
  for (const [text, line, word] of [
    [step + "    capturee: 1\n    retry: careful\n", 8, "capturee"],
    [head + "onse_per: booking\nsteps:\n  - cancel: no\n", 4, "onse_per"],
    [head + "steps:\n  - stepp: hold\n    title: Hold\n    do: booking.hold\n    with: { a: 1 }\n  - cancel: no\n", 5, "stepp"],
    [step + "    undo: { do: stripe.refund, wiht: { charge: = capture.charge } }\n", 8, "wiht"],
    ["belay: 1\nacton: a\neffects: [reads]\nplugin: p\n", 2, "acton"],
    [step + "    errors: { stripe.card_declined: { cancell: no } }\n", 8, "cancell"],
    [head + "steps:\n  - wait: paid\n    for: { event: a.b, kye: booking, key: booking }\n", 6, "kye"],
  ]) {
    const found = await problems(text);
    assert.equal(found.length, 1, `${text}\n${found.join("\n")}`);
    assert.ok(found[0].startsWith(`${line}: `) && found[0].includes(word), found[0]);
  }
});

test("a missing key and a wrong word are told", async () => {
  assert.deepEqual((await problems(head + "steps:\n  - step: hold\n    title: Hold\n")).length, 1);
  assert.deepEqual((await problems("belay: 1\naction: a\neffects: [moves mony]\nplugin: p\n")).length, 1);
  assert.deepEqual((await problems(head + "steps:\n  - step: a\n    do: b\n    if_unsure: guess\n")).length, 1);
});

// Every YAML definition that the tests hold to be sound, and every document in it.
function definitions(folder) {
  return readdirSync(join(root, folder), { recursive: true }).filter((name) => name.endsWith(".yaml"))
    .map((name) => join(root, folder, name));
}

test("sound definitions have no problem", async () => {
  const files = [...definitions("tests/twins"), ...definitions("tests/golden/syntax")];
  assert.ok(files.length > 8);
  for (const file of files) {
    const found = await problems(readFileSync(file, "utf8"));
    assert.deepEqual(found, [], file);
  }
});
