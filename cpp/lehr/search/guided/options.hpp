// Settings of the guided search: each part can be switched off.
#pragma once

#include <cstddef>

namespace lehr {

struct GuidedOptions {
  bool failure_model = true;  // credit assignment for failures; otherwise every failure is an accident
  bool pairs = true;          // causes may be pairs of values
  bool triples = true;        // causes may be three values together
  bool thresholds = true;     // causes may be stretches of numeric variables
  bool limits = true;         // models of the metrics
  bool logarithm = true;      // positive quantities on a logarithmic scale
  bool unskew = true;         // a skewed objective on a scale where it is not
  bool growth = true;         // limited quantities are expected to grow with variables of logarithmic scale
  bool censored = true;       // what was stopped early says 'at least'
  bool spread = true;         // while nothing ran, away from what failed
  bool coverage = true;       // a fair trial for every value before improvement leads
  bool mains = true;          // additive effects in the Gaussian processes
  bool whole = true;          // the product over all variables in them
  bool refine = true;         // local search on the acquisition
  double cost_weight = 0.0;   // power of the predicted seconds that improvement is divided by
  double least_gain = 3e-3;   // part of the objective's spread below which a gain is worth no risk
  std::size_t widest = 30;    // variables beyond which TPE leads
  double caution = 1.0;       // power beyond 1 of the chance to be feasible that a gain is weighed with
  // A value that runs and meets the limits with less than this chance, whatever comes with it, is put off:
  // give_up once it failed `give_up_after` times, least_chance before.
  double give_up = 0.25;
  double least_chance = 0.03;
  std::size_t give_up_after = 3;
};

}  // namespace lehr
