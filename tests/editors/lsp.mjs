// `belay lsp`, driven by the protocol's own client library, as an editor does.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const lsp = require("vscode-languageserver-protocol/node");
const root = process.env.BELAY_ROOT;
const belay = process.env.BELAY_PROGRAM;
const deadline = 20000;

let folder, editor;

// A client on a server of its own.
async function connect(home, capabilities = {}) {
  const server = spawn(belay, ["lsp", "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve) => server.on("exit", (code) => resolve(code)));
  const connection = lsp.createProtocolConnection(
    new lsp.StreamMessageReader(server.stdout), new lsp.StreamMessageWriter(server.stdin));
  const said = new Map(), waiting = new Set(), published = [];
  connection.onNotification(lsp.PublishDiagnosticsNotification.type, (params) => {
    said.set(params.uri, params);
    published.push(params);
    for (const look of [...waiting]) look();
  });
  connection.onRequest(lsp.RegistrationRequest.type, () => {});
  connection.listen();
  const answer = await connection.sendRequest(lsp.InitializeRequest.type, {
    processId: process.pid, rootUri: null, capabilities,
    workspaceFolders: home ? [{ uri: pathToFileURL(home).href, name: "home" }] : null,
  });
  await connection.sendNotification(lsp.InitializedNotification.type, {});
  // Resolves once the file's last diagnostics are as `wanted` says.
  const diagnosed = (uri, wanted) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      waiting.delete(look);
      reject(new Error(`diagnostics of ${uri}: ${JSON.stringify(said.get(uri)?.diagnostics)}`));
    }, deadline);
    function look() {
      const now = said.get(uri);
      if (!now || !wanted(now.diagnostics, now)) return;
      clearTimeout(timer);
      waiting.delete(look);
      resolve(now.diagnostics);
    }
    waiting.add(look);
    look();
  });
  return { server, connection, answer, diagnosed, published, exited };
}

// An open document; edits go through it.
class Open {
  constructor(client, path, text, language = path.endsWith(".yaml") ? "yaml" : "belay") {
    this.client = client;
    this.uri = pathToFileURL(path).href;
    this.text = text ?? readFileSync(path, "utf8");
    this.version = 1;
    client.connection.sendNotification(lsp.DidOpenTextDocumentNotification.type,
      { textDocument: { uri: this.uri, languageId: language, version: 1, text: this.text } });
  }
  position(offset) {
    const lines = this.text.slice(0, offset).split("\n");
    return { line: lines.length - 1, character: lines.at(-1).length };  // JavaScript counts in UTF-16 too
  }
  // A place in `needle`.
  at(needle, inside = 1) { return this.position(this.find(needle) + inside); }
  find(needle) {
    const found = this.text.indexOf(needle);
    assert.ok(found >= 0, `no ${needle}`);
    return found;
  }
  change(from, to) {
    const begin = this.find(from);
    const range = { start: this.position(begin), end: this.position(begin + from.length) };
    this.text = this.text.slice(0, begin) + to + this.text.slice(begin + from.length);
    this.client.connection.sendNotification(lsp.DidChangeTextDocumentNotification.type,
      { textDocument: { uri: this.uri, version: ++this.version }, contentChanges: [{ range, text: to }] });
  }
  whole(text) {
    this.text = text;
    this.client.connection.sendNotification(lsp.DidChangeTextDocumentNotification.type,
      { textDocument: { uri: this.uri, version: ++this.version }, contentChanges: [{ text }] });
  }
  diagnosed(wanted) { return this.client.diagnosed(this.uri, wanted); }
  close() {
    this.client.connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, { textDocument: { uri: this.uri } });
  }
  ask(type, more = {}) { return this.client.connection.sendRequest(type, { textDocument: { uri: this.uri }, ...more }); }
  async hover(needle, inside) {
    return (await this.ask(lsp.HoverRequest.type, { position: this.at(needle, inside) }))?.contents?.value ?? "";
  }
  // The line that the definition of what stands there is on, and its file.
  async definition(needle, inside) {
    const found = await this.ask(lsp.DefinitionRequest.type, { position: this.at(needle, inside) });
    if (!found) return null;
    const text = found.uri === this.uri ? this.text : readFileSync(new URL(found.uri), "utf8");
    const line = text.split("\n")[found.range.start.line];
    return { file: found.uri.split("/").at(-1), line: line.trim(),
      word: line.slice(found.range.start.character, found.range.end.character) };
  }
  apply(edits) {
    const offset = ({ line, character }) => this.text.split("\n").slice(0, line).reduce((n, l) => n + l.length + 1, 0) + character;
    let out = this.text;
    for (const edit of [...edits].reverse())
      out = out.slice(0, offset(edit.range.start)) + edit.newText + out.slice(offset(edit.range.end));
    return out;
  }
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "belay-lsp-"));
  cpSync(join(root, "workflows"), folder, { recursive: true });
  editor = await connect(folder);
});
after(() => {
  editor.connection.dispose();
  editor.server.kill();
  rmSync(folder, { recursive: true });
});

