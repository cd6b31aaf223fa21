// Defects on purpose, to check the checks: tests/sim compiles the interpreter and the engine a
// second time with BELAY_DEFECTS, turns one defect on at a time and must catch each. Everywhere
// else `defective` is false at compile time, so the program that ships holds none of it.
#pragma once
#include <cstdint>

namespace belay {

// Name, and what is wrong with it. The order is that of the table in docs/testing.md.
#define BELAY_DEFECT_LIST(X)                                                           \
  X(NewKeyOnUnsure, "a new key when it tries again after an unsure outcome")           \
  X(UnsureIsFailure, "an unsure outcome counts as a failure that may pass")            \
  X(SettlingIgnored, "a check's no is believed at once")                               \
  X(CheckYesIgnored, "a check's yes is not believed")                                  \
  X(TriesForEver, "tries are not counted")                                             \
  X(RefusalRetried, "a business refusal is tried again")                               \
  X(UndoGivesUp, "an undo that fails once is given up")                                \
  X(HandlerIgnored, "handlers of errors are not looked at")                            \
  X(UndoForwardOrder, "undone in forward order")                                       \
  X(UndoAllAtOnce, "everything is undone at once, in no order")                        \
  X(UndoForgotten, "what was done is forgotten, so nothing is undone")                 \
  X(UnsureDropped, "a cancel drops what is unsure")                                    \
  X(UndoAnywaySkipped, "`undo anyway` undoes nothing")                                 \
  X(PointForgotten, "the point of no return is passed and forgotten")                  \
  X(CancelLost, "a cancel is ignored while a call is under way")                       \
  X(DeadlineForgotten, "`finish within` is ignored")                                   \
  X(GoesOnAfterCancel, "goes on with what follows although it was cancelled")          \
  X(EventTwice, "an event is taken twice by one saga")                                 \
  X(RecoverySkipsCalls, "what was under way when the process died is not asked after") \
  X(RecoveryCertain, "what was under way when the process died counts as not done")    \
  X(TimersEarly, "timers fire two seconds early")                                      \
  X(PauseIgnored, "a paused saga goes on")                                             \
  X(JoinEarly, "`together` goes on one branch early")                                  \
  X(LoserKept, "a branch that lost is not undone")                                     \
  X(PartNotUndone, "a part that failed is given up without its undos")                 \
  X(RoundTooMany, "`repeat` does one round too many")                                  \
  X(LimitForgotten, "the limit of a wait passes unnoticed")                            \
  X(BackoffWithoutTimer, "a retry has no timer")                                       \
  X(KeyWithoutGeneration, "the request key lacks its generation")                      \
  X(SendsBeforeCommit, "a call leaves before its entry is committed")                  \
  X(StartAnswersEarly, "a start is answered before it is committed")                   \
  X(ActAnswersEarly, "an act is answered before it is committed")                      \
  X(FencedGoesOn, "a node that was fenced carries on as if it had written")            \
  X(LeaseIgnored, "calls leave although the lease is over")                            \
  X(MailConsumedEarly, "mail is consumed before it is handled")                        \
  X(SubscriptionLost, "a subscription is kept in memory only")                         \
  X(EarlierEventsLost, "events that came before the wait are not offered")             \
  X(EventDedupSkipped, "a repeated event is published again")                          \
  X(ActDedupSkipped, "a repeated act is carried out again")                            \
  X(StartKeySkipped, "a repeated start starts again")                                  \
  X(GateLeftEarly, "equal starts do not wait for each other")                          \
  X(TimersNotRearmed, "timers are lost at a restart")                                  \
  X(WorkNotTakenUp, "sagas at work are not taken up at a restart")                     \
  X(SnapshotAhead, "a snapshot says that it is one entry newer")                       \
  X(DueNotWritten, "the next wake-up is not written")                                  \
  X(ParkedAtWork, "a saga at work is marked as parked")                                \
  X(ChildAnswerLost, "a parent is not told how its child ended")                       \
  X(TurnNotPassedOn, "who is next in line is not looked for")                          \
  X(TwoTurns, "nobody waits in line")                                                  \
  X(DownIsCommitted, "a flush without an answer counts as committed")                  \
  X(EventNotClaimed, "an event that was taken is not marked so")                       \
  X(UnsubscribeLost, "a subscription outlives its wait")                               \
  X(TurnKept, "a saga that has ended keeps its turn")                                  \
  X(QuestionKept, "an answered question stays open")                                   \
  X(ClockAhead, "entries are dated ahead of the database's clock")                     \
  X(TimerNotJournaled, "a timer that fired is not journaled")                          \
  X(OutcomeTwice, "an outcome is recorded twice")                                      \
  X(LaterForgotten, "what is put off until the database answers is forgotten")         \
  X(FenceDropped, "the database's fence lets everybody write")                         \
  X(ClaimKeepsEpoch, "a claim does not raise the epoch")                               \
  X(RowsWithoutFence, "rows of lanes that did not move are written")                   \
  X(ResendWritesTwice, "a flush that had landed is written again")                     \
  X(MailStays, "consumed mail stays in the table")

enum class Defect : std::uint8_t {
  kNone,
#define X(name, what) k##name,
  BELAY_DEFECT_LIST(X)
#undef X
};

#ifdef BELAY_DEFECTS
inline thread_local Defect active_defect = Defect::kNone;
inline bool defective(Defect defect) { return active_defect == defect; }
#else
constexpr bool defective(Defect) { return false; }
#endif

}  // namespace belay
