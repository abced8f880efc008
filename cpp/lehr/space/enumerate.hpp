// Every legal configuration, one at a time, in lexicographic order of codes.
#pragma once

#include <cstddef>
#include <vector>

#include "lehr/space/space.hpp"

namespace lehr {

class Enumerator {
 public:
  // `resolution` as in Space::enumerate. Throws OptionError when it is 0 and a continuous variable with more
  // than one value can be active. Keeps a copy of the space (copies share what is large).
  Enumerator(Space space, std::size_t resolution);

  // The next legal configuration, valid until the next call; nullptr when there is none left.
  const Configuration* next();
  const Space& space() const noexcept { return space_; }

 private:
  bool allowed(std::size_t i) const;
  std::size_t values(std::size_t i) const;
  double value(std::size_t i, std::size_t k) const;

  Space space_;
  std::vector<std::vector<double>> thinned_;  // empty for a variable whose every value is visited
  Configuration codes_;
  std::vector<std::size_t> place_;  // index of each variable's current value
  bool started_ = false;
  bool done_ = false;
};

}  // namespace lehr
