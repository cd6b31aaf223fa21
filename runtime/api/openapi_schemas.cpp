// The JSON schemas that the routes name. What handlers write is held against them in tests/system/api_test.cpp.
#include "runtime/api/routes.h"

namespace belay::runtime::api {

const std::vector<Schema>& schemas() {
  static const std::vector<Schema> all = {
      {"Any", R"({})"},
      {"Problem", R"({"type":"object","required":["type","title","status","detail","code"],"properties":{
        "type":{"type":"string","format":"uri"},"title":{"type":"string"},"status":{"type":"integer"},
        "detail":{"type":"string","description":"What was seen"},"code":{"type":"string"},
        "hint":{"type":"string","description":"A way out"},
        "seq":{"type":"integer","description":"Of the saga as it is now, when an act was refused"},
        "allowed_actions":{"type":"array","items":{"$ref":"#/components/schemas/AllowedAction"}},
        "preview":{"$ref":"#/components/schemas/Preview"}}})"},
      {"Start", R"({"type":"object","required":["workflow"],"additionalProperties":false,"properties":{
        "workflow":{"type":"string"},"input":{"type":"object","description":"What the workflow takes"}}})"},
      {"Started", R"({"type":"object","required":["id","workflow","created","seq","href"],"properties":{
        "id":{"type":"string","format":"uuid"},"workflow":{"type":"string"},"created":{"type":"boolean"},
        "seq":{"type":"integer"},"href":{"type":"string"}}})"},
      {"SagaRow", R"({"type":"object","required":["id","workflow","status","health","waiting_on","failure","seq"],
        "properties":{"id":{"type":"string","format":"uuid"},"workflow":{"type":"string"},
        "workflow_version":{"type":"integer"},"status":{"$ref":"#/components/schemas/Status"},
        "health":{"$ref":"#/components/schemas/Health"},"since":{"type":"string","format":"date-time"},
        "waiting_on":{"type":"string"},"failure":{"type":"string"},"key":{"type":"string"},"seq":{"type":"integer"},
        "created_at":{"type":"string","format":"date-time"},"updated_at":{"type":"string","format":"date-time"},
        "due_at":{"type":"string","format":"date-time"},"ended_at":{"type":"string","format":"date-time"},
        "href":{"type":"string"}}})"},
      {"Status", R"({"enum":["running","compensating","completed","compensated"]})"},
      {"Health", R"({"enum":["ok","retrying","paused","overdue","held","unknown_outcome","undo_failed","quarantined"]})"},
      {"SagaPage", R"({"type":"object","required":["sagas","next"],"properties":{
        "sagas":{"type":"array","items":{"$ref":"#/components/schemas/SagaRow"}},"next":{"type":["string","null"]}}})"},
      {"Migrate", R"({"type":"object","required":["reason"],"additionalProperties":false,"properties":{
        "reason":{"type":"string"},
        "to":{"type":"string","description":"The hash of a definition; otherwise the current one"}}})"},
      {"Verdict", R"({"type":"object","required":["verdict","movable","text"],"properties":{
        "verdict":{"enum":["same","differs","cannot"]},"movable":{"type":"boolean"},
        "entry":{"type":"integer","description":"The first that is otherwise; after the last one: only what may still come"},
        "ahead":{"type":"boolean"},"text":{"type":"string"},
        "recorded":{"type":"array","items":{"type":"string"}},"instead":{"type":"array","items":{"type":"string"}},
        "changed":{"type":"array","items":{"type":"string"}}}})"},
      {"MigrateReply", R"({"type":"object","required":["id","act","dry_run","repeated","moved","seq","verdict"],
        "properties":{"id":{"type":"string","format":"uuid"},"act":{"const":"migrate"},"dry_run":{"type":"boolean"},
        "repeated":{"type":"boolean"},"moved":{"type":"boolean"},"seq":{"type":"integer"},"from":{"type":"string"},
        "to":{"type":"string"},"to_version":{"type":"integer"},"verdict":{"$ref":"#/components/schemas/Verdict"},
        "status":{"$ref":"#/components/schemas/Status"},"health":{"$ref":"#/components/schemas/Health"},
        "waiting_on":{"type":"string"}}})"},
      {"JournalPage", R"({"type":"object","required":["saga","workflow","definition","status","entries","next_after"],
        "properties":{"saga":{"type":"string","format":"uuid"},"workflow":{"type":"string"},
        "definition":{"type":"string"},"status":{"$ref":"#/components/schemas/Status"},
        "entries":{"type":"array","items":{"type":"object","required":["seq","version","at_us","kind","body"],
          "properties":{"seq":{"type":"integer"},"version":{"type":"integer"},
          "at_us":{"type":"integer","description":"Microseconds since 1970"},"actor":{"type":"string"},
          "kind":{"type":"string"},"body":{"type":"string","description":"The stored JSON, byte for byte"}}}},
        "next_after":{"type":["integer","null"]}}})"},
      {"NodeList", R"({"type":"object","required":["me","stopping","nodes","unheld"],"properties":{
        "me":{"type":"string","description":"The node that answers"},
        "stopping":{"type":"boolean","description":"Whether the node that answers is"},
        "nodes":{"type":"array","items":{"type":"object","required":["node","me","lease_ms","lane_count","lanes"],
          "properties":{"node":{"type":"string"},"me":{"type":"boolean"},
          "address":{"type":"string","description":"Where other nodes reach it; missing: by mail only"},
          "lease_ms":{"type":"integer","description":"What is left of its lease"},"lane_count":{"type":"integer"},
          "lanes":{"type":"array","items":{"type":"integer"}}}}},
        "unheld":{"type":"array","items":{"type":"integer"},"description":"Lanes that nobody holds now"}}})"},
      {"Definition", R"({"type":"object","required":["definition","workflow","version","graph"],"properties":{
        "definition":{"type":"string"},"workflow":{"type":"string"},"version":{"type":"integer"},
        "graph":{"type":"string","description":"The stored step graph, base64"}}})"},
      {"AllowedAction", R"({"type":"object","required":["act","method","href"],"properties":{
        "act":{"enum":["cancel","pause","resume","retry","skip","resolve","answer"]},"path":{"type":"string"},
        "direction":{"enum":["do","check","undo","undo-check"]},"method":{"const":"POST"},"href":{"type":"string"}}})"},
      {"LeftOver", R"({"type":"object","required":["path","what","why"],"properties":{"path":{"type":"string"},
        "what":{"type":"string"},"why":{"type":"string"}}})"},
      {"Step", R"({"type":"object","required":["path","kind","phase"],"properties":{"path":{"type":"string"},
        "kind":{"enum":["step","wait","pause","ask","run"]},
        "question":{"type":"object","description":"An open question: its words, role, and fields as JSON Schema"},"title":{"type":"string"},"phase":{"type":"string"},
        "action":{"type":"string"},"effect":{"enum":["none","maybe","done","undone","left_over"]},
        "tries":{"type":"integer"},"event":{"type":"string"},"key":{"type":"string"},
        "limit":{"type":"string","format":"date-time"},"until":{"type":"string","format":"date-time"},
        "left_because":{"type":"string"},"at":{"type":"string"},
        "calls":{"type":"array","items":{"type":"object","properties":{
          "direction":{"enum":["do","check","undo","undo-check"]},"action":{"type":"string"},"phase":{"type":"string"},
          "tries":{"type":"integer"},"generation":{"type":"integer"},"key":{"type":"string"},
          "sent_at":{"type":"string","format":"date-time"},"due":{"type":"string","format":"date-time"},
          "unsure":{"type":"boolean"},"failure":{"type":"object"},"held":{"type":"object"}}}}}})"},
      {"Saga", R"({"type":"object","required":["id","workflow","status","health","waiting_on","failure","seq",
        "left_over","steps","input","values","output"],"properties":{
        "id":{"type":"string","format":"uuid"},"workflow":{"type":"string"},"workflow_version":{"type":"integer"},
        "title":{"type":"string"},"owner":{"type":"string"},"status":{"$ref":"#/components/schemas/Status"},
        "health":{"$ref":"#/components/schemas/Health"},"since":{"type":"string","format":"date-time"},
        "waiting_on":{"type":"string"},"failure":{"type":"string"},"because":{"type":"string"},
        "note":{"type":"string","description":"Of a quarantined one: why the rest is empty"},
        "problem":{"type":"string"},"paused":{"type":"boolean"},"past_no_return":{"type":"boolean"},
        "key":{"type":"string"},"seq":{"type":"integer"},"created_at":{"type":"string","format":"date-time"},
        "updated_at":{"type":"string","format":"date-time"},"deadline":{"type":"string","format":"date-time"},
        "due_at":{"type":"string","format":"date-time"},"ended_at":{"type":"string","format":"date-time"},
        "left_over":{"type":"array","items":{"$ref":"#/components/schemas/LeftOver"}},
        "allowed_actions":{"type":"array","items":{"$ref":"#/components/schemas/AllowedAction"}},
        "steps":{"type":"array","items":{"$ref":"#/components/schemas/Step"}},
        "input":{"type":"object"},"values":{"type":"object"},"output":{},"definition":{"type":"string"},
        "erased":{"type":"boolean","description":"Its private values were erased, and all values with them"},
        "links":{"type":"object"}}})"},
      {"HistoryPage", R"({"type":"object","properties":{"id":{"type":"string","format":"uuid"},
        "workflow":{"type":"string"},"status":{"$ref":"#/components/schemas/Status"},"seq":{"type":"integer"},
        "next_after":{"type":["integer","null"]},"entries":{"type":"array","items":{"type":"object",
        "required":["seq","at","kind","mark","text","follows"],"properties":{"seq":{"type":"integer"},
        "at":{"type":"string","format":"date-time"},"kind":{"type":"string"},
        "mark":{"enum":["info","sent","ok","failed","unsure","waiting","undo","person","alarm","end"]},
        "text":{"type":"string"},"follows":{"type":"array","items":{"type":"string"}},"actor":{"type":"string"},
        "reason":{"type":"string"},"version":{"type":"integer"},"raw":{"type":"object"},
        "data":{"type":"string","description":"`(erased)` instead of values that were erased"},
        "raw_text":{"type":"string","description":"Instead of `raw`, for operators: an entry that cannot be read"}}}}}})"},
      {"Reason", R"({"type":"object","required":["reason"],"additionalProperties":false,"properties":{
        "reason":{"type":"string","maxLength":2000}}})"},
      {"StepAct", R"({"type":"object","required":["reason"],"additionalProperties":false,"properties":{
        "reason":{"type":"string","maxLength":2000},"direction":{"enum":["do","check","undo","undo-check"]}}})"},
      {"Skip", R"({"type":"object","required":["reason"],"additionalProperties":false,"properties":{
        "reason":{"type":"string","maxLength":2000},"direction":{"enum":["do","check","undo","undo-check"]},
        "output":{"type":"object","description":"What the step gives"}}})"},
      {"Resolve", R"({"type":"object","required":["reason","happened","evidence"],"additionalProperties":false,
        "properties":{"reason":{"type":"string","maxLength":2000},
        "direction":{"enum":["do","check","undo","undo-check"]},"happened":{"type":"boolean"},
        "evidence":{"type":"string","description":"How you know: a ledger entry, a ticket"},
        "result":{"type":"object","description":"What the call gave, when it happened"}}})"},
      {"Preview", R"({"type":"object","required":["allowed","repeats","keeps","undoes","leaves","next"],"properties":{
        "allowed":{"type":"boolean"},"why_not":{"type":"string"},"repeats":{"type":"array","items":{"type":"string"}},
        "keeps":{"type":"array","items":{"type":"string"}},"undoes":{"type":"array","items":{"type":"string"}},
        "leaves":{"type":"array","items":{"type":"string"}},"next":{"type":"string"}}})"},
      {"ActReply", R"({"type":"object","required":["id","act","dry_run","repeated","seq","preview"],"properties":{
        "id":{"type":"string","format":"uuid"},"act":{"type":"string"},"path":{"type":"string"},
        "direction":{"type":"string"},"dry_run":{"type":"boolean"},
        "repeated":{"type":"boolean","description":"The same Idempotency-Key was answered before"},
        "seq":{"type":"integer"},"preview":{"$ref":"#/components/schemas/Preview"},
        "status":{"$ref":"#/components/schemas/Status"},"health":{"$ref":"#/components/schemas/Health"},
        "waiting_on":{"type":"string"},
        "allowed_actions":{"type":"array","items":{"$ref":"#/components/schemas/AllowedAction"}}}})"},
      {"Event", R"({"type":"object","required":["type"],"additionalProperties":false,"properties":{
        "type":{"type":"string"},"key":{"type":"string","description":"May be left out when the payload holds it"},
        "payload":{"type":"object"},"id":{"type":"string","maxLength":255}}})"},
      {"Published", R"({"type":"object","required":["id","type","key","duplicate"],"properties":{
        "id":{"type":"string"},"type":{"type":"string"},"key":{"type":"string"},"duplicate":{"type":"boolean"}}})"},
      {"EventPage", R"({"type":"object","required":["events","next"],"properties":{"next":{"type":["string","null"]},
        "events":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},
        "type":{"type":"string"},"version":{"type":"integer"},"key":{"type":"string"},
        "at":{"type":"string","format":"date-time"},"claimed":{"type":"boolean"},"payload":{},"metadata":{},
        "not_started":{"type":"object","additionalProperties":{"type":"string"},
          "description":"By workflow: why this event started no saga of it"}}}}}})"},
      {"Erased", R"({"type":"object","required":["id","erased","dry_run","repeated","seq","preview"],"properties":{
        "id":{"type":"string","format":"uuid"},"erased":{"type":"boolean"},"dry_run":{"type":"boolean"},
        "repeated":{"type":"boolean"},"seq":{"type":"integer"},
        "preview":{"type":"object","required":["loses","keeps"],"properties":{
        "loses":{"type":"array","items":{"type":"string"},"description":"What is gone for good; empty once it is gone"},
        "keeps":{"type":"array","items":{"type":"string"}}}}}})"},
      {"Fields", R"({"type":"object","description":"The fields of the question, as its `fields` schema says"})"},
      {"QuestionPage", R"({"type":"object","required":["questions","next"],"properties":{
        "next":{"type":["string","null"]},"questions":{"type":"array","items":{"type":"object",
        "required":["saga","path","workflow","question","role","since","fields","href"],"properties":{
        "saga":{"type":"string","format":"uuid"},"path":{"type":"string"},"workflow":{"type":"string"},
        "question":{"type":"string"},"role":{"type":"string"},"since":{"type":"string","format":"date-time"},
        "until":{"type":"string","format":"date-time"},"fields":{"type":"object","description":"JSON Schema"},
        "href":{"type":"string"}}}}}})"},
      {"WorkflowList", R"({"type":"object","properties":{"workflows":{"type":"array","items":{"type":"object"}}}})"},
      {"Workflow", R"({"type":"object","required":["name","version","definition","takes","input_schema"],"properties":{
        "name":{"type":"string"},"title":{"type":"string"},"version":{"type":"integer"},"definition":{"type":"string"},
        "owner":{"type":"string"},"href":{"type":"string"},"once_per":{"type":"string"},"finish_within":{"type":"string"},
        "takes":{"type":"array"},"input_schema":{"type":"object"},"gives":{"type":"array"},
        "actions":{"type":"array"},"events":{"type":"array"},"graph":{"type":"string"}}})"},
      {"Delivery", R"({"type":"object","required":["received","id","events","duplicate","ignored"],"properties":{
        "received":{"const":true},"id":{"type":"string"},"duplicate":{"type":"boolean"},"ignored":{"type":"boolean"},
        "events":{"type":"array","items":{"type":"object"}}}})"},
      {"Readiness", R"({"type":"object","required":["ready"],"properties":{"ready":{"type":"boolean"},
        "database":{"type":"boolean"},"why":{"type":"string","description":"Why the database cannot be written to"},
        "live_sagas":{"type":"integer"},"in_flight":{"type":"integer"}}})"},
  };
  return all;
}

}  // namespace belay::runtime::api