const confirm = () => join(folder, "booking/confirm_booking.belay");

test("what the server can do is said", () => {
  const can = editor.answer.capabilities;
  for (const name of ["hoverProvider", "definitionProvider", "documentFormattingProvider", "documentSymbolProvider"])
    assert.equal(can[name], true, name);
  assert.equal(can.positionEncoding, "utf-16");
});

test("diagnostics come as one types, and go", async () => {
  const open = new Open(editor, confirm());
  assert.deepEqual(await open.diagnosed((list) => list.length === 0), []);
  open.change("charge = capture.charge", "charge = capture.chrage");
  const [wrong] = await open.diagnosed((list) => list.length > 0);
  assert.equal(wrong.code, "BEL3202");
  assert.equal(wrong.severity, 1);
  assert.match(wrong.message, /did you mean `charge`\?[^]*belay explain BEL3202/);
  assert.equal(open.text.split("\n")[wrong.range.start.line].slice(wrong.range.start.character, wrong.range.end.character), "chrage");
  open.change("capture.chrage", "capture.charge");
  await open.diagnosed((list) => list.length === 0);
  open.close();
});

test("an edit here shows what it breaks there, and a close takes it back", async () => {
  const actions = join(folder, "connectors/stripe.belay");
  const open = new Open(editor, actions);
  await open.diagnosed((list) => list.length === 0);
  open.change("action stripe.refund", "action stripe.refunds");
  const there = await editor.diagnosed(pathToFileURL(confirm()).href, (list) => list.length > 0);
  assert.match(there[0].message, /stripe\.refund/);
  open.close();
  await editor.diagnosed(pathToFileURL(confirm()).href, (list) => list.length === 0);
});

test("hover tells types, actions, errors, words and what is wrong", async () => {
  const open = new Open(editor, confirm());
  assert.match(await open.hover("stripe.capture", 9), /action \*\*stripe\.capture\*\*[^]*moves money[^]*`intent` text[^]*gives[^]*charge[^]*errors[^]*stripe\.card_declined[^]*undone by `stripe\.refund`/);
  assert.match(await open.hover("hold = hold.id", 8), /^`hold`[^]*the result of this step \(`booking\.hold`\)/);
  assert.match(await open.hover("hold = hold.id", 13), /^`hold\.id` uuid/);
  assert.match(await open.hover("amount  = price", 12), /^`price` money\n\nan input/);
  assert.match(await open.hover("amount  = price", 2), /^`amount` money[^]*create_payment_intent/);
  assert.match(await open.hover("customer.email", 12), /^`customer\.email` private email|^`customer\.email` email/);
  assert.match(await open.hover("Customer\n", 3), /type \*\*Customer\*\*/);
  assert.match(await open.hover("payment.authorised", 4), /event \*\*payment\.authorised\*\*[^]*key `booking`/);
  assert.match(await open.hover("if stripe.card_declined", 6), /error `stripe\.card_declined`[^]*`stripe\.capture`/);
  assert.match(await open.hover("once per booking", 2), /\*\*once per\*\*\n\n\S+/);
  open.change("    undo with stripe.refund\n      charge = capture.charge\n      if stripe.already_refunded, carry on\n", "");
  open.change("do stripe.capture", "do stripe.captur");
  await open.diagnosed((list) => list.length > 0);
  assert.match(await open.hover("stripe.captur\n", 3), /\*\*BEL3\d+\*\*/);
  open.close();
});

