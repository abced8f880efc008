#include "lehr/problems/cost_network.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lehr {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Sums in another order differ by less than this.
constexpr double kRounding = 1e-9;

// A table as the search meets it, variable by variable: after j of them, the least cost of any completion.
struct Layered {
  std::size_t part;
  std::vector<std::size_t> sizes;           // of its variables, in the order of the search
  std::vector<std::vector<double>> levels;  // levels[j]: by the places of the first j
};

class Search {
 public:
  Search(const CostNetwork& network, std::size_t most_nodes) : network_(network), most_nodes_(most_nodes) {
    const std::size_t n = network.sizes.size();
    // Variables of many tables first: their values settle most of the bound.
    order_.resize(n);
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::vector<std::size_t> degree(n, 0);
    for (const CostTable& table : network.tables) {
      for (const std::size_t variable : table.scope) ++degree[variable];
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return degree[a] > degree[b]; });
    incident_.resize(n);
    for (const CostTable& table : network.tables) add(table);
  }

  CostMinimum run() {
    std::vector<double> sums(network_.parts, 0.0);
    for (const Layered& table : tables_) sums[table.part] += table.levels[0][0];
    prefixes_.assign(order_.size() + 1, std::vector<std::size_t>(tables_.size(), 0));
    places_.assign(order_.size(), 0);
    descend(0, sums);
    best_.proven = best_.nodes <= most_nodes_;
    return std::move(best_);
  }

 private:
  struct Child {
    double bound;
    std::size_t place;
  };

  void add(const CostTable& table) {
    std::vector<std::pair<std::size_t, std::size_t>> steps;  // depth, position in the scope
    for (std::size_t i = 0; i < table.scope.size(); ++i) {
      const auto at = std::find(order_.begin(), order_.end(), table.scope[i]);
      steps.emplace_back(static_cast<std::size_t>(at - order_.begin()), i);
    }
    std::sort(steps.begin(), steps.end());
    Layered layered{table.part, {}, {}};
    for (const auto& [depth, i] : steps) layered.sizes.push_back(network_.sizes[table.scope[i]]);
    const std::size_t k = steps.size();
    layered.levels.resize(k + 1);
    std::vector<double>& whole = layered.levels[k];
    whole.resize(table.costs.size());
    for (std::size_t index = 0; index < whole.size(); ++index) {
      std::size_t rest = index;
      std::size_t there = 0;
      for (std::size_t j = k; j-- > 0;) {
        there += table.strides[steps[j].second] * (rest % layered.sizes[j]);
        rest /= layered.sizes[j];
      }
      whole[index] = table.costs[there];
    }
    for (std::size_t j = k; j-- > 0;) {
      const std::vector<double>& longer = layered.levels[j + 1];
      const std::size_t width = layered.sizes[j];
      std::vector<double>& level = layered.levels[j];
      for (std::size_t first = 0; first < longer.size(); first += width)
        level.push_back(*std::min_element(longer.begin() + static_cast<std::ptrdiff_t>(first),
                                          longer.begin() + static_cast<std::ptrdiff_t>(first + width)));
    }
    for (std::size_t j = 0; j < k; ++j) incident_[steps[j].first].emplace_back(tables_.size(), j);
    tables_.push_back(std::move(layered));
  }

  // The sums once the variable of this depth has this place; false when that is impossible.
  bool advance(std::size_t depth, std::size_t place, std::span<const double> sums, std::span<double> next) {
    std::copy(sums.begin(), sums.end(), next.begin());
    for (const auto& [t, j] : incident_[depth]) {
      const Layered& table = tables_[t];
      const std::size_t before = prefixes_[depth][t];
      const double after = table.levels[j + 1][before * table.sizes[j] + place];
      if (after == kInfinity) return false;
      next[table.part] += after - table.levels[j][before];
    }
    return true;
  }

  void descend(std::size_t depth, std::span<const double> sums) {
    if (depth == order_.size()) {
      const double cost = network_.cost(places_);
      if (cost < best_.cost) {
        best_.cost = cost;
        best_.places = places_;
      }
      return;
    }
    std::vector<double> next(network_.parts);
    std::vector<Child> children;
    for (std::size_t place = 0; place < network_.sizes[order_[depth]]; ++place) {
      if (!advance(depth, place, sums, next)) continue;
      children.push_back({network_.bound(next) - kRounding, place});
    }
    std::sort(children.begin(), children.end(), [](const Child& a, const Child& b) {
      return a.bound < b.bound || (a.bound == b.bound && a.place < b.place);
    });
    for (const Child& child : children) {
      if (child.bound >= best_.cost) return;
      if (++best_.nodes > most_nodes_) return;
      advance(depth, child.place, sums, next);
      prefixes_[depth + 1] = prefixes_[depth];
      for (const auto& [t, j] : incident_[depth])
        prefixes_[depth + 1][t] = prefixes_[depth][t] * tables_[t].sizes[j] + child.place;
      places_[order_[depth]] = child.place;
      descend(depth + 1, next);
    }
  }

  const CostNetwork& network_;
  std::size_t most_nodes_;
  std::vector<std::size_t> order_;  // variables by depth
  std::vector<Layered> tables_;
  // By depth: tables that look at its variable, and how many of their variables came before.
  std::vector<std::vector<std::pair<std::size_t, std::size_t>>> incident_;
  std::vector<std::vector<std::size_t>> prefixes_;  // by depth and table: index in its level
  std::vector<std::size_t> places_;
  CostMinimum best_;
};

}  // namespace

CostTable tabulate(std::vector<std::size_t> scope, std::span<const std::size_t> sizes,
                   const std::function<double(std::span<const std::size_t>)>& cost) {
  CostTable table;
  table.strides.resize(scope.size());
  std::size_t all = 1;
  for (std::size_t i = scope.size(); i-- > 0;) {
    table.strides[i] = all;
    all *= sizes[scope[i]];
  }
  std::vector<std::size_t> places(scope.size());
  for (std::size_t index = 0; index < all; ++index) {
    for (std::size_t i = 0; i < scope.size(); ++i) places[i] = index / table.strides[i] % sizes[scope[i]];
    table.costs.push_back(cost(places));
  }
  table.scope = std::move(scope);
  return table;
}

CostMinimum minimise(const CostNetwork& network, std::size_t most_nodes) {
  return Search(network, most_nodes).run();
}

}  // namespace lehr
