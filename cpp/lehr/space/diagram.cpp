#include "lehr/space/diagram.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include "lehr/space/natural.hpp"

namespace lehr {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::size_t root(std::vector<std::size_t>& parent, std::size_t i) {
  while (parent[i] != i) i = parent[i] = parent[parent[i]];
  return i;
}

}  // namespace

Rules compile(const std::vector<Variable>& variables, const std::vector<Condition>& forbidden,
              const NameIndex& names) {
  Rules rules;
  for (const Variable& v : variables) rules.when.emplace_back(v.when, variables, names);
  rules.due.resize(variables.size());
  for (const Condition& condition : forbidden) {
    Program program(condition, variables, names);
    if (!program.mentions().empty()) rules.due[program.mentions().back()].push_back(rules.forbidden.size());
    rules.forbidden.push_back(std::move(program));
  }
  std::vector<std::vector<const Program::Test*>> tests(variables.size());
  for (const auto* programs : {&rules.when, &rules.forbidden}) {
    for (const Program& program : *programs) {
      for (const Program::Test& test : program.tests()) tests[test.variable].push_back(&test);
    }
  }
  for (std::size_t i = 0; i < variables.size(); ++i) rules.cells.push_back(cells_of(variables[i], tests[i]));
  return rules;
}

// Builds the layers of one group of variables.
class Diagram::Builder {
 public:
  Builder(const Rules& rules, const std::vector<std::vector<std::size_t>>& looks_at,
          std::size_t forbidden_count)
      : rules_(rules),
        when_uses_(looks_at),
        forbidden_count_(forbidden_count),
        uses_(rules.when.size(), 0),
        codes_(rules.when.size(), kNaN) {
    for (const Program& program : rules.when) {
      for (const std::size_t v : program.mentions()) ++uses_[v];
    }
    for (std::size_t f = 0; f < forbidden_count_; ++f) {
      const auto& mentions = rules.forbidden[f].mentions();
      unplaced_.push_back(mentions.size());
      for (const std::size_t v : mentions) ++uses_[v];
    }
  }

  // False when the budget of edges ran out.
  bool build(const std::vector<std::size_t>& group, std::vector<Layer>& layers, std::size_t& edges_left) {
    std::vector<std::vector<std::uint32_t>> states{{}};
    for (const std::size_t variable : order(group)) {
      if (!add_layer(variable, states, layers, edges_left)) return false;
    }
    return true;
  }

