// See postgres_rows.h.
#include "runtime/store/postgres_rows.h"

namespace belay::runtime {

InstanceRow instance_of(const PostgresRows& rows, std::size_t i) {
  InstanceRow row;
  row.lane = static_cast<Lane>(rows.number(i, 0));
  row.id = rows.str(i, 1);
  row.tenant = rows.str(i, 2);
  row.workflow = rows.str(i, 3);
  row.key = rows.str(i, 4);
  row.created_at = {rows.number(i, 5)};
  row.workflow_version = static_cast<std::uint32_t>(rows.number(i, 6));
  row.definition = rows.str(i, 7);
  row.status = rows.str(i, 8);
  row.health = rows.str(i, 9);
  row.seq = static_cast<std::uint64_t>(rows.number(i, 10));
  row.state_seq = static_cast<std::uint64_t>(rows.number(i, 11));
  row.health_since = {rows.number(i, 12)};
  row.due_at = {rows.number(i, 13)};
  row.updated_at = {rows.number(i, 14)};
  row.ended_at = {rows.number(i, 15)};
  row.waiting_on = rows.str(i, 16);
  row.failure = rows.str(i, 17);
  if (rows.columns() > 18 && !rows.is_null(i, 18)) row.state = rows.str(i, 18);
  return row;
}

JournalRow journal_of(const PostgresRows& rows, std::size_t i) {
  JournalRow row;
  row.lane = static_cast<Lane>(rows.number(i, 0));
  row.id = rows.str(i, 1);
  row.seq = static_cast<std::uint64_t>(rows.number(i, 2));
  row.at = {rows.number(i, 3)};
  row.version = static_cast<std::uint16_t>(rows.number(i, 4));
  row.kind = rows.str(i, 5);
  row.actor = rows.str(i, 6);
  row.body = rows.str(i, 7);
  return row;
}

EventRow event_of(const PostgresRows& rows, std::size_t i) {
  EventRow row;
  row.lane = static_cast<Lane>(rows.number(i, 0));
  row.eseq = rows.number(i, 1);
  row.id = rows.str(i, 2);
  row.tenant = rows.str(i, 3);
  row.type = rows.str(i, 4);
  row.version = static_cast<std::uint32_t>(rows.number(i, 5));
  row.key = rows.str(i, 6);
  row.at = {rows.number(i, 7)};
  row.claimed = rows.flag(i, 8);
  row.payload = rows.str(i, 9);
  row.metadata = rows.str(i, 10);
  return row;
}

}  // namespace belay::runtime