test("definitions are found across files", async () => {
  const open = new Open(editor, confirm());
  assert.deepEqual(await open.definition("do booking.hold", 6), { file: "slots.belay", line: 'action booking.hold "Hold a slot"', word: "booking.hold" });
  assert.equal((await open.definition("payment.authorised", 3)).word, "payment.authorised");
  assert.equal((await open.definition("Customer\n", 2)).line, "type Customer");
  assert.match((await open.definition("charge = capture.charge", 10)).line, /^step capture/);
  assert.match((await open.definition("charge = capture.charge", 18)).line, /^charge\b/);
  assert.equal((await open.definition("retry careful", 8)).word, "careful");
  assert.match((await open.definition("customer.email", 11)).line, /^email\b/);
  assert.match((await open.definition("keep_for  =", 2)).line, /^keep_for/);
  assert.match((await open.definition("if stripe.card_declined", 6)).line, /stripe\.card_declined/);
  assert.equal(await open.definition('"The slot is gone"', 5), null);
  open.close();
});

test("completion of the text form knows the place", async () => {
  const open = new Open(editor, confirm());
  const clean = open.text;
  const typed = async (from, to) => {
    const begin = open.find(from);
    open.change(from, to);
    const answer = await open.ask(lsp.CompletionRequest.type, { position: open.position(begin + to.length) });
    open.whole(clean);
    return answer.items.map((item) => item.label);
  };
  const has = (labels, wanted, not = []) => {
    for (const label of wanted) assert.ok(labels.includes(label), `${label} is missing in ${labels}`);
    for (const label of not) assert.ok(!labels.includes(label), `${label} stands in ${labels}`);
  };
  has(await typed("charge = capture.charge", "charge = capture."), ["charge"], ["id", "intent"]);
  has(await typed("charge = capture.charge", "charge = "), ["capture", "intent", "paid", "price", "hold"], ["confirm"]);
  has(await typed("      from_time = starts_at", "      fr"), ["from_time"], ["booking", "keep_for"]);
  has(await typed("do stripe.capture", "do stripe."), ["stripe.capture", "stripe.refund"], ["payment.authorised"]);
  has(await typed("for payment.authorised, key booking", "for pay"), ["payment.authorised"], ["stripe.capture"]);
  has(await typed("if booking.slot_taken, cancel", "if "), ["booking.slot_taken", "refused", "any error"], ["stripe.card_declined"]);
  has(await typed('if booking.slot_taken, cancel because "The slot is gone"', "if booking.slot_taken, "), ["cancel because", "carry on"]);
  has(await typed("    retry careful\n    if unsure", "    r"), ["retry", "request key", "if unsure", "undo with"], ["step", "takes"]);
  has(await typed("  point of no return", "  po"), ["point of no return", "step", "wait", "when"], ["do", "answers"]);
  has(await typed("    price      money", "    price      "), ["money", "uuid", "Customer"]);
  has(await typed("    retry careful\n    if unsure", "    retry "), ["careful"]);
  has(await typed("  when paid.amount is not price", "  when paid."), ["amount"]);
  open.close();
});

const yaml = `belay: 1
workflow: yaml_saga
version: 1
takes: { booking: uuid, price: money }
steps:
  - step: hold
    do: booking.hold
    with: { hold: = booking }
    errors:
      booking.slot_taken: { cancel: gone }
  - step: capture
    do: stripe.capture
    with:
      intent: = hold.id
      amount: = price
    undo: { do: stripe.refund, with: { charge: = capture.charge } }
`;