 private:
  // Parents first; among those ready, the one that keeps the fewest cells in sight.
  std::vector<std::size_t> order(const std::vector<std::size_t>& group) {
    std::vector<std::size_t> result;
    std::vector<std::size_t> waiting = group;
    std::vector<bool> placed(uses_.size(), false);
    std::vector<std::size_t> uses = uses_;
    std::vector<std::size_t> unplaced = unplaced_;
    while (!waiting.empty()) {
      std::size_t best = waiting.size();
      double best_cost = 0.0;
      for (std::size_t w = 0; w < waiting.size(); ++w) {
        const std::size_t v = waiting[w];
        const auto& parents = rules_.when[v].mentions();
        if (!std::all_of(parents.begin(), parents.end(), [&](std::size_t p) { return placed[p]; })) continue;
        double cost = uses[v] > 0 ? weight(v) : 0.0;
        for (const std::size_t p : parents) cost -= uses[p] == 1 ? weight(p) : 0.0;
        for (const std::size_t f : when_uses_[v]) {
          if (unplaced[f] != 1) continue;
          for (const std::size_t m : rules_.forbidden[f].mentions()) cost -= uses[m] == 1 ? weight(m) : 0.0;
        }
        if (best == waiting.size() || cost < best_cost) {
          best = w;
          best_cost = cost;
        }
      }
      const std::size_t v = waiting[best];
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(best));
      place(v, placed, uses, unplaced);
      result.push_back(v);
    }
    return result;
  }

  double weight(std::size_t v) const { return std::log2(1.0 + static_cast<double>(rules_.cells[v].size())); }

  void place(std::size_t v, std::vector<bool>& placed, std::vector<std::size_t>& uses,
             std::vector<std::size_t>& unplaced) const {
    placed[v] = true;
    for (const std::size_t p : rules_.when[v].mentions()) --uses[p];
    for (const std::size_t f : when_uses_[v]) {
      if (--unplaced[f] > 0) continue;
      for (const std::size_t m : rules_.forbidden[f].mentions()) --uses[m];
    }
  }

  bool forbidden(std::size_t v) const {
    return std::any_of(when_uses_[v].begin(), when_uses_[v].end(),
                       [&](std::size_t f) { return rules_.forbidden[f].holds(codes_); });
  }

  bool add_layer(std::size_t variable, std::vector<std::vector<std::uint32_t>>& states,
                 std::vector<Layer>& layers, std::size_t& edges_left) {
    const std::vector<std::size_t> before = frontier_;
    std::vector<bool> placed(uses_.size());
    place(variable, placed, uses_, unplaced_);
    std::vector<std::size_t> kept;  // places in `before` that stay in sight
    frontier_.clear();
    for (std::size_t k = 0; k < before.size(); ++k) {
      if (uses_[before[k]] == 0) continue;
      kept.push_back(k);
      frontier_.push_back(before[k]);
    }
    const bool stays = uses_[variable] > 0;
    if (stays) frontier_.push_back(variable);

    Layer layer{variable, {}, {}};
    std::vector<std::vector<std::uint32_t>> next_states;
    std::unordered_map<std::string, std::uint32_t> known;
    for (const std::vector<std::uint32_t>& state : states) {
      for (std::size_t k = 0; k < before.size(); ++k) {
        codes_[before[k]] = state[k] == kInactive ? kNaN : rules_.cells[before[k]][state[k]].representative;
      }
      const auto first = static_cast<std::uint32_t>(layer.edges.size());
      const bool active = rules_.when[variable].holds(codes_);
      const std::size_t options = active ? rules_.cells[variable].size() : 1;
      for (std::size_t option = 0; option < options; ++option) {
        const std::uint32_t cell = active ? static_cast<std::uint32_t>(option) : kInactive;
        codes_[variable] = active ? rules_.cells[variable][option].representative : kNaN;
        if (forbidden(variable)) continue;
        if (edges_left-- == 0) return false;
        std::vector<std::uint32_t> next;
        next.reserve(frontier_.size());
        for (const std::size_t k : kept) next.push_back(state[k]);
        if (stays) next.push_back(cell);
        std::string key(reinterpret_cast<const char*>(next.data()), next.size() * sizeof(std::uint32_t));
        const auto [found, fresh] =
            known.try_emplace(std::move(key), static_cast<std::uint32_t>(next_states.size()));
        if (fresh) next_states.push_back(std::move(next));
        layer.edges.push_back({cell, found->second, 0.0});
      }
      codes_[variable] = kNaN;
      layer.nodes.push_back({first, static_cast<std::uint32_t>(layer.edges.size())});
    }
    for (const std::size_t v : before) codes_[v] = kNaN;
    states = std::move(next_states);
    layers.push_back(std::move(layer));
    return true;
  }

  const Rules& rules_;
  const std::vector<std::vector<std::size_t>>& when_uses_;  // forbidden combinations that mention a variable
  std::size_t forbidden_count_;
  std::vector<std::size_t> uses_;      // rules not yet settled that look at a variable
  std::vector<std::size_t> unplaced_;  // variables of a forbidden combination still to come
  std::vector<std::size_t> frontier_;
  std::vector<double> codes_;
};

