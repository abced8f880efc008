// How the models of the guided search see a configuration: a row of numbers, one a variable that has more
// than one value. Categorical variables give the index of their choice, the others their position in their
// own scale (0 to 1); NaN where inactive or unknown.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lehr/space/space.hpp"

namespace lehr::guided {

struct Feature {
  std::size_t variable = 0;  // in the space
  std::size_t choices = 0;   // > 0: categorical
  std::size_t values = 0;    // numeric: how many it can take; 0 when continuous
  bool logarithmic = false;  // numeric: its scale

  bool categorical() const { return choices > 0; }
};

class Encoding {
 public:
  explicit Encoding(const Space& space);

  std::size_t size() const { return features_.size(); }
  const Feature& feature(std::size_t i) const { return features_[i]; }
  const std::vector<Feature>& features() const { return features_; }
  // Appends the row of a configuration.
  void append(std::span<const double> codes, std::vector<double>& rows) const;

 private:
  const Space* space_;
  std::vector<Feature> features_;
};

}  // namespace lehr::guided
