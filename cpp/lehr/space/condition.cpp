#include "lehr/space/condition.hpp"

namespace lehr {
namespace {

const char* symbol(Operator op) {
  switch (op) {
    case Operator::equal:
      return "==";
    case Operator::not_equal:
      return "!=";
    case Operator::less:
      return "<";
    case Operator::less_equal:
      return "<=";
    case Operator::greater:
      return ">";
    case Operator::greater_equal:
      return ">=";
    default:
      return "in";
  }
}

bool compound(const Condition& condition) {
  return (condition.op == Operator::all_of || condition.op == Operator::any_of) &&
         condition.operands.size() > 1;
}

std::string operand_text(const Condition& condition) {
  const std::string inner = text(condition);
  if (!compound(condition)) return inner;
  std::string result = "(";
  return result.append(inner).append(")");
}

std::string joined(const Condition& condition, const char* separator, const char* when_empty) {
  if (condition.operands.empty()) return when_empty;
  if (condition.operands.size() == 1) return text(condition.operands.front());
  std::string result;
  for (const Condition& operand : condition.operands) {
    if (!result.empty()) result += separator;
    result += operand_text(operand);
  }
  return result;
}

}  // namespace

std::string text(const Condition& condition) {
  switch (condition.op) {
    case Operator::all_of:
      return joined(condition, " and ", "always");
    case Operator::any_of:
      return joined(condition, " or ", "never");
    case Operator::negation:
      return "not (" + text(condition.operands.front()) + ")";
    case Operator::is_in: {
      std::string list;
      for (const Value& value : condition.values) {
        if (!list.empty()) list += ", ";
        list += text(value);
      }
      return condition.variable + " in [" + list + "]";
    }
    default:
      return condition.variable + " " + symbol(condition.op) + " " + text(condition.values.front());
  }
}

}  // namespace lehr
