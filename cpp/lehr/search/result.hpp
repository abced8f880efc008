// What a trial ended with, as the search sees it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace lehr {

enum class Outcome : std::uint8_t { ok, crashed, timeout, out_of_memory, early_stopped };

const char* text(Outcome outcome);              // ok, crashed, timeout, oom, early_stopped
Outcome outcome_from(const std::string& name);  // throws ResultError

// Where a configuration came from; kept with the trial so that a search can be explained and replayed.
enum class Origin : std::uint8_t {
  initial,
  random,
  grid,
  structural,
  numeric,
  elite,
  away,
  tpe,
  enqueued,
  added,
  coverage,
  feasibility,
  improvement,
  transfer
};

const char* text(Origin origin);
Origin origin_from(const std::string& name);  // throws OptionError

enum class Direction : std::uint8_t { maximize, minimize };

const char* text(Direction direction);  // maximize, minimize

enum class Side : std::uint8_t { upper, lower };

const char* text(Side side);              // <=, >=
Side side_from(const std::string& name);  // throws OptionError

// A limit on a metric: feasible means that every limit is met.
struct Constraint {
  std::string metric;
  double limit = 0.0;
  Side side = Side::upper;

  // A lower limit is an upper one on the mirrored metric: searches see both through this, and know no sides.
  double mirrored(double value) const { return side == Side::upper ? value : -value; }
  double bound() const { return mirrored(limit); }
  bool met(double value) const { return mirrored(value) <= bound(); }
  bool missed(double value) const { return mirrored(value) > bound(); }  // NaN is neither
  double excess(double value) const { return mirrored(value) - bound(); }
};

std::string text(const Constraint& constraint);  // latency <= 20

constexpr double missing = std::numeric_limits<double>::quiet_NaN();

struct Result {
  Outcome outcome = Outcome::ok;
  double objective = missing;   // in the user's own sign; only for outcome ok
  std::vector<double> metrics;  // one per constraint, in their order; NaN where not measured
  double seconds = missing;     // what the trial cost, where known
  // Standard errors, at least 0, NaN where unknown; those of the metrics as `metrics`, or none at all.
  double objective_sem = missing;
  std::vector<double> metrics_sem{};
};

}  // namespace lehr
