// Conditions as data: an expression tree over variables, kept in the user's own terms (names and values).
// Semantics are three-valued (Kleene): a comparison that mentions an inactive variable is unknown,
// not(unknown) is unknown, and a condition holds only when it is definitely true. So a child of an inactive
// parent is inactive, however its condition is phrased.
#pragma once

#include <string>
#include <vector>

#include "lehr/space/value.hpp"

namespace lehr {

enum class Operator {
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  is_in,
  all_of,
  any_of,
  negation
};

struct Condition {
  Operator op = Operator::all_of;
  std::string variable;             // comparisons and is_in
  std::vector<Value> values;        // one for a comparison, any number for is_in
  std::vector<Condition> operands;  // all_of, any_of: any number; negation: one

  // The default condition, all_of nothing, always holds.
  bool always() const { return op == Operator::all_of && operands.empty(); }
};

// As the user would write it, for messages: backend in ['eager', 'onnxruntime'].
std::string text(const Condition& condition);

}  // namespace lehr
