// The two methods without a model: random search and grid search.
#pragma once

#include <vector>

#include "lehr/search/searcher.hpp"

namespace lehr {

class RandomSearch final : public Searcher {
 public:
  explicit RandomSearch(const Context& context) : context_(context) {}
  Proposal propose(Rng& rng) override { return {context_.evaluated.draw(rng), Origin::random}; }
  std::string phase() const override { return "random"; }
  std::string explain() const override;

 private:
  Context context_;
};

// Every point of a grid once. A budget that covers the grid visits it in lexicographic order; a smaller one
// strides through it (by a step coprime to its size, near the golden section), so that any prefix covers the
// grid evenly.
class GridSearch final : public Searcher {
 public:
  explicit GridSearch(const Context& context) : context_(context) {}
  Proposal propose(Rng& rng) override;
  std::string phase() const override { return "grid"; }
  std::string explain() const override;

 private:
  void build();
  std::span<const double> point(std::size_t k) const;

  Context context_;
  std::vector<double> points_;  // row-major
  std::size_t count_ = 0;
  std::size_t stride_ = 1;
  std::size_t cursor_ = 0;  // every point before it has been evaluated
};

}  // namespace lehr
