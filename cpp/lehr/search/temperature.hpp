// The adaptive temperature of the annealing (Eq. 8).
#pragma once

#include <algorithm>

namespace lehr {

enum class Stage { feasibility, optimisation };

struct TemperatureOptions {
  double initial = 1.0;               // T0
  double minimum = 0.001;             // T_min
  double cooling_feasibility = 0.95;  // a, while looking for the first feasible result
  double cooling_optimisation = 0.92;
  int patience = 4;  // results without improvement before reheating
  double reheat = 2.5;
  double reheat_cap = 0.8;          // of T0
  double optimisation_start = 0.7;  // of T0, when the first feasible result is found
};

class Temperature {
 public:
  explicit Temperature(const TemperatureOptions& options = {}) : options_(options), value_(options.initial) {}

  double value() const { return value_; }
  int unimproved() const { return unimproved_; }
  const TemperatureOptions& options() const { return options_; }

  // T <- max(T_min, a T), and the count of failures to improve restarts.
  void improved(Stage stage) {
    const double a =
        stage == Stage::feasibility ? options_.cooling_feasibility : options_.cooling_optimisation;
    value_ = std::max(options_.minimum, a * value_);
    unimproved_ = 0;
  }
  // At the patience-th time in a row: T <- min(2.5 T, 0.8 T0), and the count restarts.
  void not_improved() {
    if (++unimproved_ < options_.patience) return;
    value_ = std::min(options_.reheat * value_, options_.reheat_cap * options_.initial);
    unimproved_ = 0;
  }
  // The first feasible result: T = 0.7 T0.
  void enter_optimisation() {
    value_ = options_.optimisation_start * options_.initial;
    unimproved_ = 0;
  }

 private:
  TemperatureOptions options_;
  double value_;
  int unimproved_ = 0;
};

}  // namespace lehr
