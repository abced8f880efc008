// Which configurations have been evaluated or are being evaluated, or are ruled out, so that none is proposed
// twice.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lehr/search/hash_index.hpp"
#include "lehr/search/history.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

class EvaluatedSet {
 public:
  // With `repeats` allowed nothing ever counts as evaluated, save what is ruled out.
  EvaluatedSet(const Space& space, const History& history, bool repeats);

  void add(std::size_t trial);  // a trial of the history
  // A trial that is known by the variables it looked at, NaN elsewhere: whatever agrees with it on these
  // counts as evaluated. A trial that looked at nothing says nothing.
  void add_partial(std::size_t trial);
  // Whatever agrees with the trial on these variables, of which there is at least one, would end as it did:
  // it counts as evaluated, with repeats too.
  void rule_out(std::size_t trial, std::vector<std::size_t> variables);
  bool contains(std::span<const double> codes) const;
  bool repeats() const { return repeats_; }

  // Allows repeats while it lives.
  class Repeats {
   public:
    explicit Repeats(EvaluatedSet& set) : set_(&set), before_(std::exchange(set.repeats_, true)) {}
    ~Repeats() { set_->repeats_ = before_; }
    Repeats(const Repeats&) = delete;
    Repeats& operator=(const Repeats&) = delete;

   private:
    EvaluatedSet* set_;
    bool before_;
  };

  // A legal configuration not evaluated yet, drawn at random, preferring those that `allowed` accepts. Throws
  // ExhaustedError when a finite space has none left.
  template <class Allowed>
  Configuration draw(Rng& rng, Allowed allowed) const {
    for (int attempt = 0; attempt < 64; ++attempt) {
      Configuration configuration = space_->sample(rng);
      if (!contains(configuration) && allowed(configuration)) return configuration;
    }
    return draw(rng);
  }
  Configuration draw(Rng& rng) const;

 private:
  Configuration draw_remaining(Rng& rng) const;

  // Trials by the variables on which a configuration is compared with them.
  struct Pattern {
    std::vector<std::size_t> variables;
    HashIndex trials;
  };
  void add(std::vector<Pattern>& patterns, std::vector<std::size_t> variables, std::size_t trial);
  bool agrees(const std::vector<Pattern>& patterns, std::span<const double> codes) const;
  void select(const Pattern& pattern, std::span<const double> codes) const;

  const Space* space_;
  const History* history_;
  bool repeats_;
  bool continuous_;
  HashIndex trials_;
  std::vector<Pattern> partial_;  // as many as branches were taken
  std::vector<Pattern> ruled_out_;
  mutable std::vector<double> selected_;
};

}  // namespace lehr
