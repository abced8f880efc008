// Every setting of the search in one place. The default preset holds the repaired rules, the paper preset the
// paper's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lehr/search/blacklist.hpp"
#include "lehr/search/guided/options.hpp"
#include "lehr/search/handoff.hpp"
#include "lehr/search/result.hpp"
#include "lehr/search/temperature.hpp"
#include "lehr/search/violation.hpp"

namespace lehr {

enum class Method { random, grid, tba, tpe, tba_tpe, guided };
enum class Preset { standard, paper };

const char* text(Method method);
const char* text(Preset preset);              // default, paper
Method method_from(const std::string& name);  // throws OptionError
Preset preset_from(const std::string& name);  // throws OptionError

struct AnnealingOptions {
  std::size_t initial_trials = 5;  // n_init: random configurations before the walk starts; 3 in the hybrid
  TemperatureOptions temperature;
  double step_scale = 0.3;          // numeric steps ~ N(0, step_scale T range)
  bool own_scale = true;            // range of the variable's own scale; the paper steps in raw values
  bool accept_equal = true;         // equal moves are accepted, so that plateaus do not trap the walk
  bool adaptive_structural = true;  // Eq. 13; otherwise p_s stays 0.5
  bool doubling_horizon = true;     // see schedule.hpp; the paper's horizon is the budget
  bool avoid_crashes = true;        // until something ran, move away from the crashes
  std::size_t elite_period = 12;
  double elite_until = 0.7;
  double snap_back = 0.4;
};

// What TPE maximises: the ratio of the densities of good and bad results, or a product of such ratios, one
// for the objective and one for each constraint (c_tpe.hpp).
enum class Acquisition { ratio, c_tpe };
const char* text(Acquisition acquisition);              // ratio, c-tpe
Acquisition acquisition_from(const std::string& name);  // throws OptionError

struct TpeOptions {
  Acquisition acquisition = Acquisition::ratio;
  std::size_t startup_trials = 10;  // random trials of method tpe; none in the hybrid
  std::size_t candidates = 24;
  double below_share = 0.1;  // ceil(0.1 n) results, at most below_limit, are 'below'
  std::size_t below_limit = 25;
  double prior_weight = 1.0;
  bool failures_below = false;  // whether results that never ran may fill up 'below'
};

struct Options {
  Method method = Method::tba_tpe;
  Preset preset = Preset::standard;
  Direction direction = Direction::maximize;
  std::vector<Constraint> constraints;
  std::size_t budget = 25;
  std::uint64_t seed = 0;
  bool allow_repeats = false;  // may propose a configuration that was already evaluated
  std::size_t grid_resolution = 5;
  ViolationScale violation_scale = ViolationScale::relative;
  // Violation of a trial that did not run. Infinite: it ranks below every result that ran.
  double failure_violation = 0.0;  // 0 stands for infinite
  AnnealingOptions annealing;
  BlacklistOptions blacklist;
  HandoffOptions handoff;
  bool handoff_feasible_values =
      true;  // diversity counts values seen feasible, of every categorical variable
  TpeOptions tpe;
  GuidedOptions guided;
};

// The options of a method under a preset, before the user's own settings.
Options preset_options(Method method, Preset preset);

// Sets named options ('blacklist', 'snap_back', ...; flags are 0 or 1). Throws OptionError with what is
// allowed.
void apply_overrides(Options& options, const std::map<std::string, double>& overrides);
// Name, default of the given options, smallest and largest allowed value, and whether it is a flag or an
// integer.
struct OptionInfo {
  std::string name;
  double value;
  double low;
  double high;
  std::string kind;  // flag, integer, real
};
std::vector<OptionInfo> option_table(const Options& options);

// Checks what the constructor of a search is given. Throws OptionError.
void validate(const Options& options);

}  // namespace lehr
