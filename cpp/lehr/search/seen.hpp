// Which configurations have been evaluated or are being evaluated, so that none is proposed twice.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "lehr/search/history.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

class Seen {
 public:
  // With `repeats` allowed nothing ever counts as seen.
  Seen(const Space& space, const History& history, bool repeats);

  void add(std::size_t trial);  // a trial of the history
  bool contains(std::span<const double> codes) const;
  bool repeats() const { return repeats_; }

  // A legal configuration not seen yet, drawn at random, preferring those that `allowed` accepts. Throws
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

  const Space* space_;
  const History* history_;
  bool repeats_;
  bool continuous_;
  std::unordered_multimap<std::uint64_t, std::size_t> trials_;
};

}  // namespace lehr