std::optional<Diagram> Diagram::build(const Rules& rules, bool with_forbidden, std::size_t max_edges) {
  const std::size_t n = rules.when.size();
  const std::size_t forbidden_count = with_forbidden ? rules.forbidden.size() : 0;
  std::vector<std::size_t> parent(n);
  std::iota(parent.begin(), parent.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> looked_at_by(n);
  const auto join = [&](std::size_t a, std::size_t b) { parent[root(parent, a)] = root(parent, b); };
  for (std::size_t i = 0; i < n; ++i) {
    for (const std::size_t p : rules.when[i].mentions()) join(i, p);
  }
  Diagram diagram;
  diagram.can_be_active_.assign(n, false);
  for (std::size_t f = 0; f < forbidden_count; ++f) {
    const auto& mentions = rules.forbidden[f].mentions();
    if (rules.forbidden[f].holds(std::vector<double>(n, kNaN))) diagram.satisfiable_ = false;
    for (const std::size_t v : mentions) {
      join(mentions.front(), v);
      looked_at_by[v].push_back(f);
    }
  }
  std::vector<std::vector<std::size_t>> groups(n);
  for (std::size_t i = 0; i < n; ++i) groups[root(parent, i)].push_back(i);
  for (const std::vector<std::size_t>& group : groups) {
    if (group.empty()) continue;
    std::vector<Layer> layers;
    Builder builder(rules, looked_at_by, forbidden_count);
    if (!builder.build(group, layers, max_edges)) return std::nullopt;
    if (!finish(layers, rules)) diagram.satisfiable_ = false;
    diagram.groups_.push_back(std::move(layers));
  }
  if (diagram.satisfiable_) {
    for (const auto& layers : diagram.groups_) {
      for (const Layer& layer : layers) {
        diagram.can_be_active_[layer.variable] = std::any_of(
            layer.edges.begin(), layer.edges.end(), [](const Edge& edge) { return edge.cell != kInactive; });
      }
    }
  }
  return diagram;
}

bool Diagram::finish(std::vector<Layer>& layers, const Rules& rules) {
  // Backwards: the weight of a node is the chance that an unconstrained draw goes on legally from it, up to a
  // factor common to its layer (rescaled, since long products would underflow).
  std::vector<double> ahead{1.0};
  std::vector<bool> alive{true};
  for (std::size_t l = layers.size(); l-- > 0;) {
    Layer& layer = layers[l];
    std::vector<Edge> edges;
    std::vector<double> weights;
    std::vector<bool> living;
    for (Node& node : layer.nodes) {
      const auto first = static_cast<std::uint32_t>(edges.size());
      double total = 0.0;
      for (std::uint32_t e = node.first; e < node.last; ++e) {
        Edge edge = layer.edges[e];
        if (!alive[edge.target]) continue;
        const double own = edge.cell == kInactive ? 1.0 : rules.cells[layer.variable][edge.cell].measure;
        edge.weight = own * ahead[edge.target];
        total += edge.weight;
        edges.push_back(edge);
      }
      node = {first, static_cast<std::uint32_t>(edges.size())};
      weights.push_back(total);
      living.push_back(node.last > node.first);
    }
    double largest = 0.0;  // a layer may be empty: every combination before it was forbidden
    for (const double weight : weights) largest = std::max(largest, weight);
    if (largest > 0.0) {
      for (double& weight : weights) weight /= largest;
    }
    layer.edges = std::move(edges);
    ahead = std::move(weights);
    alive = std::move(living);
  }
  if (!alive.front()) return false;
  // Forwards: nodes that only dead edges led to are unreachable now; their edges must not count as
  // possibilities.
  std::vector<bool> reached{true};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Layer& layer = layers[l];
    std::vector<bool> next(l + 1 < layers.size() ? layers[l + 1].nodes.size() : 1, false);
    std::vector<Edge> edges;
    for (std::size_t k = 0; k < layer.nodes.size(); ++k) {
      Node& node = layer.nodes[k];
      const auto first = static_cast<std::uint32_t>(edges.size());
      for (std::uint32_t e = node.first; reached[k] && e < node.last; ++e) {
        next[layer.edges[e].target] = true;
        edges.push_back(layer.edges[e]);
      }
      node = {first, static_cast<std::uint32_t>(edges.size())};
    }
    layer.edges = std::move(edges);
    reached = std::move(next);
  }
  return true;
}

void Diagram::sample(const Rules& rules, const std::vector<Variable>& variables, std::span<double> codes,
                     Rng& rng) const {
  for (const auto& layers : groups_) {
    std::uint32_t at = 0;
    for (const Layer& layer : layers) {
      const Node& node = layer.nodes[at];
      const Edge* chosen = &layer.edges[node.last - 1];
      if (node.last - node.first > 1) {
        double total = 0.0;
        for (std::uint32_t e = node.first; e < node.last; ++e) total += layer.edges[e].weight;
        double rest = rng.uniform() * total;
        for (std::uint32_t e = node.first; e < node.last; ++e) {
          chosen = &layer.edges[e];
          if (rest < chosen->weight) break;
          rest -= chosen->weight;
        }
      }
      const std::size_t v = layer.variable;
      codes[v] = chosen->cell == kInactive ? kNaN : draw(variables[v], rules.cells[v][chosen->cell], rng);
      at = chosen->target;
    }
  }
}

std::optional<std::string> Diagram::count(const Rules& rules, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (can_be_active_[i] && !variables[i].discrete() && variables[i].high > variables[i].low)
      return std::nullopt;
  }
  const auto size_of = [&](std::size_t v, std::uint32_t cell) {
    if (cell == kInactive || !variables[v].discrete()) return Natural(1);
    double codes = 0.0;
    for (const Piece& piece : rules.cells[v][cell].pieces) codes += width(piece);
    return Natural(static_cast<std::uint64_t>(codes));
  };
  Natural total = 1;
  for (const auto& layers : groups_) {
    std::vector<Natural> ahead{1};
    for (std::size_t l = layers.size(); l-- > 0;) {
      const Layer& layer = layers[l];
      std::vector<Natural> counts(layer.nodes.size());
      for (std::size_t k = 0; k < layer.nodes.size(); ++k) {
        for (std::uint32_t e = layer.nodes[k].first; e < layer.nodes[k].last; ++e) {
          counts[k] += size_of(layer.variable, layer.edges[e].cell) * ahead[layer.edges[e].target];
        }
      }
      ahead = std::move(counts);
    }
    total = total * ahead.front();
  }
  return total.digits();
}

}  // namespace lehr
