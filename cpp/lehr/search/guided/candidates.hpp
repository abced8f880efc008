// Configurations worth a look: random ones, neighbours of good ones, and ones that contain a wanted value.
// All legal and new.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/search/guided/encoding.hpp"
#include "lehr/search/searcher.hpp"

namespace lehr::guided {

class Candidates {
 public:
  Candidates(const Context& context, const Encoding& encoding) : context_(context), encoding_(&encoding) {}

  void clear();
  std::size_t size() const { return count_; }
  std::span<const double> codes(std::size_t i) const {
    return {codes_.data() + i * context_.space.size(), context_.space.size()};
  }
  std::span<const double> row(std::size_t i) const {
    return {rows_.data() + i * encoding_->size(), encoding_->size()};
  }
  const std::vector<double>& rows() const { return rows_; }

  // Each adds at most so many.
  void draw(std::size_t count, Rng& rng);
  // Numeric variables a step ~ N(0, scale) of their range away, some of them or all; or one categorical
  // changed.
  void near(std::span<const double> from, std::size_t count, double scale, Rng& rng);
  // The configuration with one value put in its place, and children as they then must be.
  void with(std::span<const double> from, std::size_t variable, double code, Rng& rng);

 private:
  void keep(const Configuration& configuration);

  Context context_;
  const Encoding* encoding_;
  std::vector<double> codes_, rows_;
  std::size_t count_ = 0;
  Configuration drawn_;
};

}  // namespace lehr::guided
