// One variable of a space. Inside the core a value is a `code`, one double: the index of the choice for
// categorical and ordinal variables, the number itself for integers and reals. NaN means inactive.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "lehr/space/condition.hpp"
#include "lehr/space/value.hpp"

namespace lehr {

enum class Kind { categorical, ordinal, integer, real };

struct Variable {
  std::string name;
  Kind kind = Kind::categorical;
  std::vector<Value> choices;  // categorical, ordinal
  double low = 0.0;            // integer, real: inclusive bounds; integers within +-2^53
  double high = 0.0;
  bool log = false;
  double step =
      0.0;  // integer: 1 unless told; real: 0 means continuous. Values are low, low + step, ... <= high.
  Condition when;  // active only when this holds

  bool discrete() const { return kind != Kind::real || step > 0.0; }
  // Number of values a discrete variable can take; 0 when continuous.
  std::size_t cardinality() const;
  // The k-th legal code of a discrete variable, k < cardinality().
  double code(std::size_t k) const;
  // Nearest legal code to any finite number: clipped to the bounds, snapped to the step.
  double nearest(double code) const;
  bool legal(double code) const;
  // Position in the variable's own scale (logarithmic when log), 0 at the lowest value, 1 at the highest; an
  // index scaled likewise for ordinals. A variable with a single value sits at 0. Not for categoricals.
  double to_unit(double code) const;
  // The legal code nearest to a position; positions outside [0, 1] are clipped.
  double from_unit(double position) const;
  // Code of a value the user gave; nothing when it is not one of the legal values. An int is accepted for a
  // real, and a float with an integral value for an integer.
  std::optional<double> encode(const Value& value) const;
  // The value a legal code stands for, with the type the user gave.
  Value decode(double code) const;
  // What is allowed, for messages: one of ['a', 'b'], or an int from 1 to 64.
  std::string domain() const;
};

}  // namespace lehr
