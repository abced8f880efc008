#include "lehr/space/check.hpp"

#include <algorithm>
#include <numeric>

namespace lehr {
namespace {

void collect_names(const Condition& condition, std::vector<std::string>& names) {
  if (condition.op < Operator::all_of) names.push_back(condition.variable);
  for (const Condition& operand : condition.operands) collect_names(operand, names);
}

std::vector<std::size_t> references(const Condition& condition, const NameIndex& names) {
  std::vector<std::string> mentioned;
  collect_names(condition, mentioned);
  std::vector<std::size_t> result;
  for (const std::string& name : mentioned) {
    if (const auto found = names.find(name); found != names.end()) result.push_back(found->second);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

// Cycles among "is conditioned on", by depth-first search; each as the path that closes it.
std::vector<std::vector<std::size_t>> cycles(const std::vector<std::vector<std::size_t>>& parents) {
  enum class Mark { fresh, open, done };
  std::vector<Mark> marks(parents.size(), Mark::fresh);
  std::vector<bool> reported(parents.size(), false);
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t start = 0; start < parents.size(); ++start) {
    if (marks[start] != Mark::fresh) continue;
    std::vector<std::size_t> path{start};
    std::vector<std::size_t> next{0};
    marks[start] = Mark::open;
    while (!path.empty()) {
      const std::size_t at = path.back();
      if (next.back() == parents[at].size()) {
        marks[at] = Mark::done;
        path.pop_back();
        next.pop_back();
        continue;
      }
      const std::size_t to = parents[at][next.back()++];
      if (marks[to] == Mark::fresh) {
        marks[to] = Mark::open;
        path.push_back(to);
        next.push_back(0);
      } else if (marks[to] == Mark::open) {
        const std::vector<std::size_t> cycle(std::find(path.begin(), path.end(), to), path.end());
        if (std::all_of(cycle.begin(), cycle.end(), [&](std::size_t v) { return reported[v]; })) continue;
        for (const std::size_t v : cycle) reported[v] = true;
        result.push_back(cycle);
      }
    }
  }
  return result;
}

void append(std::vector<std::string>& to, std::vector<std::string> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Checked check(std::vector<Variable>& variables, const std::vector<Condition>& forbidden,
              const std::vector<bool>& unusable) {
  Checked result;
  std::vector<std::string>& mistakes = result.mistakes;
  const std::size_t n = variables.size();
  if (n == 0) mistakes.emplace_back("This space has no variables; give at least one.");

  // Names and domains.
  std::vector<bool> usable(n, true);
  std::unordered_map<std::string, std::size_t> uses;
  for (std::size_t i = 0; i < n; ++i) {
    Variable& v = variables[i];
    if (v.name.empty())
      mistakes.push_back("Variable " + std::to_string(i + 1) + " has an empty name; name it.");
    result.names.try_emplace(v.name, i);
    if (++uses[v.name] == 2) {
      mistakes.push_back("The name '" + v.name +
                         "' is given to more than one variable; give each a name of its own.");
    }
    if (i < unusable.size() && unusable[i]) {
      usable[i] = false;
      continue;
    }
    std::vector<std::string> found = domain_mistakes(v);
    usable[i] = found.empty();
    append(mistakes, std::move(found));
    const bool numeric = v.kind == Kind::integer || v.kind == Kind::real;
    if (usable[i] && numeric && v.step > 0.0) v.high = v.code(v.cardinality() - 1);
  }
  for (std::size_t i = 0; i < n; ++i)
    usable[i] = usable[i] && uses[variables[i].name] == 1 && !variables[i].name.empty();

  // Conditions: names, order, values.
  std::vector<std::vector<std::size_t>> parents;
  for (const Variable& v : variables) parents.push_back(references(v.when, result.names));
  std::vector<std::size_t> group(n);  // variables of one cycle share a number
  std::iota(group.begin(), group.end(), std::size_t{0});
  for (const std::vector<std::size_t>& cycle : cycles(parents)) {
    std::string path;
    for (const std::size_t v : cycle) {
      path += variables[v].name + " -> ";
      group[v] = group[cycle.front()];
    }
    path += variables[cycle.front()].name;
    mistakes.push_back("The conditions form a cycle: " + path +
                       " (each is conditioned on the next); drop one of these conditions.");
  }
  std::vector<bool> sound(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Variable& v = variables[i];
    std::vector<std::string> found =
        condition_mistakes(v.when, v.name + ": its condition", variables, result.names, usable);
    sound[i] = usable[i] && found.empty();
    append(mistakes, std::move(found));
    for (const std::size_t p : parents[i]) {
      sound[i] = sound[i] && p < i && sound[p];
      if (p <= i || group[p] == group[i]) continue;
      mistakes.push_back(v.name + ": its condition mentions '" + variables[p].name +
                         "', which comes later; declare " + variables[p].name + " before " + v.name + ".");
    }
  }
  std::vector<Condition> sound_forbidden;
  for (const Condition& condition : forbidden) {
    const std::string place = "The forbidden combination (" + text(condition) + ")";
    std::vector<std::string> found = condition_mistakes(condition, place, variables, result.names, usable);
    bool whole = found.empty();
    append(mistakes, std::move(found));
    for (const std::size_t p : references(condition, result.names)) whole = whole && sound[p];
    if (whole) sound_forbidden.push_back(condition);
  }

  // Legality, judged on the sound part: nothing that is broken elsewhere can make it legal again.
  std::vector<Variable> sound_variables;
  NameIndex sound_names;
  for (std::size_t i = 0; i < n; ++i) {
    if (!sound[i]) continue;
    sound_names.emplace(variables[i].name, sound_variables.size());
    sound_variables.push_back(variables[i]);
  }
  result.compiled.rules = compile(sound_variables, sound_forbidden, sound_names);
  append(mistakes, legality_mistakes(sound_variables, sound_forbidden, result.compiled));
  return result;
}

}  // namespace lehr
