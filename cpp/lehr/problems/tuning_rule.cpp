#include "lehr/problems/tuning_rule.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <variant>

#include "lehr/problems/build.hpp"

namespace lehr {
namespace {

double product(const Product& of, std::span<const double> values) {
  double result = of.factor;
  for (const auto& [variable, offset] : of.terms) result *= values[variable] + offset;
  return result;
}

std::string number_text(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return {buffer, end};
}

std::string product_text(const Product& of, const std::vector<Variable>& variables) {
  std::string text = of.factor == 1.0 && !of.terms.empty() ? "" : number_text(of.factor);
  for (const auto& [variable, offset] : of.terms) {
    const std::string& name = variables[variable].name;
    text += text.empty() ? "" : " * ";
    text += offset == 0.0 ? name : "(" + name + " + " + number_text(offset) + ")";
  }
  return text;
}

// The combinations of the variables from `depth` on that the table marks, given those before.
Condition marked(const CostTable& table, const std::vector<Variable>& variables, std::size_t depth,
                 std::size_t first) {
  const Variable& variable = variables[table.scope[depth]];
  const std::size_t width = table.strides[depth];
  // Values that leave the same combinations of the others share a clause.
  std::vector<std::pair<std::size_t, std::vector<Value>>> groups;  // where its combinations begin, its values
  const auto begin = table.costs.begin();
  const auto from = [&](std::size_t index) { return begin + static_cast<std::ptrdiff_t>(index); };
  for (std::size_t place = 0; place < variable.cardinality(); ++place) {
    const std::size_t at = first + place * width;
    if (std::all_of(from(at), from(at + width), [](double cost) { return cost == 0.0; })) continue;
    const auto alike = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      return std::equal(from(at), from(at + width), from(group.first));
    });
    auto& group = alike == groups.end() ? groups.emplace_back(at, std::vector<Value>{}) : *alike;
    group.second.push_back(variable.decode(variable.code(place)));
  }
  Condition any;
  any.op = Operator::any_of;
  for (auto& [at, values] : groups) {
    Condition here = build::is_in(variable.name, std::move(values));
    if (!std::all_of(from(at), from(at + width), [](double cost) { return cost != 0.0; })) {
      Condition both;
      both.operands = {std::move(here), marked(table, variables, depth + 1, at)};
      here = std::move(both);
    }
    any.operands.push_back(std::move(here));
  }
  if (any.operands.size() == 1) return any.operands.front();
  return any;
}

}  // namespace

double TuningRule::value(std::span<const double> values) const {
  double total = 0.0;
  for (const Product& one : sum) total += product(one, values);
  const double by = product(divisor, values);
  return kind == Kind::not_multiple ? std::fmod(total, by) : total / by;
}

bool TuningRule::met(std::span<const double> values) const {
  if (flag != none && values[flag] == 0.0) return false;
  const double left = value(values);
  return kind == Kind::above ? left > bound : kind == Kind::below ? left < bound : left != 0.0;
}

std::vector<std::size_t> TuningRule::scope() const {
  std::vector<std::size_t> all;
  for (const Product& one : sum) {
    for (const auto& term : one.terms) all.push_back(term.first);
  }
  for (const auto& term : divisor.terms) all.push_back(term.first);
  if (flag != none) all.push_back(flag);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::string TuningRule::text(const std::vector<Variable>& variables) const {
  std::string left;
  for (const Product& one : sum) left += (left.empty() ? "" : " + ") + product_text(one, variables);
  if (!divisor.terms.empty()) {
    const bool many = divisor.terms.size() > 1;
    const std::string by = product_text(divisor, variables);
    left = (sum.size() > 1 ? "(" + left + ")" : left) + (kind == Kind::not_multiple ? " % " : " / ") +
           (many ? "(" + by + ")" : by);
  }
  if (kind == Kind::not_multiple) {
    left += " != 0";
  } else {
    left += (kind == Kind::above ? " > " : " < ") + number_text(bound);
  }
  return flag == none ? left : variables[flag].name + " and " + left;
}

std::vector<double> numbers_of(const Variable& variable) {
  std::vector<double> numbers;
  for (std::size_t place = 0; place < variable.cardinality(); ++place) {
    const Value value = variable.decode(variable.code(place));
    const bool* truth = std::get_if<bool>(&value);
    numbers.push_back(truth != nullptr ? static_cast<double>(*truth) : number(value));
  }
  return numbers;
}

CostTable table_of(const TuningRule& rule, const std::vector<Variable>& variables) {
  std::vector<std::size_t> sizes;
  for (const Variable& variable : variables) sizes.push_back(variable.cardinality());
  const std::vector<std::size_t> scope = rule.scope();
  std::vector<std::vector<double>> numbers;
  for (const std::size_t variable : scope) numbers.push_back(numbers_of(variables[variable]));
  std::vector<double> values(variables.size(), 0.0);
  return tabulate(scope, sizes, [&](std::span<const std::size_t> places) {
    for (std::size_t i = 0; i < scope.size(); ++i) values[scope[i]] = numbers[i][places[i]];
    return rule.met(values) ? 1.0 : 0.0;
  });
}

Condition condition_of(const CostTable& table, const std::vector<Variable>& variables) {
  return marked(table, variables, 0, 0);
}

}  // namespace lehr
