// What a space works out once, when it is made.
#pragma once

#include <optional>

#include "lehr/space/diagram.hpp"
#include "lehr/space/space.hpp"

namespace lehr {

struct Compiled {
  Rules rules;
  std::optional<Diagram> diagram;  // nothing when it would be too large
  Configuration witness;           // then one legal configuration
};

}  // namespace lehr
