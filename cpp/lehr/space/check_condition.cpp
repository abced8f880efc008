#include <algorithm>
#include <cmath>

#include "lehr/space/check.hpp"
#include "lehr/space/suggest.hpp"

namespace lehr {
namespace {

struct Checker {
  const std::string& place;
  const std::vector<Variable>& variables;
  const NameIndex& names;
  const std::vector<bool>& usable;
  std::vector<std::string> mistakes;

  void add(const std::string& sentence) {
    const std::string whole = place + " " + sentence;
    if (std::find(mistakes.begin(), mistakes.end(), whole) == mistakes.end()) mistakes.push_back(whole);
  }

  void check(const Condition& condition) {
    if (condition.op >= Operator::all_of) {
      for (const Condition& operand : condition.operands) check(operand);
      return;
    }
    const auto found = names.find(condition.variable);
    if (found == names.end()) {
      std::vector<std::string> known;
      for (const Variable& v : variables) known.push_back(v.name);
      const std::string hint = suggestion(condition.variable, known);
      add("mentions '" + condition.variable + "', which is not a variable of this space" +
          (hint.empty() ? "; declare it, or correct the name." : hint));
      return;
    }
    if (usable[found->second]) check_values(condition, variables[found->second]);
  }

  void check_values(const Condition& condition, const Variable& v) {
    if (condition.values.empty()) {
      add("asks whether " + v.name + " is in an empty list, which never holds; give at least one value.");
      return;
    }
    const bool member = condition.op == Operator::equal || condition.op == Operator::not_equal ||
                        condition.op == Operator::is_in;
    if (member || v.kind == Kind::ordinal) {
      for (const Value& value : condition.values) check_member(value, v);
    } else if (v.kind == Kind::categorical) {
      add("orders the values of " + v.name + " (" + text(condition) +
          "), which is Categorical and has no order; use == or isin, or make it an Ordinal.");
    } else if (const Value& value = condition.values.front(); !is_number(value)) {
      add("compares " + v.name + " with " + text(value) + ", but " + v.name + " is " + v.domain() +
          "; compare it with a number.");
    } else if (!std::isfinite(number(value))) {
      add("compares " + v.name + " with " + text(value) + "; compare it with a finite number.");
    }
  }

  void check_member(const Value& value, const Variable& v) {
    if (v.encode(value)) return;
    std::string hint;
    if (const auto* given = std::get_if<std::string>(&value)) {
      std::vector<std::string> known;
      for (const Value& choice : v.choices) {
        if (const auto* name = std::get_if<std::string>(&choice)) known.push_back(*name);
      }
      hint = suggestion(*given, known);
    }
    add("compares " + v.name + " with " + text(value) + ", which is not a value of " + v.name + " (" +
        v.domain() + ")" + (hint.empty() ? "; use one of its values." : hint));
  }
};

}  // namespace

std::vector<std::string> condition_mistakes(const Condition& condition, const std::string& place,
                                            const std::vector<Variable>& variables, const NameIndex& names,
                                            const std::vector<bool>& usable) {
  Checker checker{place, variables, names, usable, {}};
  checker.check(condition);
  return std::move(checker.mistakes);
}

}  // namespace lehr
