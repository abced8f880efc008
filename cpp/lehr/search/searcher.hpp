// What every search method is: a fold over finished trials, and a proposal that depends on nothing but that
// fold, the pending trials and the random generator of the trial being asked for.
#pragma once

#include <optional>
#include <string>

#include "lehr/base/rng.hpp"
#include "lehr/search/evaluated_set.hpp"
#include "lehr/search/history.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

struct Proposal {
  Configuration configuration;
  Origin origin = Origin::random;
};

// A result of another search, which this one learns from.
struct PriorObservation {
  Configuration configuration;
  Result result;
};

// What a method may look at. The referred objects outlive it.
struct Context {
  const Space& space;
  const Options& options;
  const History& history;
  const EvaluatedSet& evaluated;
};

// Purposes of random generators; part of what makes a search reproducible, so numbers are never reused.
enum class Purpose : std::uint64_t { propose = 1, accept = 2, snap_back = 3 };

inline Rng rng_for(const Options& options, std::size_t trial, Purpose purpose) {
  return {options.seed, trial, static_cast<std::uint64_t>(purpose)};
}

// Where densities are worked out. Automatic: on the GPU when there is one and the batch is large enough to
// pay.
enum class Device { cpu, cuda, automatic };

class Searcher {
 public:
  virtual ~Searcher() = default;
  virtual Proposal propose(Rng& rng) = 0;
  virtual void observe(std::size_t /*trial*/) {}  // called once for each finished trial, in the order told
  // Why nothing is left to gain, when that is so; asked with the generator of the next proposal.
  virtual std::optional<std::string> finished(Rng& /*rng*/) { return std::nullopt; }
  virtual std::string phase() const = 0;  // random, grid, tba, tpe or guided
  virtual std::string stage() const { return ""; }
  virtual std::string explain() const = 0;  // sentences about what the method is doing now
};

}  // namespace lehr
