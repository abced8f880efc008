#include "lehr/search/result.hpp"

#include <array>

#include "lehr/base/error.hpp"
#include "lehr/space/value.hpp"

namespace lehr {
namespace {

constexpr std::array<const char*, 5> outcome_names{"ok", "crashed", "timeout", "oom", "early_stopped"};
constexpr std::array<const char*, 14> origin_names{
    "initial", "random",   "grid",  "structural", "numeric",     "elite",       "away",
    "tpe",     "enqueued", "added", "coverage",   "feasibility", "improvement", "transfer"};

template <class Enum, std::size_t N>
bool lookup(const std::array<const char*, N>& names, const std::string& name, Enum& found) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) {
      found = static_cast<Enum>(i);
      return true;
    }
  }
  return false;
}

}  // namespace

const char* text(Outcome outcome) { return outcome_names[static_cast<std::size_t>(outcome)]; }

Outcome outcome_from(const std::string& name) {
  Outcome outcome{};
  if (lookup(outcome_names, name, outcome)) return outcome;
  throw ResultError("unknown outcome '" + name + "'; use one of ok, crashed, timeout, oom, early_stopped");
}

const char* text(Origin origin) { return origin_names[static_cast<std::size_t>(origin)]; }

Origin origin_from(const std::string& name) {
  Origin origin{};
  if (lookup(origin_names, name, origin)) return origin;
  throw OptionError("unknown origin '" + name +
                    "' of a recorded trial; the record is damaged or from a newer lehr");
}

const char* text(Direction direction) { return direction == Direction::maximize ? "maximize" : "minimize"; }

const char* text(Side side) { return side == Side::upper ? "<=" : ">="; }

Side side_from(const std::string& name) {
  if (name == "<=") return Side::upper;
  if (name == ">=") return Side::lower;
  throw OptionError("unknown side '" + name + "' of a limit; use '<=' or '>='");
}

std::string text(const Constraint& constraint) {
  return constraint.metric + " " + text(constraint.side) + " " + text(Value(constraint.limit));
}

}  // namespace lehr
