#include "lehr/problems/build.hpp"

#include <cstdint>
#include <utility>

namespace lehr::build {
namespace {

Variable of(Kind kind, std::string name) {
  Variable variable;
  variable.name = std::move(name);
  variable.kind = kind;
  return variable;
}

Variable between(Variable variable, double low, double high, bool log) {
  variable.low = low;
  variable.high = high;
  variable.log = log;
  return variable;
}

Condition compare(Operator op, std::string variable, std::vector<Value> values) {
  Condition condition;
  condition.op = op;
  condition.variable = std::move(variable);
  condition.values = std::move(values);
  return condition;
}

}  // namespace

Variable categorical(std::string name, std::vector<std::string> choices) {
  Variable variable = of(Kind::categorical, std::move(name));
  for (std::string& choice : choices) variable.choices.emplace_back(std::move(choice));
  return variable;
}

Variable ordinal(std::string name, std::vector<std::int64_t> values) {
  Variable variable = of(Kind::ordinal, std::move(name));
  for (const std::int64_t value : values) variable.choices.emplace_back(value);
  return variable;
}

Variable flag(std::string name) {
  Variable variable = of(Kind::categorical, std::move(name));
  variable.choices = {false, true};
  return variable;
}

Variable integer(std::string name, double low, double high, bool log) {
  Variable variable = between(of(Kind::integer, std::move(name)), low, high, log);
  variable.step = 1.0;
  return variable;
}

Variable real(std::string name, double low, double high, bool log) {
  return between(of(Kind::real, std::move(name)), low, high, log);
}

Variable when(Variable variable, Condition condition) {
  variable.when = std::move(condition);
  return variable;
}

Condition is(std::string variable, Value value) {
  return compare(Operator::equal, std::move(variable), {std::move(value)});
}

Condition is_in(std::string variable, std::vector<Value> values) {
  return compare(Operator::is_in, std::move(variable), std::move(values));
}

Condition is_not(std::string variable, Value value) {
  return compare(Operator::not_equal, std::move(variable), {std::move(value)});
}

}  // namespace lehr::build
