#include "lehr/search/options.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "lehr/base/error.hpp"

namespace lehr {
namespace {

constexpr std::array<const char*, 6> method_names{"random", "grid", "tba", "tpe", "tba-tpe", "guided"};

// A setting by name: how to read it and how to write it.
struct Setting {
  const char* name;
  const char* kind;
  double low;
  double high;
  std::function<double(const Options&)> get;
  std::function<void(Options&, double)> set;
};

template <class Access>
Setting setting(const char* name, const char* kind, double low, double high, Access access) {
  return {
      name,
      kind,
      low,
      high,
      [access](const Options& options) { return static_cast<double>(access(const_cast<Options&>(options))); },
      [access](Options& options, double value) {
        auto& field = access(options);
        field = static_cast<std::remove_reference_t<decltype(field)>>(value);
      }};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> table{
      setting("initial_trials", "integer", 1, 1e6,
              [](Options& o) -> auto& { return o.annealing.initial_trials; }),
      setting("initial_temperature", "real", 1e-9, 1e9,
              [](Options& o) -> auto& { return o.annealing.temperature.initial; }),
      setting("minimum_temperature", "real", 1e-12, 1e9,
              [](Options& o) -> auto& { return o.annealing.temperature.minimum; }),
      setting("cooling_feasibility", "real", 0, 1,
              [](Options& o) -> auto& { return o.annealing.temperature.cooling_feasibility; }),
      setting("cooling_optimisation", "real", 0, 1,
              [](Options& o) -> auto& { return o.annealing.temperature.cooling_optimisation; }),
      setting("patience", "integer", 1, 1e6,
              [](Options& o) -> auto& { return o.annealing.temperature.patience; }),
      setting("reheat", "real", 1, 1e6, [](Options& o) -> auto& { return o.annealing.temperature.reheat; }),
      setting("step_scale", "real", 1e-6, 10, [](Options& o) -> auto& { return o.annealing.step_scale; }),
      setting("own_scale", "flag", 0, 1, [](Options& o) -> auto& { return o.annealing.own_scale; }),
      setting("accept_equal", "flag", 0, 1, [](Options& o) -> auto& { return o.annealing.accept_equal; }),
      setting("adaptive_structural", "flag", 0, 1,
              [](Options& o) -> auto& { return o.annealing.adaptive_structural; }),
      setting("doubling_horizon", "flag", 0, 1,
              [](Options& o) -> auto& { return o.annealing.doubling_horizon; }),
      setting("avoid_crashes", "flag", 0, 1, [](Options& o) -> auto& { return o.annealing.avoid_crashes; }),
      setting("elite_period", "integer", 0, 1e6,
              [](Options& o) -> auto& { return o.annealing.elite_period; }),
      setting("elite_until", "real", 0, 1, [](Options& o) -> auto& { return o.annealing.elite_until; }),
      setting("snap_back", "real", 0, 1, [](Options& o) -> auto& { return o.annealing.snap_back; }),
      setting("blacklist", "flag", 0, 1, [](Options& o) -> auto& { return o.blacklist.enabled; }),
      setting("blacklist_pairs", "flag", 0, 1, [](Options& o) -> auto& { return o.blacklist.pairs; }),
      setting("blacklist_threshold", "integer", 1, 1e6,
              [](Options& o) -> auto& { return o.blacklist.threshold; }),
      setting("blacklist_cool_down", "integer", 1, 1e6,
              [](Options& o) -> auto& { return o.blacklist.cool_down; }),
      setting("handoff_min_trials", "integer", 0, 1e9,
              [](Options& o) -> auto& { return o.handoff.min_trials; }),
      setting("handoff_min_feasible", "integer", 0, 1e9,
              [](Options& o) -> auto& { return o.handoff.min_feasible; }),
      setting("handoff_min_bad", "integer", 0, 1e9, [](Options& o) -> auto& { return o.handoff.min_bad; }),
      setting("handoff_min_values", "integer", 0, 1e6,
              [](Options& o) -> auto& { return o.handoff.min_values; }),
      setting("handoff_latest", "integer", 0, 1e9, [](Options& o) -> auto& { return o.handoff.latest; }),
      setting("handoff_feasible_values", "flag", 0, 1,
              [](Options& o) -> auto& { return o.handoff_feasible_values; }),
      setting("startup_trials", "integer", 0, 1e6, [](Options& o) -> auto& { return o.tpe.startup_trials; }),
      setting("candidates", "integer", 1, 1e6, [](Options& o) -> auto& { return o.tpe.candidates; }),
      setting("below_share", "real", 0, 1, [](Options& o) -> auto& { return o.tpe.below_share; }),
      setting("below_limit", "integer", 1, 1e9, [](Options& o) -> auto& { return o.tpe.below_limit; }),
      setting("prior_weight", "real", 0, 1e6, [](Options& o) -> auto& { return o.tpe.prior_weight; }),
      setting("failures_below", "flag", 0, 1, [](Options& o) -> auto& { return o.tpe.failures_below; }),
      setting("failure_violation", "real", 0, 1e300, [](Options& o) -> auto& { return o.failure_violation; }),
      setting("grid_resolution", "integer", 1, 1e6, [](Options& o) -> auto& { return o.grid_resolution; }),
      setting("guided_failure_model", "flag", 0, 1,
              [](Options& o) -> auto& { return o.guided.failure_model; }),
      setting("guided_pairs", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.pairs; }),
      setting("guided_triples", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.triples; }),
      setting("guided_thresholds", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.thresholds; }),
      setting("guided_limits", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.limits; }),
      setting("guided_logarithm", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.logarithm; }),
      setting("guided_unskew", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.unskew; }),
      setting("guided_growth", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.growth; }),
      setting("guided_censored", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.censored; }),
      setting("guided_spread", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.spread; }),
      setting("guided_coverage", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.coverage; }),
      setting("guided_mains", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.mains; }),
      setting("guided_whole", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.whole; }),
      setting("guided_refine", "flag", 0, 1, [](Options& o) -> auto& { return o.guided.refine; }),
      setting("guided_cost_weight", "real", 0, 10, [](Options& o) -> auto& { return o.guided.cost_weight; }),
      setting("guided_least_gain", "real", 0, 10, [](Options& o) -> auto& { return o.guided.least_gain; }),
      setting("guided_widest", "integer", 0, 1e9, [](Options& o) -> auto& { return o.guided.widest; }),
      setting("guided_give_up", "real", 0, 1, [](Options& o) -> auto& { return o.guided.give_up; }),
      setting("guided_give_up_after", "integer", 0, 1e9,
              [](Options& o) -> auto& { return o.guided.give_up_after; }),
      setting("guided_least_chance", "real", 0, 1, [](Options& o) -> auto& { return o.guided.least_chance; }),
      setting("guided_caution", "real", 0, 10, [](Options& o) -> auto& { return o.guided.caution; }),
      {"relative_violations", "flag", 0, 1,
       [](const Options& o) { return o.violation_scale == ViolationScale::relative ? 1.0 : 0.0; },
       [](Options& o, double value) {
         o.violation_scale = value != 0.0 ? ViolationScale::relative : ViolationScale::raw;
       }},
  };
  return table;
}