test("YAML has the same", async () => {
  const open = new Open(editor, join(folder, "yaml_saga.yaml"), yaml);
  await open.diagnosed((list) => list.length > 0);
  assert.match(await open.hover("do: stripe.capture", 8), /action \*\*stripe\.capture\*\*/);
  assert.match(await open.hover("= capture.charge", 12), /^`capture\.charge` text/);
  assert.equal((await open.definition("= hold.id", 3)).line, "- step: hold");
  for (const [from, to, wanted, not] of [
    ["do: stripe.capture", "do: ", "stripe.capture", "payment.authorised"],
    ["= hold.id", "= hold.", "id", "charge"],
    ["amount: = price", "amount: = ", "price", "stripe.capture"],
    ["      amount: = price", "      am", "amount", "intent"],
    ["    undo: { do", "    un", "undo", "step"],
    ["      booking.slot_taken: { cancel: gone }", "      bo", "booking.slot_taken", "stripe.card_declined"],
  ]) {
    const begin = open.find(from);
    open.change(from, to);
    const answer = await open.ask(lsp.CompletionRequest.type, { position: open.position(begin + to.length) });
    const labels = answer.items.map((item) => item.label);
    assert.ok(labels.includes(wanted), `${to}: ${labels}`);
    assert.ok(!labels.includes(not), `${to}: ${labels}`);
    open.whole(yaml);
  }
  open.close();
});

const scenario = `belay 1

scenario "Nobody pays" for confirm_booking
  when paid never arrives
  then it ends compensated
`;

const yamlScenario = `belay: 1
scenario: Nobody pays
for: confirm_booking
given: { price: = EUR 49.90 }
when:
  - paid never arrives
then:
  - it ends compensated
`;

test("sentences of a scenario are completed in both forms", async () => {
  const offers = async (open, clean, from, to) => {
    const begin = open.find(from);
    open.change(from, to);
    const answer = await open.ask(lsp.CompletionRequest.type, { position: open.position(begin + to.length) });
    open.whole(clean);
    return answer.items;
  };
  const text = new Open(editor, join(folder, "nobody.belay"), scenario);
  const yaml = new Open(editor, join(folder, "nobody.yaml"), yamlScenario);
  for (const [open, clean] of [[text, scenario], [yaml, yamlScenario]]) {
    for (const [from, to, wanted, not] of [
      ["paid never arrives", "", "hold", "approve"],
      ["paid never arrives", "paid never ", "arrives", "never arrives"],
      ["paid never arrives", "hold fails with ", "booking.slot_taken", "stripe.card_declined"],
      ["paid never arrives", "the undo of ", "capture", "paid"],
      ["paid never arrives", "paid arrives with amount = ", "price", "amount"],
      ["it ends compensated", "it ends ", "completed", "hold"],
      ["it ends compensated", "it publishes ", "booking.confirmed", "payment.authorised"],
    ]) {
      const labels = (await offers(open, clean, from, to)).map((item) => item.label);
      assert.ok(labels.includes(wanted), `${to}: ${labels}`);
      assert.ok(!labels.includes(not), `${to}: ${labels}`);
    }
  }
  const given = await offers(yaml, yamlScenario, "{ price: = EUR 49.90 }", "{ st");
  assert.ok(given.some((item) => item.label === "starts_at" && item.textEdit.newText === "starts_at: "));
  const workflows = await offers(text, scenario, "for confirm_booking", "for con");
  assert.ok(workflows.some((item) => item.label === "confirm_booking"));
  yaml.close();
  text.close();
});

