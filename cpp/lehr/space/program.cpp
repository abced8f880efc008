#include "lehr/space/program.hpp"

#include <algorithm>

namespace lehr {

bool Program::Test::accepts(double code) const {
  switch (op) {
    case Operator::equal:
      return code == value;
    case Operator::not_equal:
      return code != value;
    case Operator::less:
      return code < value;
    case Operator::less_equal:
      return code <= value;
    case Operator::greater:
      return code > value;
    case Operator::greater_equal:
      return code >= value;
    default:
      break;
  }
  if (use_bits) return (bits >> static_cast<unsigned>(code) & 1U) != 0;
  return std::binary_search(members.begin(), members.end(), code);
}

Program::Program(const Condition& condition, const std::vector<Variable>& variables, const NameIndex& names) {
  if (condition.always()) return;
  compile(condition, variables, names);
  for (const Test& test : tests_) mentions_.push_back(test.variable);
  std::sort(mentions_.begin(), mentions_.end());
  mentions_.erase(std::unique(mentions_.begin(), mentions_.end()), mentions_.end());
}

void Program::compile(const Condition& condition, const std::vector<Variable>& variables,
                      const NameIndex& names) {
  const std::size_t at = nodes_.size();
  nodes_.push_back({condition.op, 0, 0});
  if (condition.op >= Operator::all_of) {
    for (const Condition& operand : condition.operands) compile(operand, variables, names);
  } else {
    Test test{.op = condition.op,
              .variable = static_cast<std::uint32_t>(names.at(condition.variable)),
              .members = {}};
    const Variable& variable = variables[test.variable];
    // A threshold that is a legal value stands for that value's code: 0.3 for the third step of 0.1.
    const auto code = [&](const Value& value) { return variable.encode(value).value_or(0.0); };
    if (condition.op == Operator::is_in) {
      for (const Value& value : condition.values) test.members.push_back(code(value));
      std::sort(test.members.begin(), test.members.end());
      const bool listed = variable.kind == Kind::categorical || variable.kind == Kind::ordinal;
      test.use_bits = listed && variable.choices.size() <= 64;
      if (test.use_bits) {
        for (const double member : test.members)
          test.bits |= std::uint64_t{1} << static_cast<unsigned>(member);
      }
    } else {
      const Value& value = condition.values.front();
      const std::optional<double> exact = variable.encode(value);
      test.value = exact ? *exact : number(value);
    }
    nodes_[at].test = static_cast<std::uint32_t>(tests_.size());
    tests_.push_back(std::move(test));
  }
  nodes_[at].end = static_cast<std::uint32_t>(nodes_.size());
}

Truth Program::evaluate(std::size_t at, const double* codes) const {
  const Node& node = nodes_[at];
  switch (node.op) {
    case Operator::negation:
      return static_cast<Truth>(2 - static_cast<int>(evaluate(at + 1, codes)));
    case Operator::all_of: {
      Truth result = Truth::yes;
      for (std::size_t i = at + 1; i < node.end && result != Truth::no; i = nodes_[i].end) {
        result = std::min(result, evaluate(i, codes));
      }
      return result;
    }
    case Operator::any_of: {
      Truth result = Truth::no;
      for (std::size_t i = at + 1; i < node.end && result != Truth::yes; i = nodes_[i].end) {
        result = std::max(result, evaluate(i, codes));
      }
      return result;
    }
    default:
      break;
  }
  const Test& test = tests_[node.test];
  const double code = codes[test.variable];
  if (std::isnan(code)) return Truth::unknown;
  return test.accepts(code) ? Truth::yes : Truth::no;
}

}  // namespace lehr
