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
  // Where `needle` ends, or begins.
  after(needle) { return this.position(this.find(needle) + needle.length); }
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
  diagnosed(wanted) { return this.client.diagnosed(this.uri, wanted); }
  close() {
    this.client.connection.sendNotification(lsp.DidCloseTextDocumentNotification.type, { textDocument: { uri: this.uri } });
  }
  ask(type, more = {}) { return this.client.connection.sendRequest(type, { textDocument: { uri: this.uri }, ...more }); }
  async hover(needle, inside) {
    return (await this.ask(lsp.HoverRequest.type, { position: this.at(needle, inside) }))?.contents?.value ?? "";
  }
  async labels(needle) {
    const answer = await this.ask(lsp.CompletionRequest.type, { position: this.after(needle) });
    return answer.items.map((item) => item.label);
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