test("maps on one line of YAML are completed, keys and values", async () => {
  const open = new Open(editor, join(folder, "yaml_saga.yaml"), yaml);
  for (const [from, to, wanted, not, inserted] of [
    ["with: { hold: = booking }", "with: { ke", "keep_for", "charge", "keep_for: "],
    ["with: { hold: = booking }", "with: { resource: ", "booking", "keep_for", "= booking"],
    ["with: { hold: = booking }", "with: { resource: = ", "booking", "keep_for", "booking"],
    ["{ do: stripe.refund, with: { charge: = capture.charge } }", "{ do: stripe.refund, with: { ", "charge", "intent", "charge: "],
    ["{ do: stripe.refund, with: { charge: = capture.charge } }", "{ do: stripe.refund, ", "with", "do", "with: "],
  ]) {
    const begin = open.find(from);
    open.change(from, to);
    const answer = await open.ask(lsp.CompletionRequest.type, { position: open.position(begin + to.length) });
    const found = answer.items.find((item) => item.label === wanted);
    assert.ok(found, `${to}: ${answer.items.map((item) => item.label)}`);
    assert.equal(found.textEdit.newText, inserted);
    assert.ok(!answer.items.some((item) => item.label === not), to);
    open.whole(yaml);
  }
  open.close();
});

test("a quick fix mends a misspelt word", async () => {
  for (const [from, to] of [["do stripe.capture\n", "do stripe.captrue\n"], ["= capture.charge", "= capture.chrage"],
    ["      keep_for ", "      kep_for "], ["  point of no return", "  pont of no return"], ["price      money", "price      mony"]]) {
    const open = new Open(editor, confirm());
    const clean = open.text;
    await open.diagnosed((list) => list.length === 0);
    open.change(from, to);
    const all = await open.diagnosed((list, said) => list.length > 0 && said.version === open.version);
    const wrong = all.find((diagnostic) => /did you mean/.test(diagnostic.message));
    assert.ok(wrong, to);
    const actions = await open.ask(lsp.CodeActionRequest.type, { range: wrong.range, context: { diagnostics: [wrong] } });
    const fixes = actions.filter((action) => action.kind === "quickfix");
    assert.ok(fixes.length > 0, to);
    assert.equal(open.apply(fixes[0].edit.changes[open.uri]), clean, to);
    open.close();
  }
});

test("a document is laid out as `belay fmt` does, comments kept", async () => {
  const open = new Open(editor, confirm());
  const clean = open.text;
  open.change("    do booking.hold\n", "    do   booking.hold   # why\n");
  open.change("  once per booking", "  once   per    booking");
  const edits = await open.ask(lsp.DocumentFormattingRequest.type, { options: { tabSize: 2, insertSpaces: true } });
  assert.equal(open.apply(edits), clean.replace("    do booking.hold\n", "    do booking.hold  # why\n"));
  open.change("once   per", "once prr");
  assert.equal(await open.ask(lsp.DocumentFormattingRequest.type, { options: { tabSize: 2, insertSpaces: true } }), null);
  open.close();
});

test("the outline holds declarations and steps", async () => {
  const open = new Open(editor, confirm());
  const outline = await open.ask(lsp.DocumentSymbolRequest.type);
  assert.deepEqual(outline.map((item) => item.name).slice(0, 2), ["careful", "confirm_booking"]);
  const names = outline[1].children.map((item) => item.name);
  for (const name of ["hold", "paid", "capture", "point of no return", "together"]) assert.ok(names.includes(name), names);
  const hold = outline[1].children[0];
  assert.equal(open.text.split("\n")[hold.range.end.line].trim(), 'if booking.slot_taken, cancel because "The slot is gone"');
  open.close();
});

test("positions are UTF-16, lines may end in CRLF, and documents need no folder", async () => {
  const alone = await connect(null);
  const text = 'belay 1\r\n\r\ntype Seat "😀 ä"\r\n  row  txet\r\n';
  alone.connection.sendNotification(lsp.DidOpenTextDocumentNotification.type,
    { textDocument: { uri: "untitled:Untitled-1", languageId: "belay", version: 1, text: 'belay 1\n\nworkflow a "😀", versoin 1\n' } });
  const [odd] = await alone.diagnosed("untitled:Untitled-1", (list) => list.length > 0);
  assert.equal(odd.range.start.line, 2);
  const open = new Open(alone, join(folder, "nowhere/lonely.belay"), text);
  const [wrong] = await open.diagnosed((list) => list.length > 0);
  assert.deepEqual(wrong.range, { start: { line: 3, character: 7 }, end: { line: 3, character: 11 } });
  open.change("txet", "text");
  open.change('"😀 ä"', '"ä😀"');
  open.change('"ä😀"\r\n', "\r\n");
  await open.diagnosed((list, said) => list.length === 0 && said.version === 4);
  await alone.connection.sendRequest(lsp.ShutdownRequest.type);
  await alone.connection.sendNotification(lsp.ExitNotification.type);
  assert.equal(await alone.exited, 0);
});

