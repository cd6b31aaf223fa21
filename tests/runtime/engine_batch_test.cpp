// Batches split by owner without losing or swapping a row; mail survives its JSON.
#include "runtime/engine/batch.h"
#include "tests/catch.h"

using namespace belay::runtime;

TEST_CASE("batch: a split keeps each owner's rows, effects and answers together, in order") {
  Batch batch;
  for (int i = 0; i < 4; ++i) {
    const auto owner = batch.add_owner({.lane = i, .saga = "saga" + std::to_string(i)});
    for (std::uint64_t seq = 1; seq <= 2; ++seq) {
      JournalRow row;
      row.lane = i;
      row.id = "saga" + std::to_string(i);
      row.seq = seq;
      batch.add(owner, std::move(row));
    }
    batch.add(owner, Mail{9, i, i + 1, Unsubscribe{}});
    batch.answers.push_back({owner, [](const Failure*) {}});
  }
  const Batch other = split_off(batch, {true, false, true, false});
  const auto ids = [](const Batch& of) {
    std::string text;
    for (const JournalRow& row : of.flush.journal)
      text += row.id.substr(4) + "." + std::to_string(row.seq) + " ";
    return text;
  };
  CHECK(ids(batch) == "0.1 0.2 2.1 2.2 ");
  CHECK(ids(other) == "1.1 1.2 3.1 3.2 ");
  CHECK(batch.of.journal == std::vector<Batch::OwnerIndex>{0, 0, 2, 2});
  CHECK(other.flush.mail.size() == 2);
  CHECK(other.effects.size() == 2);
  CHECK(other.answers.size() == 2);
  CHECK(batch.owners[1].lane == -1);
  CHECK(other.owners[0].lane == -1);
  CHECK(other.owners[1].saga == "saga1");
}

TEST_CASE("batch: a subscription that comes back in the same flush is not deleted") {
  Batch batch;
  const auto owner = batch.add_owner({.lane = 1, .topic = "t"});
  SubscriptionRow row{.lane = 1, .tenant = "t", .type = "e", .key = "k", .saga = "s", .path = "p"};
  batch.add_gone(owner, row);
  batch.keep(row);
  CHECK(batch.flush.subscriptions_gone.empty());
  CHECK(batch.of.subscriptions_gone.empty());
}

TEST_CASE("mail: every kind survives its JSON") {
  SubscriptionRow row{.lane = 3,
                      .tenant = "t",
                      .type = "e",
                      .key = "k\"1",
                      .saga = "s",
                      .path = "p",
                      .since = {77}};
  EventRow event{.lane = 3,
                 .eseq = 12,
                 .id = "e1",
                 .tenant = "t",
                 .type = "e",
                 .version = 2,
                 .key = "k\"1",
                 .payload = "{\"a\":1}",
                 .metadata = "{}",
                 .at = {99}};
  for (const Mail& mail :
       {Mail{3, 1, 5, Subscribe{row, 1}}, Mail{3, 1, 6, Unsubscribe{row}},
        Mail{3, 1, 7, PublishEvent{event}}, Mail{3, 1, 8, OfferAnswered{row, 12, true, false}},
        Mail{3, 1, 9, OfferAnswered{row, 12, false, true}}, Mail{1, 3, 10, Offer{row, event}}}) {
    const MailboxRow written = encode_mail(mail);
    const Result<Mail> read = decode_mail(written);
    REQUIRE(read);
    CHECK(read->what.index() == mail.what.index());
    const MailboxRow again = encode_mail(*read);
    CHECK(again.kind == written.kind);
    CHECK(again.body == written.body);
    CHECK(again.number == mail.number);
  }
  CHECK(!decode_mail({.to = 1, .from = 2, .number = 3, .kind = "gift", .body = "{}"}));
  CHECK(!decode_mail({.to = 1, .from = 2, .number = 3, .kind = "offer", .body = "{"}));
}

TEST_CASE("callers hear that the outcome is not known; what holds equals back waits until it is") {
  Batch batch;
  const auto owner = batch.add_owner({.lane = 1, .saga = "s"});
  std::string told;
  batch.answers.push_back({owner, [&](const Failure*) { told += "caller "; }, false});
  batch.answers.push_back({owner, [&](const Failure*) { told += "gate "; }, true});
  batch.answers.push_back({owner, [&](const Failure*) { told += "caller "; }, false});
  for (const Batch::Answer& answer : batch.give_up()) answer.tell(nullptr);
  CHECK(told == "caller caller ");
  for (const Batch::Answer& answer : batch.answers) answer.tell(nullptr);
  CHECK(told == "caller caller gate ");
}