std::string plain(double value) {
  std::string digits = std::to_string(value);
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return std::to_string(static_cast<long long>(value));
  return digits;
}

}  // namespace

const char* text(Method method) { return method_names[static_cast<std::size_t>(method)]; }

Method method_from(const std::string& name) {
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    if (name == method_names[i]) return static_cast<Method>(i);
  }
  throw OptionError("unknown method '" + name + "'; use one of random, grid, tba, tpe, tba-tpe, guided");
}

const char* text(Preset preset) { return preset == Preset::paper ? "paper" : "default"; }

Preset preset_from(const std::string& name) {
  if (name == "default") return Preset::standard;
  if (name == "paper") return Preset::paper;
  throw OptionError("unknown preset '" + name + "'; use 'default' or 'paper'");
}

const char* text(Acquisition acquisition) { return acquisition == Acquisition::ratio ? "ratio" : "c-tpe"; }

Acquisition acquisition_from(const std::string& name) {
  if (name == "ratio") return Acquisition::ratio;
  if (name == "c-tpe") return Acquisition::c_tpe;
  throw OptionError("unknown acquisition '" + name + "'; use 'ratio' or 'c-tpe'");
}

Options preset_options(Method method, Preset preset) {
  Options options;
  options.method = method;
  options.preset = preset;
  if (method == Method::tba_tpe) {
    options.annealing.initial_trials = 3;
    options.tpe.startup_trials = 0;
  }
  if (preset == Preset::paper) {
    options.allow_repeats = method != Method::grid;
    options.violation_scale = ViolationScale::raw;
    options.failure_violation = 100.0;
    options.annealing.own_scale = false;
    options.annealing.accept_equal = false;
    options.annealing.doubling_horizon = false;
    options.annealing.avoid_crashes = false;
    options.blacklist.pairs = false;  // the paper's extension
    options.handoff_feasible_values = false;
    options.tpe.failures_below = true;
  }
  return options;
}

std::vector<OptionInfo> option_table(const Options& options) {
  std::vector<OptionInfo> table;
  for (const Setting& setting : settings()) {
    table.push_back({setting.name, setting.get(options), setting.low, setting.high, setting.kind});
  }
  return table;
}

void apply_overrides(Options& options, const std::map<std::string, double>& overrides) {
  for (const auto& [name, value] : overrides) {
    const auto& table = settings();
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const Setting& s) { return name == s.name; });
    if (found == table.end()) {
      std::string known;
      for (const Setting& s : table) known += (known.empty() ? "" : ", ") + std::string(s.name);
      throw OptionError("unknown option '" + name + "'; known options: " + known);
    }
    const bool whole = found->kind != std::string("real");
    if (!(value >= found->low && value <= found->high) || (whole && value != std::floor(value))) {
      throw OptionError("option '" + name + "' is " + plain(value) + "; it must be " +
                        (found->kind == std::string("flag")
                             ? "True or False"
                             : std::string(whole ? "an integer" : "a number") + " from " + plain(found->low) +
                                   " to " + plain(found->high)));
    }
    found->set(options, value);
  }
}

void validate(const Options& options) {
  if (options.budget < 1) throw OptionError("budget is 0; it must be at least 1 trial");
  for (const Constraint& constraint : options.constraints) {
    if (constraint.metric.empty()) throw OptionError("a constraint has an empty metric name");
    if (!std::isfinite(constraint.limit)) {
      throw OptionError("the limit of '" + constraint.metric +
                        "' is not a finite number; drop the constraint instead");
    }
    const bool twice = std::any_of(options.constraints.data(), &constraint, [&](const Constraint& other) {
      return other.metric == constraint.metric && other.side == constraint.side;
    });
    if (twice) {
      throw OptionError("metric '" + constraint.metric + "' has two " +
                        (constraint.side == Side::upper ? "upper" : "lower") + " limits; give one");
    }
  }
}

}  // namespace lehr