test("whatever is sent, the server answers as the protocol says and lives", async () => {
  const server = spawn(belay, ["lsp"], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = new Promise((resolve) => server.on("exit", (code) => resolve(code)));
  const answers = [];
  let wake = () => {};
  const reader = new lsp.StreamMessageReader(server.stdout);
  reader.listen((message) => { answers.push(message); wake(); });
  const raw = (body, length = Buffer.byteLength(body)) => server.stdin.write(`Content-Length: ${length}\r\n\r\n${body}`);
  const answer = async (find) => {
    for (;;) {
      const at = answers.findIndex(find);
      if (at >= 0) return answers.splice(at, 1)[0];
      await new Promise((resolve, reject) => { wake = resolve; setTimeout(() => reject(new Error(JSON.stringify(answers))), deadline).unref(); });
    }
  };
  const code = async (id) => (await answer((m) => m.id === id)).error?.code;
  const send = (message) => raw(JSON.stringify({ jsonrpc: "2.0", ...message }));
  send({ id: 1, method: "textDocument/hover", params: {} });
  assert.equal(await code(1), -32002);
  raw("this is no JSON");
  assert.equal(await code(null), -32700);
  raw("[".repeat(100000));
  assert.equal(await code(null), -32700);
  server.stdin.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(await code(null), -32700);
  send({ id: 2, method: "initialize", params: { capabilities: {} } });
  assert.ok((await answer((m) => m.id === 2)).result.capabilities);
  send({ id: 3, method: "workspace/nonsense" });
  assert.equal(await code(3), -32601);
  send({ method: "$/nonsense" });
  send({ id: 4, method: "textDocument/hover", params: { textDocument: { uri: 7 }, position: "x" } });
  assert.equal(await code(4), -32602);
  send({ id: "five", method: "textDocument/hover", params: { textDocument: { uri: "file:///none.belay" }, position: { line: 0, character: 0 } } });
  assert.equal(await code("five"), -32602);
  send({ method: "textDocument/didChange", params: { textDocument: { uri: "file:///none.belay" }, contentChanges: [{ range: { start: { line: -1 } }, text: 4 }] } });
  send({ id: 6 });
  assert.equal(await code(6), -32600);
  raw('{"jsonrpc":"2.0","id":7,"method":"x"}', 60);  // a length too large swallows what follows
  send({ id: 8, method: "y" });
  assert.equal(await code(8), -32601);
  // A document larger than the compiler takes: one clear problem, soon.
  const big = `belay 1\n\n${"# a line of comment\n".repeat(60000)}`;
  const begun = Date.now();
  send({ method: "textDocument/didOpen", params: { textDocument: { uri: "untitled:big", languageId: "belay", version: 1, text: big } } });
  const said = await answer((m) => m.method === "textDocument/publishDiagnostics");
  assert.ok(said.params.diagnostics.length > 0);
  assert.ok(Date.now() - begun < 5000);
  send({ id: 9, method: "textDocument/hover", params: { textDocument: { uri: "untitled:big" }, position: { line: 4294967295, character: 4294967295 } } });
  assert.equal((await answer((m) => m.id === 9)).result, null);
  send({ id: 10, method: "shutdown" });
  assert.equal((await answer((m) => m.id === 10)).result, null);
  send({ id: 11, method: "textDocument/hover" });
  assert.equal(await code(11), -32600);
  send({ method: "exit" });
  assert.equal(await exited, 0);
});
