// Settings of the guided search: each part can be switched off.
#pragma once

#include <cstddef>

namespace lehr {

struct GuidedOptions {
  bool validity = true;      // credit assignment for failures; otherwise every failure is an accident
  bool pairs = true;         // causes may be pairs of values
  bool thresholds = true;    // causes may be stretches of numeric variables
  bool limits = true;        // models of the metrics
  bool logarithm = true;     // positive quantities on a logarithmic scale
  bool unskew = false;       // a skewed objective on a scale where it is not
  bool censored = true;      // what was stopped early says 'at least'
  bool coverage = true;      // a fair trial for every value before improvement leads
  bool mains = true;         // additive effects in the Gaussian processes
  bool whole = true;         // the product over all variables in them
  bool refine = true;        // local search on the acquisition
  double cost_weight = 0.0;  // power of the predicted seconds that improvement is divided by
  double least_gain = 1e-3;  // part of the objective's spread below which a gain is worth no risk
  std::size_t widest = 30;   // variables beyond which TPE leads
  double give_up = 0.1;      // a value whose best company runs and fits with less than this is put off
};

}  // namespace lehr
