// The TextMate grammar, with the engine that VS Code runs it on.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";

const require = createRequire(import.meta.url);
const textmate = require("vscode-textmate");
const oniguruma = require("vscode-oniguruma");
const root = process.env.BELAY_ROOT;
const path = join(root, "docs/editors/belay.tmLanguage.json");

const wasm = readFileSync(require.resolve("vscode-oniguruma/release/onig.wasm"));
await oniguruma.loadWASM(wasm.buffer.slice(wasm.byteOffset, wasm.byteOffset + wasm.byteLength));
const registry = new textmate.Registry({
  onigLib: Promise.resolve({
    createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
    createOnigString: (text) => new oniguruma.OnigString(text),
  }),
  loadGrammar: async (scope) => scope === "source.belay" ? textmate.parseRawGrammar(readFileSync(path, "utf8"), path) : null,
});
const grammar = await registry.loadGrammar("source.belay");

// Every line's tokens: { text, scope } with the innermost scope.
function tokens(text) {
  let state = textmate.INITIAL;
  return text.split("\n").map((line) => {
    const { tokens, ruleStack } = grammar.tokenizeLine(line, state);
    state = ruleStack;
    return tokens.map((token) => ({
      text: line.slice(token.startIndex, token.endIndex), scope: token.scopes.at(-1), all: token.scopes.join(" "),
    }));
  });
}
function scope(text, word) {
  for (const line of tokens(text)) {
    const found = line.find((token) => token.text.trim() === word);
    if (found) return found.scope;
  }
  return "none";
}

test("every head of the text form is a keyword", () => {
  const heads = [...readFileSync(join(root, "dsl/text/heads.cpp"), "utf8").matchAll(/\{"([a-z ]+)", k/g)].map((m) => m[1]);
  assert.ok(heads.length > 60);
  for (const head of heads) {
    const top = ["workflow", "webhook", "connector", "action", "event", "type", "retry plan", "scenario", "subscription",
      "projection", "lifecycle", "api", "schedule", "belay"].includes(head);
    const after = head === "belay" ? " 1" : head.startsWith("sql") ? " |" : ["takes", "gives", "reads", "reserves",
      "moves money", "notifies", "records"].includes(head) ? "" : " something, x";
    const line = tokens((top ? "" : "    ") + head + after)[0];
    const found = line.find((token) => token.text.trim() === head);
    assert.ok(found && /^(keyword|storage)/.test(found.scope), `${head}: ${JSON.stringify(line)}`);
  }
});

test("what stands in a saga is told apart", () => {
  const saga = readFileSync(join(root, "workflows/booking/confirm_booking.belay"), "utf8");
  for (const [word, wanted] of [
    ["workflow", /^storage.type/], ["confirm_booking", /^entity.name.type/], ["\"", /^string|^punctuation/], ["takes", /^keyword/],
    ["customer", /^variable.other.member/], ["step", /^keyword.control/], ["hold", /^entity.name.function/],
    ["booking.hold", /^entity.name.function.call/], ["keep_for", /^variable.parameter/], ["40 minutes", /^constant.numeric.duration/],
    ["undo with", /^keyword/], ["booking.slot_taken", /^support.class.error/], ["cancel because", /^keyword/],
    ["payment.authorised", /^entity.name.tag.event/], ["is not", /^keyword.operator/], ["point of no return", /^keyword/],
    ["if unsure", /^keyword/], ["keep trying for", /^keyword/],
  ]) assert.match(scope(saga, word), wanted, word);
});

test("comments, strings, money and SQL", () => {
  assert.match(scope("  set a = b  # why, step c", "# why, step c"), /^comment/);
  assert.match(scope('  cancel because "no # comment"', "no # comment"), /^string/);
  assert.match(scope("  when price is more than EUR 49.90", "EUR 49.90"), /money/);
  assert.match(scope('  when a matches r"raw\\d" and b', "and"), /^keyword.operator/);
  const lines = tokens("action a\n  sql any rows |\n    UPDATE t SET step = 1 -- x\n\n    WHERE when = 2\n  undone by b.c\n");
  for (const line of [2, 4]) {
    for (const token of lines[line]) assert.match(token.all, /meta.embedded.block.sql/, JSON.stringify(token));
  }
  assert.match(lines[5].find((token) => token.text === "undone by").scope, /^keyword/);
});

test("fields may be called like heads", () => {
  assert.match(scope("type T\n  owner  text\n  step   int from 1 to 9\n", "owner"), /^variable.other.member/);
  assert.match(scope("type T\n  owner  text\n  step   int from 1 to 9\n", "step"), /^variable.other.member/);
  assert.match(scope("workflow w, version 1\n  takes\n    email  email\n  owner \"x\"\n", "owner"), /^keyword/);
});

test("every line of the shipped definitions begins with something known", () => {
  const files = ["workflows", "examples/plugin/workflows", "tests/golden/syntax"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).filter((name) => name.endsWith(".belay")).map((name) => join(root, folder, name)));
  assert.ok(files.length > 8);
  for (const file of files) {
    let scenario = false, open = 0;
    tokens(readFileSync(file, "utf8")).forEach((line, number) => {
      const text = line.map((token) => token.text).join("");
      if (/^\S/.test(text)) scenario = text.startsWith("scenario");
      const first = line.find((token) => token.text.trim() !== "");
      const inside = open > 0;
      if (!/meta.embedded|comment/.test(line[0]?.all ?? "")) {
        const code = line.filter((token) => !/string|comment/.test(token.all)).map((token) => token.text).join("");
        open += (code.match(/[([{]/g) ?? []).length - (code.match(/[)\]}]/g) ?? []).length;
      }
      if (!first || scenario || inside) return;
      assert.notEqual(first.scope, "source.belay", `${file}:${number + 1}: ${text}`);
    });
  }
});
