// The law behind a random deployment-like space: what fails, how latency, memory and quality follow from the
// values, and where the limits stand. Frozen: a seed gives the same law in every version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lehr/search/result.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

// What the values of one variable do, by position in its domain.
struct Effects {
  std::vector<double> log_latency;  // added to the logarithm of the latency
  std::vector<double> log_memory;
  std::vector<double> log_cost;  // of the seconds of a trial
  std::vector<double> quality;   // added to the quality
};

// A combination that fails: every clause holds.
struct Failure {
  struct Clause {
    std::size_t variable;
    std::vector<bool> values;  // by position
  };
  std::vector<Clause> clauses;
  Outcome outcome = Outcome::crashed;
  double cost = 1.0;  // share of a whole trial's seconds
  std::string cause;
};

struct DeployLaw {
  std::shared_ptr<const Space> space;
  std::vector<Effects> effects;  // one a variable
  std::vector<Failure> failures;
  double log_latency = 0.0;  // of the reference configuration, milliseconds
  double log_memory = 0.0;   // megabytes
  double log_seconds = 0.0;
  double capacity_mb = 0.0;  // beyond it the trial runs out of memory
  double oom_cost = 1.0;
  double noise = 0.0;          // standard deviation of the logarithm of a measured latency
  bool throughput = false;     // objective: items a second; else quality
  bool as_error = false;       // quality told as an error rate to minimise
  double latency_limit = 0.0;  // milliseconds
  double memory_limit = 0.0;   // megabytes
  double invalid_share = 0.0;  // of random draws, exact

  struct Run {
    double latency_ms;
    double memory_mb;
    double quality;
    double seconds;  // of a whole trial
    double batch;
  };
  Run run(std::span<const double> codes) const;
  // The first failure that the configuration meets, memory aside; nullptr when there is none.
  const Failure* failure(std::span<const double> codes) const;
};

// seed < 2^31.
DeployLaw deploy_law(std::uint64_t seed);

}  // namespace lehr
